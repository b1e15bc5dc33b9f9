//! The containers of real engines are found, named and told apart: podman, Docker with data where
//! nobody expects it, containerd with its own words and with Kubernetes'.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dropcap_sys::container::{Container, Containers, Engine};
use dropcap_sys::procfs::{Processes, Procfs};
use testkit::cri::{Cri, Message};
use testkit::daemon::{Daemon, archive};

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

/// One call of Docker's API.
fn docker(folder: &Path, method: &str, path: &str, body: &str) -> String {
    let kind = if body.starts_with('@') { "application/x-tar" } else { "application/json" };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--request", method, "--unix-socket"]);
    curl.arg(folder.join("socket"));
    curl.args(["--header", &format!("Content-Type: {kind}"), "--data-binary", body]);
    run(curl.arg(format!("http://docker{path}")))
}

/// The `Id` in an answer of Docker's.
fn id_in(answer: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(answer).expect("JSON");
    value["Id"].as_str().unwrap_or_else(|| panic!("no Id in {answer}")).to_owned()
}

#[test]
fn docker_s_containers_are_found_wherever_it_keeps_them() {
    testkit::needs!(dockerd, program("busybox"));
    let daemon = Daemon::dockerd(|folder| folder.join("socket").exists());
    let folder = daemon.folder();
    let call = |method: &str, path: &str, body: &str| docker(folder, method, path, body);
    let image = format!("@{}", archive(folder).display());
    let said = call("POST", "/images/create?fromSrc=-&repo=dropcap-test", &image);
    assert!(said.contains("sha256:"), "{said}");
    let create = r#"{"Image": "dropcap-test", "Cmd": ["/bin/sleep", "600"], "HostConfig": {"NetworkMode": "none"}}"#;
    let id = id_in(&call("POST", "/containers/create?name=web", create));
    assert_eq!(call("POST", "/containers/web/start", ""), "");
    let exec = r#"{"Cmd": ["/bin/sleep", "601"]}"#;
    let exec = id_in(&call("POST", "/containers/web/exec", exec));
    assert_eq!(call("POST", &format!("/exec/{exec}/start"), r#"{"Detach": true}"#), "");
    let state = call("GET", "/containers/web/json", "");
    let state: serde_json::Value = serde_json::from_str(&state).expect("JSON");

    let (all, containers) = look();
    let found: Vec<Container> = containers.find(&id).into_iter().cloned().collect();
    let pids = members(&all, &containers, &id);
    call("DELETE", "/containers/web?force=1", "");
    assert_eq!(look().1.find(&id), Vec::<&Container>::new(), "it is gone");

    assert_eq!(found.len(), 1);
    let Container { engine, init, name, image, .. } = &found[0];
    assert_eq!(*engine, Engine::Docker);
    assert_eq!(init.map(u64::from), state["State"]["Pid"].as_u64());
    assert_eq!((name.as_deref(), image.as_deref()), (Some("web"), Some("dropcap-test")));
    assert_eq!(commands(&all, &pids), ["/bin/sleep 600", "/bin/sleep 601"]);
}

/// The command lines of these processes.
fn commands(all: &Processes, pids: &[u32]) -> Vec<String> {
    let process = |pid: &u32| all.processes.iter().find(|p| p.pid == *pid);
    pids.iter().filter_map(process).map(|p| p.cmdline.join(" ")).collect()
}

const IMAGE: &str = "localhost/dropcap-test/sandbox:1";

/// containerd with everything it has in a folder of its own.
fn containerd() -> Daemon {
    Daemon::containerd(IMAGE, |folder| cri(folder).call("Version", Message::default()).is_ok())
}

fn cri(folder: &Path) -> Cri {
    Cri { socket: folder.join("socket"), scratch: folder.to_owned() }
}

fn ctr(folder: &Path, namespace: &str) -> Command {
    let mut ctr = Command::new("ctr");
    ctr.arg("--address").arg(folder.join("socket")).args(["--namespace", namespace]);
    ctr
}

#[test]
fn containerd_s_containers_are_found_whatever_they_are_called() {
    testkit::needs!(containerd, program("busybox"), program("curl"));
    let daemon = containerd();
    let folder = daemon.folder();
    archive(folder);
    let ctr = || ctr(folder, "dropcap-test");
    // A word that no rule would take for a container's identifier.
    let id = format!("web-{}", std::process::id());
    run(ctr()
        .args(["run", "--detach", "--rootfs"])
        .arg(folder.join("root"))
        .arg(&id)
        .args(["/bin/sleep", "600"]));
    let (all, containers) = look();
    let found: Vec<Container> = containers.find(&id).into_iter().cloned().collect();
    let pids = members(&all, &containers, &id);
    run(ctr().args(["task", "kill", "--signal", "SIGKILL", &id]));
    let end = Instant::now() + Duration::from_secs(20);
    while !ctr().args(["task", "delete", &id]).output().expect("ctr runs").status.success() {
        assert!(Instant::now() < end, "the task does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    run(ctr().args(["container", "delete", &id]));

    assert_eq!(found.len(), 1);
    assert_eq!((found[0].engine, found[0].sandbox), (Engine::Containerd, false));
    assert_eq!(pids, found[0].init.into_iter().collect::<Vec<_>>());
    assert_eq!(commands(&all, &pids), ["/bin/sleep 600"]);
    let paths = found[0].cgroups.paths();
    assert!(!paths.is_empty() && paths.iter().all(|path| path.ends_with(&id)), "{paths:?}");
}

#[test]
fn a_pod_of_kubernetes_is_found_by_namespace_and_name() {
    testkit::needs!(containerd, podman, runc, program("curl"));
    let daemon = containerd();
    let folder = daemon.folder();
    let image = folder.join("image.tar");
    let change = r#"CMD ["/bin/sleep","100000"]"#;
    run(testkit::podman().args(["import", "--change", change]).arg(archive(folder)).arg(IMAGE));
    run(testkit::podman().args(["save", "--output"]).arg(&image).arg(IMAGE));
    run(testkit::podman().args(["rmi", IMAGE]));
    run(ctr(folder, "k8s.io").args(["images", "import", "--snapshotter", "native"]).arg(&image));

    let pod = format!("shop-{}", std::process::id());
    let node = || Message::default().message(1, Message::default().number(1, 2));
    // PodSandboxConfig: metadata, log_directory, linux { cgroup_parent, security_context { network: NODE } }.
    let sandbox_config = || {
        Message::default()
            .message(1, Message::default().text(1, &pod).text(2, "uid").text(3, "prod"))
            .text(3, &folder.join("logs").display().to_string())
            .message(
                8,
                Message::default().text(1, "/kubepods/besteffort/poduid").message(2, node()),
            )
    };
    let call = |method: &str, message| cri(folder).call(method, message).expect(method);
    let sandbox = call("RunPodSandbox", Message::default().message(1, sandbox_config()));
    let start = |name: &str| {
        let network = Message::default().message(3, Message::default().number(1, 2));
        let config = Message::default()
            .message(1, Message::default().text(1, name))
            .message(2, Message::default().text(1, IMAGE))
            .text(3, "/bin/sleep")
            .text(4, "600")
            .text(11, name)
            .message(15, Message::default().message(2, network));
        let request =
            Message::default().text(1, &sandbox).message(2, config).message(3, sandbox_config());
        let id = call("CreateContainer", request);
        call("StartContainer", Message::default().text(1, &id));
        id
    };
    let (web, side) = (start("web"), start("side"));
    let (all, containers) = look();
    for method in ["StopPodSandbox", "RemovePodSandbox"] {
        call(method, Message::default().text(1, &sandbox));
    }

    let found = containers.pod(Some("prod"), &pod);
    let names: Vec<Option<&str>> = found.iter().map(|c| c.name.as_deref()).collect();
    assert_eq!(names, [Some("side"), Some("web")]);
    for (container, id) in found.iter().zip([&side, &web]) {
        assert_eq!((&container.id, container.engine), (id, Engine::Containerd));
        assert_eq!(container.sandbox_id.as_ref(), Some(&sandbox));
        assert_eq!(container.image.as_deref(), Some(IMAGE));
        let pids = members(&all, &containers, id);
        assert_eq!(pids, container.init.into_iter().collect::<Vec<_>>());
        assert_eq!(commands(&all, &pids), ["/bin/sleep 600"]);
    }
    let pause = containers.find(&sandbox);
    assert_eq!(pause.len(), 1);
    assert!(pause[0].sandbox && pause[0].pod.as_ref() == Some(&pod));
}
