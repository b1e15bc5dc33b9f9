//! Whether a call reads what is at its path, or changes it.

use record::observation::Syscall;
use serde::Deserialize;

/// `O_WRONLY`, `O_RDWR`, `O_CREAT` of open(2), alike on x86 and arm64.
const WRITES: u64 = 0o1 | 0o2 | 0o100;

/// Calls that change a folder or a file in it, by the path that is their first.
const CHANGES: &[&str] = &[
    "chmod",
    "chown",
    "creat",
    "fchmodat",
    "fchmodat2",
    "fchownat",
    "lchown",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "truncate",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
];

/// Calls that take what is at their path as it is.
const READS: &[&str] = &[
    "chdir",
    "execve",
    "execveat",
    "getxattr",
    "inotify_add_watch",
    "lgetxattr",
    "listxattr",
    "llistxattr",
    "lstat",
    "newfstatat",
    "readlink",
    "readlinkat",
    "stat",
    "statfs",
    "statx",
];

/// What a call does with what is at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Access {
    /// It reads it, or looks for it.
    Read,
    /// It changes it, or means to.
    Write,
}

impl Access {
    /// That of a call; `None` where the call alone does not tell.
    pub(crate) fn of(syscall: &Syscall) -> Option<Self> {
        let name = syscall.name.as_deref()?;
        let reads = |flags: u64| flags & WRITES == 0;
        let is_read = match name {
            "open" => reads(syscall.arguments[1]),
            "openat" => reads(syscall.arguments[2]),
            _ => READS.contains(&name),
        };
        match (written(syscall), is_read) {
            (Some(_), _) => Some(Self::Write),
            (None, true) => Some(Self::Read),
            (None, false) => None,
        }
    }
}

/// The path that a call changes something at, if it does.
#[must_use]
pub fn written(syscall: &Syscall) -> Option<&str> {
    let path = syscall.path.as_deref();
    let opened = |flags: u64| path.filter(|_| flags & WRITES != 0);
    match syscall.name.as_deref()? {
        "open" => opened(syscall.arguments[1]),
        "openat" => opened(syscall.arguments[2]),
        "bind" => syscall.address.as_deref()?.strip_prefix("unix:"),
        call if CHANGES.contains(&call) => path,
        _ => None,
    }
}
