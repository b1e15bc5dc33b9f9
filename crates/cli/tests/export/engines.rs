//! The options of `run`, read by a shell and by the engines: the five sets of the container's process, as
//! root and as another user, are what the profile says.

use std::process::Command;

use caps::{CapSet, CapState};
use sys::procfs::Status;
use testkit::Log;
use testkit::daemon::{Daemon, archive};

use crate::{NGINX_SET, exported, succeed};

/// What a process holds that is given `held`, out of a bounding set of what the profile needs.
fn expected(held: CapSet, raised: CapSet) -> CapState {
    CapState {
        bounding: NGINX_SET,
        permitted: held,
        effective: held,
        inheritable: raised,
        ambient: raised,
    }
}

/// Runs `run` with what is exported for `form` behind it, through a shell as a person does; `log` is where its
/// output is if the engine itself may not print it.
fn sets(form: &str, args: &[&str], run: &Command, rest: &str, log: Option<&Log>) -> CapState {
    let flags = exported(&[&["--to", form, "nginx.yaml"], args].concat());
    let words: Vec<&str> = run.get_args().map(|arg| arg.to_str().unwrap()).collect();
    let program = run.get_program().to_str().unwrap();
    let line = format!("{program} {} {} {rest}", words.join(" "), flags.trim_end());
    let (printed, _) = succeed(Command::new("sh").arg("-c").arg(&line));
    let printed = log.map_or(printed, Log::stdout);
    let status = printed.parse::<Status>();
    status.unwrap_or_else(|error| panic!("{line}: {printed}: {error}")).caps
}

#[test]
fn podman_gives_what_the_profile_says() {
    testkit::needs!(podman, runc);
    let rest = format!("{} cat /proc/self/status", testkit::image());
    let none = CapSet::EMPTY;
    for (args, expected) in [
        (&[][..], expected(NGINX_SET, none)),
        (&["--user", "0:0"], expected(NGINX_SET, none)),
        (&["--user", "1000"], expected(NGINX_SET, NGINX_SET)),
        (&["--user", "user", "--no-new-privileges"], expected(NGINX_SET, NGINX_SET)),
    ] {
        let log = Log::new();
        let mut run = testkit::podman_run();
        run.arg("--rm").args(log.options());
        assert_eq!(sets("podman", args, &run, &rest, Some(&log)), expected, "{args:?}");
    }
}

#[test]
fn docker_gives_what_the_profile_says() {
    testkit::needs!(dockerd, runc, program("docker"), program("busybox"));
    let docker = |folder: &std::path::Path| {
        let mut docker = Command::new(testkit::need::find_program("docker").unwrap());
        docker.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
        docker
    };
    let daemon = Daemon::dockerd(|folder| {
        docker(folder).arg("version").output().is_ok_and(|output| output.status.success())
    });
    succeed(docker(daemon.folder()).arg("import").arg(archive(daemon.folder())).arg("cat"));
    let mut run = docker(daemon.folder());
    run.args(["run", "--rm", "--network", "none"]);
    let rest = "cat /bin/cat /proc/self/status";
    let none = CapSet::EMPTY;
    assert_eq!(sets("docker", &[], &run, rest, None), expected(NGINX_SET, none));
    // As it was warned.
    assert_eq!(sets("docker", &["--user", "1000"], &run, rest, None), expected(none, none));
    assert_eq!(
        sets("docker", &["--no-new-privileges"], &run, rest, None),
        expected(NGINX_SET, none)
    );
}
