//! Targets that come, go, come again, or mind nothing.

use std::time::{Duration, Instant};

use crate::harness::{Owned, Scenario, seen, seen_until_now};

/// Longer than any of these takes: they are ended once there is enough to see.
const LONG: [&str; 2] = ["--for", "200s"];

#[test]
fn a_program_that_shrugs_a_refusal_off_is_no_alarm() {
    testkit::needs!(debian, bpf);
    let security = ["capabilities: {drop: [ALL]}"];
    let script = "chown 5 /tmp 2>/dev/null || echo so be it";
    let seen = Scenario::new(&security, &["sh", "-c", script]).debian().why();
    let target = seen.target();
    assert_eq!((target["end"].as_str(), seen.status), (Some("well"), Some(0)), "{target:#}");
    assert_eq!(target["causes"], serde_json::json!([]));
    assert_eq!(target["wentOn"][0]["capabilities"], serde_json::json!(["CHOWN"]), "{target:#}");
}

/// A shell whose commands are part of it: the fork that fails is not the program that fails.
#[test]
fn a_fork_that_fails_is_not_the_program_s_end() {
    testkit::needs!(podman, bpf);
    let security = ["capabilities: {drop: [ALL]}"];
    let script = "chown 5 /tmp 2>/dev/null || true";
    let seen = Scenario::new(&security, &["sh", "-c", script]).why();
    let target = seen.target();
    assert_eq!((target["end"].as_str(), seen.status), (Some("well"), Some(0)), "{target:#}");
    assert_eq!(target["causes"], serde_json::json!([]));
}

/// podman runs runc in a mount namespace of its own then, where it looks like a container's program.
#[test]
fn a_container_in_a_user_namespace_is_judged_by_its_own() {
    testkit::needs!(podman, bpf);
    let security = ["capabilities: {drop: [ALL]}"];
    let seen = Scenario::new(&security, &["chown", "5", "/tmp"])
        .options(&["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"])
        .why();
    assert_eq!(seen.status, Some(1), "{:#}", seen.report);
    assert_eq!(seen.found().1, ["CHOWN"]);
}

#[test]
fn a_container_that_restarts_is_seen_start_by_start() {
    testkit::needs!(podman, bpf);
    let owned = Owned::new();
    let security = ["capabilities: {drop: [ALL]}"];
    let scenario = Scenario::new(&security, &["chown", "5", "/tmp"]).options(&[
        "--detach",
        "--restart",
        "always",
    ]);
    let name = format!("ctr/{}", owned.name);
    let follower = scenario.follow(&[&[name.as_str(), "--json"], &LONG[..]].concat());
    let started = scenario.podman(&scenario.manifest(), &owned.name).output().expect("podman");
    assert!(started.status.success(), "{started:?}");
    let patience = Instant::now() + Duration::from_secs(120);
    while restarts(&owned.name) < 3 {
        assert!(Instant::now() < patience, "it does not restart");
        std::thread::sleep(Duration::from_millis(100));
    }
    let seen = seen_until_now(follower);
    let starts = seen.target()["starts"].as_u64().expect("a number");
    assert!(starts > 2, "{:#}", seen.report);
    // The watch may end in the middle of the last.
    let of = seen.cause()["seen"].as_u64().expect("a number");
    assert!(of == starts || of == starts - 1, "{:#}", seen.report);
    assert_eq!(seen.found().1, ["CHOWN"]);
}

/// How often podman has started a container again.
fn restarts(name: &str) -> u32 {
    let words = ["container", "inspect", "--format", "{{.RestartCount}}", name];
    let output = testkit::podman().args(words).output().expect("podman");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0)
}

#[test]
fn what_fails_in_a_container_that_runs_is_told_while_it_runs() {
    testkit::needs!(podman, bpf);
    let owned = Owned::new();
    let scenario =
        Scenario::new(&["capabilities: {drop: [ALL]}"], &["sleep", "600"]).options(&["--detach"]);
    let started = scenario.podman(&scenario.manifest(), &owned.name).output().expect("podman");
    assert!(started.status.success(), "{started:?}");
    let name = format!("ctr/{}", owned.name);
    let follower = scenario.follow(&[&[name.as_str(), "--json"], &LONG[..]].concat());
    let executed = testkit::podman().args(["exec", &owned.name, "chown", "5", "/tmp"]).output();
    assert_eq!(executed.expect("podman").status.code(), Some(1));
    let seen = seen_until_now(follower);
    let target = seen.target();
    assert_eq!((target["end"].as_str(), seen.status), (Some("running"), Some(1)), "{target:#}");
    assert_eq!(seen.found().2, "chown /tmp to 5:0 by chown: EPERM");
    assert_eq!(target["incomplete"].as_array().map(Vec::len), Some(1), "{target:#}");
}

#[test]
fn all_containers_of_an_image_are_followed() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&["capabilities: {drop: [ALL]}"], &["chown", "5", "/tmp"]);
    let words = [&["image/dropcap-test/busybox", "--json"], &LONG[..]].concat();
    let follower = scenario.follow(&words);
    let owned = [Owned::new(), Owned::new()];
    for owned in &owned {
        let ran = scenario.podman(&scenario.manifest(), &owned.name).output().expect("podman");
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    }
    let seen = seen_until_now(follower);
    let names: Vec<&str> = seen.report["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .filter(|target| target["causes"][0]["capabilities"] == serde_json::json!(["CHOWN"]))
        .filter_map(|target| target["target"]["container"]["name"].as_str())
        .filter(|name| owned.iter().any(|owned| owned.name == *name))
        .collect();
    assert_eq!(names.len(), 2, "{:#}", seen.report);
}

#[test]
fn a_pod_is_followed_by_its_name_and_tied_to_its_own_manifest() {
    testkit::needs!(pods, bpf);
    testkit::debian_image();
    let scenario = Scenario::new(&["capabilities:", "  drop: [ALL]"], &[]);
    let name = Owned::new().name.clone();
    let manifest = scenario
        .manifest()
        .replace("name: p\n", &format!("name: {name}\n"))
        .replace("image: x\n", "image: localhost/nginx:latest\n");
    std::fs::write(scenario.file("pod.yaml"), manifest).expect("written");
    let pod = testkit::Pod::create(&scenario.file("pod.yaml"), &name, "web");
    let follower = scenario.follow(&[&format!("pod/{name}"), "-f", "pod.yaml", "--json"]);
    pod.start();
    let seen = seen(follower);
    assert_eq!(seen.found().1, ["CHOWN"], "{:#}", seen.report);
    assert_eq!(seen.taken_by(), ("removed by drop ALL", Some(11)));
    assert_eq!(seen.target()["target"]["container"]["pod"].as_str(), Some(name.as_str()));
    assert_eq!(seen.target()["manifest"]["workload"].as_str(), Some(&*format!("Pod/{name}")));
}

#[test]
fn a_container_that_never_comes_is_an_error() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&[], &[]);
    let follower = scenario.follow(&["ctr/no-such-container", "--for", "1s"]);
    let output = follower.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn what_was_recorded_says_the_same_again() {
    testkit::needs!(podman, bpf);
    let owned = Owned::new();
    let security = ["capabilities: {drop: [ALL]}"];
    let scenario = Scenario::new(&security, &["chown", "5", "/tmp"]);
    std::fs::write(scenario.file("web.yaml"), scenario.manifest()).expect("written");
    let words = ["-f", "web.yaml", "-c", "web", "--json"];
    let name = format!("ctr/{}", owned.name);
    let follower =
        scenario.follow(&[&[name.as_str(), "--record", "run.json"], &words[..]].concat());
    let ran = scenario.podman(&scenario.manifest(), &owned.name).output().expect("podman");
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let live = seen(follower);
    let again = std::process::Command::new(testkit::dropcap())
        .args(["why", "--replay", "run.json", "--runtime", crate::harness::RUNTIME])
        .args(words)
        .current_dir(scenario.file(""))
        .output()
        .expect("dropcap runs");
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again, live.report);
}

#[test]
fn a_trace_too_can_wait_for_a_container_that_is_not_there() {
    testkit::needs!(podman, bpf);
    use std::io::{BufRead, BufReader};
    let owned = Owned::new();
    let scenario = Scenario::new(&[], &["chown", "5", "/tmp"]);
    let mut trace = std::process::Command::new(testkit::dropcap())
        .args(["trace", &format!("ctr/{}", owned.name), "--wait", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("dropcap runs");
    let mut line = String::new();
    let mut said = BufReader::new(trace.stderr.as_mut().expect("a pipe"));
    said.read_line(&mut line).expect("it says something");
    assert!(line.starts_with("note: watching "), "{line}");
    assert!(scenario.podman(&scenario.manifest(), &owned.name).status().expect("podman").success());
    let output = trace.wait_with_output().expect("it ends");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let target = &report["targets"][0];
    assert_eq!(target["needed"], serde_json::json!(["CHOWN"]), "{target:#}");
    assert_eq!(target["startSeen"], true);
    assert_eq!(target["judgement"]["incomplete"], serde_json::json!([]));
}
