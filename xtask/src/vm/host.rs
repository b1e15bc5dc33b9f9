//! The same tests on this machine, with each backend that works here.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::plan::Plan;
use super::report::{Outcome, Report};
use crate::Result;
use crate::process::{cargo, output};

/// Where the kernel says which one it is.
const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// Runs what is not run `once` with each backend that works here, the one first that is taken by itself.
/// What was proved with it is compared with the others, as in the guests; `place` keeps it. Recordings go into
/// a folder for each backend in `recordings`.
///
/// # Errors
/// If the backends cannot be listed.
pub fn run(plan: &Plan, place: &Path, recordings: Option<&Path>) -> Result<Report> {
    let mut report = Report::default();
    let release = fs::read_to_string(RELEASE).map_err(|e| format!("{RELEASE}: {e}"))?;
    report.line(&format!("kernel {}", release.trim_end()));
    let mut build = cargo(&["build", "--quiet", "--example", "backends"]);
    output(build.args(testkit::AS_ALL_TESTS))?;
    let list = crate::target().join("debug/examples/backends");
    for line in output(&mut Command::new(list))?.lines() {
        report.line(&format!("backend {line}"));
    }
    let proofs = place.join("host-proofs");
    if proofs.exists() {
        fs::remove_dir_all(&proofs).map_err(|e| format!("{}: {e}", proofs.display()))?;
    }
    let backends: Vec<String> = report.working().into_iter().map(str::to_owned).collect();
    for backend in &backends {
        for test in plan.tests.iter().filter(|test| !test.once) {
            println!("[host] run {} {backend}", test.name);
            report.line(&format!("run {} {backend}", test.name));
            // Of all packages, as they were built for all tests.
            let mut command = cargo(&["test", "--workspace", "--test", &test.name]);
            command.env("DROPCAP_TEST_BACKEND", backend).env("DROPCAP_TEST_PROOFS", &proofs);
            // By hand as in CI: the table is one.
            command.env("DROPCAP_TEST_ALL", "1");
            if let Some(folder) = recordings {
                let folder = folder.join("host").join(backend);
                let folder = std::path::absolute(&folder)
                    .map_err(|e| format!("{}: {e}", folder.display()))?;
                command.env("DROPCAP_TEST_RECORDINGS", folder);
            }
            let status = said(&mut command, &mut report)?;
            report.line(&format!("end {} {backend} {status}", test.name));
        }
    }
    report.line("done");
    Ok(report)
}

/// Runs it and takes in what it says; its status.
fn said(command: &mut Command, report: &mut Report) -> Result<i32> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    for (word, text) in [("out", &output.stdout), ("err", &output.stderr)] {
        for line in String::from_utf8_lossy(text).lines() {
            report.line(&format!("{word} {line}"));
        }
    }
    Ok(output.status.code().unwrap_or(-1))
}

/// All that is wrong with it. Where tracing works at all, each test has run with each backend and failed nowhere.
pub fn wrong(report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    if report.runs.is_empty() {
        wrong.push("host: no backend works here".to_owned());
    }
    for run in &report.runs {
        let failed = run.outcomes.values().any(|outcome| *outcome == Outcome::Failed);
        if run.status != Some(0) || run.outcomes.is_empty() || failed {
            let (test, backend) = (&run.test, &run.backend);
            wrong.push(format!(
                "host {backend} {test}: ended with {:?}\n{}",
                run.status,
                run.said.join("\n")
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_did_not_run_is_wrong() {
        let report = |text: &str| {
            let mut report = Report::default();
            text.lines().for_each(|line| report.line(line));
            report
        };
        assert_eq!(wrong(&report("kernel 6.1\nbackend fexit: no\ndone")).len(), 1);
        let run = "run traps fexit\nout running 1 test\nout test a ... ok\nend traps fexit 0\ndone";
        assert_eq!(wrong(&report(run)), Vec::<String>::new());
        for (from, to) in [("fexit 0", "fexit 101"), ("ok", "FAILED"), ("out test a ... ok\n", "")]
        {
            assert_eq!(wrong(&report(&run.replace(from, to))).len(), 1, "{to}");
        }
    }
}
