//! Runs on this machine as it is. One test only: the process takes over what its descendants leave
//! behind, and ends it.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use caps::CapSet;
use dropcap_fit::test::{Command, Test, Tests};
use dropcap_fit::{Around, Job, Outcome, Place, Program, RunError, Runner, Runs};

fn runs(script: &str, each: Vec<Test>, retries: u32) -> Runs {
    let command = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
    let environment = std::env::vars_os().collect();
    let program = Program { command, user: None, environment, folder: "/".into() };
    let tests = Tests {
        until_exit: each.is_empty(),
        each,
        timeout: Duration::from_secs(10),
        settle: Duration::ZERO,
    };
    let job = Job { program, tests, around: Around::default(), retries, hurry: false };
    Runs::new(job, Place::here().unwrap(), None).unwrap()
}

fn all() -> CapSet {
    let own = sys::credentials::own_state().unwrap();
    own.permitted & own.bounding
}

/// The processes of this machine with this in their command line.
fn running(marker: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|p| fs::read_to_string(p.path().join("cmdline")).ok());
    lines.filter(|line| line.replace('\0', " ").contains(marker)).count()
}

#[test]
fn what_goes_into_the_background_serves_and_is_ended_and_failures_are_repeated() {
    testkit::needs!(root);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();

    // A daemon: its first process ends at once, it is ready later, and it shields itself.
    let sleep = format!("sleep 600.{}", std::process::id());
    let ready = path("ready");
    let daemon = format!(
        "setsid sh -c 'trap \"\" HUP; {sleep} & sleep 0.2; touch {ready}; wait' > /dev/null 2>&1 &"
    );
    let test = Test::Command(Command::new(format!("test -e {ready}")));
    let mut service = runs(&daemon, vec![test], 0);
    service.check_tests().unwrap();
    let ran = service.run(all(), false).unwrap();
    assert_eq!(ran.outcome, Outcome::Passed);
    assert_eq!(running(&sleep), 0);
    // What it has written stays, and the test passes by it: that is found out.
    assert!(service.check_tests().is_err());
    let again = service.run(all(), false);
    assert!(matches!(again, Err(RunError::PassesBefore { .. })), "{again:?}");
    drop(service);

    let count = path("count");
    let third = format!("echo x >> {count}; test $(wc -l < {count}) = 3");
    let ran = runs(&third, Vec::new(), 1).run(all(), false).unwrap();
    assert!(!ran.outcome.passed());
    let ran = runs(&third, Vec::new(), 1).run(all(), false).unwrap();
    assert_eq!(ran.outcome, Outcome::Passed);
}
