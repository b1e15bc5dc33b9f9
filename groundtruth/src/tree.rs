//! A plain copy of the root file system that is put right again after each run, exactly and quickly.
//!
//! Whatever changes an inode (content, mode, owner, attributes, links, names in a folder) sets its
//! ctime, which no program can set (`file_update_time`, `setattr_copy` in the kernel's `fs/`). So
//! what has the inode number and the ctime it had is what it was, and rsync needs to look only at
//! the rest.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::rootfs::call;

/// Inode number, ctime in seconds and nanoseconds.
type Stamp = (u64, i64, i64);

/// A tree and what it looked like when it was right.
#[derive(Debug)]
pub struct Tree {
    pristine: PathBuf,
    tree: PathBuf,
    stamps: BTreeMap<PathBuf, Stamp>,
}

impl Tree {
    /// Copies `pristine` to `tree`, where nothing may be.
    pub fn copy(pristine: &Path, tree: &Path) -> Result<Self> {
        call(Command::new("cp").arg("-a").arg(pristine).arg(tree))?;
        let mut copy =
            Self { pristine: pristine.to_owned(), tree: tree.to_owned(), stamps: BTreeMap::new() };
        copy.stamps = copy.look()?;
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.tree
    }

    /// Puts right what a run changed.
    pub fn restore(&mut self) -> Result {
        let now = self.look()?;
        let mut wrong: Vec<&Path> = Vec::new();
        for (path, stamp) in &now {
            if self.stamps.get(path) == Some(stamp) {
                continue;
            }
            let full = self.tree.join(path);
            let known = self.stamps.contains_key(path);
            let is_folder = fs::symlink_metadata(&full).is_ok_and(|m| m.is_dir());
            let was_folder =
                fs::symlink_metadata(self.pristine.join(path)).is_ok_and(|m| m.is_dir());
            if !(known && is_folder && was_folder) {
                // The parent may be gone with it already.
                let gone =
                    if is_folder { fs::remove_dir_all(&full) } else { fs::remove_file(&full) };
                if let Err(e) = gone
                    && e.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(format!("cannot remove {}: {e}", full.display()));
                }
            }
            if known {
                wrong.push(path);
            }
        }
        wrong.extend(self.stamps.keys().filter(|p| !now.contains_key(*p)).map(PathBuf::as_path));
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.sort();
        self.fetch(&wrong)?;
        self.stamps = self.look()?;
        Ok(())
    }

    /// Whether it is what it was, by rsync's word, every byte compared.
    pub fn verify(&self) -> Result {
        let output = Command::new("rsync")
            .args(["-aHAX", "--delete", "--numeric-ids", "--checksum", "--dry-run"])
            .arg("--itemize-changes")
            .arg(slash(&self.pristine))
            .arg(slash(&self.tree))
            .output()
            .map_err(|e| format!("cannot start rsync: {e}"))?;
        if output.status.success() && output.stdout.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} is not what it was: {}{}",
            self.tree.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    fn fetch(&self, paths: &[&Path]) -> Result {
        let mut child = Command::new("rsync")
            .args(["-aHAX", "--numeric-ids", "--ignore-times", "--from0", "--files-from=-"])
            .arg(slash(&self.pristine))
            .arg(slash(&self.tree))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start rsync: {e}"))?;
        let mut list = Vec::new();
        for path in paths {
            list.extend(path.as_os_str().as_bytes());
            list.push(0);
        }
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&list).map_err(|e| format!("rsync: {e}"))?;
        }
        let output = child.wait_with_output().map_err(|e| format!("rsync: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("rsync: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn look(&self) -> Result<BTreeMap<PathBuf, Stamp>> {
        let mut found = BTreeMap::new();
        walk(&self.tree, Path::new("."), &mut found)
            .map_err(|e| format!("{}: {e}", self.tree.display()))?;
        Ok(found)
    }
}

fn walk(root: &Path, path: &Path, found: &mut BTreeMap<PathBuf, Stamp>) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(root.join(path))?;
    found.insert(path.to_owned(), (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()));
    if metadata.is_dir() {
        for entry in fs::read_dir(root.join(path))? {
            walk(root, &path.join(entry?.file_name()), found)?;
        }
    }
    Ok(())
}

fn slash(path: &Path) -> OsString {
    path.join("").into_os_string()
}
