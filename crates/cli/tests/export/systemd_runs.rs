//! The drop-in, tried by a systemd that runs: the first process of a container that has nothing but systemd
//! and a shell in it. It starts two services, as root and as another user, which write down their sets.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use caps::{CapSet, CapState};
use sys::procfs::Status;

use crate::{NGINX_SET, exported, succeed};

/// systemd itself; what it starts services with since 255.
const PROGRAMS: [&str; 2] = ["/lib/systemd/systemd", "/lib/systemd/systemd-executor"];

/// Makes the file system.
fn root(root: &Path) {
    for folder in ["bin", "dev", "etc/systemd/system", "out", "proc", "run", "sys", "tmp", "var"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(root.join("out"), fs::Permissions::from_mode(0o777)).unwrap();
    let copy = |from: &str| {
        let to = root.join(from.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    for program in PROGRAMS.into_iter().filter(|program| Path::new(program).exists()) {
        copy(program);
        let (libraries, _) = succeed(Command::new("ldd").arg(program));
        libraries.split_whitespace().filter(|word| word.starts_with('/')).for_each(copy);
    }
    let busybox = testkit::need::find_program("busybox").unwrap();
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for name in ["sh", "cat"] {
        symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(root.join("etc").join(name), text).unwrap();
    write("passwd", "root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n");
    write("group", "root:x:0:\nwww-data:x:33:\n");
    write("machine-id", "");
}

/// A service that writes its sets into `/out`, with words that the drop-in has to undo.
fn service(root: &Path, name: &str, drop_in: &str) {
    let unit = root.join(format!("etc/systemd/system/{name}.service"));
    let text = format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n\
         ExecStart=/bin/sh -c 'cat /proc/self/status > /out/{name}.part; cat /out/{name}.part > /out/{name}'\n\
         CapabilityBoundingSet=CAP_SYS_ADMIN CAP_KILL\n"
    );
    fs::write(&unit, text).unwrap();
    let folder = unit.with_extension("service.d");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("dropcap.conf"), drop_in).unwrap();
}

/// A container, gone when dropped.
struct Container(String);

impl Drop for Container {
    fn drop(&mut self) {
        let _ = testkit::podman().args(["rm", "--force", "--time", "0", &self.0]).output();
    }
}

#[test]
fn services_that_systemd_starts_hold_what_the_profile_says() {
    testkit::needs!(podman, runc, program("ldd"));
    if !Path::new(PROGRAMS[0]).exists() {
        return testkit::skip("needs systemd");
    }
    let folder = tempfile::tempdir().unwrap();
    root(folder.path());
    let drop_in = |args: &[&str]| exported(&[&["--to", "systemd", "nginx.yaml"], args].concat());
    service(folder.path(), "as-root", &drop_in(&[]));
    service(folder.path(), "as-user", &drop_in(&["--user", "www-data", "--no-new-privileges"]));
    fs::write(
        folder.path().join("etc/systemd/system/both.target"),
        "[Unit]\nDefaultDependencies=no\nRequires=as-root.service as-user.service\n",
    )
    .unwrap();
    let container = Container(format!("dropcap-test-systemd-{}", std::process::id()));
    let mut run = testkit::podman_run();
    run.args(["--detach", "--systemd=always", "--cap-add=SYS_ADMIN", "--name", &container.0]);
    run.arg("--rootfs").arg(folder.path());
    succeed(run.args([PROGRAMS[0], "--system", "--unit=both.target"]));
    let end = Instant::now() + Duration::from_secs(60);
    let status = |name: &str| loop {
        let text = fs::read_to_string(folder.path().join("out").join(name)).unwrap_or_default();
        if text.contains("nonvoluntary_ctxt_switches") {
            return text.parse::<Status>().unwrap();
        }
        let log = testkit::podman().args(["logs", &container.0]).output().unwrap();
        assert!(Instant::now() < end, "{name} was not started: {log:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let sets = |inherited: CapSet| CapState {
        bounding: NGINX_SET,
        permitted: NGINX_SET,
        effective: NGINX_SET,
        inheritable: inherited,
        ambient: inherited,
    };
    let (as_root, as_user) = (status("as-root"), status("as-user"));
    assert_eq!((as_root.uids.effective, as_root.no_new_privs), (0, false));
    assert_eq!(as_root.caps, sets(CapSet::EMPTY));
    assert_eq!((as_user.uids.effective, as_user.no_new_privs), (33, true));
    assert_eq!(as_user.caps, sets(NGINX_SET));
}
