//! Processes that were there before the trace: which of them are the target's, and what they run.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use caps::CapSet;
use sys::cgroup::{Cgroups, Layout};
use sys::procfs::Procfs;

use crate::error::TraceError;
use crate::look::Look;

/// A process and all its descendants, as `/proc` shows them now.
///
/// # Errors
/// [`TraceError::NoProcess`] if it is gone or over; what cannot be read is an error, too, or children
/// would be left out.
pub(crate) fn tree(root: u32) -> Result<BTreeSet<u32>, TraceError> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut is_there = false;
    for pid in Procfs::new().pids().map_err(TraceError::bpf("list the processes"))? {
        if let Some(stat) = stat(pid)? {
            children.entry(stat.parent).or_default().push(pid);
            is_there |= pid == root;
        }
    }
    if !is_there {
        return Err(TraceError::NoProcess { pid: root });
    }
    let mut found = BTreeSet::new();
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        if found.insert(pid) {
            next.extend(children.remove(&pid).unwrap_or_default());
        }
    }
    Ok(found)
}

/// When a process started, in clock ticks since boot: with its ID, an identity. `None` if it is gone or
/// over.
pub(crate) fn start_time(pid: u32) -> Result<Option<u64>, TraceError> {
    Ok(stat(pid)?.map(|stat| stat.start_time))
}

/// Of `/proc/PID/stat`, proc_pid_stat(5).
struct Stat {
    parent: u32,
    start_time: u64,
}

/// PF_EXITING of `include/linux/sched.h`: set before the end of a process is shown (`do_exit`), and so
/// before it is a zombie.
const EXITING: u32 = 0x4;

/// `None` if it is gone, ending, or a zombie: that makes no checks, and its end will not be seen again. One
/// whose first thread alone has ended looks like a zombie, too, but has other threads.
fn stat(pid: u32) -> Result<Option<Stat>, TraceError> {
    let file = format!("/proc/{pid}/stat");
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(TraceError::io(format!("read {file}"))(error)),
    };
    // The second field is a name that may hold anything.
    let read = || {
        let after = text.iter().rposition(|b| *b == b')')? + 1;
        let rest = String::from_utf8_lossy(&text[after..]);
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let threads: u32 = fields.get(17)?.parse().ok()?;
        let flags: u32 = fields.get(6)?.parse().ok()?;
        let ends = matches!(*fields.first()?, "Z" | "X") || flags & EXITING != 0;
        let is_over = ends && threads <= 1;
        Some((is_over, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
    };
    let (is_over, parent, start_time) = read().ok_or_else(|| {
        TraceError::io(format!("understand {file}"))(io::ErrorKind::InvalidData.into())
    })?;
    Ok((!is_over).then_some(Stat { parent, start_time }))
}

/// The processes in a cgroup and those below it.
pub(crate) fn in_cgroup(folder: &Path) -> Result<BTreeSet<u32>, TraceError> {
    let mut found = BTreeSet::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        let file = folder.join("cgroup.procs");
        match fs::read_to_string(&file) {
            Ok(text) => found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok())),
            // Removed meanwhile, or a threaded cgroup, whose processes its parent lists.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    || error.raw_os_error()
                        == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) => {}
            Err(error) => {
                return Err(TraceError::io(format!("read {}", file.display()))(error));
            }
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                next.push(entry.path());
            }
        }
    }
    // 0: a process of a PID namespace that is not below this one.
    found.remove(&0);
    Ok(found)
}

fn cgroup_id(cgroups: &Cgroups) -> u64 {
    let folder = Layout::read().ok().and_then(|layout| layout.unified_folder(cgroups));
    folder.and_then(|folder| sys::cgroup::id(&folder).ok()).unwrap_or(0)
}

/// A process's `comm`; `None` if it is gone.
pub(crate) fn comm(pid: u32) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(comm.trim_end().to_owned())
}

/// What a process runs.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub pid: u32,
    pub parent: Option<u32>,
    pub comm: String,
    pub exe: Option<String>,
    pub uid: Option<u32>,
    pub no_new_privs: bool,
    pub cgroup: Option<String>,
    /// The cgroup's number; 0 if it cannot be told.
    pub cgroup_id: u64,
    pub bounding: CapSet,
    /// The file's mode, owner and group.
    pub mode: u32,
    pub owner: u32,
    pub group: u32,
    /// The program file as a number, as `bpf/image.h` makes it.
    pub file: u64,
}

/// Reads it; `None` if the process is gone. Its file's path is known only to whoever may look at it.
///
/// # Errors
/// What cannot be read of a process that is there: it would be left out else.
pub(crate) fn image(pid: u32, look: &Look) -> Result<Option<Image>, TraceError> {
    let read = Procfs::new().process(pid);
    let Some(process) = read.map_err(TraceError::bpf(format!("look at process {pid}")))? else {
        return Ok(None);
    };
    let program = look.program.as_ref();
    Ok(Some(Image {
        pid,
        parent: Some(process.parent).filter(|parent| *parent != 0),
        comm: process.comm,
        exe: process.exe.map(|exe| exe.to_string_lossy().into_owned()),
        uid: Some(process.uids.effective),
        no_new_privs: process.no_new_privs,
        bounding: process.caps.bounding,
        cgroup_id: cgroup_id(&process.cgroups),
        cgroup: process.cgroups.unified().map(str::to_owned),
        mode: program.map_or(0, |file| file.mode),
        owner: program.map_or(0, |file| file.owner),
        group: program.map_or(0, |file| file.group),
        file: program.map_or(0, |file| file.file),
    }))
}
