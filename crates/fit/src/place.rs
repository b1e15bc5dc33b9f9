//! Where runs happen: here, one after the other, or each in a sandbox of its own.

use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use launch::{Child, Fresh, Inside, Sandbox, SandboxError};
use rustix::io::Errno;
use rustix::process::{WaitOptions, getpid};
use sys::procfs::Procfs;

use crate::error::RunError;

/// `SIGTERM`, signal(7).
const TERM: i32 = 15;
/// How long a program has to end after it, where others come after it.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const TICK: Duration = Duration::from_millis(5);

/// Where runs happen.
#[derive(Debug)]
pub enum Place {
    /// On this machine as it is, whose files, ports and processes a run may change.
    Here,
    /// In a sandbox, which leaves nothing behind.
    Sandbox(Sandbox),
}

impl Place {
    /// On this machine. From now on this process takes over what any of its descendants leaves behind
    /// (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so that it can be ended; it should have no other children.
    ///
    /// # Errors
    /// What prctl(2) says: nothing, since Linux 3.4.
    pub fn here() -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(getpid()))?;
        Ok(Self::Here)
    }

    /// What a new run is given.
    pub(crate) fn fresh(&self) -> Result<Ground<'_>, SandboxError> {
        match self {
            Self::Here => Ok(Ground::Here),
            Self::Sandbox(sandbox) => Ok(Ground::Sandbox(sandbox.fresh()?)),
        }
    }
}

/// Where one run will happen.
pub(crate) enum Ground<'a> {
    Here,
    Sandbox(Fresh<'a>),
}

impl Ground<'_> {
    /// Moves the calling thread there.
    pub(crate) fn enter(&self) -> Result<Site, SandboxError> {
        match self {
            Self::Here => Ok(Site::Here),
            Self::Sandbox(fresh) => fresh.enter().map(Site::Sandbox),
        }
    }
}

/// Where the calling thread makes its run.
#[derive(Debug)]
pub(crate) enum Site {
    Here,
    Sandbox(Inside),
}

impl Site {
    /// Whether anything runs that the program has left behind; the program itself has been reaped.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Self::Here => runs_here(),
            Self::Sandbox(inside) => inside.is_busy(),
        }
    }

    /// Whether next to nothing can be written any more.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Here => false,
            Self::Sandbox(inside) => inside.is_full(),
        }
    }

    /// Where nothing can be written, though it can outside.
    pub(crate) fn read_only(&self) -> Vec<PathBuf> {
        match self {
            Self::Here => Vec::new(),
            Self::Sandbox(inside) => inside.read_only().to_vec(),
        }
    }

    /// Ends the program. Here it is asked to first, so that it leaves the place as it should.
    pub(crate) fn stop(&self, child: &mut Child) -> Result<(), RunError> {
        match self {
            Self::Here => {
                if child.try_wait()?.is_none() {
                    child.signal(TERM)?;
                    child.wait_for(GRACE)?;
                }
                child.kill()?;
            }
            Self::Sandbox(inside) => {
                if child.kill().is_err() {
                    // It has become a user that this process may not send signals to.
                    inside.kill()?;
                    child.wait()?;
                }
            }
        }
        Ok(())
    }

    /// Ends whatever is left. When this returns, nothing is.
    pub(crate) fn end(self) -> Result<(), SandboxError> {
        match self {
            Self::Here => {
                end_here();
                Ok(())
            }
            Self::Sandbox(inside) => inside.end(),
        }
    }
}

/// Whether this process has a child that runs: what the program has left behind. Those that have ended
/// are reaped; nobody else waits for them.
fn runs_here() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            // ECHILD, wait(2): there is none.
            Err(_) => return false,
        }
    }
}

/// The children of this process. Without `CONFIG_PROC_CHILDREN` every process is looked at.
fn children() -> Vec<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect();
    if !children.is_empty() {
        return children;
    }
    let own = std::process::id();
    // What cannot be listed now is listed at the next look, or gone.
    let all = Procfs::new().processes().map(|all| all.processes).unwrap_or_default();
    all.into_iter().filter(|process| process.parent == own).map(|process| process.pid).collect()
}

/// Asks what is left to end, and then makes it.
fn end_here() {
    let mut signal = TERM;
    let mut since = Instant::now();
    while runs_here() {
        for pid in children() {
            // It may have ended meanwhile.
            let _ = sys::signal::send_to(pid, signal);
        }
        if since.elapsed() >= GRACE {
            if signal == sys::signal::KILL {
                // Of another user, which this process may not end: not waited for for ever.
                return;
            }
            signal = sys::signal::KILL;
            since = Instant::now();
        }
        sleep(TICK);
    }
}
