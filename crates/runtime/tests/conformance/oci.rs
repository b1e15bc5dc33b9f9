//! runc and crun by themselves: the OCI spec that an engine would write, and the process after it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use caps::{CapSet, CapState, Capability, FileCaps};
use dropcap_runtime::{Request, Runtime, User};
use serde_json::{Value, json};

use crate::cases::{random, request, written};
use crate::{Real, compare, own, predict, report, version, version_line};

/// A bundle with busybox in it.
struct Bundle {
    folder: tempfile::TempDir,
    program: &'static str,
}

impl Bundle {
    fn new(program: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = folder.path().join("rootfs");
        for part in ["bin", "proc", "dev", "sys"] {
            fs::create_dir_all(root.join(part)).unwrap();
        }
        let busybox = testkit::need::find_program("busybox").unwrap();
        for name in ["cat", "busybox"] {
            fs::copy(&busybox, root.join("bin").join(name)).unwrap();
        }
        Self { folder, program }
    }

    /// Gives the program `busybox`, not `cat`, these file capabilities.
    fn arm(&self, caps: FileCaps) {
        let file = self.folder.path().join("rootfs/bin/busybox");
        let value: String =
            caps.encode().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        let status = Command::new("setfattr")
            .args(["-n", FileCaps::XATTR, "-v", &format!("0x{value}")])
            .arg(file)
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Runs one container with these lists of names and returns what its process held.
    fn run(&self, capabilities: &Value, uid: u32, no_new_privs: bool, armed: bool) -> Real {
        let args = if armed {
            ["/bin/busybox", "cat", "/proc/self/status"]
        } else {
            ["/bin/cat", "/proc/self/status", "/proc/self/status"]
        };
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": { "uid": uid, "gid": uid },
                "args": args,
                "env": ["PATH=/bin"],
                "cwd": "/",
                "noNewPrivileges": no_new_privs,
                "capabilities": capabilities,
            },
            "root": { "path": "rootfs" },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
            "linux": { "namespaces": [
                { "type": "pid" }, { "type": "mount" }, { "type": "network" }, { "type": "ipc" },
            ] },
        });
        fs::write(self.folder.path().join("config.json"), config.to_string()).unwrap();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("dropcap-conformance-{}-{count}", std::process::id());
        let state = self.folder.path().join("state");
        let mut command = command(self.program);
        let output = command
            .arg("--root")
            .arg(state)
            .args(["run", "--bundle"])
            .arg(self.folder.path())
            .arg(id)
            .output()
            .unwrap();
        Real::of(&output)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The program, where it runs.
fn command(program: &str) -> Command {
    let path = testkit::need::find_program(program).unwrap();
    if program != "crun" || !Path::new("/sys/fs/cgroup/unified").exists() {
        return Command::new(path);
    }
    // crun knows cgroup v1 and v2, not both at once: it is shown v2 only, and told to use none.
    let mut command = Command::new("unshare");
    let script = "mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec \"$0\" \"$@\"";
    command.args(["--mount", "sh", "-c", script]).arg(path).arg("--cgroup-manager=disabled");
    command
}

/// The names of a set, as they stand in a spec.
fn names(set: CapSet) -> Vec<String> {
    set.iter().map(|capability| format!("CAP_{capability}")).collect()
}

fn spec(state: CapState) -> Value {
    json!({
        "bounding": names(state.bounding),
        "permitted": names(state.permitted),
        "effective": names(state.effective),
        "inheritable": names(state.inheritable),
        "ambient": names(state.ambient),
    })
}

fn uid(user: User) -> u32 {
    if user == User::Root { 0 } else { 1000 }
}

/// The spec of every engine, CRI-O's and nerdctl's too, which are not installed here.
fn every_engines_spec(program: &'static str) {
    let line = version_line(program);
    let bundle = Bundle::new(program);
    let own = own();
    let mut seen = std::collections::BTreeSet::new();
    let mut ran = 0;
    let requests: Vec<Request> = written().into_iter().chain(random(60)).collect();
    for engine in ["containerd", "crio", "docker", "podman", "nerdctl"] {
        let oci = format!("{program}@{}", version(&line));
        let runtime: Runtime = format!("{engine}+{oci}").parse().unwrap();
        let runtime = runtime.with_own(own);
        for request in &requests {
            let Ok(sets) = predict(&runtime, request) else { continue };
            let key = format!("{:?}{:?}{}", sets.spec, request.user, request.no_new_privs);
            if !seen.insert(key) {
                continue;
            }
            ran += 1;
            let real = bundle.run(&spec(sets.spec), uid(request.user), request.no_new_privs, false);
            compare(&runtime, request, &real);
        }
    }
    assert!(ran > 40, "only {ran} different specs");
    report(&format!("conformance: {line}: {ran} specs agree"));
}

#[test]
fn runc_starts_what_every_engine_would_ask_for() {
    testkit::needs!(root, runc, program("busybox"));
    every_engines_spec("runc");
}

#[test]
fn crun_starts_what_every_engine_would_ask_for() {
    testkit::needs!(root, crun, program("busybox"));
    every_engines_spec("crun");
}

/// Names as containerd writes them, read by the real OCI runtime.
fn odd_names(program: &'static str) {
    let line = version_line(program);
    let runtime: Runtime =
        format!("containerd+{program}@{}", version(&line)).parse::<Runtime>().unwrap();
    let runtime = runtime.with_own(own());
    let bundle = Bundle::new(program);
    let words = [
        "CAP_SYS_TIME",
        "cap_sys_time",
        "sys_time",
        "SYS_TIMEE",
        "",
        "*",
        "13",
        "CAP_ALL",
        "SYS_TIME ",
        "SYS_TIME,SYS_BOOT",
        "SYS_TIME1",
        "SYS TIME",
        "SYS-TIME",
        "_SYS_TIME",
    ];
    for word in words {
        let request = request(&[word], &["ALL"]);
        let list = [format!("CAP_{}", word.to_uppercase())];
        let real = bundle.run(
            &json!({ "bounding": list, "permitted": list, "effective": list }),
            0,
            false,
            false,
        );
        compare(&runtime, &request, &real);
    }
    report(&format!("conformance: {line}: {} odd names agree", words.len()));
}

#[test]
fn runc_reads_odd_names_as_predicted() {
    testkit::needs!(root, runc, program("busybox"));
    odd_names("runc");
}

#[test]
fn crun_reads_odd_names_as_predicted() {
    testkit::needs!(root, crun, program("busybox"));
    odd_names("crun");
}

#[test]
fn an_entrypoint_with_file_capabilities_is_predicted() {
    testkit::needs!(root, runc, program("busybox"), program("setfattr"));
    let bundle = Bundle::new("runc");
    let runtime = "containerd".parse::<Runtime>().unwrap().with_own(own());
    let bind = CapSet::from(Capability::NET_BIND_SERVICE);
    let time = CapSet::from(Capability::SYS_TIME);
    let mut refused = 0;
    let without_bit = FileCaps { effective: false, ..FileCaps::effective(time) };
    for caps in [FileCaps::effective(bind), FileCaps::effective(time), without_bit] {
        bundle.arm(caps);
        for (add, drop) in [(&[][..], &[][..]), (&["NET_BIND_SERVICE"], &["ALL"]), (&[], &["ALL"])]
        {
            for user in [User::Root, User::NonRoot] {
                for no_new_privs in [false, true] {
                    let entrypoint = Some(caps);
                    let request = Request { user, no_new_privs, entrypoint, ..request(add, drop) };
                    // The spec is that of the same request without file capabilities.
                    let plain = Request { entrypoint: None, ..request.clone() };
                    let asked = predict(&runtime, &plain).unwrap().spec;
                    let real = bundle.run(&spec(asked), uid(user), no_new_privs, true);
                    refused += usize::from(matches!(real, Real::Refused(_)));
                    compare(&runtime, &request, &real);
                }
            }
        }
    }
    assert!(refused > 0, "no case in which execve fails; {}", bundle.path().display());
}
