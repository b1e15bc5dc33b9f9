//! A process that is there already, looked at: which namespaces it is in, which file it runs.
//!
//! `/proc` says that of another user's process, or of one that holds more than this one, only to
//! whoever has SYS_PTRACE (`ptrace_may_access` of `kernel/ptrace.c`). What tracing takes anyway lets
//! the kernel be asked for the same by an iterator over tasks, `bpf/tasks.bpf.c`. What neither tells
//! is an error, never a guess: a process in an unknown place would be left out, or its checks be
//! taken for somebody else's.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aya::programs::Iter;
use aya::programs::iter::IterLink;
use aya::{Ebpf, EbpfLoader};
use rustix::fs::{AtFlags, CWD, StatxFlags};

use crate::attach;
use crate::backend;
use crate::error::TraceError;
use crate::memlock;

#[cfg(target_arch = "x86_64")]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!("bpf/tasks.x86_64.bpf.o"));
#[cfg(not(target_arch = "x86_64"))]
static OBJECT: Option<&[u8]> = None;

/// The program in it.
const PROGRAM: &str = "on_task";

/// Where a process is and what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// The inode of its user namespace; 0 if it is ending.
    pub user_namespace: u32,
    /// The inode of its mount namespace; 0 if it is ending.
    pub mount_namespace: u32,
    /// The file it runs; `None` for a zombie and a kernel thread.
    pub program: Option<Program>,
}

/// The file that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// Whether it is mounted in the process's own mount namespace.
    ///
    /// That of a container runtime's init is not: it runs the runtime's file, which is mounted in
    /// the runtime's namespace, or nowhere (a memfd).
    pub own: bool,
    /// Device and inode as one number, as `bpf/image.h` makes it.
    pub file: u64,
    /// The mode, with the file's type.
    pub mode: u32,
    /// The owner.
    pub owner: u32,
    /// The group.
    pub group: u32,
}

/// One process; `None` if it is gone.
///
/// # Errors
/// [`TraceError::MayNotLook`].
pub(crate) fn at(pid: u32) -> Result<Option<Look>, TraceError> {
    Ok(Looker::default().at_all([pid])?.remove(&pid))
}

/// Looks at processes; holds the iterator once it was needed. Dropped, it leaves no program behind.
#[derive(Debug, Default)]
pub(crate) struct Looker {
    iterator: Option<Ebpf>,
}

impl Looker {
    /// Several processes, without those that are gone. The kernel is asked once for all that `/proc`
    /// does not show.
    ///
    /// # Errors
    /// [`TraceError::MayNotLook`].
    pub(crate) fn at_all(
        &mut self,
        pids: impl IntoIterator<Item = u32>,
    ) -> Result<HashMap<u32, Look>, TraceError> {
        let mut looks = HashMap::new();
        let mut refused = Vec::new();
        for pid in pids {
            match by_proc(pid) {
                Ok(look) => looks.extend(look.map(|look| (pid, look))),
                Err(_) => refused.push(pid),
            }
        }
        let Some(pid) = refused.first().copied() else { return Ok(looks) };
        // Whoever may not trace need not hear of the lesser trouble.
        backend::check_privilege()?;
        let by_kernel = self.tasks().map_err(|source| TraceError::MayNotLook { pid, source })?;
        // One that the kernel does not list has ended.
        looks.extend(refused.into_iter().filter_map(|pid| Some((pid, *by_kernel.get(&pid)?))));
        Ok(looks)
    }

    /// Every process, as the kernel lists it.
    fn tasks(&mut self) -> Result<HashMap<u32, Look>, Box<dyn std::error::Error + Send + Sync>> {
        let ebpf = match &mut self.iterator {
            Some(loaded) => loaded,
            none => none.insert(load()?),
        };
        let program: &mut Iter = attach::program(ebpf, PROGRAM)?;
        let id = program.attach()?;
        let link: IterLink = program.take_link(id)?;
        let mut text = String::new();
        link.into_file()?.read_to_string(&mut text)?;
        let looks: Option<HashMap<u32, Look>> = text.lines().map(parse).collect();
        Ok(looks.ok_or("a line of the list of tasks is not what on_task prints")?)
    }
}

/// The iterator, loaded.
fn load() -> Result<Ebpf, Box<dyn std::error::Error + Send + Sync>> {
    let object = OBJECT.ok_or("tracing is not built for this architecture")?;
    let _raised = memlock::raise();
    let mut ebpf = EbpfLoader::new().load(object)?;
    let btf = backend::read_btf()?;
    let program: &mut Iter = attach::program(&mut ebpf, PROGRAM)?;
    program.load("task", &btf)?;
    Ok(ebpf)
}

/// Whether that is what `/proc` says of a process that is gone, or of a zombie's file.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// What `/proc` shows; an error if it does not, a refusal for one.
fn by_proc(pid: u32) -> io::Result<Option<Look>> {
    let folder = Path::new("/proc").join(pid.to_string());
    let shown = |result: io::Result<u64>| match result {
        Err(error) if is_gone(&error) => Ok(None),
        other => other.map(Some),
    };
    let namespace = |name: &str| {
        let link = fs::read_link(folder.join("ns").join(name))?;
        let inode = link.to_str().and_then(sys::namespace::parse_link);
        inode.ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    let number = |inode: Option<u64>| inode.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let user_namespace = number(shown(namespace("user"))?);
    let mount_namespace = number(shown(namespace("mnt"))?);
    let exe = folder.join("exe");
    let program = match fs::metadata(&exe) {
        Ok(file) => {
            let device = file.dev();
            // MKDEV() of include/linux/kdev_t.h.
            let device =
                u64::from(rustix::fs::major(device)) << 20 | u64::from(rustix::fs::minor(device));
            Some(Program {
                own: is_mounted_in_own_namespace(&folder, &exe),
                file: file_number(device, file.ino()),
                mode: file.mode(),
                owner: file.uid(),
                group: file.gid(),
            })
        }
        Err(error) if is_gone(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(folder.exists().then_some(Look { user_namespace, mount_namespace, program }))
}

fn is_mounted_in_own_namespace(folder: &Path, exe: &Path) -> bool {
    let Ok(stat) = rustix::fs::statx(CWD, exe, AtFlags::empty(), StatxFlags::MNT_ID) else {
        return false;
    };
    let mounts = fs::read_to_string(folder.join("mountinfo")).unwrap_or_default();
    let id = stat.stx_mnt_id.to_string();
    mounts.lines().any(|line| line.split(' ').next() == Some(&id))
}

/// `identify()` of `bpf/image.h`.
fn file_number(device: u64, inode: u64) -> u64 {
    device << 40 ^ inode
}

/// A line that `on_task` printed.
fn parse(line: &str) -> Option<(u32, Look)> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [pid, user, mount, own, device, inode, mode, owner, group] = numbers[..] else {
        return None;
    };
    let small = |number: u64| u32::try_from(number).ok();
    let program = Program {
        own: own == 1,
        file: file_number(device, inode),
        mode: small(mode)?,
        owner: small(owner)?,
        group: small(group)?,
    };
    let look = Look {
        user_namespace: small(user)?,
        mount_namespace: small(mount)?,
        program: (inode != 0).then_some(program),
    };
    Some((small(pid)?, look))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_proc_shows() {
        testkit::needs!(root, bpf);
        let by_kernel = Looker::default().tasks().expect("an iterator over tasks");
        let own = std::process::id();
        let shown = by_proc(own).expect("nobody may hide a process from itself").expect("it runs");
        assert_eq!(by_kernel.get(&own), Some(&shown));
        // A kernel thread runs no file.
        let program = |pid| by_kernel.get(&pid).map(|look| look.program.is_some());
        assert_eq!((program(own), program(2)), (Some(true), Some(false)));
        // This test may look at every process, so the two lists are one, but for those that come and go.
        let pids = || sys::procfs::Procfs::new().pids().expect("procfs");
        let before = pids();
        let same = pids().into_iter().filter(|pid| before.contains(pid));
        let compared = same
            .filter_map(|pid| Some((pid, by_proc(pid).ok()??, *by_kernel.get(&pid)?)))
            .collect::<Vec<_>>();
        let differ: Vec<_> = compared.iter().filter(|(_, a, b)| a != b).collect();
        assert!(compared.len() > 2 && differ.is_empty(), "{differ:?}");
    }

    #[test]
    fn what_is_no_line_of_the_list_is_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("1 2 3 1 5 6 7 8"), None);
        assert_eq!(parse("1 2 3 1 5 6 7 8 x"), None);
        let zombie = Look { user_namespace: 2, mount_namespace: 3, program: None };
        assert_eq!(parse("1 2 3 0 0 0 0 0 0"), Some((1, zombie)));
    }
}
