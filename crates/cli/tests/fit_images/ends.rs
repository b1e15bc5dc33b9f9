//! What an unknown image is not given, and what is refused. What becomes of containers when `fit` ends
//! early is in `fit_ends`.

use crate::fit;

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
}

#[test]
fn what_reaches_beyond_the_container_is_proven_if_somebody_says_so() {
    testkit::needs!(root, podman, bpf, time);
    let command = ["--image", testkit::image(), "--grant", "SYS_NICE", "--until-exit"];
    let renice = ["--", "renice", "-n", "-5", "-p", "1"];
    let agreed = fit(&[&command[..], &renice].concat(), "");
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
