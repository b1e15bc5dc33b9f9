//! Containers side by side: the same runs, and none is left.

use serde_json::Value;

use crate::{engine_options, image_fit};

#[test]
fn containers_go_side_by_side() {
    testkit::needs!(root, podman, bpf);
    let runs = |jobs: &str| {
        let mut fit = image_fit();
        fit.args(["--json", "--jobs", jobs, "--until-exit", "--engine-args", &engine_options()]);
        fit.args(["--", "sh", "-c", "chown 33 /etc && chroot / true"]);
        let output = fit.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let profile: Value = serde_json::from_slice(&output.stdout).unwrap();
        let search = &profile["status"]["searches"][0];
        assert_eq!(search["found"], "proven");
        let sets = search["runs"].as_array().unwrap().iter().map(|run| run["capabilities"].clone());
        sets.collect::<Vec<_>>()
    };
    let one = runs("1");
    assert_eq!((one.len(), runs("2")), (6, one));
}

#[test]
fn containers_that_share_something_do_not() {
    testkit::needs!(root, podman, bpf);
    for (more, says) in [("--network host", "each other's address"), ("-v /srv:/srv", "a volume")] {
        let mut fit = image_fit();
        let output =
            fit.args(["--jobs", "2", "--engine-args", more, "--", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: --jobs") && said.contains(says), "{said}");
    }
}
