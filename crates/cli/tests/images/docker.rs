//! The same on a real Docker engine.

use std::process::Command;

use testkit::daemon::{Daemon, docker, docker_host};

use crate::{CASES, archive, pod, predicted, sets, succeed};

fn start() -> Daemon {
    Daemon::dockerd(|folder| docker(folder).arg("info").output().unwrap().status.success())
}

#[test]
fn what_docker_runs_is_what_its_image_foretold() {
    testkit::needs!(dockerd, runc, program("docker"), program("cc"));
    let daemon = start();
    let mut agreed = Vec::new();
    for case in &CASES {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("images-{}:1", case.name);
        let mut import = docker(daemon.folder());
        import.arg("import");
        for change in case.changes {
            import.args(["--change", change]);
        }
        succeed(import.arg(archive(folder.path(), case.file)).arg(&name));
        let mut run = docker(daemon.folder());
        let real = sets(&succeed(run.args(["run", "--rm", "--network", "none", &name])));
        let pod = pod(folder.path(), &name);
        let mut show = Command::new(testkit::dropcap());
        show.env("DOCKER_HOST", docker_host(daemon.folder()));
        show.args(["show", "--json", "--runtime", "docker", "--images", "docker"]).arg(&pod);
        let (answers, said) = predicted(&mut show);
        assert_eq!(answers, [serde_json::to_value(real).unwrap()], "{}", case.name);
        assert_eq!(said["phrase"], format!("image {name}: {}", case.user));
        agreed.push(case.name);
    }
    assert_eq!(agreed.len(), 8);
}
