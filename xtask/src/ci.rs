//! `cargo xtask ci`: what CI runs once the machine is set up, and what ran.

use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::process::{cargo, run as call};

/// The target that stands for "not Linux".
const OTHER_SYSTEM: &str = "x86_64-pc-windows-gnu";

/// Seconds for which all three targets are fuzzed at once: on two CPUs as much as a minute each.
const FUZZED: &str = "90";

/// Something CI does.
type Step = fn() -> Result;

/// Runs every step, the cheap ones first: name, outcome, seconds.
fn steps() -> Vec<(&'static str, Result, f32)> {
    let steps: &[(&str, Step)] = &[
        ("format", || call(&mut cargo(&["fmt", "--all", "--check"]))),
        ("layers", crate::layers::run),
        ("bpf object", || crate::bpf::run(true)),
        ("deny", || call(&mut cargo(&["deny", "check", "licenses", "bans", "sources"]))),
        ("clippy", || {
            call(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }),
        ("other system", other_system),
        ("docs", || {
            // Examples count as tests do: with them crates have the features that clippy gave them.
            let all = ["doc", "--workspace", "--no-deps", "--lib", "--bins", "--examples"];
            call(cargo(&all).env("RUSTDOCFLAGS", "-D warnings"))
        }),
        ("release binary", release_binary),
        ("fuzz", || crate::fuzz::run(&[FUZZED])),
        ("kernels", || crate::vm::run(&["--check"])),
        ("groundtruth", || crate::groundtruth(&["--check"])),
        ("fit", || {
            crate::groundtruth(&["--fit", "--quick", "--check"])?;
            crate::groundtruth(&["--fit", "--check", "--beside", "2", "tcpdump", "su"])
        }),
    ];
    steps
        .iter()
        .map(|(name, step)| {
            println!("==> {name}");
            let start = Instant::now();
            let result = step();
            if let Err(message) = &result {
                eprintln!("{message}");
            }
            (*name, result, start.elapsed().as_secs_f32())
        })
        .collect()
}

/// Runs the steps after the tests and fails if one failed.
pub fn run() -> Result {
    let steps = steps();
    println!("\nwhat ran:");
    for (name, result, seconds) in &steps {
        println!(
            "  {:<16} {:>6.1} s  {}",
            name,
            seconds,
            if result.is_ok() { "ok" } else { "FAILED" }
        );
    }
    let failed = steps.iter().filter(|(_, result, _)| result.is_err()).count();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} steps failed", steps.len())) }
}

/// The left wing and the static commands build where there is no Linux kernel.
fn other_system() -> Result {
    call(Command::new("rustup").args(["target", "add", OTHER_SYSTEM]))?;
    call(&mut cargo(&["check", "--package", "dropcap", "--target", OTHER_SYSTEM]))
}

/// The release binary is static and small.
fn release_binary() -> Result {
    const LIMIT: u64 = 15_000_000;
    let target = "x86_64-unknown-linux-musl";
    call(Command::new("rustup").args(["target", "add", target]))?;
    call(&mut cargo(&["build", "--release", "--package", "dropcap", "--target", target]))?;
    let binary = crate::target().join(target).join("release/dropcap");
    let size = std::fs::metadata(&binary).map_err(|e| format!("{}: {e}", binary.display()))?.len();
    println!("{size} bytes");
    if size >= LIMIT {
        return Err(format!("the release binary has {size} bytes; the limit is {LIMIT}"));
    }
    let linkage = Command::new("ldd").arg(&binary).output().map_err(|e| format!("ldd: {e}"))?;
    let said = [linkage.stdout, linkage.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if said.contains("statically linked") || said.contains("not a dynamic executable") {
        Ok(())
    } else {
        Err(format!("the release binary is not static: {said}"))
    }
}
