//! Five failures that no capability mends, each with where to look.

use std::fs;

use crate::harness::{Scenario, Seen};

/// Fails for this reason; no capability is blamed, none is offered.
fn no_capability(scenario: &Scenario, kind: &str, call: &str) -> Seen {
    assert!(!scenario.works(&scenario.manifest()), "it works as it is");
    let seen = scenario.why();
    let expected = (kind.to_owned(), Vec::new(), call.to_owned());
    assert_eq!(seen.found(), expected, "{:#}", seen.report);
    assert!(seen.word("answer").starts_with("no capability but "), "{:#}", seen.report);
    assert_eq!(seen.status, Some(0), "{:#}", seen.report);
    assert_eq!(seen.target()["wantsCapability"], false);
    assert!(seen.cause()["edit"].is_null());
    seen
}

#[test]
fn a_seccomp_profile() {
    testkit::needs!(podman, bpf);
    let security = ["seccompProfile:", "  type: Localhost", "  localhostProfile: no-mkdir.json"];
    let scenario = Scenario::new(&security, &["mkdir", "/folder"]);
    let profile = scenario.file("no-mkdir.json");
    let rules = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#;
    fs::write(&profile, rules).expect("the profile is written");
    let option = format!("seccomp={}", profile.display());
    let scenario = scenario.options(&["--security-opt", &option]);
    let seen = no_capability(&scenario, "seccomp", "make directory /folder by mkdir (main): EPERM");
    assert_eq!(seen.taken_by(), ("seccompProfile type: Localhost", Some(11)));
    assert_eq!(
        seen.remedies()[0],
        "look at the container's seccompProfile; to tell, run it once with type: Unconfined"
    );
}

#[test]
fn a_read_only_file_system() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&["readOnlyRootFilesystem: true"], &["touch", "/etc/new"]);
    let call = "open /etc/new for reading and writing by touch (main): EROFS";
    let seen = no_capability(&scenario, "readOnly", call);
    assert_eq!(seen.taken_by(), ("readOnlyRootFilesystem: true", Some(10)));
    assert_eq!(seen.remedies()[0], "mount an emptyDir at /etc");
    let remedied = Scenario::new(&["readOnlyRootFilesystem: true"], &["touch", "/etc/new"])
        .options(&["--tmpfs", "/etc"]);
    assert!(remedied.works(&remedied.manifest()));
}

#[test]
fn a_file_s_mode() {
    testkit::needs!(podman, bpf);
    let security = ["runAsUser: 1000", "capabilities:", "  drop:", "  - ALL"];
    let scenario = Scenario::new(&security, &["cat", "/data/secret"]).data("secret", 0, 0o600);
    let call = "open /data/secret for reading by cat (main): EACCES";
    let seen = no_capability(&scenario, "fileMode", call);
    assert_eq!(seen.taken_by(), ("runAsUser: 1000", Some(10)));
    let way = "if /data/secret lies in a volume: set the pod's securityContext.fsGroup, or run as the file's owner (runAsUser)";
    assert_eq!(seen.remedies()[0], way);
    let owner = scenario.manifest().replace("1000", "0");
    assert!(scenario.works(&owner));
}

#[test]
fn a_resource_limit() {
    testkit::needs!(debian, bpf);
    let script = "for (1..2000) { open $files[$_], '<', '/dev/null' or die $! }";
    let scenario = Scenario::new(&[], &["perl", "-e", script]).debian();
    let call = "open /dev/null for reading by perl (main): EMFILE";
    let seen = no_capability(&scenario, "limit", call);
    assert_eq!(
        seen.remedies().last(),
        Some(
            &"raise the hard limit in the container engine's configuration (LimitNOFILE, default-ulimits)"
        )
    );
}

#[test]
fn a_device_that_is_not_there() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&[], &["cat", "/dev/fuse"]);
    let call = "open /dev/fuse for reading by cat (main): ENOENT";
    let seen = no_capability(&scenario, "device", call);
    assert_eq!(
        seen.remedies(),
        [
            "have /dev/fuse in the container through a device plugin (resources.limits); outside of Kubernetes: --device /dev/fuse"
        ]
    );
}
