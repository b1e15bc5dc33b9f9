//! The root of a run, put together in the mount namespace of the driver, and entered.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::Result;
use crate::order::{Order, Root};

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
    launch::devices(&stage.join("dev")).map_err(|e| e.to_string())?;
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
