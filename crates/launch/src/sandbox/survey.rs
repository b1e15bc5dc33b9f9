//! Whose the machine's folders are, looked at before a user namespace is entered: in it everybody who
//! has no number there is `nobody`.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, Metadata};
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sys::mounts::{Mount, is_below};

use super::error::SandboxError;

/// Where programs lie and nothing is written (Filesystem Hierarchy Standard 3.0), and what a sandbox
/// has of its own: not looked into.
const PASSED_OVER: &[&str] = &[
    "/bin", "/boot", "/dev", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/snap",
    "/sys", "/tmp", "/usr",
];
/// Where services keep what they write: looked at first.
const FIRST: &[&str] = &["/etc", "/run", "/var", "/srv", "/root", "/home"];
/// Of this folder the files, too: services ask who owns their configuration, and whether others may
/// write it.
const SETTINGS: &str = "/etc";
/// So large a file is nobody's configuration, bytes.
const LARGE: u64 = 256 * 1024;
/// So many are looked at: they are made anew for every run.
const MOST: usize = 2000;

/// Something that is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    /// Whether it is a file, and no folder.
    pub(super) is_file: bool,
    pub(super) user: u32,
    pub(super) group: u32,
    /// The mode's lower twelve bits.
    pub(super) mode: u32,
}

/// Whose the machine's folders are.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What is not this user's: by path, a folder just before all that is in it.
    things: BTreeMap<PathBuf, Thing>,
}

impl Survey {
    /// Looks at this machine.
    ///
    /// # Errors
    /// [`SandboxError::Mounts`]. What cannot be read is left as it is.
    pub fn take() -> Result<Self, SandboxError> {
        let mounts = sys::mounts::own().map_err(SandboxError::Mounts)?;
        let own = rustix::process::getuid().as_raw();
        let mut things: BTreeMap<PathBuf, Thing> =
            fs::metadata("/").map(|it| ("/".into(), thing(&it))).into_iter().collect();
        for top in tops() {
            walk(&top, own, &mounts, &mut things);
        }
        Ok(Self { things })
    }

    /// What was seen of this path.
    pub(super) fn thing(&self, path: &Path) -> Option<&Thing> {
        self.things.get(path)
    }

    /// What was seen below this path, a folder before what is in it.
    pub(super) fn below(&self, path: &Path) -> impl Iterator<Item = (&Path, &Thing)> {
        let from = (Bound::Excluded(path), Bound::Unbounded);
        let all = self.things.range::<Path, _>(from).map(|(path, thing)| (path.as_path(), thing));
        all.take_while(move |(seen, _)| seen.starts_with(path))
    }
}

/// The folders of the root, those that are written to first.
fn tops() -> Vec<PathBuf> {
    let mut tops: Vec<PathBuf> = FIRST.iter().map(PathBuf::from).collect();
    for entry in fs::read_dir("/").into_iter().flatten().flatten() {
        let path = entry.path();
        if !tops.contains(&path) {
            tops.push(path);
        }
    }
    tops
}

/// The shallow ones first, up to the limit.
fn walk(top: &Path, own: u32, mounts: &[Mount], things: &mut BTreeMap<PathBuf, Thing>) {
    let mut folders = VecDeque::from([top.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        let Ok(there) = fs::symlink_metadata(&folder) else { continue };
        if !there.is_dir() || is_kernels(&folder, mounts) {
            continue;
        }
        if things.len() >= MOST {
            return;
        }
        if there.uid() != own {
            things.insert(folder.clone(), thing(&there));
        }
        if is_below(&folder, PASSED_OVER) {
            return;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push_back(entry.path());
            } else if kind.is_file() && folder.starts_with(SETTINGS) {
                let Ok(there) = entry.metadata() else { continue };
                if there.uid() != own && there.len() <= LARGE {
                    things.insert(entry.path(), thing(&there));
                }
            }
        }
    }
}

/// Whether a file system is mounted there that holds no files.
fn is_kernels(path: &Path, mounts: &[Mount]) -> bool {
    mounts.iter().any(|mount| mount.point == path && super::layers::is_kernels(&mount.kind))
}

pub(super) fn thing(there: &Metadata) -> Thing {
    Thing {
        is_file: there.is_file(),
        user: there.uid(),
        group: there.gid(),
        mode: there.mode() & 0o7777,
    }
}
