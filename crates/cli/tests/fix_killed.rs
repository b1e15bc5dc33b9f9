//! `dropcap fix` killed at each system call by which it writes: the file is the old one or the new one, with
//! everything that belongs to it, and the next run finishes and tidies up.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

const BEFORE: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web   # kept\r
      image: example/web:1
      securityContext:
        capabilities:
          drop: [all]
";

/// As strace(1) calls them; some have another name on other machines.
const CALLS: [&str; 8] = [
    "openat",
    "write",
    "fsync",
    "fchmod,?fchmodat",
    "fchown,?fchownat",
    "fsetxattr",
    "flock",
    "?rename,?renameat,?renameat2",
];

/// Mode, owner and group, an attribute, an access list: what is not the text.
#[derive(Debug, PartialEq, Eq)]
struct Rest {
    mode: u32,
    owner: (u32, u32),
    attributes: String,
}

impl Rest {
    fn of(file: &Path) -> Self {
        let metadata = fs::metadata(file).expect("it is there");
        let mut getfattr = Command::new("getfattr");
        let out = getfattr.args(["--absolute-names", "-d", "-m", "-", "-e", "hex"]).arg(file);
        let out = out.output().expect("getfattr runs").stdout;
        Self {
            mode: metadata.permissions().mode(),
            owner: (metadata.uid(), metadata.gid()),
            attributes: String::from_utf8_lossy(&out).into_owned(),
        }
    }
}

/// An access list by which the user 1000 may read (`struct posix_acl_xattr_header`, acl(5)).
const ACCESS_LIST: &str = "0x02000000\
    01000600ffffffff\
    02000400e8030000\
    04000400ffffffff\
    10000400ffffffff\
    20000000ffffffff";

fn set(file: &Path, name: &str, value: &str) {
    let status = Command::new("setfattr").args(["-n", name, "-v", value]).arg(file).status();
    assert!(status.expect("setfattr runs").success(), "{name}");
}

fn fresh(folder: &Path) {
    let file = folder.join("web.yaml");
    let _ = fs::remove_file(&file);
    fs::write(&file, BEFORE).expect("written");
    chown(&file, Some(1234), Some(2345)).expect("root may");
    set(&file, "user.note", "kept");
    set(&file, "system.posix_acl_access", ACCESS_LIST);
}

fn fix(folder: &Path, tracer: &[&str]) -> ExitStatus {
    let dropcap = testkit::dropcap();
    let mut command = match tracer {
        [] => Command::new(&dropcap),
        [program, words @ ..] => {
            let mut command = Command::new(program);
            command.args(words).arg(&dropcap);
            command
        }
    };
    command.args(["fix", "web.yaml"]).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs")
}

#[test]
fn the_file_is_the_old_or_the_new_one_wherever_it_is_killed() {
    testkit::needs!(root);
    for program in ["strace", "setfattr", "getfattr"] {
        testkit::needs!(program(program));
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (folder, file) = (folder.path(), folder.path().join("web.yaml"));
    let after = BEFORE.replace("all", "ALL");
    fresh(folder);
    let rest = Rest::of(&file);
    assert!(rest.attributes.contains("user.note=0x6b657074"), "{rest:?}");
    assert!(rest.attributes.contains(&format!("system.posix_acl_access={ACCESS_LIST}")));
    // For each call, how often the old text was there after the kill, and how often the new one.
    let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for calls in CALLS {
        for nth in 1.. {
            fresh(folder);
            let inject = format!("inject={calls}:signal=SIGKILL:when={nth}");
            let trace = format!("trace={calls}");
            let words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let status = fix(folder, &words);
            let here = format!("{calls}, call {nth}: {status}");
            if status.success() {
                break;
            }
            assert_eq!(status.signal(), Some(9), "{here}");
            let now = fs::read_to_string(&file).expect("it is there");
            let (old, new) = found.entry(calls).or_default();
            match now.as_str() {
                now if now == BEFORE => *old += 1,
                now if now == after => *new += 1,
                now => panic!("{here}: neither the old text nor the new one:\n{now}"),
            }
            assert_eq!(Rest::of(&file), rest, "{here}");
            assert!(fix(folder, &[]).success(), "{here}: the next run");
            assert_eq!(fs::read_to_string(&file).expect("it is there"), after, "{here}");
            assert_eq!(Rest::of(&file), rest, "{here}: after the next run");
            let names =
                fs::read_dir(folder).expect("a folder").map(|e| e.expect("a name").file_name());
            assert_eq!(names.collect::<Vec<_>>(), ["web.yaml"], "{here}: nothing else stays");
        }
    }
    println!("killed at (old text there, new text there): {found:?}");
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), {
        let mut calls = CALLS.to_vec();
        calls.sort_unstable();
        calls
    });
    // Before the rename it is always the old one; after it, while the folder is synced, the new one.
    assert_eq!(found["?rename,?renameat,?renameat2"], (1, 0));
    assert_eq!(found["fsync"], (1, 1));
}
