//! `--try-zero` of a service of Compose, by a Docker daemon.

use std::fs;
use std::process::Command;

use testkit::daemon::{Daemon, docker, docker_host};

use crate::volumes::STEPS_DOWN;
use crate::zero::text;

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_service_of_compose_comes_to_zero_with_docker() {
    testkit::needs!(root, podman, dockerd, bpf, runc, time, program("docker"));
    let image = testkit::image();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (archive, file, patch) = (path("image.tar"), path("compose.yaml"), path("zero.yaml"));
    printed(testkit::podman().args(["save", "--format", "docker-archive", "-o", &archive, image]));
    let daemon =
        Daemon::dockerd(|folder| docker(folder).arg("info").output().unwrap().status.success());
    printed(docker(daemon.folder()).args(["load", "-i", &archive]));
    // A `$` of Compose is written twice. The image has /home, whose mode runc 1.1 gives to a tmpfs there.
    let script = STEPS_DOWN.replace('$', "$$").replace("/data", "/home/data");
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    command: [sh, -ec, '{script}']\n    healthcheck:\n      \
         test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:8080/x']\n"
    );
    fs::write(&file, compose).unwrap();
    let mut fit = Command::new(testkit::dropcap());
    fit.env("DOCKER_HOST", docker_host(daemon.folder()));
    fit.args(["fit", "--engine", "docker", "--engine-args", "--network none", "--quick"]);
    fit.args(["-f", &file, "-c", "web", "--watch", "0s", "--minimum", "--try-zero"]);
    let output = fit.args(["--zero-patch", &patch]).output().unwrap();
    let (said, shown) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}{shown}");
    assert!(shown.contains("to zero  reached"), "{said}{shown}");
    let written = fs::read_to_string(&file).unwrap();
    for name in ["CHOWN", "SETGID", "SETUID"] {
        assert!(written.contains(&format!("- {name}")), "{written}");
    }
    let patch = fs::read_to_string(&patch).unwrap();
    for line in [
        "    user: \"1000:1000\"",
        "    cap_add: !override []",
        "      - \"/home:mode=2777,gid=1000\"",
    ] {
        assert!(patch.lines().any(|known| known == line), "{line}: {patch}");
    }
    // Nothing of it is left.
    for what in [&["ps", "-aq"][..], &["volume", "ls", "-q"]] {
        assert_eq!(printed(docker(daemon.folder()).args(what)), "");
    }
}
