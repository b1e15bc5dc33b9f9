//! Files that are written whole or not at all, whatever comes between: kills, full and read-only disks.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dropcap_manifest::write_whole;
use rustix::fs::{XattrFlags, getxattr, setxattr};

/// Tells the test below that it is the child.
const CHILD: &str = "DROPCAP_TEST_WRITES";

/// Two texts of 50 MB (5 MB where not everything must be tried) that differ in every line and in length.
fn texts() -> [String; 2] {
    let size = testkit::rounds(5_000_000, 50_000_000) as usize;
    let text = |line: &str| line.repeat(size / line.len() + 1);
    [
        text("# the one of two texts, which says little\n"),
        text("# the other of the two\n") + "# the end\n",
    ]
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
#[ignore = "the child that `a_large_file_survives_kills_at_random` kills"]
fn writes_both_in_turn_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let texts = texts();
    for text in texts.iter().cycle() {
        write_whole(&path, text).unwrap();
    }
}

#[test]
fn a_large_file_survives_kills_at_random() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("large.yaml");
    let texts = texts();
    assert_ne!(texts[0].len(), texts[1].len());
    write_whole(&path, &texts[1]).unwrap();
    let start = Instant::now();
    write_whole(&path, &texts[0]).unwrap();
    let one = start.elapsed();
    let (mut seen, mut unfinished) = ([0, 0], 0);
    let runs = testkit::rounds(20, 200);
    let mut random = 0x9e37_79b9_u64;
    for _ in 0..runs {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_both_in_turn_until_it_is_killed", "--ignored"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .spawn();
        let mut child = child.unwrap();
        // xorshift; the same moments each time would do, too.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(one.mul_f64((random % 3000) as f64 / 1000.0) + Duration::from_millis(5));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = fs::read(&path).unwrap();
        let which = texts.iter().position(|text| text.as_bytes() == now);
        seen[which.expect("one of the two, whole")] += 1;
        unfinished += u32::from(names(folder.path()).len() > 1);
    }
    println!(
        "{runs} kills, a write takes {one:?}: {seen:?} whole, {unfinished} in the middle of one"
    );
    assert_eq!(seen[0] + seen[1], runs);
    assert_ne!(unfinished, 0, "no kill came in the middle of a write");
    let now = fs::read(&path).unwrap();
    let other = texts.iter().find(|text| text.as_bytes() != now).unwrap();
    assert!(write_whole(&path, other).unwrap());
    assert_eq!(names(folder.path()), ["large.yaml"], "what the killed ones left is gone");
}

#[test]
fn attributes_and_access_lists_are_kept() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("pod.yaml");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let (note, list) = ("user.note", "system.posix_acl_access");
    let entry = |tag: u16, may: u16, id: u32| {
        [&tag.to_le_bytes()[..], &may.to_le_bytes()[..], &id.to_le_bytes()[..]].concat()
    };
    // `struct posix_acl_xattr_header`: owner rw, user 1000 r, group r, mask r, others nothing.
    let access = [
        2_u32.to_le_bytes().to_vec(),
        entry(1, 6, !0),
        entry(2, 4, 1000),
        entry(4, 4, !0),
        entry(16, 4, !0),
        entry(32, 0, !0),
    ]
    .concat();
    let set = |name: &str, value: &[u8]| setxattr(&path, name, value, XattrFlags::empty());
    if set(note, b"kept").is_err() || set(list, &access).is_err() {
        return testkit::skip("the file system has no extended attributes");
    }
    // What a new file would inherit, and the old one has not.
    let mut inherited = access.clone();
    inherited[14] = 6;
    setxattr(folder.path(), "system.posix_acl_default", &inherited, XattrFlags::empty()).unwrap();
    assert!(write_whole(&path, "new").unwrap());
    let get = |name: &str| {
        let mut value = [0; 256];
        let length = getxattr(&path, name, &mut value).unwrap();
        value[..length].to_vec()
    };
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(get(note), b"kept");
    assert_eq!(get(list), access);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    // And one without a list of its own does not get the folder's.
    let plain = folder.path().join("plain.yaml");
    fs::write(folder.path().join("../plain.yaml"), "old").unwrap();
    fs::rename(folder.path().join("../plain.yaml"), &plain).unwrap();
    let mode = fs::metadata(&plain).unwrap().permissions().mode();
    assert!(write_whole(&plain, "new").unwrap());
    assert!(getxattr(&plain, list, &mut [0; 256]).is_err());
    assert_eq!(fs::metadata(&plain).unwrap().permissions().mode(), mode);
}

/// A small file system of its own.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path());
        assert!(mount.status().unwrap().success());
        Self(folder)
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(self.0.path());
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    testkit::needs!(root);
    testkit::needs!(program("mount"));
    let disk = Disk::new("size=256k");
    let path = disk.0.path().join("pod.yaml");
    let old = "# old\n".repeat(20_000);
    write_whole(&path, &old).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let error = write_whole(&path, &"# new\n".repeat(30_000)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: cannot write the new text beside it: No space left on device (os error 28)",
            path.display()
        )
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(names(disk.0.path()), ["pod.yaml"]);
}

#[test]
fn a_read_only_disk_loses_nothing() {
    testkit::needs!(root);
    testkit::needs!(program("mount"));
    let disk = Disk::new("size=256k");
    let path = disk.0.path().join("pod.yaml");
    write_whole(&path, "old").unwrap();
    disk.remount("ro");
    let error = write_whole(&path, "new").unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}: cannot write it: Read-only file system (os error 30)", path.display())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(disk.0.path()), ["pod.yaml"]);
}

#[test]
fn an_owner_that_cannot_be_kept_is_a_refusal() {
    testkit::needs!(root);
    testkit::needs!(program("setpriv"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pod.yaml");
    fs::write(&path, "old").unwrap();
    for (path, mode) in [(folder.path(), 0o777), (&path, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    chown(&path, Some(1234), Some(1234)).unwrap();
    // Somebody who may write the file and its folder, but may not give files away.
    let child = Command::new("setpriv")
        .args(["--reuid=4321", "--regid=4321", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "writes_both_in_turn_until_it_is_killed", "--ignored"])
        .env(CHILD, &path)
        .output()
        .unwrap();
    assert!(!child.status.success());
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(said.contains("keep its owner"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["pod.yaml"]);
}
