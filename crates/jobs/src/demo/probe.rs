//! What a process can really do: each operation is tried, in a form that changes nothing if it is
//! allowed.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::Path;

use caps::Capability;
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SocketType, ipproto};
use rustix::time::{ClockId, clock_gettime, clock_settime};

/// An operation and the capability it takes.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// In a person's words.
    pub what: &'static str,
    /// Without it the kernel answers EPERM or EACCES.
    pub capability: Capability,
    attempt: fn(&Path) -> io::Result<()>,
}

/// The operations tried, in the order they are printed.
pub const OPERATIONS: &[Operation] = &[
    Operation { what: "give a file away", capability: Capability::CHOWN, attempt: give_away },
    Operation { what: "bind port 81", capability: Capability::NET_BIND_SERVICE, attempt: bind },
    Operation { what: "open a raw socket", capability: Capability::NET_RAW, attempt: raw_socket },
    Operation { what: "set the clock", capability: Capability::SYS_TIME, attempt: set_clock },
    Operation {
        what: "change the root folder",
        capability: Capability::SYS_CHROOT,
        attempt: change_root,
    },
    Operation {
        what: "mount a file system",
        capability: Capability::SYS_ADMIN,
        attempt: mount_something,
    },
];

impl Operation {
    /// Tries it, with `folder` as a place for files: whether the kernel allowed it, or `None` if it
    /// cannot be tried here (a user that this user namespace does not map, user_namespaces(7)).
    ///
    /// # Errors
    /// Any other answer: then nothing is known.
    pub fn allowed(&self, folder: &Path) -> Result<Option<bool>, String> {
        match (self.attempt)(folder) {
            Ok(()) => Ok(Some(true)),
            Err(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => Ok(Some(false)),
                io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(format!("{}: {error}", self.what)),
            },
        }
    }
}

fn give_away(folder: &Path) -> io::Result<()> {
    let file = folder.join("given-away");
    fs::write(&file, "")?;
    chown(&file, Some(33), None)
}

fn bind(_: &Path) -> io::Result<()> {
    TcpListener::bind("127.0.0.1:81").map(drop)
}

fn raw_socket(_: &Path) -> io::Result<()> {
    Ok(rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).map(drop)?)
}

/// To what it says already.
fn set_clock(_: &Path) -> io::Result<()> {
    Ok(clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime))?)
}

/// To what it is already.
fn change_root(_: &Path) -> io::Result<()> {
    Ok(rustix::process::chroot("/")?)
}

/// A file system type that no kernel has: with permission the answer is ENODEV, which comes after
/// the check (`fs/namespace.c`, `path_mount` before `do_new_mount`).
fn mount_something(folder: &Path) -> io::Result<()> {
    match mount("none", folder, "no-such-file-system", MountFlags::empty(), None) {
        Err(rustix::io::Errno::NODEV) => Ok(()),
        other => Ok(other?),
    }
}
