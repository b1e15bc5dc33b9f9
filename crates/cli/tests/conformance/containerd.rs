//! containerd, through CRI, as the kubelet drives it, as Kubernetes pods.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::cri::{Cri, Message, log};
use testkit::daemon::Daemon;

use crate::cases::{Case, Image, all, entrypoint};
use crate::image::{self, podman_name};
use crate::manifests::kubernetes;
use crate::prediction::{Runtime, shown};
use crate::real::{Real, Score, own, parse, version, version_line};

/// The host's network: no CNI.
const NODE: u64 = 2;

fn start() -> Daemon {
    let daemon = Daemon::containerd(&podman_name(Image::Root), |folder| {
        cri(folder).call("Version", Message::default()).is_ok()
    });
    import(daemon.folder());
    daemon
}

fn cri(folder: &Path) -> Cri {
    Cri { socket: folder.join("socket"), scratch: folder.to_owned() }
}

/// Gives containerd the two images.
fn import(folder: &Path) {
    image::import(&image::archive(folder));
    for image in [Image::Root, Image::User] {
        let (archive, name) = (folder.join("image.tar"), podman_name(image));
        let _ = fs::remove_file(&archive);
        image::run(
            testkit::podman().args(["save", "--quiet", "--output"]).arg(&archive).arg(&name),
        );
        image::run(testkit::podman().args(["rmi", "--force"]).arg(name));
        image::run(
            Command::new("ctr")
                .arg("--address")
                .arg(folder.join("socket"))
                .args(["--namespace", "k8s.io", "images", "import", "--snapshotter", "native"])
                .arg(&archive),
        );
    }
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

/// `ContainerConfig`, as the kubelet makes it from the pod.
fn container_config(case: &Case, image: Image, name: &str) -> Message {
    let mut lists = Message::default();
    for word in case.add.iter().flatten() {
        lists = lists.text(1, word);
    }
    for word in case.drop.iter().flatten() {
        lists = lists.text(2, word);
    }
    let mut security = Message::default()
        .message(1, lists)
        .number(2, u64::from(case.privileged))
        .message(3, Message::default().number(1, NODE));
    if let Some(uid) = case.user.uid() {
        security = security.message(5, Message::default().number(1, u64::from(uid)));
    }
    let security = security.number(11, u64::from(case.no_new_privs));
    Message::default()
        .message(1, Message::default().text(1, name))
        .message(2, Message::default().text(1, &podman_name(image)))
        .text(3, &entrypoint(case.file.as_deref()))
        .text(11, name)
        .message(15, Message::default().message(2, security))
}

fn run(folder: &Path, sandbox: &str, case: &Case, image: Image) -> Real {
    let name = format!("{}-{image:?}", case.name);
    // Several run at once.
    let scratch = folder.join("scratch").join(&name);
    fs::create_dir_all(&scratch).unwrap();
    let cri = Cri { socket: folder.join("socket"), scratch };
    let create = Message::default()
        .text(1, sandbox)
        .message(2, container_config(case, image, &name))
        .message(3, sandbox_config(folder));
    let id = match cri.call("CreateContainer", create) {
        Ok(id) => id,
        Err(said) => return Real::Refused(said),
    };
    let only = |id: &str| Message::default().text(1, id);
    let real = match cri.call("StartContainer", only(&id)) {
        Ok(_) => read(folder, &name),
        Err(said) => Real::Refused(said),
    };
    let _ = cri.call("RemoveContainer", only(&id));
    real
}

/// What the container printed. Each line of the log begins with time, stream and a mark:
/// `2026-01-01T00:00:00Z stdout F CapEff: …`.
fn read(folder: &Path, name: &str) -> Real {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(log(folder, name)).unwrap_or_default();
        let status: String = text
            .lines()
            .filter_map(|line| line.splitn(4, ' ').nth(3))
            .map(|line| format!("{line}\n"))
            .collect();
        match parse(&status) {
            Some(state) => return Real::Ran(state),
            None if Instant::now() > end => return Real::Refused(format!("no output: {text}")),
            None => sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn containerd_does_as_predicted() {
    testkit::needs!(containerd, podman, runc, program("curl"));
    if let Err(why) = image::needs() {
        return testkit::skip(&why);
    }
    let name = format!("containerd@{}+runc@{}", version("containerd"), version("runc"));
    let runtime = Runtime { name, own: own(), default: None };
    let cases = all(20);
    let shown = shown(&runtime, &cases, kubernetes);
    let daemon = start();
    let folder = daemon.folder();
    let sandbox = cri(folder)
        .call("RunPodSandbox", Message::default().message(1, sandbox_config(folder)))
        .unwrap();
    let outcome = std::panic::catch_unwind(|| {
        Score::of(&runtime, &cases, &shown, |case, image| run(folder, &sandbox, case, image))
    });
    // The sandbox's process outlives its daemon unless it is told.
    for method in ["StopPodSandbox", "RemovePodSandbox"] {
        let _ = cri(folder).call(method, Message::default().text(1, &sandbox));
    }
    match outcome {
        Ok(score) => {
            score.settle(&format!("{}, {}", version_line("containerd"), version_line("runc")), 60);
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
