//! The root of a run, put together in the mount namespace of the driver, and entered.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::Result;
use crate::order::{Order, Root};

/// Devices that every container has (OCI runtime specification, "Default Devices").
const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Makes the root and enters it; what was mounted before is gone for this namespace.
pub fn make(order: &Order) -> Result {
    let stage = &order.stage;
    match &order.root {
        Root::Overlay { lower, upper, work } => {
            // volatile: nobody will want these files after a power cut.
            let options = [
                b"volatile,lowerdir=".as_slice(),
                lower.as_os_str().as_bytes(),
                b",upperdir=",
                upper.as_os_str().as_bytes(),
                b",workdir=",
                work.as_os_str().as_bytes(),
            ]
            .concat();
            mounted("overlay", "overlay", stage, &options)?;
        }
        Root::Plain { tree } => {
            mount_bind(tree, stage).map_err(|e| format!("cannot bind {}: {e}", tree.display()))?;
        }
    }
    mounted("proc", "proc", &stage.join("proc"), b"")?;
    mounted("tmpfs", "tmpfs", &stage.join("tmp"), b"mode=1777")?;
    mounted("tmpfs", "tmpfs", &stage.join("dev"), b"mode=755")?;
    devices(&stage.join("dev"))?;
    mounted("tmpfs", "tmpfs", &stage.join("groundtruth"), b"mode=755")?;
    copy(&order.folder, &stage.join("groundtruth"))?;
    enter(stage)
}

fn mounted(source: &str, kind: &str, at: &Path, options: &[u8]) -> Result {
    let failed =
        |e: &dyn std::fmt::Display| format!("cannot mount {kind} at {}: {e}", at.display());
    let options = CString::new(options).map_err(|e| failed(&e))?;
    mount(source, at, kind, MountFlags::empty(), Some(options.as_c_str())).map_err(|e| failed(&e))
}

fn devices(dev: &Path) -> Result {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", dev.display());
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        let open_to_all = Mode::from_raw_mode(0o666);
        mknodat(CWD, &path, FileType::CharacterDevice, open_to_all, makedev(*major, *minor))
            .map_err(|e| failed(&e))?;
        // The umask took bits away.
        rustix::fs::chmod(&path, open_to_all).map_err(|e| failed(&e))?;
    }
    for folder in ["pts", "shm"] {
        fs::create_dir(dev.join(folder)).map_err(|e| failed(&e))?;
    }
    mounted("devpts", "devpts", &dev.join("pts"), b"newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    mounted("tmpfs", "tmpfs", &dev.join("shm"), b"mode=1777")?;
    for (name, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, dev.join(name)).map_err(|e| failed(&e))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result {
    let entries = fs::read_dir(from).map_err(|e| format!("{}: {e}", from.display()))?;
    for entry in entries {
        let entry = entry.map_err(|e| format!("{}: {e}", from.display()))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).map_err(|e| format!("{}: {e}", to.display()))?;
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
        }
    }
    Ok(())
}

/// pivot_root(2), "pivot_root(".", ".")".
fn enter(root: &Path) -> Result {
    let failed = |e: &dyn std::fmt::Display| format!("cannot enter {}: {e}", root.display());
    std::env::set_current_dir(root).map_err(|e| failed(&e))?;
    rustix::process::pivot_root(".", ".").map_err(|e| failed(&e))?;
    unmount(".", UnmountFlags::DETACH).map_err(|e| failed(&e))?;
    std::env::set_current_dir("/").map_err(|e| failed(&e))
}
