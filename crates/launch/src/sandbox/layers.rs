//! Which mounts of this machine are in a sandbox, and how.

use std::path::{Path, PathBuf};

use sys::mounts::{Mount, is_below};

/// What a sandbox has of its own.
const FRESH: &[&str] = &["/proc", "/sys", "/dev", "/tmp"];

/// File systems that show the kernel's own things, not files: filesystems(5), and those that mount
/// something else when they are looked at (autofs). A container has none of them.
const KERNEL: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// What of this machine's file systems is in a sandbox, the root first, a mount before those in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layers {
    pub(super) all: Vec<Layer>,
    /// A folder below what the sandbox has of its own that is to be there all the same.
    pub(super) kept: Option<PathBuf>,
    /// Whether `/sys` is there.
    pub(super) sys: bool,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// Where it is in the sandbox.
    pub(super) point: PathBuf,
    /// Where its files are outside.
    pub(super) source: PathBuf,
    /// The type of file system.
    pub(super) kind: String,
    /// What takes the writes.
    pub(super) writes: Writes,
    /// `nosuid`, `nodev`, `noexec`, as outside: they decide what a program may do.
    pub(super) no: [bool; 3],
}

/// What takes the writes to files of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// A layer over them.
    Layer,
    /// The files themselves.
    Files,
    /// Nothing: nothing can be written there anyway, so that it needs no layer.
    Nothing,
}

impl Layers {
    /// Of what is mounted.
    pub(super) fn over(mounts: &[Mount], kept: Option<&Path>) -> Self {
        let kept = kept.filter(|folder| is_below(folder, FRESH)).map(Path::to_owned);
        let mut all: Vec<Layer> =
            mounts.iter().filter(|mount| is_there(mount)).map(layer).collect();
        // A mount that was made early may lie in one that was made later.
        all.sort_by_key(|layer| layer.point.components().count());
        Self { all, kept, sys: true }
    }

    /// Of one folder alone, which is the root.
    pub(super) fn of_tree(tree: &Path, writes: Writes) -> Self {
        let (point, source) = ("/".into(), tree.to_owned());
        let root = Layer { point, source, kind: String::new(), writes, no: [false; 3] };
        Self { all: vec![root], kept: None, sys: false }
    }
}

impl Layer {
    /// Of a folder that is there though it lies in what the sandbox has of its own.
    pub(super) fn kept(folder: &Path) -> Self {
        Self {
            point: folder.to_owned(),
            source: folder.to_owned(),
            kind: String::new(),
            writes: Writes::Layer,
            no: [false; 3],
        }
    }
}

fn is_there(mount: &Mount) -> bool {
    !is_own(&mount.point) && !is_kernels(&mount.kind)
}

/// Whether a sandbox has that of its own.
pub(super) fn is_own(path: &Path) -> bool {
    is_below(path, FRESH)
}

/// Whether it shows the kernel's own things, and no files.
pub(super) fn is_kernels(kind: &str) -> bool {
    KERNEL.contains(&kind)
}

fn layer(mount: &Mount) -> Layer {
    let read_only = mount.is_read_only() && mount.point != Path::new("/");
    Layer {
        point: mount.point.clone(),
        source: mount.point.clone(),
        kind: mount.kind.clone(),
        writes: if read_only { Writes::Nothing } else { Writes::Layer },
        no: ["nosuid", "nodev", "noexec"].map(|option| mount.has(option)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_and_the_kernels_own_things_are_not() {
        let text = b"1 0 0:1 / / ro,relatime - ext4 x ro\n\
            2 1 0:2 / /proc rw - proc proc rw\n\
            3 1 0:3 / /sys rw - sysfs sysfs rw\n\
            4 3 0:4 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
            5 1 0:5 / /home/a rw,nosuid,nodev - xfs x rw\n\
            6 1 0:6 / /home ro - ext4 x rw\n\
            7 1 0:7 / /tmp rw - tmpfs tmpfs rw\n\
            8 1 0:8 / /misc rw - autofs x rw\n\
            9 1 0:9 / /tmpfiles rw - tmpfs x rw\n";
        let mounts = sys::mounts::parse(text).unwrap();
        let layers = Layers::over(&mounts, Some(Path::new("/tmp/here")));
        let shown: Vec<_> =
            layers.all.iter().map(|l| (l.point.to_str().unwrap(), l.writes, l.no)).collect();
        let none = [false; 3];
        assert_eq!(
            shown,
            [
                // Even a root that is read-only has a layer: /tmp and its kin are mounted on it.
                ("/", Writes::Layer, none),
                ("/home", Writes::Nothing, none),
                ("/tmpfiles", Writes::Layer, none),
                ("/home/a", Writes::Layer, [true, true, false]),
            ]
        );
        assert_eq!(layers.kept.as_deref(), Some(Path::new("/tmp/here")));
        assert_eq!(Layers::over(&mounts, Some(Path::new("/home/a"))).kept, None);
    }
}
