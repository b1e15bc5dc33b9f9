//! What an unknown image is not given, and what is refused. What becomes of containers when `fit` ends
//! early is in `fit_ends`.

use crate::fit;
use crate::zero::text;

/// What is printed of a search that has an answer.
fn proven(words: &[&str]) -> String {
    let output = fit(words, "");
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}{printed}", text(&output.stderr));
    printed
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

/// It has ended before its network could be entered: what it printed and how it ended tell all the same, and
/// what asks over the network asks nobody else.
#[test]
fn a_container_that_ends_at_once_is_asked_after_that() {
    testkit::needs!(root, podman, bpf);
    // Of this machine, on every address: the container's test is not to meet it.
    let other = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    for (test, code) in [
        (&["--log", "^hello$"][..], 0),
        (&["--until-exit", "--log", "^hello$", "--test", "test \"$STATUS\" = 0"], 0),
        (&["--until-exit", "--log", "^good-bye$"], 1),
        (&["--until-exit", "--tcp", &port], 1),
    ] {
        let image = ["--image", testkit::image()];
        let output = fit(&[&image[..], test, &["--", "echo", "hello"]].concat(), "");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{test:?}: {said}");
        let word = if code == 0 { "proven    passes with none" } else { "unproven" };
        assert!(said.contains(word), "{test:?}: {said}");
    }
    drop(other);
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
}

#[test]
fn what_reaches_beyond_the_container_is_proven_if_somebody_says_so() {
    testkit::needs!(root, podman, bpf, time);
    let command = ["--image", testkit::image(), "--grant", "SYS_NICE", "--until-exit"];
    let renice = ["--", "renice", "-n", "-5", "-p", "1"];
    let printed = proven(&[&command[..], &renice].concat());
    assert!(printed.contains("SYS_NICE"), "{printed}");
}

/// The pattern is of the line as it was printed, not as the log of its engine writes it.
#[test]
fn what_a_container_prints_at_once_is_heard() {
    testkit::needs!(root, podman, bpf);
    for (script, log) in [
        ("chown 1000 /tmp && echo ready to go && sleep 600", "^ready to go$"),
        ("chown 1000 /tmp && printf done && sleep 600", "^done$"),
    ] {
        let image = ["--image", testkit::image(), "--log", log, "--watch", "0s"];
        let printed = proven(&[&image[..], &["--", "sh", "-c", script]].concat());
        assert!(printed.contains("passes with exactly the needed"), "{printed}");
        assert!(printed.contains("add:\n    - CHOWN\n"), "{printed}");
    }
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
