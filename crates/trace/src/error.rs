//! What can go wrong when a trace is set up, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::backend::{Attempt, Unavailable};

/// Why a trace cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// No object was compiled for this architecture.
    #[error("tracing is built for x86_64 and aarch64 only; this machine is {architecture}")]
    Architecture {
        /// The machine's.
        architecture: &'static str,
    },
    /// The kernel's type information cannot be read.
    #[error(
        "cannot read {}: {source}; tracing needs a kernel built with CONFIG_DEBUG_INFO_BTF, \
         as those of all current distributions are",
        path.display()
    )]
    NoBtf {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The capabilities that bpf(2) asks for are missing.
    #[error(
        "tracing needs {missing} and this process does not have {them}; run it as root, or with \
         these capabilities",
        them = if missing.len() == 1 { "it" } else { "them" }
    )]
    NoPrivilege {
        /// Which.
        missing: caps::CapSet,
    },
    /// No program may read kernel memory ([`crate::lockdown`]).
    #[error(
        "no capability check can be seen: BPF may not read kernel memory here, {}; boot with \
         lockdown=integrity or without it (kernel_lockdown(7)), or trace on another machine",
        match mode {
            Some(mode) => format!("for the kernel is locked down ({mode}, {})", crate::lockdown::FILE),
            None => "as when the kernel is locked down (confidentiality)".to_owned(),
        }
    )]
    LockedDown {
        /// The mode, if the kernel says it.
        mode: Option<String>,
    },
    /// The kernel charges what is loaded to a limit that is too low.
    #[error(
        "this process may lock {} of memory, which this kernel charges BPF maps to and which is too \
         little; run it with SYS_RESOURCE, or raise the limit (ulimit -l unlimited)",
        limit.map_or_else(|| "no more".to_owned(), |bytes| format!("{} KiB", bytes / 1024))
    )]
    LockedMemory {
        /// RLIMIT_MEMLOCK's hard limit, bytes.
        limit: Option<u64>,
    },
    /// No way of seeing capability checks works on this kernel.
    #[error("no way to see capability checks works on this kernel: {}", list(attempts))]
    NoBackend {
        /// What was tried, each with its reason.
        attempts: Vec<Attempt>,
    },
    /// Loading or attaching something that should work did not.
    #[error("cannot {what}: {}", chain(source.as_ref()))]
    Bpf {
        /// What was being done.
        what: String,
        /// What the loader or the kernel said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something of `/proc` or the cgroup file system cannot be read.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// Process IDs of this namespace are not those of the kernel side.
    #[error(
        "dropcap runs in a PID namespace of its own and cannot follow a process by its number; \
         run it in the node's (docker run --pid=host; hostPID: true)"
    )]
    PidNamespace,
    /// The process is gone, or never was.
    #[error("no process {pid}")]
    NoProcess {
        /// Its number.
        pid: u32,
    },
    /// What a process runs and where cannot be told, and without that its checks could be taken for
    /// somebody else's.
    #[error(
        "cannot tell what process {pid} runs, nor in which namespaces: /proc shows it to SYS_PTRACE \
         only, and the kernel's list of tasks cannot be read: {source}"
    )]
    MayNotLook {
        /// Its number.
        pid: u32,
        /// Why the kernel does not say it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cgroup's number cannot be told from here.
    #[error("cannot watch cgroup {path}: {why}")]
    Cgroup {
        /// As it was named.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// One tracer watches one target.
    #[error("this tracer watches a target already")]
    Watching,
    /// There is nothing to tell yet.
    #[error("this tracer watches nothing yet")]
    NotWatching,
}

impl TraceError {
    /// Whether it is this kernel that shows no capability checks. Not so if it refused one of our programs
    /// as wrong: that is our fault.
    #[must_use]
    pub fn is_of_the_kernel(&self) -> bool {
        match self {
            Self::NoBtf { .. } | Self::LockedDown { .. } => true,
            Self::NoBackend { attempts } => {
                !attempts.iter().any(|a| matches!(a.outcome, Err(Unavailable::Failed(_))))
            }
            _ => false,
        }
    }

    pub(crate) fn bpf<E>(what: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let what = what.into();
        move |source| Self::Bpf { what, source: source.into() }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// An error and what lies below it: the loader's own names what it did, and not why that failed.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        // Some print what lies below them themselves.
        if !said.ends_with(&text) {
            said = format!("{said}: {text}");
        }
        next = error.source();
    }
    said
}

fn list(attempts: &[Attempt]) -> String {
    attempts
        .iter()
        .filter_map(|a| Some(format!("{}: {}", a.backend, a.outcome.as_ref().err()?)))
        .collect::<Vec<_>>()
        .join("; ")
}
