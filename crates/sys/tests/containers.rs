//! Which container a process belongs to and what it is called, on written-down process tables:
//! what this machine's engines cannot show (other engines, dead supervisors, cgroups that do not tell).
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::os::unix::fs::symlink;

use dropcap_sys::container::{Container, Containers, Engine};
use dropcap_sys::procfs::Procfs;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// A machine in a folder: `proc` and what lies on its disk.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(machine.folder.path().join("disk")).expect("mkdir");
        machine
    }

    fn disk(&self) -> std::path::PathBuf {
        self.folder.path().join("disk")
    }

    /// A process; a PID namespace of its own if `pid_namespace` is not 1.
    fn process(
        &self,
        pid: u32,
        parent: u32,
        pid_namespace: u64,
        cgroup: &str,
        cmdline: &str,
    ) -> &Self {
        let folder = self.folder.path().join("proc").join(pid.to_string());
        fs::create_dir_all(folder.join("ns")).expect("mkdir");
        let put = |name: &str, text: String| fs::write(folder.join(name), text).expect("write");
        put(
            "stat",
            format!("{pid} (x) S {parent} 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {} 0", 100 + pid),
        );
        put(
            "status",
            format!(
                "Name:\tx\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n\
                 Groups:\t\nNSpid:\t{pid}\nThreads:\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n\
                 CapBnd:\t0\nCapAmb:\t0\n"
            ),
        );
        put("cgroup", format!("3:memory:{cgroup}\n0::{cgroup}\n"));
        put("cmdline", cmdline.replace(' ', "\0"));
        symlink(format!("pid:[{pid_namespace}]"), folder.join("ns/pid")).expect("symlink");
        symlink(format!("mnt:[{pid_namespace}]"), folder.join("ns/mnt")).expect("symlink");
        symlink(self.disk(), folder.join("root")).expect("symlink");
        self
    }

    /// Where a process works.
    fn cwd(&self, pid: u32, folder: &str) -> &Self {
        let link = self.folder.path().join("proc").join(pid.to_string()).join("cwd");
        symlink(folder, link).expect("symlink");
        self
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.disk().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
        fs::write(path, text).expect("write");
        self
    }

    fn containers(&self) -> (Containers, Vec<String>) {
        let procfs = Procfs::at(self.folder.path().join("proc"));
        let all = procfs.processes().expect("a listing");
        assert_eq!((all.vanished, &all.unread), (0, &Vec::new()));
        let found = Containers::discover_in(&procfs, &self.disk(), &all.processes);
        let owned = all
            .processes
            .iter()
            .filter_map(|p| Some(format!("{}={}", p.pid, found.of(p.pid)?.short_id())))
            .collect();
        (found, owned)
    }
}

/// Engine, name, pod, namespace, image.
fn words(container: &Container) -> String {
    let word = |word: &Option<String>| word.clone().unwrap_or("-".to_owned());
    format!(
        "{} {} {} {} {}{}",
        container.engine,
        word(&container.name),
        word(&container.pod),
        word(&container.namespace),
        word(&container.image),
        if container.sandbox { " sandbox" } else { "" }
    )
}

#[test]
fn a_cri_o_pod_is_named_by_its_annotations() {
    let machine = Machine::new();
    let bundle = |id: &str| format!("/run/containers/storage/overlay-containers/{id}/userdata");
    let slice = "/kubepods.slice/kubepods-pod1.slice";
    machine
        .process(
            10,
            1,
            1,
            &format!("{slice}/crio-conmon-{A}.scope"),
            &format!("conmon -c {A} -b {}", bundle(A)),
        )
        .process(11, 10, 7, &format!("{slice}/crio-{A}.scope"), "nginx")
        .process(12, 11, 7, &format!("{slice}/crio-{A}.scope/inner"), "nginx")
        .process(
            20,
            1,
            1,
            &format!("{slice}/crio-conmon-{B}.scope"),
            &format!("conmon -c {B} -b {}", bundle(B)),
        )
        .process(21, 20, 8, &format!("{slice}/crio-{B}.scope"), "pause")
        .file(
            &format!("{}/config.json", bundle(A)),
            &format!(
                r#"{{"annotations": {{"io.container.manager": "cri-o",
                    "io.kubernetes.cri-o.ContainerType": "container",
                    "io.kubernetes.cri-o.SandboxID": "{B}",
                    "io.kubernetes.container.name": "web", "io.kubernetes.pod.name": "shop-7d9c",
                    "io.kubernetes.pod.namespace": "prod",
                    "io.kubernetes.cri-o.ImageName": "docker.io/library/nginx:1.27"}}}}"#
            ),
        )
        .file(
            &format!("{}/config.json", bundle(B)),
            r#"{"annotations": {"io.container.manager": "cri-o",
                "io.kubernetes.cri-o.ContainerType": "sandbox",
                "io.kubernetes.container.name": "POD", "io.kubernetes.pod.name": "shop-7d9c",
                "io.kubernetes.pod.namespace": "prod"}}"#,
        );
    let (found, owned) = machine.containers();
    let all: Vec<String> = found.all().iter().map(words).collect();
    assert_eq!(
        all,
        [
            "cri-o - shop-7d9c prod - sandbox",
            "cri-o web shop-7d9c prod docker.io/library/nginx:1.27"
        ]
    );
    let short = |id: &str| id[..12].to_owned();
    assert_eq!(
        owned,
        [format!("11={}", short(A)), format!("12={}", short(A)), format!("21={}", short(B))]
    );
    let pod: Vec<&str> =
        found.pod(Some("prod"), "shop-7d9c").iter().map(|c| c.id.as_str()).collect();
    assert_eq!(pod, [A]);
    assert_eq!(found.pod(Some("test"), "shop-7d9c"), Vec::<&Container>::new());
    assert_eq!(found.pod(None, "shop-7d9c").len(), 1);
    let web = &found.all()[1];
    assert_eq!(web.init, Some(11));
    assert_eq!(web.cgroups.unified(), Some(format!("{slice}/crio-{A}.scope").as_str()));
    assert_eq!(web.cgroups.v1("memory"), Some(format!("{slice}/crio-{A}.scope").as_str()));
}

#[test]
fn docker_under_kubernetes_is_named_by_labels_in_whatever_data_folder() {
    let machine = Machine::new();
    let state = "/srv/exec/containerd/daemon/io.containerd.runtime.v2.task/moby";
    machine
        .process(10, 1, 1, "/system.slice/docker.service", &format!("/usr/bin/containerd-shim-runc-v2 -namespace moby -id {A} -address /x"))
        .cwd(10, &format!("{state}/{A}"))
        .process(11, 10, 7, &format!("/kubepods/pod1/{A}"), "nginx")
        .process(12, 10, 7, &format!("/kubepods/pod1/{A}"), "sh")
        .file(&format!("{state}/{A}/init.pid"), "11")
        .file(
            &format!("{state}/{A}/config.json"),
            &format!(r#"{{"mounts": [{{"destination": "/etc/hosts", "source": "/srv/data/containers/{A}/hosts"}}]}}"#),
        )
        .file(
            &format!("/srv/data/containers/{A}/config.v2.json"),
            r#"{"Name": "/k8s_web_shop-7d9c_prod_uid_0", "Image": "sha256:12", "Config": {"Image": "nginx@sha256:34",
                "Labels": {"io.kubernetes.container.name": "web", "io.kubernetes.pod.name": "shop-7d9c",
                "io.kubernetes.pod.namespace": "prod", "io.kubernetes.docker.type": "container"}}}"#,
        );
    let (found, owned) = machine.containers();
    assert_eq!(
        found.all().iter().map(words).collect::<Vec<_>>(),
        ["docker web shop-7d9c prod nginx@sha256:34"]
    );
    assert_eq!(owned, ["11=aaaaaaaaaaaa", "12=aaaaaaaaaaaa"]);
    assert_eq!(found.all()[0].init, Some(11));
    assert_eq!(found.all()[0].image_id.as_deref(), Some("sha256:12"));
}

#[test]
fn without_cgroups_conmon_and_the_process_tree_tell() {
    let machine = Machine::new();
    let session = "/user.slice/user-0.slice/session-1.scope";
    machine
        .process(1, 0, 1, "/init.scope", "init")
        .process(5, 1, 1, session, "sh")
        .process(
            10,
            1,
            1,
            session,
            &format!("conmon -c {A} -n web -b /s/{A}/userdata -p /s/{A}/pidfile"),
        )
        .process(11, 10, 7, session, "nginx")
        .process(12, 11, 7, session, "nginx")
        // conmon's own helper is the host's.
        .process(13, 10, 1, session, "podman container cleanup")
        // What `podman exec` starts hangs below another conmon.
        .process(20, 1, 1, session, &format!("conmon -c {A} -e -p /s/{A}/exec_pid"))
        .process(21, 20, 7, session, "sh")
        .process(22, 21, 7, session, "ps")
        .file(&format!("/s/{A}/pidfile"), "11\n");
    let (found, owned) = machine.containers();
    assert_eq!(owned, ["11=aaaaaaaaaaaa", "12=aaaaaaaaaaaa", "21=aaaaaaaaaaaa", "22=aaaaaaaaaaaa"]);
    let web = &found.all()[0];
    assert_eq!((web.name.as_deref(), web.init), (Some("web"), Some(11)));
    assert_eq!(
        web.cgroups.paths(),
        Vec::<&str>::new(),
        "the session's cgroup is not the container's"
    );
}

#[test]
fn a_runtime_s_state_tells_when_nobody_watches_the_container() {
    let machine = Machine::new();
    machine
        .process(1, 0, 1, "/", "init")
        .process(11, 1, 7, "/web", "nginx")
        .process(12, 1, 7, "/web", "adopted")
        .process(21, 1, 8, "/", "sleep")
        .process(31, 1, 1, "/", "reused")
        .file(
            "/run/runc/web/state.json",
            r#"{"init_process_pid": 11, "init_process_start": 111, "config": {"labels": ["bundle=/b/web"]}}"#,
        )
        .file("/run/crun/cache/status", r#"{"pid": 21, "process-start-time": 121, "bundle": "/b/cache"}"#)
        // The process ID belongs to another process by now.
        .file("/run/runc/old/state.json", r#"{"init_process_pid": 31, "init_process_start": 5}"#)
        .file("/run/runc/broken/state.json", "{]")
        .file("/b/web/config.json", r#"{"annotations": {"nginx": "yes"}}"#);
    let (found, owned) = machine.containers();
    assert_eq!(owned, ["11=web", "12=web", "21=cache"]);
    let ids: Vec<&str> = found.all().iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["cache", "web"]);
    assert!(found.all().iter().all(|c| c.engine == Engine::Runtime));
    assert_eq!(found.find("web")[0].cgroups.unified(), Some("/web"));
    assert_eq!(found.unread().len(), 1);
    assert!(found.unread()[0].starts_with("cannot understand /run/runc/broken/state.json: "));
}

#[test]
fn a_liar_names_only_its_own_children() {
    let machine = Machine::new();
    machine
        .process(10, 1, 1, "/x", &format!("conmon -c {A} -n web -p /p/web"))
        .process(11, 10, 7, &format!("/libpod_parent/libpod-{A}"), "nginx")
        // Somebody else's program of the same name, with a container's identifier.
        .process(20, 1, 1, "/user", &format!("conmon -c {A} -n liar -p /p/liar"))
        .process(21, 20, 1, "/user", "sh")
        .file("/p/web", "11")
        .file("/p/liar", "21");
    let (found, owned) = machine.containers();
    assert_eq!(found.all().len(), 1);
    let name = found.all()[0].name.as_deref();
    assert_eq!(owned, ["11=aaaaaaaaaaaa"]);
    assert_eq!((name, found.all()[0].init), (Some("web"), Some(11)));
}

#[test]
fn a_shim_of_a_pod_serves_all_its_containers() {
    let machine = Machine::new();
    let state = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    let annotations = |kind: &str, name: &str| {
        format!(
            r#"{{"annotations": {{"io.kubernetes.cri.container-type": "{kind}", {name}
                "io.kubernetes.cri.sandbox-id": "{A}", "io.kubernetes.cri.sandbox-name": "shop-7d9c",
                "io.kubernetes.cri.sandbox-namespace": "prod"}}}}"#
        )
    };
    machine
        .process(
            10,
            1,
            1,
            "/system.slice/containerd.service",
            &format!("containerd-shim-runc-v2 -namespace k8s.io -id {A} -address /x"),
        )
        .cwd(10, &format!("{state}/{A}"))
        .process(11, 10, 7, "/", "pause")
        .process(12, 10, 7, "/", "web")
        .process(13, 12, 7, "/", "worker")
        .process(14, 10, 9, "/", "side")
        .process(15, 10, 9, "/", "exec into side")
        .file(&format!("{state}/{A}/init.pid"), "11")
        .file(&format!("{state}/{A}/config.json"), &annotations("sandbox", ""))
        .file(&format!("{state}/{B}/init.pid"), "12")
        .file(
            &format!("{state}/{B}/config.json"),
            &annotations("container", r#""io.kubernetes.cri.container-name": "web","#),
        )
        .file(&format!("{state}/{C}/init.pid"), "14")
        .file(
            &format!("{state}/{C}/config.json"),
            &annotations("container", r#""io.kubernetes.cri.container-name": "side","#),
        );
    let (found, owned) = machine.containers();
    assert_eq!(
        found.all().iter().map(words).collect::<Vec<_>>(),
        [
            "containerd - shop-7d9c prod - sandbox",
            "containerd side shop-7d9c prod -",
            "containerd web shop-7d9c prod -"
        ]
    );
    assert_eq!(
        owned,
        [
            "11=aaaaaaaaaaaa",
            "12=bbbbbbbbbbbb",
            "13=bbbbbbbbbbbb",
            "14=cccccccccccc",
            "15=cccccccccccc"
        ]
    );
    assert!(found.all().iter().all(|c| c.sandbox_id.as_deref() == Some(A)));
}

#[test]
fn a_podman_pod_s_name_is_its_sandbox_s_hostname() {
    let machine = Machine::new();
    let bundle = |id: &str| format!("/g/overlay-containers/{id}/userdata");
    let pod = C;
    let conmon = |id: &str, name: &str| {
        format!("conmon -c {id} -n {name} -b {} -p {}/pidfile", bundle(id), bundle(id))
    };
    machine
        .process(10, 1, 1, &format!("/libpod_parent/{pod}/conmon"), &conmon(A, "cccccccccccc-infra"))
        .process(11, 10, 7, &format!("/libpod_parent/{pod}/libpod-{A}"), "catatonit")
        .process(20, 1, 1, &format!("/libpod_parent/{pod}/conmon"), &conmon(B, "shop-web"))
        .process(21, 20, 8, &format!("/libpod_parent/{pod}/libpod-{B}"), "nginx")
        .file(&format!("{}/config.json", bundle(A)), r#"{"hostname": "shop", "annotations": {"io.container.manager": "libpod"}}"#)
        .file(&format!("{}/config.json", bundle(B)), r#"{"annotations": {"io.container.manager": "libpod", "io.kubernetes.cri-o.ContainerType": "container"}}"#)
        .file(
            "/g/overlay-containers/containers.json",
            &format!(r#"[{{"id": "{B}", "names": ["shop-web"], "image": "12", "metadata": "{{\"image-name\": \"localhost/nginx:1\"}}"}}]"#),
        );
    let (found, owned) = machine.containers();
    assert_eq!(
        found.all().iter().map(words).collect::<Vec<_>>(),
        ["podman cccccccccccc-infra shop - - sandbox", "podman shop-web shop - localhost/nginx:1"]
    );
    assert_eq!(owned, ["11=aaaaaaaaaaaa", "21=bbbbbbbbbbbb"]);
    assert_eq!(found.find("shop-web")[0].sandbox_id.as_deref(), Some(A));
}

#[test]
fn a_cgroup_alone_is_enough_for_an_identifier() {
    let machine = Machine::new();
    machine.process(7, 1, 9, &format!("/system.slice/docker-{A}.scope"), "second").process(
        6,
        1,
        9,
        &format!("/system.slice/docker-{A}.scope"),
        "first",
    );
    let (found, owned) = machine.containers();
    assert_eq!(owned, ["6=aaaaaaaaaaaa", "7=aaaaaaaaaaaa"]);
    assert_eq!(found.all().iter().map(words).collect::<Vec<_>>(), ["docker - - - -"]);
    assert_eq!(found.all()[0].init, Some(6));
    assert_eq!(found.unread(), Vec::<String>::new());
}

#[test]
fn words_find_a_container_by_identifier_name_and_beginning() {
    let machine = Machine::new();
    let (ab, ac) = (format!("ab{}", &A[2..]), format!("ac{}", &A[2..]));
    machine
        .process(6, 1, 9, &format!("/docker/{ab}"), "x")
        .process(7, 1, 9, &format!("/docker/{ac}"), "y")
        .process(8, 1, 9, "/aba", "z")
        .file("/run/runc/aba/state.json", r#"{"init_process_pid": 8, "init_process_start": 108}"#);
    let (found, _) = machine.containers();
    let find =
        |word: &str| found.find(word).iter().map(|c| c.init.unwrap_or(0)).collect::<Vec<_>>();
    assert_eq!(find(&ab), [6]);
    assert_eq!(find("aba"), [8], "a whole identifier comes before the beginning of another");
    assert_eq!(find("abaa"), [6]);
    assert_eq!(find("aca"), [7]);
    assert_eq!(find("a"), [] as [u32; 0]);
    assert_eq!(find("nothing"), [] as [u32; 0]);
}

#[test]
fn a_trap_in_place_of_a_file_does_not_stop_the_reader() {
    let machine = Machine::new();
    machine
        .process(10, 1, 1, "/x", &format!("conmon -c {A} -b /b -p /p"))
        .process(11, 10, 7, &format!("/libpod_parent/libpod-{A}"), "x")
        .file("/p", "11")
        .file("/b/other", "");
    let fifo = machine.disk().join("b/config.json");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    let (found, _) = machine.containers();
    assert_eq!(found.all().len(), 1);
    assert_eq!(found.unread(), ["cannot read /b/config.json: not a regular file"]);
}

#[test]
fn a_link_does_not_lead_out_of_the_supervisor_s_root() {
    let machine = Machine::new();
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("config.json"), r#"{"annotations": {"nerdctl/name": "out"}}"#)
        .expect("write");
    machine
        .process(10, 1, 1, "/x", &format!("conmon -c {A} -b /b -p /p"))
        .process(11, 10, 7, &format!("/libpod_parent/libpod-{A}"), "x")
        .file("/p", "11");
    symlink(outside.path(), machine.disk().join("b")).expect("symlink");
    let (found, _) = machine.containers();
    assert_eq!(found.all()[0].name, None);
}
