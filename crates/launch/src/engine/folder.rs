//! An emptyDir: a folder that is empty in each new container and that everybody may write to.

use std::io;
use std::path::Path;

use rustix::fs::{
    CWD, FsWord, Gid, Mode, OFlags, ResolveFlags, fchmod, fchown, fstat, fstatfs, openat, openat2,
};
use sys::procfs::Procfs;

use super::Engine;

/// `TMPFS_MAGIC`, include/uapi/linux/magic.h.
const TMPFS: FsWord = 0x0102_1994;
/// The bits that chmod(2) sets.
const BITS: u32 = 0o7777;

/// An emptyDir as the kubelet makes it: mode 0777; with `fsGroup` that group's, and set-group-ID
/// (kubernetes `pkg/volume/emptydir/empty_dir.go` `defaultPerm`, `pkg/volume/volume_linux.go`
/// `SetVolumeOwnership`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyFolder {
    /// Where it is.
    pub path: String,
    /// `fsGroup`.
    pub group: Option<u32>,
}

impl EmptyFolder {
    fn mode(&self) -> u32 {
        if self.group.is_some() { 0o2777 } else { 0o777 }
    }

    /// The value of the engine's `--tmpfs`. Podman takes no `gid` there (container-libs
    /// `pkg/util/mountOpts.go`): the group is set once the container is there.
    #[must_use]
    pub fn tmpfs(&self, engine: Engine) -> String {
        match (engine, self.group) {
            // Podman would copy what the image has there.
            (Engine::Podman, _) => format!("{}:rw,exec,mode=0777,notmpcopyup", self.path),
            (Engine::Docker, None) => format!("{}:rw,exec,mode=0777", self.path),
            (Engine::Docker, Some(group)) => {
                format!("{}:rw,exec,mode=2777,gid={group}", self.path)
            }
        }
    }

    /// Mends group and mode, in a container whose process `pid` waits for its start: runc 1.1 gives a
    /// tmpfs the mode of the image's folder, whatever it was told (libcontainer/rootfs_linux.go, `case
    /// "tmpfs"`). No link of the image leads out of it.
    pub(super) fn settle(&self, pid: u32) -> io::Result<()> {
        let root = Procfs::new().folder(pid).join("root");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &root, flags, Mode::empty())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let folder = openat2(&root, Path::new(&self.path), flags, Mode::empty(), resolve)?;
        if fstatfs(&folder)?.f_type != TMPFS {
            // Something of a person's own is mounted there.
            return Ok(());
        }
        let stat = fstat(&folder)?;
        if let Some(group) = self.group.filter(|group| *group != stat.st_gid) {
            fchown(&folder, None, Some(Gid::from_raw(group)))?;
        }
        if stat.st_mode & BITS != self.mode() {
            fchmod(&folder, Mode::from_raw_mode(self.mode()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_the_kubelet_makes_it() {
        let mut folder = EmptyFolder { path: "/run".to_owned(), group: None };
        assert_eq!(folder.tmpfs(Engine::Docker), "/run:rw,exec,mode=0777");
        assert_eq!(folder.mode(), 0o777);
        folder.group = Some(33);
        assert_eq!(folder.mode(), 0o2777);
        assert_eq!(folder.tmpfs(Engine::Docker), "/run:rw,exec,mode=2777,gid=33");
        assert_eq!(folder.tmpfs(Engine::Podman), "/run:rw,exec,mode=0777,notmpcopyup");
    }

    #[test]
    fn what_is_no_tmpfs_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let mode =
            |path: &str| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap());
        let (before, empty) = (mode(&path), EmptyFolder { path: path.clone(), group: None });
        if fstatfs(std::fs::File::open(&path).unwrap()).unwrap().f_type == TMPFS {
            eprintln!("skipped: {path} is a tmpfs");
            return;
        }
        empty.settle(std::process::id()).unwrap();
        assert_eq!(mode(&path), before);
        let none = EmptyFolder { path: "/no/such/folder".to_owned(), group: None };
        assert!(none.settle(std::process::id()).is_err());
    }
}
