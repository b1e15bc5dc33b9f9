//! Where the probe lies: on a plain file system, on one mounted nosuid, and, with file capabilities
//! of version 1, on an ext4 image: the kernel refuses to write that version (`cap_convert_nscap`,
//! `security/commoncap.c`), so it is written into the image from outside.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use caps::{CapSet, Capability, FileCaps, FileCapsVersion};

use crate::case::File;
use crate::random::Random;

/// Files of version 1: as few as give variety, for each holds a copy of the probe.
const VERSION_1: u64 = 12;

pub struct Places {
    /// A tmpfs, and another mounted nosuid.
    pub plain: PathBuf,
    pub nosuid: PathBuf,
    /// What lies on the image, as it is and stays: a change of owner would remove the attribute.
    pub version_1: Vec<File>,
}

impl Places {
    /// Mounts them in this folder. The mounts go with the mount namespace.
    pub fn make(folder: &Path, random: &mut Random) -> Self {
        let place = |name: &str| {
            let path = folder.join(name);
            fs::create_dir(&path).expect("mkdir");
            path
        };
        let (plain, nosuid, mounted) = (place("plain"), place("nosuid"), place("v1"));
        run("mount", &["-t", "tmpfs", "-o", "mode=755,suid", "dropcap-test"], &[&plain]);
        run("mount", &["-t", "tmpfs", "-o", "mode=755,nosuid", "dropcap-test"], &[&nosuid]);
        for place in [&plain, &nosuid] {
            copy_probe(&place.join("probe"));
        }
        let version_1 = image(random, &plain, &mounted);
        Self { plain, nosuid, version_1 }
    }
}

/// Makes the image in `work` and mounts it at `mounted`.
fn image(random: &mut Random, work: &Path, mounted: &Path) -> Vec<File> {
    let tree = work.join("tree");
    fs::create_dir(&tree).expect("mkdir");
    let mut commands = String::new();
    let files: Vec<File> = (0..VERSION_1)
        .map(|index| {
            let mut file = File::random(random, CapSet::all_known(), mounted.to_owned(), false);
            file.path = mounted.join(format!("probe{index}"));
            let all = CapSet::up_to(Capability::SETFCAP);
            let caps = FileCaps {
                permitted: random.subset(all) & CapSet::from_bits(random.bits()),
                inheritable: random.subset(all),
                effective: random.percent(50),
                version: FileCapsVersion::V1,
            };
            file.caps = Some(caps);
            let (name, value) = (format!("probe{index}"), work.join(format!("value{index}")));
            fs::write(&value, caps.encode().expect("32 bits")).expect("the value is written");
            let inside = tree.join(&name);
            copy_probe(&inside);
            chown(&inside, Some(file.uid), Some(file.gid)).expect("chown");
            fs::set_permissions(&inside, fs::Permissions::from_mode(file.mode)).expect("chmod");
            commands += &format!("ea_set {name} {} -f {}\n", FileCaps::XATTR, value.display());
            file
        })
        .collect();
    let image = work.join("image");
    let size = fs::metadata(tree.join("probe0")).expect("it is there").len() * (VERSION_1 + 2);
    fs::File::create(&image).and_then(|f| f.set_len(size + (8 << 20))).expect("an image");
    run("mke2fs", &["-q", "-t", "ext4", "-O", "^has_journal", "-d"], &[&tree, &image]);
    let mut debugfs = Command::new(testkit::need::find_program("debugfs").expect("debugfs"))
        .args(["-w", "-f", "-"])
        .arg(&image)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("debugfs runs");
    debugfs.stdin.take().unwrap().write_all(commands.as_bytes()).expect("debugfs reads");
    assert!(debugfs.wait().expect("debugfs ends").success());
    fs::remove_dir_all(&tree).expect("the tree goes");
    run("mount", &["-o", "loop,ro"], &[&image, mounted]);
    files
}

/// Copies this program, less its symbols if there is a strip(1): the copy is read many times.
fn copy_probe(to: &Path) {
    let own = std::env::current_exe().expect("a test has a path");
    let stripped = Command::new("strip").arg("-o").arg(to).arg(&own).stderr(Stdio::null()).status();
    if !stripped.is_ok_and(|status| status.success()) {
        fs::copy(own, to).expect("the probe is copied");
    }
}

fn run(program: &str, args: &[&str], paths: &[&Path]) {
    let mut command = Command::new(testkit::need::find_program(program).expect("it is there"));
    let output = command.args(args).args(paths).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}
