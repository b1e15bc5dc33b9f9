//! Processes as `/proc` shows them, proc(5).
//!
//! Processes come and go while they are read; one that is gone is counted, never an error. All
//! files of a process are read through one open folder, so a process ID that is used again in
//! between cannot mix two processes.

mod stat;
mod status;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use caps::{CapState, Ids};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::cgroup::Cgroups;
use crate::namespace::{IdMap, Namespaces, parse_link};

pub use stat::{ParseStatError, Stat};
pub use status::{ParseStatusError, Seccomp, Status};

/// The most that is read of a process's arguments, bytes.
const CMDLINE_LIMIT: u64 = 64 * 1024;

/// A process, as far as capabilities and containers are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The process ID in the PID namespace of this procfs: on the node.
    pub pid: u32,
    /// The parent's; 0 for none, or one outside that namespace.
    pub parent: u32,
    /// The process ID in each PID namespace, from the node inwards. At least one.
    pub ns_pids: Vec<u32>,
    /// The name it has given itself, at most 15 bytes.
    pub comm: String,
    /// `R`, `S`, `D`, `Z` (zombie), …
    pub state: char,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
    /// The program file; `None` for kernel threads and zombies, and where it may not be read.
    pub exe: Option<PathBuf>,
    /// The arguments, which a process may overwrite; empty for kernel threads and zombies.
    pub cmdline: Vec<String>,
    /// User IDs, as numbers of the reader's user namespace.
    pub uids: Ids,
    /// Group IDs, likewise.
    pub gids: Ids,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// How many threads.
    pub threads: u32,
    /// The five sets of its first thread, relative to its user namespace.
    pub caps: CapState,
    /// Whether `execve` can give it nothing more.
    pub no_new_privs: bool,
    /// Its seccomp mode.
    pub seccomp: Seccomp,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Its cgroups.
    pub cgroups: Cgroups,
    /// When it started, in clock ticks since boot: with the process ID, an identity.
    pub start_time: u64,
}

impl Process {
    /// The process ID in the innermost PID namespace: what it sees itself.
    #[must_use]
    pub fn pid_inside(&self) -> u32 {
        self.ns_pids.last().copied().unwrap_or(self.pid)
    }

    /// Whether it has ended and only waits for its parent to notice.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// All processes of one reading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Processes {
    /// By process ID.
    pub processes: Vec<Process>,
    /// How many ended while they were read.
    pub vanished: usize,
    /// What could not be read or understood, each with its reason.
    pub unread: Vec<String>,
}

/// Why procfs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProcfsError {
    /// A file or folder of it.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file whose content is not what proc(5) says.
    #[error("cannot understand {}: {reason}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A mounted procfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procfs {
    root: PathBuf,
}

impl Default for Procfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Procfs {
    /// `/proc`.
    #[must_use]
    pub fn new() -> Self {
        Self::at("/proc")
    }

    /// Mounted somewhere else, such as a node's `/proc` inside a container.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a process.
    #[must_use]
    pub fn folder(&self, pid: u32) -> PathBuf {
        self.root.join(pid.to_string())
    }

    /// The process IDs there are now, in order.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn pids(&self) -> Result<Vec<u32>, ProcfsError> {
        let failed = |source| ProcfsError::Read { path: self.root.clone(), source };
        let mut pids = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            pids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        pids.sort_unstable();
        Ok(pids)
    }

    /// Reads one process; `None` if there is none of this number (any more).
    ///
    /// # Errors
    /// If a file that everybody may read cannot be read (procfs mounted with `hidepid`), or is not
    /// what proc(5) says.
    pub fn process(&self, pid: u32) -> Result<Option<Process>, ProcfsError> {
        match self.read_process(pid) {
            Err(ProcfsError::Read { source, .. }) if is_gone(&source) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Reads all processes.
    ///
    /// # Errors
    /// If the folder of procfs cannot be listed. A process that cannot be read is no error: it is
    /// in [`Processes::unread`].
    pub fn processes(&self) -> Result<Processes, ProcfsError> {
        let mut all = Processes::default();
        for pid in self.pids()? {
            match self.process(pid) {
                Ok(Some(process)) => all.processes.push(process),
                Ok(None) => all.vanished += 1,
                Err(error) => all.unread.push(error.to_string()),
            }
        }
        Ok(all)
    }

    /// The five sets of each thread of a process: a thread may hold more than the first one, whose
    /// sets `/proc/PID/status` shows. Threads that ended meanwhile are left out; a process that is
    /// gone has none.
    ///
    /// # Errors
    /// As [`Procfs::process`].
    pub fn thread_states(&self, pid: u32) -> Result<Vec<(u32, CapState)>, ProcfsError> {
        let path = self.folder(pid).join("task");
        let tasks = Self::at(&path);
        let tids = match tasks.pids() {
            Err(ProcfsError::Read { source, .. }) if is_gone(&source) => return Ok(Vec::new()),
            tids => tids?,
        };
        let mut states = Vec::with_capacity(tids.len());
        for tid in tids {
            let path = tasks.folder(tid).join("status");
            match fs::read(&path) {
                Ok(text) => {
                    let status: Status = parse(&path, &text)?;
                    states.push((tid, status.caps));
                }
                Err(error) if is_gone(&error) => {}
                Err(source) => return Err(ProcfsError::Read { path, source }),
            }
        }
        Ok(states)
    }

    /// How the user IDs of a process's user namespace map to those of the reader's;
    /// `None` if the process is gone. For a process in the reader's own namespace it is that
    /// namespace's map to its parent, user_namespaces(7).
    ///
    /// # Errors
    /// As [`Procfs::process`].
    pub fn uid_map(&self, pid: u32) -> Result<Option<IdMap>, ProcfsError> {
        let path = self.folder(pid).join("uid_map");
        match fs::read(&path) {
            Ok(text) => parse(&path, &text).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(source) => Err(ProcfsError::Read { path, source }),
        }
    }

    /// The namespaces of a process; all `None` if it is gone or they may not be seen.
    #[must_use]
    pub fn namespaces(&self, pid: u32) -> Namespaces {
        Folder::open(&self.folder(pid)).map(|folder| folder.namespaces()).unwrap_or_default()
    }

    /// What a process sees mounted where, proc_pid_mountinfo(5); `None` if it is gone. Two processes
    /// that see the same are in one mount namespace with one root folder: every mount has a number
    /// of its own there. Everybody may read it (`mounts_open_common`, `fs/proc_namespace.c`).
    #[must_use]
    pub fn mounts(&self, process: impl fmt::Display) -> Option<Vec<u8>> {
        let mounts = fs::read(self.root.join(process.to_string()).join("mountinfo")).ok()?;
        (!mounts.is_empty()).then_some(mounts)
    }

    /// The mount option that hides other users' processes (`hidepid=invisible`), proc(5), if this
    /// procfs is mounted with one.
    #[must_use]
    pub fn hidepid(&self) -> Option<String> {
        let mounts = fs::read_to_string(self.root.join("self/mounts")).ok()?;
        let root = self.root.to_str()?;
        let is_ours = |line: &&str| {
            let mut fields = line.split(' ');
            fields.nth(1) == Some(root) && fields.next() == Some("proc")
        };
        // The last mount on a folder is the one that is seen.
        let options = mounts.lines().rfind(is_ours)?.split(' ').nth(3)?;
        options
            .split(',')
            .find(|o| o.starts_with("hidepid=") && !matches!(*o, "hidepid=0" | "hidepid=off"))
            .map(str::to_owned)
    }

    fn read_process(&self, pid: u32) -> Result<Process, ProcfsError> {
        let path = self.folder(pid);
        let folder = Folder::open(&path)?;
        let stat: Stat = folder.parse("stat")?;
        let status: Status = folder.parse("status")?;
        // Missing where the kernel has no cgroups (CONFIG_CGROUPS off): then there are none.
        let cgroups = match folder.parse("cgroup") {
            Err(ProcfsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Cgroups::default()
            }
            cgroups => cgroups?,
        };
        Ok(Process {
            pid,
            parent: status.parent,
            ns_pids: status.ns_pids,
            comm: status.name,
            state: stat.state,
            kernel_thread: stat.kernel_thread,
            exe: folder.link("exe").map(|link| PathBuf::from(OsStr::from_bytes(&link))),
            cmdline: split_arguments(&folder.read("cmdline", CMDLINE_LIMIT)?),
            uids: status.uids,
            gids: status.gids,
            groups: status.groups,
            threads: status.threads,
            caps: status.caps,
            no_new_privs: status.no_new_privs,
            seccomp: status.seccomp,
            namespaces: folder.namespaces(),
            cgroups,
            start_time: stat.start_time,
        })
    }
}

/// The open folder of one process: what is read through it is of that process, or an error.
struct Folder<'a> {
    path: &'a Path,
    fd: OwnedFd,
}

impl<'a> Folder<'a> {
    fn open(path: &'a Path) -> Result<Self, ProcfsError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { path, fd }),
            Err(errno) => Err(ProcfsError::Read { path: path.to_owned(), source: errno.into() }),
        }
    }

    fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, ProcfsError> {
        let read = || -> io::Result<Vec<u8>> {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let file = rustix::fs::openat(self.fd.as_fd(), name, flags, Mode::empty())?;
            let mut text = Vec::new();
            fs::File::from(file).take(limit).read_to_end(&mut text)?;
            Ok(text)
        };
        read().map_err(|source| ProcfsError::Read { path: self.path.join(name), source })
    }

    fn parse<T>(&self, name: &str) -> Result<T, ProcfsError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        parse(&self.path.join(name), &self.read(name, u64::MAX)?)
    }

    /// Where a link leads; `None` if it leads nowhere or may not be seen.
    fn link(&self, name: &str) -> Option<Vec<u8>> {
        let target = rustix::fs::readlinkat(self.fd.as_fd(), name, Vec::new()).ok()?;
        Some(target.into_bytes())
    }

    fn namespaces(&self) -> Namespaces {
        let inode = |name: &str| parse_link(std::str::from_utf8(&self.link(name)?).ok()?);
        Namespaces {
            user: inode("ns/user"),
            pid: inode("ns/pid"),
            mnt: inode("ns/mnt"),
            net: inode("ns/net"),
            cgroup: inode("ns/cgroup"),
        }
    }
}

/// Text that is not UTF-8 is a process's own (its name): shown with replacement characters.
fn parse<T>(path: &Path, text: &[u8]) -> Result<T, ProcfsError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    String::from_utf8_lossy(text).parse().map_err(|error: T::Err| ProcfsError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// A process that ended: its folder is not there (ENOENT), or was opened and has died since (ESRCH).
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// The arguments end in NUL each; a process that overwrote them (`setproctitle`) may leave one text
/// and a tail of NULs.
fn split_arguments(cmdline: &[u8]) -> Vec<String> {
    let end = cmdline.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return Vec::new();
    }
    cmdline[..end]
        .split(|byte| *byte == 0)
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_read() {
        let me = std::process::id();
        let process = Procfs::new().process(me).expect("procfs").expect("it runs");
        assert_eq!(process.pid, me);
        assert_eq!(process.ns_pids.first(), Some(&me));
        assert_eq!(process.exe, std::env::current_exe().ok());
        assert_eq!(process.cmdline, std::env::args().collect::<Vec<_>>());
        assert!(!process.kernel_thread && !process.is_zombie());
        let own = fs::read_link("/proc/self/ns/user").expect("own namespace");
        assert_eq!(process.namespaces.user, own.to_str().and_then(parse_link));
    }

    #[test]
    fn the_list_holds_this_process_and_no_error() {
        let all = Procfs::new().processes().expect("procfs");
        assert!(all.processes.iter().any(|p| p.pid == std::process::id()));
        assert_eq!(all.unread, Vec::<String>::new());
    }

    #[test]
    fn no_such_process_is_none() {
        // Above any `kernel.pid_max` (2^22).
        assert_eq!(Procfs::new().process(u32::MAX).expect("no error"), None);
        assert_eq!(Procfs::new().thread_states(u32::MAX).expect("no error"), []);
        assert_eq!(Procfs::new().uid_map(u32::MAX).expect("no error"), None);
        assert_eq!(Procfs::new().namespaces(u32::MAX), Namespaces::default());
    }

    #[test]
    fn a_process_that_ends_under_the_reader_is_gone_not_an_error() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let path = Procfs::new().folder(child.id());
        let folder = Folder::open(&path).expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
        let Err(ProcfsError::Read { source, .. }) = folder.read("status", u64::MAX) else {
            panic!("read the status of a dead process");
        };
        assert!(is_gone(&source), "{source}");
    }

    #[test]
    fn a_zombie_is_read_as_one() {
        let mut child = std::process::Command::new("true").spawn().expect("true");
        let process = loop {
            let process = Procfs::new().process(child.id()).expect("procfs").expect("unreaped");
            if process.is_zombie() {
                break process;
            }
            std::thread::yield_now();
        };
        child.wait().expect("wait");
        assert_eq!((process.exe, process.cmdline), (None, Vec::new()));
    }

    #[test]
    fn threads_are_listed_with_their_sets() {
        let me = std::process::id();
        let states = Procfs::new().thread_states(me).expect("procfs");
        let process = Procfs::new().process(me).expect("procfs").expect("it runs");
        assert_eq!(states.first(), Some(&(me, process.caps)));
    }

    #[test]
    fn overwritten_arguments_keep_their_text() {
        assert_eq!(split_arguments(b"a\0b c\0\0d\0"), ["a", "b c", "", "d"]);
        assert_eq!(split_arguments(b"nginx: worker\0\0\0\0"), ["nginx: worker"]);
        assert_eq!(split_arguments(b""), Vec::<String>::new());
        assert_eq!(split_arguments(b"\0\0"), Vec::<String>::new());
    }

    #[test]
    fn a_file_of_nonsense_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("7");
        fs::create_dir(&folder).expect("mkdir");
        fs::write(folder.join("stat"), "nonsense").expect("write");
        let all = Procfs::at(root.path()).processes().expect("a listing");
        assert_eq!((all.processes.len(), all.vanished), (0, 0));
        assert_eq!(
            all.unread,
            [format!(
                "cannot understand {}: \"nonsense\" lacks the fields of proc_pid_stat(5)",
                folder.join("stat").display()
            )]
        );
    }
}
