//! Runs other programs, from the workspace's root.

use std::process::Command;

use crate::Result;

/// Runs a program and fails with its name if it fails.
pub fn run(command: &mut Command) -> Result {
    let shown = format!("{command:?}");
    let status = command
        .current_dir(crate::root())
        .status()
        .map_err(|e| format!("cannot start {shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} failed: {status}")) }
}

/// `cargo` with these arguments, by the same cargo that runs this task.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// What a program prints; fails with its name and what it complained of if it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .current_dir(crate::root())
        .output()
        .map_err(|e| format!("cannot start {shown}: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown} failed: {}: {}", output.status, said.trim()))
}

/// All that a program says, on both of its outputs; fails with it if the program fails.
pub fn said(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .current_dir(crate::root())
        .output()
        .map_err(|e| format!("cannot start {shown}: {e}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{shown} failed: {}\n{said}", output.status))
}
