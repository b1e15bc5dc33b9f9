//! `dropcap run`: the sets that it really gives, what can be done with them, signals, exit codes,
//! manifests, and what it says when it cannot.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod manifests;
mod powers;
mod said;
mod sets;
mod signals;

use std::process::{Command, Output};

/// `dropcap`, ready for arguments.
fn dropcap() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dropcap"))
}

/// Runs `dropcap` with these words.
fn run(words: &[&str]) -> Output {
    dropcap().args(words).output().expect("dropcap runs")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A line of a `/proc/PID/status`, its value with single blanks.
fn field(status: &str, name: &str) -> String {
    let value = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    let value = value.unwrap_or_else(|| panic!("no {name} in {status:?}"));
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The five sets in a `/proc/PID/status`.
fn sets_of(status: &str) -> caps::CapState {
    let set =
        |name| caps::CapSet::from_bits(u64::from_str_radix(&field(status, name), 16).unwrap());
    caps::CapState {
        bounding: set("CapBnd"),
        permitted: set("CapPrm"),
        effective: set("CapEff"),
        inheritable: set("CapInh"),
        ambient: set("CapAmb"),
    }
}
