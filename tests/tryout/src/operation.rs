//! The operations.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, FileType, MemfdFlags, Mode};
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{AddressFamily, SocketType, ipproto};
use rustix::thread::{ClockId, Gid, Uid};

/// What [`attempt`] knows; `bind`, `mount`, `setuid` and `setgid` take a value behind a colon.
pub const NAMES: [&str; 13] = [
    "bind:PORT",
    "settime",
    "rawsocket",
    "packetsocket",
    "loadmodule",
    "chown",
    "mount[:FOLDER]",
    "chroot",
    "setuid[:UID]",
    "setgid[:GID]",
    "mknod[:PATH]",
    "hostname",
    "nice",
];

/// Tries one; `None` if there is no such operation. What must stay open is handed back.
pub fn attempt(word: &str) -> Option<io::Result<Option<OwnedFd>>> {
    let (name, value) = word.split_once(':').map_or((word, None), |(n, v)| (n, Some(v)));
    let number = |default| value.map_or(Some(default), |value| value.parse::<u32>().ok());
    let done = match name {
        "bind" => return Some(bind(value?.parse().ok()?).map(Some)),
        "settime" => settime(),
        // capabilities(7): NET_RAW.
        "rawsocket" => socket(AddressFamily::INET, Some(ipproto::ICMP)),
        "packetsocket" => socket(AddressFamily::PACKET, None),
        // SYS_MODULE is asked before the image is looked at: ENOEXEC says that it was granted,
        // `init_module` in `kernel/module/main.c`.
        "loadmodule" => rustix::system::init_module(b"no module", c"").map_err(Into::into),
        "chown" => chown(),
        "mount" => mount(value.unwrap_or("/tmp")),
        "chroot" => rustix::process::chroot("/").map_err(Into::into),
        "setuid" => setuid(number(12345)?),
        "setgid" => setgid(number(12345)?),
        "mknod" => mknod(value.unwrap_or("/tmp/tryout-device")),
        "hostname" => {
            let now = rustix::system::uname();
            rustix::system::sethostname(now.nodename().to_bytes()).map_err(Into::into)
        }
        "nice" => nice(),
        _ => return None,
    };
    Some(done.map(|()| None))
}

/// `EPERM` for the error with that number; its text for one without a name here.
pub fn name_of(error: &io::Error) -> String {
    const NAMES: [(i32, &str); 17] = [
        (1, "EPERM"),
        (2, "ENOENT"),
        (8, "ENOEXEC"),
        (13, "EACCES"),
        (16, "EBUSY"),
        (17, "EEXIST"),
        (19, "ENODEV"),
        (20, "ENOTDIR"),
        (22, "EINVAL"),
        (28, "ENOSPC"),
        (30, "EROFS"),
        (38, "ENOSYS"),
        (93, "EPROTONOSUPPORT"),
        (95, "EOPNOTSUPP"),
        (97, "EAFNOSUPPORT"),
        (98, "EADDRINUSE"),
        (99, "EADDRNOTAVAIL"),
    ];
    let number = error.raw_os_error();
    let known = NAMES.iter().find(|(errno, _)| Some(*errno) == number);
    known.map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}

/// NET_BIND_SERVICE, below `net.ipv4.ip_unprivileged_port_start`.
fn bind(port: u16) -> io::Result<OwnedFd> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map(Into::into)
}

/// SYS_TIME.
fn settime() -> io::Result<()> {
    let now = rustix::time::clock_gettime(ClockId::Realtime);
    Ok(rustix::time::clock_settime(ClockId::Realtime, now)?)
}

fn socket(family: AddressFamily, protocol: Option<rustix::net::Protocol>) -> io::Result<()> {
    rustix::net::socket(family, SocketType::RAW, protocol)?;
    Ok(())
}

/// CHOWN, of a file in memory that only this process has.
fn chown() -> io::Result<()> {
    let file = rustix::fs::memfd_create("tryout", MemfdFlags::CLOEXEC)?;
    Ok(rustix::fs::fchown(file, Some(Uid::from_raw(12345)), None)?)
}

/// SYS_ADMIN. Undone at once.
fn mount(folder: &str) -> io::Result<()> {
    rustix::mount::mount("tryout", folder, "tmpfs", MountFlags::empty(), None)?;
    Ok(rustix::mount::unmount(folder, UnmountFlags::DETACH)?)
}

/// SETUID, for this thread.
fn setuid(uid: u32) -> io::Result<()> {
    Ok(rustix::thread::set_thread_uid(Uid::from_raw(uid))?)
}

/// SETGID, for this thread.
fn setgid(gid: u32) -> io::Result<()> {
    Ok(rustix::thread::set_thread_gid(Gid::from_raw(gid))?)
}

/// MKNOD, a second `/dev/null`. Undone at once.
fn mknod(path: &str) -> io::Result<()> {
    let (device, mode) = (rustix::fs::makedev(1, 3), Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, mode, device)?;
    std::fs::remove_file(path)
}

/// SYS_NICE: one step more urgent, for this thread.
fn nice() -> io::Result<()> {
    let now = rustix::process::getpriority_process(None)?;
    Ok(rustix::process::setpriority_process(None, now - 1)?)
}
