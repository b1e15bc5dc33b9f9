//! The predictions held against real runtimes: a container is started, its process prints its own
//! `/proc/self/status`, and the five sets must be equal, bit for bit.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

#[path = "../cases/mod.rs"]
mod cases;
mod containerd;
mod dockerd;
mod oci;
mod podman;

use std::process::{Command, Output};

use caps::{CapSet, CapState};
use dropcap_runtime::{Refusal, Request, Runtime, Sets, resolve};
use testkit::{cri, daemon};

/// What a process may at most hold here: the bounding set of this test, which the daemons inherit.
fn own() -> CapSet {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    parse(&text).expect("the sets of this process").bounding
}

/// The five sets in the text of a `/proc/PID/status`.
fn parse(status: &str) -> Option<CapState> {
    let mask = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).ok().map(CapSet::from_bits)
    };
    Some(CapState {
        bounding: mask("CapBnd")?,
        permitted: mask("CapPrm")?,
        effective: mask("CapEff")?,
        inheritable: mask("CapInh")?,
        ambient: mask("CapAmb")?,
    })
}

/// What a real runtime answered.
#[derive(Debug)]
enum Real {
    /// The process printed its sets.
    Ran(CapState),
    /// The container did not start, and this was said.
    Refused(String),
}

impl Real {
    fn of(output: &Output) -> Self {
        match parse(&String::from_utf8_lossy(&output.stdout)) {
            Some(state) => Real::Ran(state),
            None => Real::Refused(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// Demands that prediction and reality agree.
fn compare(runtime: &Runtime, request: &Request, real: &Real) {
    let predicted = predict(runtime, request);
    match (&predicted, real) {
        (Ok(sets), Real::Ran(state)) => {
            assert_eq!(&sets.process, state, "{runtime}: {request:?}");
        }
        // Refused, and for this reason: a container that fails for another proves nothing.
        (Err(refusal), Real::Refused(said))
            if complaints(refusal).iter().any(|words| said.contains(words)) => {}
        _ => panic!("{runtime}: {request:?}\npredicted {predicted:?}\nreal {real:?}"),
    }
}

/// What the real runtimes say when they refuse for that reason.
fn complaints(refusal: &Refusal) -> &'static [&'static str] {
    match refusal {
        Refusal::UnknownName { .. } => &["unknown cap", "nknown capability", "CAP"],
        Refusal::UnknownToOci { .. } | Refusal::UnknownInSpec { .. } => &["unknown capability"],
        Refusal::AddedAndDropped { .. } => &["cannot be dropped and added"],
        Refusal::AddedAndDroppedAll { .. } => &["adding all caps and removing all caps"],
        Refusal::BeyondDaemon { .. }
        | Refusal::InheritableBeyondBounding { .. }
        | Refusal::EffectiveBeyondPermitted { .. } => {
            &["operation not permitted", "Operation not permitted"]
        }
        Refusal::Entrypoint { .. } => &["operation not permitted", "Operation not permitted"],
    }
}

/// The prediction for a known user.
fn predict(runtime: &Runtime, request: &Request) -> Result<Sets, Refusal> {
    resolve(runtime, request).map(|resolution| resolution.most().clone())
}

/// The first line a program prints with `--version`, with the version in it.
fn version_line(program: &str) -> String {
    let output = Command::new(program).arg("--version").output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
}

/// The word of a version line that starts with a digit.
fn version(line: &str) -> String {
    line.split([' ', ','])
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .expect("a version")
        .to_owned()
}

/// Prints what was compared, past the test harness.
fn report(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
