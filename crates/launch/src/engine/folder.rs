//! A folder that is empty in each new container: an emptyDir, or a volume claim that nobody has used yet.

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

/// What a folder is as a pod's volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Volume {
    /// An emptyDir, mode 0777 (kubernetes `pkg/volume/emptydir/empty_dir.go`, `perm`).
    #[default]
    EmptyDir,
    /// A persistent volume claim that is new: root's, mode 0755, as mkfs makes the root of ext4 and xfs.
    Claim,
}

/// A folder as the kubelet mounts it: with `fsGroup` that group's, which may write to it, and set-group-ID
/// (kubernetes `pkg/volume/volume_linux.go`, `changeFilePermission`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyFolder {
    /// Where it is.
    pub path: String,
    /// `fsGroup`.
    pub group: Option<u32>,
    /// What it is.
    pub volume: Volume,
}

impl EmptyFolder {
    fn mode(&self) -> u32 {
        let mode = match self.volume {
            Volume::EmptyDir => 0o777,
            Volume::Claim => 0o755,
        };
        if self.group.is_some() { mode | 0o2770 } else { mode }
    }

    /// Options of the engine's `create`.
    #[must_use]
    pub fn options(&self, engine: Engine) -> [String; 2] {
        let (path, mode) = (&self.path, self.mode());
        match engine {
            // Podman would copy what the image has there, and takes no `gid` (container-libs
            // `pkg/util/mountOpts.go`): group and mode are set once the container is there.
            Engine::Podman => {
                let mode = mode & 0o777;
                ["--tmpfs".to_owned(), format!("{path}:rw,exec,mode={mode:04o},notmpcopyup")]
            }
            // In a volume: to a tmpfs of the container itself runc 1.1 gives the mode of the image's
            // folder, and nobody can mend that before the program starts.
            Engine::Docker => {
                let group = self.group.map(|group| format!(",gid={group}")).unwrap_or_default();
                let mount = format!(
                    "type=volume,dst={path},volume-nocopy,volume-opt=type=tmpfs,\
                     volume-opt=device=tmpfs,\"volume-opt=o=mode={mode:o}{group}\""
                );
                ["--mount".to_owned(), mount]
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
        let folder = |group, volume| EmptyFolder { path: "/run".to_owned(), group, volume };
        let (dir, claim) = (Volume::EmptyDir, Volume::Claim);
        let modes = [(None, dir), (Some(33), dir), (None, claim), (Some(33), claim)];
        let modes = modes.map(|(group, volume)| folder(group, volume).mode());
        assert_eq!(modes, [0o777, 0o2777, 0o755, 0o2775]);
        assert_eq!(
            folder(Some(33), dir).options(Engine::Podman),
            ["--tmpfs", "/run:rw,exec,mode=0777,notmpcopyup"]
        );
        assert_eq!(
            folder(Some(33), claim).options(Engine::Docker).join(" "),
            "--mount type=volume,dst=/run,volume-nocopy,volume-opt=type=tmpfs,\
             volume-opt=device=tmpfs,\"volume-opt=o=mode=2775,gid=33\""
        );
    }

    #[test]
    fn what_is_no_tmpfs_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let mode =
            |path: &str| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap());
        let folder = |path: &str| EmptyFolder {
            path: path.to_owned(),
            group: None,
            volume: Volume::EmptyDir,
        };
        let (before, empty) = (mode(&path), folder(&path));
        if fstatfs(std::fs::File::open(&path).unwrap()).unwrap().f_type == TMPFS {
            eprintln!("skipped: {path} is a tmpfs");
            return;
        }
        empty.settle(std::process::id()).unwrap();
        assert_eq!(mode(&path), before);
        assert!(folder("/no/such/folder").settle(std::process::id()).is_err());
    }
}
