//! Namespaces of one's own for the calling thread and what it starts: a network where port 80 is
//! free, and a user namespace where an ordinary user may try capabilities.

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode};
use rustix::mount::MountPropagationFlags;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{getgid, getuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// `verify_root_map` of `kernel/user_namespace.c`, Linux 5.12 and newer.
const MAP_ROOT: &str = " (to map user 0 takes SETFCAP)";

/// Why a namespace could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// `unshare(2)` with `CLONE_NEWNET` refused: needs `CAP_SYS_ADMIN`.
    #[error("cannot make a network namespace: {0}")]
    Network(io::Error),
    /// `unshare(2)` refused mount, PID, network, UTS or IPC namespaces: needs `CAP_SYS_ADMIN`.
    #[error("cannot make namespaces: {0}")]
    Namespaces(io::Error),
    /// `unshare(2)` with `CLONE_NEWUSER` refused: by a sysctl, an LSM, a seccomp filter, or because the
    /// process has more than one thread.
    #[error("cannot make a user namespace: {0}")]
    User(io::Error),
    /// The identity maps could not be written, user_namespaces(7).
    #[error("cannot write {file}: {error}{}", if *.root { MAP_ROOT } else { "" })]
    Map {
        /// Whether it was user 0 that was to be mapped.
        root: bool,
        /// The file.
        file: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// The loopback interface could not be brought up, netdevice(7).
    #[error("cannot bring up the loopback interface: {0}")]
    Loopback(io::Error),
}

/// Gives the calling thread, and every process it starts from now on, a network of its own with
/// nothing but a loopback interface, which is up. In it `net.ipv4.ip_unprivileged_port_start` is 1024,
/// whatever it is outside (`net/ipv4/af_inet.c`, `inet_init_net`).
///
/// # Errors
/// [`IsolateError::Network`] without `CAP_SYS_ADMIN`; [`IsolateError::Loopback`].
pub fn own_network() -> Result<(), IsolateError> {
    unshare(UnshareFlags::NEWNET).map_err(IsolateError::Network)?;
    loopback_up().map_err(IsolateError::Loopback)
}

/// Gives the calling thread, and every process it starts from now on, mount, PID, network, UTS and IPC
/// namespaces of its own, and a root and working directory that it shares with no other thread. The
/// loopback interface is up; nothing that is mounted from now on is seen elsewhere. The thread itself
/// stays in its PID namespace: the first process that it forks is process 1 of the new one
/// ([`crate::init::Init`]), and from then on it can start no other thread (`copy_process` of
/// `kernel/fork.c`).
///
/// # Errors
/// [`IsolateError::Namespaces`] without `CAP_SYS_ADMIN`; [`IsolateError::Loopback`] without
/// `CAP_NET_ADMIN`.
pub fn own_namespaces() -> Result<(), IsolateError> {
    let flags = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWIPC;
    unshare(flags).map_err(IsolateError::Namespaces)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)
        .map_err(|error| IsolateError::Namespaces(error.into()))?;
    loopback_up().map_err(IsolateError::Loopback)
}

/// Gives the process a user namespace in which it is root, mapped to who it is now, with every
/// capability relative to that namespace. Nobody else is mapped: other users and groups do not
/// exist in it (`setuid(2)` and `chown(2)` to them fail with `EINVAL`).
///
/// # Errors
/// [`IsolateError::User`] where user namespaces are off; [`IsolateError::Map`].
pub fn own_user_namespace() -> Result<(), IsolateError> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    unshare(UnshareFlags::NEWUSER).map_err(IsolateError::User)?;
    map_own(uid, gid)
}

/// Maps the own IDs to 0 in a user namespace that has no map yet.
pub(crate) fn map_own(uid: u32, gid: u32) -> Result<(), IsolateError> {
    // Since Linux 3.19 a map of groups by an ordinary user needs setgroups(2) to be off.
    let writes = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in writes {
        fs::write(file, text).map_err(|error| IsolateError::Map { root: uid == 0, file, error })?;
    }
    Ok(())
}

pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the one hazard of unshare(2) is CLONE_FILES, file descriptors that another thread no
    // longer sees; no caller passes it.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}

fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: `SetFlags` is a whole `struct ifreq`, as SIOCSIFFLAGS expects.
    unsafe { ioctl::ioctl(&socket, SetFlags::loopback_up()) }?;
    Ok(())
}

/// `struct ifreq` of netdevice(7) as `SIOCSIFFLAGS` reads it: a name and the flags; 40 bytes on
/// 64-bit Linux.
#[repr(C)]
struct SetFlags {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

impl SetFlags {
    fn loopback_up() -> Self {
        /// `IFF_UP | IFF_LOOPBACK | IFF_RUNNING`, `linux/if.h`.
        const UP: u16 = 0x1 | 0x8 | 0x40;
        let mut name = [0; 16];
        name[..2].copy_from_slice(b"lo");
        Self { name, flags: UP, rest: [0; 22] }
    }
}

// SAFETY: the opcode is SIOCSIFFLAGS, which reads a `struct ifreq` through the pointer that
// `as_ptr` gives and writes nothing.
unsafe impl Ioctl for SetFlags {
    type Output = ();

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        /// `SIOCSIFFLAGS`, `linux/sockios.h`.
        const SIOCSIFFLAGS: Opcode = 0x8914;
        SIOCSIFFLAGS
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut std::ffi::c_void) -> Result<(), Errno> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn an_own_network_has_a_loopback_where_every_port_is_free() {
        testkit::needs!(root);
        // A thread of its own: the other tests stay where they are.
        std::thread::spawn(|| {
            own_network().unwrap();
            let listener = TcpListener::bind("127.0.0.1:80").unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_request_has_the_size_the_kernel_reads() {
        assert_eq!(size_of::<SetFlags>(), 40);
    }
}
