//! The containers of real engines are found, named and told apart: podman, Docker with data where
//! nobody expects it, containerd.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dropcap_sys::container::{Container, Containers, Engine};
use dropcap_sys::procfs::{Processes, Procfs};
use testkit::need::find_program;

fn look() -> (Processes, Containers) {
    let procfs = Procfs::new();
    let all = procfs.processes().expect("procfs");
    let containers = Containers::discover(&procfs, &all.processes);
    (all, containers)
}

/// The process IDs that belong to a container.
fn members(all: &Processes, containers: &Containers, id: &str) -> Vec<u32> {
    let is_its = |pid| containers.of(pid).is_some_and(|c| c.id == id);
    all.processes.iter().map(|p| p.pid).filter(|pid| is_its(*pid)).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn podman_s_containers_are_found_by_name_and_identifier() {
    testkit::needs!(podman);
    let real = testkit::Container::start(&[], &["sleep", "600"]);
    let (all, containers) = look();
    let found = containers.find(&real.name);
    assert_eq!(found.len(), 1);
    assert_eq!(containers.find(&real.id), found);
    assert_eq!(containers.find(&real.id[..20]), found);
    let Container { engine, init, image, sandbox, cgroups, bundle, .. } = found[0];
    assert_eq!((*engine, *init, *sandbox), (Engine::Podman, Some(real.pid), false));
    assert_eq!(image.as_deref(), Some(testkit::IMAGE));
    assert!(bundle.as_ref().is_some_and(|b| b.join("config.json").is_file()), "{bundle:?}");
    let process = all.processes.iter().find(|p| p.pid == real.pid).expect("it runs");
    assert_eq!(*cgroups, process.cgroups, "it has made no cgroup of its own");
    assert_eq!(members(&all, &containers, &real.id), [real.pid]);
    assert!(containers.of(std::process::id()).is_none(), "this test is the host's");
}

/// A daemon with everything it has in a folder of its own; stopped when dropped.
struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts it and waits until its socket answers `ping`.
    fn start(
        program: &str,
        arguments: &dyn Fn(&Path) -> Vec<String>,
        ping: &dyn Fn(&Path) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(find_program(program).expect("it is there"))
            .args(arguments(folder.path()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut daemon = Self { child, folder };
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = ping(daemon.folder.path()).output().expect("it runs");
            if answer.status.success() {
                return daemon;
            }
            let ended = daemon.child.try_wait().expect("wait");
            let log = fs::read_to_string(daemon.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < end, "{program} does not come up: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // By its own signal, so that it takes its children and mounts with it.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A root file system with nothing but busybox.
fn root_file_system(folder: &Path) -> PathBuf {
    let root = folder.join("rootfs");
    for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        fs::create_dir_all(root.join(name)).expect("mkdir");
    }
    let busybox = root.join("bin/busybox");
    fs::copy(find_program("busybox").expect("it is there"), &busybox).expect("a copy");
    fs::set_permissions(&busybox, fs::Permissions::from_mode(0o755)).expect("chmod");
    root
}

#[test]
fn docker_s_containers_are_found_wherever_it_keeps_them() {
    testkit::needs!(dockerd, program("docker"), program("busybox"));
    let docker = |folder: &Path| {
        let mut docker = Command::new("docker");
        docker.arg("--host").arg(format!("unix://{}/docker.sock", folder.display()));
        docker
    };
    let daemon = Daemon::start(
        "dockerd",
        &|folder| {
            let at = |name: &str| folder.join(name).display().to_string();
            [
                "--iptables=false",
                "--bridge=none",
                "--storage-driver=vfs",
                "--default-ulimit=nofile=1024:1024",
                &format!("--host=unix://{}", at("docker.sock")),
                &format!("--data-root={}", at("data")),
                &format!("--exec-root={}", at("exec")),
                &format!("--pidfile={}", at("pid")),
            ]
            .map(str::to_owned)
            .to_vec()
        },
        &|folder| {
            let mut docker = docker(folder);
            docker.arg("version");
            docker
        },
    );
    let folder = daemon.folder.path();
    let archive = folder.join("root.tar");
    let root = root_file_system(folder);
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."));
    run(docker(folder).arg("import").arg(&archive).arg("dropcap-test"));
    let start = ["run", "--detach", "--network=none", "--name=web", "dropcap-test"];
    let id = run(docker(folder).args(start).args(["/bin/busybox", "sleep", "600"]));
    let pid = run(docker(folder).args(["inspect", "--format={{.State.Pid}}", "web"]));
    run(docker(folder).args(["exec", "--detach", "web", "/bin/busybox", "sleep", "601"]));

    let (all, containers) = look();
    let found = containers.find(&id);
    assert_eq!(found.len(), 1);
    let Container { engine, init, name, image, .. } = found[0];
    assert_eq!((*engine, *init), (Engine::Docker, pid.parse().ok()));
    assert_eq!((name.as_deref(), image.as_deref()), (Some("web"), Some("dropcap-test")));
    let commands: Vec<String> = members(&all, &containers, &id)
        .into_iter()
        .filter_map(|pid| all.processes.iter().find(|p| p.pid == pid))
        .map(|p| p.cmdline.join(" "))
        .collect();
    assert_eq!(commands, ["/bin/busybox sleep 600", "/bin/busybox sleep 601"]);

    run(docker(folder).args(["rm", "--force", "web"]));
    let (_, containers) = look();
    assert_eq!(containers.find(&id), Vec::<&Container>::new());
}

#[test]
fn containerd_s_containers_are_found_whatever_they_are_called() {
    testkit::needs!(containerd, program("busybox"));
    let ctr = |folder: &Path| {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(folder.join("c.sock")).args(["--namespace", "dropcap-test"]);
        ctr
    };
    let daemon = Daemon::start(
        "containerd",
        &|folder| {
            let config = folder.join("config.toml");
            let text = format!(
                "version = 2\nroot = \"{0}/root\"\nstate = \"{0}/state\"\n\
                 disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = \"{0}/c.sock\"\n",
                folder.display()
            );
            fs::write(&config, text).expect("a configuration");
            vec!["--config".to_owned(), config.display().to_string()]
        },
        &|folder| {
            let mut ctr = ctr(folder);
            ctr.arg("version");
            ctr
        },
    );
    let folder = daemon.folder.path();
    let root = root_file_system(folder);
    // A word that no rule would take for a container's identifier.
    let id = format!("web-{}", std::process::id());
    run(ctr(folder).args(["run", "--detach", "--rootfs"]).arg(&root).arg(&id).args([
        "/bin/busybox",
        "sleep",
        "600",
    ]));
    let (all, containers) = look();
    let found: Vec<Container> = containers.find(&id).into_iter().cloned().collect();
    run(ctr(folder).args(["task", "kill", "--signal", "SIGKILL", &id]));
    let end = Instant::now() + Duration::from_secs(20);
    while !ctr(folder).args(["task", "delete", &id]).output().expect("ctr runs").status.success() {
        assert!(Instant::now() < end, "the task does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    run(ctr(folder).args(["container", "delete", &id]));

    assert_eq!(found.len(), 1);
    assert_eq!((found[0].engine, found[0].sandbox), (Engine::Containerd, false));
    let pids = members(&all, &containers, &id);
    assert_eq!(pids, found[0].init.into_iter().collect::<Vec<_>>());
    let process = all.processes.iter().find(|p| Some(p.pid) == found[0].init).expect("it ran");
    assert_eq!(process.cmdline, ["/bin/busybox", "sleep", "600"]);
    assert!(
        found[0].cgroups.paths().iter().all(|path| path.ends_with(&id)),
        "{:?}",
        found[0].cgroups
    );
}
