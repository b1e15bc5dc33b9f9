//! What a trace saw: the capability checks of one target, aggregated, with nothing judged.
//!
//! This is the seam between the tracer (which fills it) and the judge (which reads it), and the
//! format of `trace --record`. What a backend cannot know is `None`, never guessed.

use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of this format. A reader refuses any other.
pub const RECORDING_VERSION: u32 = 1;

/// One run of one target, as the kernel side saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recording {
    /// [`RECORDING_VERSION`].
    pub version: u32,
    /// The machine it ran on.
    pub machine: Machine,
    /// What was watched.
    pub target: Target,
    /// Whether the target's first `execve` was seen; `false` for one that was already running.
    pub start_seen: bool,
    /// How long it was watched, nanoseconds.
    pub duration_ns: u64,
    /// How the target's first process ended, if it did while watched.
    pub exit: Option<Exit>,
    /// The node's user ID of root in the target's user namespace: 0 unless it has one of its own.
    #[serde(default, skip_serializing_if = "is_root")]
    pub root: u32,
    /// How many processes of the target still ran when the watch ended.
    #[serde(default)]
    pub still_running: u32,
    /// What could not be kept; all zero for a complete recording.
    pub lost: Lost,
    /// Processes seen in the target, by the number that [`Observation::process`] refers to.
    pub processes: BTreeMap<u32, Process>,
    /// The checks, aggregated.
    pub observations: Vec<Observation>,
    /// Checks that were only counted, because their need was settled by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<Settled>,
    /// System calls that failed, whatever the reason; recorded only if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Processes outside of the target that it asked over a socket: what they did for it is not
    /// here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helpers: Vec<Helper>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_root(uid: &u32) -> bool {
    *uid == 0
}

impl Recording {
    /// What these processes did, as a recording of its own: one container out of many. Losses are
    /// of the whole, so they stay; so is what was counted after it was settled, and that goes.
    #[must_use]
    pub fn of_processes(&self, keep: impl Fn(&Process) -> bool) -> Self {
        let mut part = self.clone();
        part.processes.retain(|_, process| keep(process));
        part.start_seen = !part.processes.values().any(|process| process.running);
        part.exit = part.processes.values().next().and_then(|first| first.exit);
        part.settled.clear();
        let kept = |number: &u32| part.processes.contains_key(number);
        part.observations.retain(|o| kept(&o.process));
        part.failures.retain(|f| kept(&f.process));
        part.helpers.retain(|h| kept(&h.process));
        part
    }
}

/// Checks of a settled need (granted, of the target's own credentials, against its own user
/// namespace): after the judge has found it needed whatever else is seen, nothing but their number
/// is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settled {
    /// The capability.
    pub capability: Capability,
    /// How many checks.
    pub count: u64,
    /// When the number was last seen to grow, nanoseconds since the start of the recording.
    pub last_ns: u64,
}

/// System calls that agree in process, call, error and path or address, and failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// The process: a key of [`Recording::processes`].
    pub process: u32,
    /// The call, with the arguments of the first.
    pub syscall: Syscall,
    /// What it returned: a negative errno.
    pub result: i64,
    /// How often.
    pub count: u64,
    /// Nanoseconds since the start of the recording.
    pub first_ns: u64,
    /// Nanoseconds since the start of the recording.
    pub last_ns: u64,
}

/// A process outside of the target that one inside asked over a local socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Helper {
    /// Who asked: a key of [`Recording::processes`].
    pub process: u32,
    /// The socket's address (`unix:/run/docker.sock`), if it has one.
    pub address: Option<String>,
    /// The process that listens there, on the node; `None` where the kernel does not say (a
    /// datagram socket).
    pub pid: Option<u32>,
    /// Its `comm`, if it was still there to be asked.
    pub comm: Option<String>,
    /// How often.
    pub count: u64,
}

/// The kernel and the backend that watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub architecture: String,
    /// `tp_btf`, `raw_tp`, `fexit` or `kprobe`.
    pub backend: String,
}

/// What was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Target {
    /// A command this program started.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// A process that was running, and its descendants.
    Process {
        /// Process ID on the node.
        pid: u32,
    },
    /// Everything in a cgroup.
    Cgroup {
        /// Path below the cgroup mount.
        path: String,
    },
    /// A container of an engine.
    Container(Container),
}

/// A container as its engine and the OCI bundle name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    /// The engine's full identifier.
    pub id: String,
    /// The engine: `podman`, `docker`, `containerd`, `cri-o`.
    pub engine: String,
    /// The container's name, if there is one.
    pub name: Option<String>,
    /// The Kubernetes pod's name, if there is one.
    pub pod: Option<String>,
    /// The Kubernetes namespace, if there is one.
    pub namespace: Option<String>,
    /// The image's name, if known.
    pub image: Option<String>,
    /// The image's digest, if known.
    pub image_digest: Option<String>,
    /// What it executed first, with its arguments, the image's own words among them; empty if not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Exit {
    /// `exit(2)` with this status.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

/// What could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lost {
    /// Checks whose aggregate found no room; the capability's own bit is still in the set.
    pub checks: u64,
    /// Checks without a kernel stack.
    pub stacks: u64,
    /// Processes that could not be followed.
    pub processes: u64,
    /// Evidence (arguments, results, failures, helpers) that was sampled away or found no room.
    pub evidence: u64,
}

impl Lost {
    /// Whether nothing was lost that could change the set of needs. Sampled evidence does not.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.checks == 0 && self.stacks == 0 && self.processes == 0
    }
}

/// A process of the target: one program image, so an `execve` makes a new one. Processes that run
/// the same program, started by the same program, are one: a shell's thousand `chown`s, a server's
/// workers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Process {
    /// Process ID on the node, of the first of them.
    pub pid: u32,
    /// The parent's process ID on the node, if seen.
    pub parent: Option<u32>,
    /// `comm`, at most 15 bytes.
    pub comm: String,
    /// The program file, if it could be read.
    pub exe: Option<String>,
    /// Effective user ID when first seen, in the initial namespace.
    pub uid: Option<u32>,
    /// Whether no_new_privs was set (prctl(2), `PR_SET_NO_NEW_PRIVS`): then no set-uid program and
    /// no file with capabilities gives anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_new_privs: Option<bool>,
    /// The file's owner, if the file is set-uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_uid: Option<u32>,
    /// The file's group, if the file is set-gid (and executable by its group, inode(7)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_gid: Option<u32>,
    /// Its bounding set when first seen: of the target's first process, the most that the target
    /// can ever use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounding: Option<CapSet>,
    /// What the file's capabilities gave it, if it is not root's (capabilities(7), "File
    /// capabilities").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gained: Option<Gained>,
    /// The cgroup it ran in, below the root of the unified hierarchy: `/a/b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Whether it was running before the watch began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// How one of them ended, if one did while watched: one that failed, if any did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// When that was, nanoseconds since the start of the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ns: Option<u64>,
}

/// What a process that is not root gained from the capabilities of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gained {
    /// Permitted.
    pub permitted: CapSet,
    /// Whether they are in effect at once (the file's effective bit): then `execve` fails unless
    /// all that the file names is in the bounding set (`bprm_caps_from_vfs_caps`,
    /// security/commoncap.c).
    pub effective: bool,
}

/// Which kind of task made a check.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// A thread of the program.
    #[default]
    Program,
    /// A worker of io_uring, doing what the program submitted (`PF_IO_WORKER`).
    IoWorker,
    /// Another worker that the kernel runs in the program's place, such as vhost's
    /// (`PF_USER_WORKER`).
    UserWorker,
    /// A kernel thread (`PF_KTHREAD`).
    KernelThread,
}

impl Task {
    /// Whether it is a thread of the program itself.
    #[must_use]
    pub fn is_program(&self) -> bool {
        *self == Self::Program
    }
}

/// What answers a check, seen from the target's own user namespace: as `cap_capable_helper` of
/// `security/commoncap.c` goes up from the namespace that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NamespaceRelation {
    /// The capability sets that the target has in its own user namespace; also for a namespace
    /// below it that somebody else owns.
    Own,
    /// A namespace below it that the target made itself: what it has there answers, or that it is
    /// the owner; its own sets need nothing for it.
    Inner,
    /// Neither: a namespace above it (a container with a user namespace asking the host's), or one
    /// beside. No capability of the target can grant it.
    Outer,
}

/// Checks that agree in everything the judge looks at, with how often and when.
///
/// Checks that differ in capability, outcome, credentials, namespace, process, stack or system
/// call are different observations. So are those that differ in an argument that decides, such as
/// the mode of `chmod` or the signal of `kill` (`judge::deciding_arguments`). Paths and addresses
/// may be sampled: they are evidence, not verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observation {
    /// The capability asked for.
    pub capability: Capability,
    /// Whether `cap_capable` granted it.
    pub granted: bool,
    /// Whether the checked credentials are the task's own (`cred == current->real_cred`).
    pub own_credentials: bool,
    /// Against which user namespace.
    pub namespace: NamespaceRelation,
    /// Effective user ID of the checked credentials, in the initial namespace; `None` where the
    /// backend does not read it.
    pub uid: Option<u32>,
    /// Whether the checked credentials have the capability in their bounding set (`cap_bset`);
    /// `None` where the backend does not read it. A refusal with the capability in the bounding
    /// set is no lack of the container: the process gave it up itself, as `setuid(2)` does.
    pub in_bounding: Option<bool>,
    /// `CAP_OPT_NOAUDIT`; `None` where the backend does not see `opts`.
    pub no_audit: Option<bool>,
    /// The kind of task it was made in.
    #[serde(default, skip_serializing_if = "Task::is_program")]
    pub task: Task,
    /// The system call the task was in; `None` for a worker or a kernel thread.
    pub syscall: Option<Syscall>,
    /// Kernel functions from `cap_capable`'s caller outwards, `+offset` and module left off, compiler suffixes kept.
    /// Empty when the stack was lost or symbols are hidden.
    pub stack: Vec<String>,
    /// The process that asked: a key of [`Recording::processes`].
    pub process: u32,
    /// How often.
    pub count: u64,
    /// Nanoseconds since the start of the recording.
    pub first_ns: u64,
    /// Nanoseconds since the start of the recording.
    pub last_ns: u64,
    /// What the system call returned (negative errno), of the first of these checks whose return
    /// was seen.
    pub result: Option<i64>,
}

/// A system call in progress, with the arguments that decide.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Syscall {
    /// The number on the recording machine's architecture.
    pub number: u32,
    /// The name, if this program knows the number.
    pub name: Option<String>,
    /// Made through the 32-bit entry.
    pub compat: bool,
    /// The six raw arguments of the first such check.
    pub arguments: [u64; 6],
    /// The path given, if the call takes one and it could be read.
    pub path: Option<String>,
    /// The socket address given (`0.0.0.0:80`, `[::]:443`, `unix:/run/x`), likewise.
    pub address: Option<String>,
}
