//! Commands and processes without a container.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::harness::{Scenario, seen};

fn why(scenario: &Scenario, words: &[&str]) -> Output {
    let mut dropcap = Command::new(testkit::dropcap());
    dropcap.arg("why").args(words).current_dir(scenario.file(""));
    dropcap.env("NO_COLOR", "1").output().expect("dropcap runs")
}

#[test]
fn a_command_is_run_as_the_container_of_the_manifest() {
    testkit::needs!(root, bpf, podman);
    let scenario = Scenario::new(&["runAsUser: 0", "capabilities: {drop: [ALL]}"], &[]);
    fs::write(scenario.file("pod.yaml"), scenario.manifest()).expect("written");
    fs::write(scenario.file("log"), "").expect("written");
    let output = why(&scenario, &["-f", "pod.yaml", "--", "chown", "5", "log"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let answer = "CHOWN is missing: chown log to 5 failed (EPERM), by chown (main)\n";
    assert!(said.starts_with(answer), "{output:?}");
    assert!(said.contains("\n  by        removed by drop ALL (pod.yaml:11)\n"), "{said}");
    assert!(said.ends_with("\nchown 5 log: ended with status 1\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    // With what the shell has it works, and nothing is missing.
    let output = why(&scenario, &["--", "chown", "5", "log"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        (&*said, output.status.code()),
        ("nothing is missing: chown 5 log ended well\n", Some(0))
    );
}

#[test]
fn a_process_that_runs_is_looked_at_for_a_while() {
    testkit::needs!(root, bpf, podman);
    let scenario = Scenario::new(&[], &[]);
    fs::write(scenario.file("log"), "").expect("written");
    let script = "while sleep 0.1; do chown 5 log; done";
    let mut runs = Command::new(testkit::dropcap())
        .args(["run", "--cap-drop", "ALL", "--", "sh", "-c", script])
        .current_dir(scenario.file(""))
        .stderr(Stdio::null())
        .spawn()
        .expect("dropcap runs");
    // The shell, not the one that waits for it.
    let children = format!("/proc/{0}/task/{0}/children", runs.id());
    let shell = std::iter::repeat_with(|| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::read_to_string(&children).unwrap_or_default()
    })
    .find_map(|text| text.split_ascii_whitespace().next().map(str::to_owned))
    .expect("it has a child");
    let follower = scenario.follow(&[&format!("pid/{shell}"), "--for", "2s", "--json"]);
    let seen = seen(follower);
    // dropcap hands the signal on and ends with the shell.
    let _ = Command::new("kill").arg(runs.id().to_string()).status();
    let _ = runs.wait();
    assert_eq!(seen.found().2, "chown log to 5 by chown: EPERM", "{:#}", seen.report);
    assert_eq!(seen.target()["end"].as_str(), Some("running"));
    assert_eq!(seen.status, Some(1));
}
