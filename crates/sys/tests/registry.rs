//! Containers as engines write them down, named after they have gone.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;

use dropcap_sys::container::{Container, Containers, Engine, Registry};
use dropcap_sys::procfs::Procfs;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// The disk of a machine.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
        fs::write(path, text).expect("write");
        self
    }

    fn remove(&self, path: &str) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::remove_dir_all(path).expect("it goes");
    }

    /// A container of podman, whose name the index has if it is given.
    fn podman(&self, root: &str, id: &str, name: &str) -> &Self {
        let folder = format!("{root}/overlay-containers");
        let index = format!(
            r#"[{{"id":"{id}","names":["{name}"],"image":"sha","metadata":"{{\"image-name\":\"localhost:5000/app/web:1.2\"}}"}}]"#
        );
        self.file(
            &format!("{folder}/{id}/userdata/config.json"),
            r#"{"hostname":"h","annotations":{"io.container.manager":"libpod"}}"#,
        );
        self.file(&format!("{folder}/containers.json"), if name.is_empty() { "[]" } else { &index })
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::at(self.0.path());
        registry.refresh();
        registry
    }
}

fn said(container: Option<Container>) -> Option<(String, Engine, Option<String>, Option<String>)> {
    container.map(|c| (c.id, c.engine, c.name, c.image))
}

fn some(
    id: &str,
    engine: Engine,
    name: &str,
    image: &str,
) -> Option<(String, Engine, Option<String>, Option<String>)> {
    let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    Some((id.to_owned(), engine, word(name), word(image)))
}

#[test]
fn a_container_has_its_name_after_its_files_have_gone() {
    let disk = Disk::new();
    disk.podman("/var/lib/containers/storage", A, "web");
    let mut registry = disk.registry();
    disk.remove("/var/lib/containers");
    registry.refresh();
    let found = registry.of_cgroup(&format!("/machine.slice/libpod-{A}.scope/container"));
    let cgroup = found.as_ref().and_then(|c| c.cgroups.unified().map(str::to_owned));
    assert_eq!(cgroup, Some(format!("/machine.slice/libpod-{A}.scope")));
    assert_eq!(said(found), some(A, Engine::Podman, "web", "localhost:5000/app/web:1.2"));
}

#[test]
fn a_name_that_is_written_later_is_found_then() {
    let disk = Disk::new();
    disk.podman("/var/lib/containers/storage", A, "");
    let mut registry = disk.registry();
    let cgroup = format!("/libpod_parent/libpod-{A}");
    assert_eq!(said(registry.of_cgroup(&cgroup)), some(A, Engine::Podman, "", ""));
    disk.podman("/var/lib/containers/storage", A, "web");
    registry.refresh();
    assert_eq!(registry.of_cgroup(&cgroup).and_then(|c| c.name).as_deref(), Some("web"));
}

/// podman writes it in place: whoever looks at that moment finds it empty, or half of it.
#[test]
fn what_is_being_written_is_waited_for() {
    let disk = Disk::new();
    let storage = "/var/lib/containers/storage";
    let config = format!("{storage}/overlay-containers/{A}/userdata/config.json");
    let whole = r#"{"linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}]}}"#;
    for half in ["", &whole[..30]] {
        disk.podman(storage, A, "web").file(&config, half);
        let registry = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                disk.file(&config, whole);
            });
            disk.registry()
        });
        assert_eq!(registry.unread(), [] as [&str; 0]);
        let roots: Vec<_> = registry.all().map(|container| container.root).collect();
        assert_eq!(roots, [Some(100_000)]);
    }
    // Nobody writes it any more.
    disk.file(&config, "{");
    let file = disk.0.path().join(config.trim_start_matches('/'));
    let file = fs::File::options().write(true).open(file).expect("it is there");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("it is ours");
    let registry = disk.registry();
    assert_eq!(registry.unread().len(), 1, "{:?}", registry.unread());
    assert!(registry.unread()[0].contains("config.json: EOF"), "{:?}", registry.unread());
}

#[test]
fn every_engine_s_folders_are_looked_in() {
    let disk = Disk::new();
    let annotations = r#"{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"pod-0","io.kubernetes.cri.sandbox-namespace":"ns","io.kubernetes.cri.image-name":"nginx:1"}}"#;
    let tasks = "/run/containerd/io.containerd.runtime.v2.task";
    disk.file(&format!("{tasks}/k8s.io/{A}/config.json"), annotations);
    disk.file(&format!("{tasks}/default/db/config.json"), "{}");
    disk.file(
        &format!("/var/lib/docker/containers/{B}/config.v2.json"),
        r#"{"Name":"/cache","Image":"sha","Config":{"Image":"redis:7"}}"#,
    );
    disk.file("/etc/containers/storage.conf", "[storage]\n  graphroot = \"/data/podman\"\n");
    disk.podman("/data/podman", C, "moved");
    let mut registry = disk.registry();
    assert_eq!(registry.unread(), [] as [&str; 0]);
    let kube = registry.of_cgroup(&format!("/kubepods/pod1/{A}"));
    assert_eq!(kube.as_ref().and_then(|c| c.pod.as_deref()), Some("pod-0"));
    assert_eq!(said(kube), some(A, Engine::Containerd, "app", "nginx:1"));
    let docker = registry.of_cgroup(&format!("/system.slice/docker-{B}.scope"));
    assert_eq!(said(docker), some(B, Engine::Docker, "cache", "redis:7"));
    let moved = registry.of_cgroup(&format!("/machine.slice/libpod-{C}.scope"));
    assert_eq!(said(moved), some(C, Engine::Podman, "moved", "localhost:5000/app/web:1.2"));
    // `ctr run … db`: an identifier that is any word.
    assert_eq!(said(registry.of_cgroup("/default/db")), some("db", Engine::Containerd, "", ""));
    assert_eq!(registry.all().count(), 4);
}

#[test]
fn a_user_namespace_of_its_own_is_read_from_the_bundle() {
    let disk = Disk::new();
    disk.podman("/var/lib/containers/storage", A, "web");
    let cgroup = format!("/libpod_parent/libpod-{A}");
    let root = |disk: &Disk| disk.registry().of_cgroup(&cgroup).and_then(|c| c.root);
    assert_eq!(root(&disk), None);
    disk.file(
        &format!("/var/lib/containers/storage/overlay-containers/{A}/userdata/config.json"),
        r#"{"linux":{"uidMappings":[{"containerID":1,"hostID":5,"size":1},{"containerID":0,"hostID":100000,"size":1}]}}"#,
    );
    assert_eq!(root(&disk), Some(100_000));
}

#[test]
fn docker_s_data_may_lie_elsewhere() {
    let disk = Disk::new();
    disk.file("/etc/docker/daemon.json", r#"{"data-root": "/data/docker"}"#);
    disk.file(
        &format!("/data/docker/containers/{B}/config.v2.json"),
        r#"{"Name":"/cache","Image":"sha","Config":{"Image":"redis:7"}}"#,
    );
    let found = disk.registry().of_cgroup(&format!("/docker/{B}"));
    assert_eq!(said(found), some(B, Engine::Docker, "cache", "redis:7"));
}

#[test]
fn what_runs_is_known_wherever_its_engine_keeps_its_files() {
    let disk = Disk::new();
    let process = |pid: u32, parent: u32, cgroup: &str, command: &str| {
        let folder = format!("/proc/{pid}");
        let stat = format!("{pid} (x) S {parent} 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0");
        let status = format!(
            "Name:\tx\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n\
             Groups:\t\nNSpid:\t{pid}\nThreads:\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n\
             CapBnd:\t0\nCapAmb:\t0\n"
        );
        disk.file(&format!("{folder}/stat"), &stat)
            .file(&format!("{folder}/status"), &status)
            .file(&format!("{folder}/cgroup"), &format!("0::{cgroup}\n"))
            .file(&format!("{folder}/cmdline"), &command.replace(' ', "\0"));
    };
    let cgroup = format!("/libpod_parent/libpod-{A}");
    let conmon =
        format!("/usr/bin/conmon --api-version 1 -c {A} -u {A} -n elsewhere -b /x/userdata");
    process(10, 1, "/libpod_parent/conmon", &conmon);
    process(11, 10, &cgroup, "sleep");
    let mut registry = disk.registry();
    assert_eq!(said(registry.of_cgroup(&cgroup)), some(A, Engine::Podman, "", ""));
    let procfs = Procfs::at(disk.0.path().join("proc"));
    let all = procfs.processes().expect("a listing").processes;
    registry.learn(&Containers::discover_in(&procfs, disk.0.path(), &all));
    assert_eq!(said(registry.of_cgroup(&cgroup)), some(A, Engine::Podman, "elsewhere", ""));
}

#[test]
fn what_no_engine_wrote_down_has_its_identifier_and_the_host_has_none() {
    let mut registry = Disk::new().registry();
    let unknown = registry.of_cgroup(&format!("/kubepods.slice/crio-{A}.scope"));
    assert_eq!(said(unknown), some(A, Engine::Crio, "", ""));
    assert_eq!(said(registry.of_cgroup("/system.slice/ssh.service")), None);
    assert_eq!(said(registry.of_cgroup("/")), None);
}

#[test]
fn a_container_answers_to_its_identifier_its_name_and_its_image() {
    let disk = Disk::new();
    disk.podman("/var/lib/containers/storage", A, "web");
    let mut registry = disk.registry();
    let container = registry.of_cgroup(&format!("/libpod_parent/libpod-{A}")).expect("it is known");
    for (word, called) in [(A, true), ("web", true), ("aaa", true), ("aa", false), ("we", false)] {
        assert_eq!(container.is_called(word), called, "{word}");
    }
    for (word, image) in [
        ("localhost:5000/app/web:1.2", true),
        ("localhost:5000/app/web", true),
        ("app/web", true),
        ("web", true),
        ("web:1.2", true),
        ("eb", false),
        ("web:1", false),
        ("", false),
        ("app", false),
    ] {
        assert_eq!(container.is_of_image(word), image, "{word}");
    }
}
