//! Podman, with runc and with crun below it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dropcap_runtime::{Request, Runtime, User};

use crate::cases::{random, written};
use crate::{Real, compare, own, report, version, version_line};

/// crun knows cgroup v1 and v2, not both at once: where both are mounted it is shown v2 only.
const CRUN: &str = r#"#!/bin/sh
if [ -d /sys/fs/cgroup/unified ]; then
  exec unshare --mount sh -c 'mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec "$0" "$@"' PROGRAM --cgroup-manager=disabled "$@"
fi
exec PROGRAM "$@"
"#;

/// The OCI runtime as podman is to call it.
fn oci_runtime(program: &str, folder: &Path) -> PathBuf {
    let path = testkit::need::find_program(program).unwrap();
    if program != "crun" {
        return path;
    }
    let script = folder.join("crun");
    fs::write(&script, CRUN.replace("PROGRAM", path.to_str().unwrap())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Runs one request through the real `podman run`.
fn run(oci: &Path, request: &Request) -> Real {
    let usual = testkit::podman_run();
    let mut podman = Command::new("podman");
    podman.arg("--runtime").arg(oci);
    podman.args(usual.get_args().skip_while(|arg| *arg != "run"));
    podman.arg("--rm");
    if oci.ends_with("crun") {
        podman.args(["--cgroups", "disabled"]);
    }
    for word in &request.add {
        podman.args(["--cap-add", word]);
    }
    for word in &request.drop {
        podman.args(["--cap-drop", word]);
    }
    if request.privileged {
        podman.arg("--privileged");
    }
    if request.no_new_privs {
        podman.args(["--security-opt", "no-new-privileges"]);
    }
    if request.user == User::NonRoot {
        podman.args(["--user", "1000"]);
    }
    let output = podman.arg(testkit::image()).args(["cat", "/proc/self/status"]).output().unwrap();
    Real::of(&output)
}

fn agrees(program: &'static str, random_cases: usize) {
    let (podman, oci) = (version_line("podman"), version_line(program));
    let folder = tempfile::tempdir().unwrap();
    let path = oci_runtime(program, folder.path());
    let name = format!("podman@{}+{program}@{}", version(&podman), version(&oci));
    let mut runtime = name.parse::<Runtime>().unwrap().with_own(own());
    // A distribution's containers.conf may set the default: asked, not assumed.
    let plain = Request { user: User::Root, ..Request::default() };
    let Real::Ran(default) = run(&path, &plain) else { panic!("podman runs a container") };
    if default.bounding != runtime.default_set() {
        report(&format!("conformance: {podman}: configured default {:x}", default.bounding));
        runtime = runtime.with_default(default.bounding);
    }
    // The command line reads an empty word as none at all.
    let requests: Vec<Request> = written()
        .into_iter()
        .chain(random(random_cases))
        .filter(|request| !request.add.iter().chain(&request.drop).any(String::is_empty))
        .collect();
    for request in &requests {
        compare(&runtime, request, &run(&path, request));
    }
    report(&format!("conformance: {podman}, {oci}: {} requests agree", requests.len()));
}

#[test]
fn podman_with_runc_does_as_predicted() {
    testkit::needs!(podman, runc);
    agrees("runc", 20);
}

#[test]
fn podman_with_crun_does_as_predicted() {
    testkit::needs!(podman, crun);
    agrees("crun", 0);
}
