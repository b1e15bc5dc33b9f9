//! What becomes of containers when `fit` ends early, and what an unknown image is not given.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{engine_options, fit};

/// A `fit` of a container that does nothing for a minute, once the container is there.
#[expect(
    clippy::zombie_processes,
    reason = "who asks for it waits for it; else the test has failed"
)]
fn sleeping() -> (Child, String) {
    let mut fit = Command::new(testkit::dropcap());
    fit.args(["fit", "--image", testkit::image(), "--engine-args", &engine_options()]);
    fit.args(["--timeout", "60s", "--until-exit", "--", "sleep", "60"]);
    let child = fit.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(name) = containers_of(child.id()).pop() {
            return (child, name);
        }
        assert!(Instant::now() < deadline, "no container came");
        sleep(Duration::from_millis(50));
    }
}

/// Running containers that a `fit` of this process ID made.
fn containers_of(pid: u32) -> Vec<String> {
    let list = testkit::podman()
        .args(["ps", "--all", "--filter", "label=dropcap.fit", "--filter", "status=running"])
        .args(["--format", "{{.Names}}"])
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let own = format!("-{pid}-");
    list.lines().filter(|name| name.contains(&own)).map(str::to_owned).collect()
}

fn exists(name: &str) -> bool {
    testkit::podman().args(["container", "exists", name]).status().unwrap().success()
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn no_container_is_left_when_somebody_ends_it() {
    testkit::needs!(root, podman, bpf);
    let (child, name) = sleeping();
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("stopped before any run had passed"), "{said}");
    assert!(!exists(&name), "{name} is left");
}

#[test]
fn what_a_killed_one_left_the_next_removes() {
    testkit::needs!(root, podman, bpf);
    let (mut child, name) = sleeping();
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert!(exists(&name));
    let output = fit(&["--image", testkit::image(), "--until-exit", "--", "true"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("removed {name}")), "{said}");
    assert!(!exists(&name));
}

#[test]
fn without_a_test_it_is_traced_and_not_proven() {
    testkit::needs!(root, podman, bpf);
    let command = ["--", "sh", "-c", "touch /tmp/x; chown 1000 /tmp/x"];
    let words = [&["--image", testkit::image()], &command[..]].concat();
    let output = fit(&words, "");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("CHOWN") && printed.contains("traced, unproven"), "{printed}");
    assert!(!printed.contains("the least"), "{printed}");
}

#[test]
fn what_reaches_beyond_the_container_is_given_only_if_somebody_says_so() {
    testkit::needs!(root, podman, bpf);
    let command = ["--until-exit", "--", "renice", "-n", "-5", "-p", "1"];
    let image = ["--image", testkit::image()];
    let output = fit(&[&image[..], &command].concat(), "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("SYS_NICE") && said.contains("--grant SYS_NICE"), "{said}");
    let agreed = fit(&[&image[..], &["--grant", "SYS_NICE"], &command].concat(), "");
    let said = String::from_utf8_lossy(&agreed.stderr);
    let printed = String::from_utf8_lossy(&agreed.stdout);
    assert_eq!(agreed.status.code(), Some(0), "{said}{printed}");
    assert!(printed.contains("SYS_NICE"), "{printed}");
}

#[test]
fn arguments_that_contradict_are_refused_with_a_reason() {
    testkit::needs!(root, podman, bpf);
    for (argument, why) in [
        ("--privileged", "--grant all"),
        ("--cap-add=SYS_ADMIN", "which capabilities the container holds is what is tried"),
        ("--rm", "removed after each run"),
    ] {
        let output = fit(&["--image", testkit::image(), "--until-exit", "--", "true"], argument);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
    let none = fit(&["--image", "localhost/dropcap-test/none:1"], "");
    let said = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(2), "{said}");
    assert!(said.contains("nothing is pulled here") && said.contains("podman pull"), "{said}");
}
