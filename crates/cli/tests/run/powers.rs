//! What a process can really do under the sets it was given: every operation tried.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{dropcap, stderr, stdout};

/// Every operation that one capability decides, capabilities(7).
const OPERATIONS: [(&str, &str); 13] = [
    ("bind:80", "NET_BIND_SERVICE"),
    ("bind:443", "NET_BIND_SERVICE"),
    ("settime", "SYS_TIME"),
    ("rawsocket", "NET_RAW"),
    ("packetsocket", "NET_RAW"),
    ("loadmodule", "SYS_MODULE"),
    ("chown", "CHOWN"),
    ("mount", "SYS_ADMIN"),
    ("chroot", "SYS_CHROOT"),
    ("setuid", "SETUID"),
    ("setgid", "SETGID"),
    ("mknod", "MKNOD"),
    ("nice", "SYS_NICE"),
];

/// Runs `tryout` through `dropcap run` with these flags, where ports are free and mounts private.
fn tried(flags: &[&str], folder: &Path) -> String {
    let mut words: Vec<String> = vec!["run".into()];
    words.extend(flags.iter().map(ToString::to_string));
    words.push(testkit::tryout().display().to_string());
    words.extend(OPERATIONS.iter().map(|(operation, _)| match *operation {
        "mount" => format!("mount:{}", folder.display()),
        "mknod" => format!("mknod:{}/device", folder.display()),
        other => other.to_owned(),
    }));
    let program: PathBuf = dropcap().get_program().into();
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .arg(program)
        .args(words)
        .output()
        .expect("unshare runs");
    assert_eq!(output.status.code(), Some(0), "{flags:?}: {}", stderr(&output));
    stdout(&output)
        .replace(&format!(":{}/device", folder.display()), "")
        .replace(&format!(":{}", folder.display()), "")
}

/// What is answered under `held`: all that it decides, and EPERM for the rest.
fn expected(held: &[&str]) -> String {
    // A kernel without modules has no call to load one; one with them looks at the image last.
    let modules = Path::new("/proc/modules").exists();
    let answer = |operation: &str, capability: &str| match (operation, held.contains(&capability)) {
        ("loadmodule", _) if !modules => "ENOSYS",
        ("loadmodule", true) => "ENOEXEC",
        (_, true) => "ok",
        (_, false) => "EPERM",
    };
    OPERATIONS
        .iter()
        .map(|(o, capability)| {
            // A low port is refused with another number, ip(7).
            let answer = match (o.starts_with("bind"), answer(o, capability)) {
                (true, "EPERM") => "EACCES",
                (false, "EPERM") if *o == "nice" => "EACCES",
                (_, answer) => answer,
            };
            format!("{o}: {answer}\n")
        })
        .collect()
}

#[test]
fn net_bind_service_alone_binds_low_ports_and_nothing_else() {
    testkit::needs!(root, capability(10), capability(21), program("unshare"));
    let folder = tempfile::tempdir().unwrap();
    let got = tried(&["--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE"], folder.path());
    assert_eq!(got, expected(&["NET_BIND_SERVICE"]));
    if !Path::new("/proc/modules").exists() {
        assert!(got.contains("loadmodule: ENOSYS\n"));
    }
}

#[test]
fn nothing_at_all_can_do_none_of_it() {
    testkit::needs!(root, capability(21), program("unshare"));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tried(&["--cap-drop", "ALL"], folder.path()), expected(&[]));
}

#[test]
fn a_user_that_is_not_root_can_do_none_of_it_on_containerd_and_bind_on_podman() {
    testkit::needs!(root, capability(10), capability(21), program("unshare"));
    let folder = tempfile::tempdir().unwrap();
    let flags =
        |runtime| ["--user", "1000:1000", "--runtime", runtime, "--cap-add", "NET_BIND_SERVICE"];
    for (runtime, held) in [("containerd", &[][..]), ("podman", &["NET_BIND_SERVICE"])] {
        let got = tried(&flags(runtime), folder.path());
        // The folder is root's: there a device cannot even be named.
        let expected = expected(held).replace("mknod: EPERM", "mknod: EACCES");
        assert_eq!(got, expected, "{runtime}");
    }
}

#[test]
fn each_capability_gives_what_it_decides_and_no_more() {
    testkit::needs!(root, capability(21), program("unshare"));
    let folder = tempfile::tempdir().unwrap();
    let own = sys::credentials::own_state().unwrap().bounding;
    let mut capabilities: Vec<&str> = OPERATIONS.iter().map(|(_, c)| *c).collect();
    capabilities.dedup();
    for capability in capabilities {
        if !own.contains(capability.parse().unwrap()) {
            testkit::skip(&format!("needs {capability} in the bounding set"));
            continue;
        }
        let got = tried(&["--cap-drop", "ALL", "--cap-add", capability], folder.path());
        assert_eq!(got, expected(&[capability]), "{capability}");
    }
}
