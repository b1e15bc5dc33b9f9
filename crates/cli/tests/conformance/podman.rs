//! Podman, with runc and with crun below it, as Compose services.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use caps::CapSet;

use crate::cases::{Case, Image, all, entrypoint};
use crate::image::{self, podman_name};
use crate::manifests::compose;
use crate::prediction::{Runtime, shown};
use crate::real::{Real, Score, own, report, version, version_line};

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

/// The two images, gone when dropped.
struct Images;

impl Images {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        image::import(&image::archive(folder.path()));
        Self
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let names = [podman_name(Image::Root), podman_name(Image::User)];
        let _ = testkit::podman().args(["rmi", "--force"]).args(names).output();
    }
}

/// Runs one case through the real `podman run`.
fn run(oci: &Path, case: &Case, image: Image) -> Real {
    let usual = testkit::podman_run();
    let mut podman = Command::new("podman");
    podman.arg("--runtime").arg(oci);
    podman.args(usual.get_args().skip_while(|arg| *arg != "run"));
    let log = testkit::Log::new();
    podman.arg("--rm").args(log.options());
    if oci.ends_with("crun") {
        podman.args(["--cgroups", "disabled"]);
    }
    for word in case.add.iter().flatten() {
        podman.args(["--cap-add", word]);
    }
    for word in case.drop.iter().flatten() {
        podman.args(["--cap-drop", word]);
    }
    if case.privileged {
        podman.arg("--privileged");
    }
    if case.no_new_privs {
        podman.args(["--security-opt", "no-new-privileges"]);
    }
    if let Some(uid) = case.user.uid() {
        podman.args(["--user", &uid.to_string()]);
    }
    let file = entrypoint(case.file.as_deref());
    let output = podman.arg(podman_name(image)).arg(file).output().unwrap();
    Real::of(&Output { stdout: log.stdout().into_bytes(), ..output })
}

/// A distribution's containers.conf may set the default: asked, not assumed.
fn default_set(oci: &Path, compiled_in: CapSet) -> Option<CapSet> {
    let Real::Ran(plain) = run(oci, &Case::default(), Image::Root) else {
        panic!("podman runs a container")
    };
    (plain.bounding != compiled_in).then_some(plain.bounding)
}

fn agrees(programs: &[&'static str]) {
    let _images = Images::new();
    for program in programs {
        let folder = tempfile::tempdir().unwrap();
        let oci = oci_runtime(program, folder.path());
        let name = format!("podman@{}+{program}@{}", version("podman"), version(program));
        let compiled_in = name.parse::<runtime::Runtime>().unwrap().default_set();
        let default = default_set(&oci, compiled_in);
        if let Some(set) = default {
            report(&format!("conformance: podman: configured default {set:x}"));
        }
        let runtime = Runtime { name, own: own(), default };
        let cases = all(if *program == "runc" { 20 } else { 0 });
        let shown = shown(&runtime, &cases, compose);
        let score = Score::of(&runtime, &cases, &shown, |case, image| run(&oci, case, image));
        let versions = format!("{}, {}", version_line("podman"), version_line(program));
        score.settle(&versions, 60);
    }
}

#[test]
fn podman_does_as_predicted() {
    testkit::needs!(podman, runc, crun, time);
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    agrees(&["runc", "crun"]);
}
