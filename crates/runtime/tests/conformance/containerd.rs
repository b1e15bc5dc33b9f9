//! containerd, through CRI, as the kubelet drives it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dropcap_runtime::{Request, Runtime, User};

use crate::cases::{random, written};
use crate::cri::{Cri, Message, log};
use crate::daemon::{Daemon, archive};
use crate::{Real, compare, own, parse, report, version};

/// The image of sandbox and containers.
const IMAGE: &str = "localhost/dropcap-test/pause:1";

/// The host's network: no CNI.
const NODE: u64 = 2;

fn start() -> Daemon {
    let containerd = |folder: &Path| {
        fs::create_dir_all(folder.join("logs")).unwrap();
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            r#"version = 2
root = "{}"
state = "{}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGE}"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"#,
            at("data"),
            at("state"),
            at("socket"),
            at("opt"),
        );
        fs::write(folder.join("config.toml"), config).unwrap();
        let mut command = Command::new(testkit::need::find_program("containerd").unwrap());
        command.arg("--config").arg(folder.join("config.toml"));
        command
    };
    let daemon = Daemon::start(containerd, |folder| {
        folder.join("socket").exists() && cri(folder).call("Version", Message::default()).is_ok()
    });
    import(daemon.folder());
    daemon
}

fn cri(folder: &Path) -> Cri {
    Cri { socket: folder.join("socket"), scratch: folder.to_owned() }
}

/// Gives containerd an image whose command sleeps.
fn import(folder: &Path) {
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
    };
    let image = folder.join("image.tar");
    run(testkit::podman()
        .args(["import", "--change", r#"CMD ["/bin/sleep","100000"]"#])
        .arg(archive(folder))
        .arg(IMAGE));
    run(testkit::podman().args(["save", "--output"]).arg(&image).arg(IMAGE));
    run(testkit::podman().args(["rmi", IMAGE]));
    run(Command::new("ctr")
        .arg("--address")
        .arg(folder.join("socket"))
        .args(["--namespace", "k8s.io", "images", "import", "--snapshotter", "native"])
        .arg(&image));
}

/// `PodSandboxConfig`: privileged, so that it may hold privileged containers too.
fn sandbox_config(folder: &Path) -> Message {
    let host = || Message::default().number(1, NODE);
    let security = Message::default().message(1, host()).number(6, 1);
    Message::default()
        .message(1, Message::default().text(1, "p").text(2, "u").text(3, "n"))
        .text(3, &folder.join("logs").display().to_string())
        .message(8, Message::default().message(2, security))
}

/// `ContainerConfig` for `request`.
fn container_config(request: &Request, name: &str) -> Message {
    let mut lists = Message::default();
    for word in &request.add {
        lists = lists.text(1, word);
    }
    for word in &request.drop {
        lists = lists.text(2, word);
    }
    let uid = if request.user == User::NonRoot { 1000 } else { 0 };
    let security = Message::default()
        .message(1, lists)
        .number(2, u64::from(request.privileged))
        .message(3, Message::default().number(1, NODE))
        .message(5, Message::default().number(1, uid))
        .number(11, u64::from(request.no_new_privs));
    Message::default()
        .message(1, Message::default().text(1, name))
        .message(2, Message::default().text(1, IMAGE))
        .text(3, "/bin/cat")
        .text(4, "/proc/self/status")
        .text(11, name)
        .message(15, Message::default().message(2, security))
}

fn run(folder: &Path, sandbox: &str, request: &Request, index: usize) -> Real {
    let (cri, name) = (cri(folder), format!("c{index}"));
    let create = Message::default()
        .text(1, sandbox)
        .message(2, container_config(request, &name))
        .message(3, sandbox_config(folder));
    let id = match cri.call("CreateContainer", create) {
        Ok(id) => id,
        Err(said) => return Real::Refused(said),
    };
    let only = |id: &str| Message::default().text(1, id);
    if let Err(said) = cri.call("StartContainer", only(&id)) {
        return Real::Refused(said);
    }
    let end = Instant::now() + Duration::from_secs(20);
    let real = loop {
        let text = fs::read_to_string(log(folder, &name)).unwrap_or_default();
        // Each line begins with time, stream and a mark: `2026-01-01T00:00:00Z stdout F CapEff: …`.
        let status: String = text
            .lines()
            .filter_map(|line| line.splitn(4, ' ').nth(3))
            .map(|line| format!("{line}\n"))
            .collect();
        match parse(&status) {
            Some(state) => break Real::Ran(state),
            None if Instant::now() > end => break Real::Refused(format!("no output: {text}")),
            None => sleep(Duration::from_millis(20)),
        }
    };
    let _ = cri.call("RemoveContainer", only(&id));
    real
}

#[test]
fn containerd_does_as_predicted() {
    testkit::needs!(containerd, podman, runc, program("curl"));
    let line = Command::new(testkit::need::find_program("containerd").unwrap())
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap();
    let runtime: Runtime = format!("containerd@{}", version(&line)).parse().unwrap();
    let runtime = runtime.with_own(own());
    let daemon = start();
    let folder = daemon.folder();
    let sandbox = cri(folder)
        .call("RunPodSandbox", Message::default().message(1, sandbox_config(folder)))
        .unwrap();
    let requests: Vec<Request> = written().into_iter().chain(random(20)).collect();
    let outcome = std::panic::catch_unwind(|| {
        for (index, request) in requests.iter().enumerate() {
            compare(&runtime, request, &run(folder, &sandbox, request, index));
        }
    });
    // The sandbox's process outlives its daemon unless it is told.
    for method in ["StopPodSandbox", "RemovePodSandbox"] {
        let _ = cri(folder).call(method, Message::default().text(1, &sandbox));
    }
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    report(&format!("conformance: {line}: {} requests agree", requests.len()));
}
