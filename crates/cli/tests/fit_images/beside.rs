//! Containers side by side.

use crate::{engine_options, image_fit};

#[test]
fn containers_go_side_by_side() {
    testkit::needs!(root, podman, bpf, time);
    let mut fit = image_fit();
    fit.args(["--json", "--jobs", "2", "--until-exit", "--engine-args", &engine_options()]);
    let output = fit.args(["--", "sh", "-c", "chown 33 /etc && chroot / true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = crate::json_of(&output);
    let search = &profile["status"]["searches"][0];
    assert_eq!(search["found"], "proven");
    assert_eq!(search["minimum"], serde_json::json!(["CHOWN", "SYS_CHROOT"]));
    let runs = search["runs"].as_array().unwrap().iter().map(|run| run["passed"] == true);
    assert_eq!(runs.collect::<Vec<_>>(), [true, true, false, false, false, false, true]);
}

/// They are told before the engine has made anything: a volume that is named stays otherwise.
#[test]
fn containers_that_share_something_do_not() {
    testkit::needs!(root, podman, bpf);
    let volume = format!("dropcap-test-{}", std::process::id());
    let named = format!("-v {volume}:/x");
    for (more, says) in [
        ("--network host", "each other's address"),
        ("-v /srv:/srv", "a volume"),
        (named.as_str(), "a volume"),
    ] {
        let mut fit = image_fit();
        let output =
            fit.args(["--jobs", "2", "--engine-args", more, "--", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: --jobs") && said.contains(says), "{said}");
    }
    let made = testkit::podman().args(["volume", "exists", &volume]).status().unwrap();
    let _ = testkit::podman().args(["volume", "rm", "--force", &volume]).output();
    assert_eq!(made.code(), Some(1), "{volume} was made");
}
