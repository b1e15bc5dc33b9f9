//! Why a target failed: refused checks that made a call fail, and calls that failed for another
//! reason, the most likely cause first.
//!
//! A check denied is not yet a call failed, and a call failed is not yet a program that minds: what
//! is reported is ordered by how likely it is to be the answer, and what came before and did not
//! end the target is kept apart ([`Diagnosis::went_on`]).

mod elsewhere;
mod refused;
mod weigh;

use caps::{CapSet, Capability};
use record::observation::{Exit, Process, Recording, Target};
use record::requirement::Remedy;
use serde::{Deserialize, Serialize};

use crate::table::SiteTable;
use crate::{judgement, words};

/// What became of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It still ran when the watch ended.
    Running,
    /// It ended well, or was asked to end.
    Well,
    /// It ended with an error.
    Badly(Exit),
    /// It ended, and nobody knows how.
    Unknown,
}

impl End {
    /// What the recording says of it.
    #[must_use]
    pub fn of(recording: &Recording) -> Self {
        let main = main(recording);
        let exit = match recording.target {
            // A container's first program may have become another one.
            Target::Container(_) => main.and_then(|main| main.exit),
            _ => recording.exit,
        };
        let ended = main.is_some_and(|main| main.ended_ns.is_some());
        match exit {
            Some(exit) => Self::from(exit),
            None if recording.still_running > 0 && !ended => Self::Running,
            None => Self::Unknown,
        }
    }

    /// In words: `ended with status 1`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Running => "still ran when the watch ended".to_owned(),
            Self::Well => "ended well".to_owned(),
            Self::Badly(exit) => match judgement::failed(Some(exit)) {
                Some(how) => format!("ended with {how}"),
                None => "ended".to_owned(),
            },
            Self::Unknown => "ended, how is not known".to_owned(),
        }
    }
}

/// Success, and the signals by which one asks a service to end, are no failure.
impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        if judgement::failed(Some(exit)).is_none() { Self::Well } else { Self::Badly(exit) }
    }
}

/// The target's first process as the last program that it became: a script executes a server at its
/// end.
#[must_use]
pub fn main(recording: &Recording) -> Option<&Process> {
    let first = recording.processes.values().next()?;
    recording.processes.values().rev().find(|process| process.pid == first.pid)
}

/// What is known of the target beside its recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The node's user ID of root in the target's user namespace: 0 unless it has one of its own.
    pub root: u32,
    /// What became of it; taken from the recording if not said.
    pub end: Option<End>,
}

/// Why a target failed, as far as a recording tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What became of it.
    pub end: End,
    /// What may be the cause, the most likely first. None if it ended well.
    pub findings: Vec<Finding>,
    /// What was refused or failed as well, and hardly is the cause: the program went on.
    pub went_on: Vec<Finding>,
    /// Refused checks whose call was not seen to return.
    pub unseen: u64,
    /// Why there may be more than was seen.
    pub incomplete: Vec<String>,
}

impl Diagnosis {
    /// Whether the want of a capability, or of what a set-uid program should have gained, is among
    /// the causes.
    #[must_use]
    pub fn wants_capability(&self) -> bool {
        self.findings.iter().any(|finding| finding.cause.is_capability())
    }
}

/// One reason why calls failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The reason.
    pub cause: Cause,
    /// How sure it is that this made the calls fail; not that the program minded.
    pub likelihood: Likelihood,
    /// The calls, the latest first. None where a program gave up before it made one.
    pub calls: Vec<Call>,
    /// What to do, or where to look, the cheapest place first.
    pub remedies: Vec<Remedy>,
}

/// How sure a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Likelihood {
    /// Nothing else explains it.
    Sure,
    /// Hardly anything else does.
    Likely,
    /// Programs meet with it every day and go on.
    Possible,
}

/// Why calls failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The kernel asked for a capability, and the process did not have it.
    Capability {
        /// Any one of these would have served, the one to prefer first.
        any_of: Vec<Capability>,
        /// Why the process did not have it.
        lack: Lack,
    },
    /// A set-uid or set-gid program gained nothing, because no_new_privs was set, prctl(2).
    NoNewPrivileges {
        /// The program.
        program: String,
        /// What it is set to: `set-uid root`, `set-gid 42`.
        set_id: String,
        /// What it was refused; empty if it gave up before it asked.
        refused: CapSet,
    },
    /// No capability has to do with it.
    Elsewhere {
        /// What says no.
        kind: Kind,
        /// That in words.
        why: String,
    },
}

impl Cause {
    /// Whether a capability is wanting.
    #[must_use]
    pub fn is_capability(&self) -> bool {
        !matches!(self, Self::Elsewhere { kind, .. } if *kind != Kind::FileCapabilities)
    }
}

/// Why a process did not have a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It is not in the bounding set: the container does not have it.
    Missing,
    /// The call was refused before the kernel asked, and the default seccomp profile of container
    /// engines opens it only to containers that have the capability.
    Seccomp,
    /// The process is not root and never was: what a container has is no use to it, unless it is
    /// raised in the ambient set or carried by the program's file.
    NonRoot {
        /// Who it is, in the initial user namespace.
        uid: u32,
        /// Whether the bounding set has it.
        in_bounding: bool,
    },
    /// The container has it, and the process, once root, gave it up.
    GivenUp {
        /// Who it is now.
        uid: u32,
    },
    /// Asked of a user namespace above the container's: nothing it holds counts there.
    Outer,
}

/// What says no where it is not a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A seccomp profile.
    Seccomp,
    /// A security module (AppArmor, SELinux, Yama), or a flag of the file that goes before all.
    SecurityModule,
    /// A file's mode or owner.
    FileMode,
    /// A file system mounted read-only.
    ReadOnly,
    /// A resource limit of the process, the container or the node.
    Limit,
    /// A device that is not there, or not allowed.
    Device,
    /// A disk or a quota that is full.
    Disk,
    /// The network: an address in use, nobody there, a firewall.
    Network,
    /// The capabilities of the program's file, which are not all in the bounding set.
    FileCapabilities,
    /// The program's file itself.
    Program,
    /// Something the kernel does not have.
    Kernel,
    /// The out-of-memory killer.
    Memory,
    /// Nothing: programs meet with it every day.
    Noise,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// In a person's words: `chown /var/lib/nginx/body to 33`.
    pub what: String,
    /// Who made it: `nginx (main)`.
    pub by: String,
    /// The error's name: `EPERM`.
    pub returned: String,
    /// The user that made it, in the initial user namespace, if known.
    pub uid: Option<u32>,
    /// The path it named, if any.
    pub path: Option<String>,
    /// The process: a key of [`Recording::processes`].
    pub process: u32,
    /// How often.
    pub count: u64,
    /// Nanoseconds since the start of the recording.
    pub first_ns: u64,
    /// Nanoseconds since the start of the recording.
    pub last_ns: u64,
}

impl Call {
    /// On one line: `chown /x to 33 failed (EPERM), by nginx (main)`.
    #[must_use]
    pub fn line(&self) -> String {
        let times = if self.count > 1 { format!(" {} times", self.count) } else { String::new() };
        format!("{} failed{times} ({}), by {}", self.what, self.returned, self.by)
    }
}

/// Judges a recording by the built-in tables.
#[must_use]
pub fn diagnose(recording: &Recording, known: &Known) -> Diagnosis {
    let table = SiteTable::builtin();
    let end = known.end.unwrap_or_else(|| End::of(recording));
    let refused::Refused { mut findings, explained, unseen } =
        refused::of(recording, table, known.root);
    findings.extend(elsewhere::of(recording, &explained, end));
    let (findings, went_on) = weigh::split(findings, recording, end);
    Diagnosis { end, findings, went_on, unseen, incomplete: incomplete(recording) }
}

/// What may hide a cause.
fn incomplete(recording: &Recording) -> Vec<String> {
    let mut reasons = Vec::new();
    if !recording.start_seen {
        reasons.push(record::profile::START_NOT_SEEN.to_owned());
    }
    let lost = recording.lost;
    for (count, what) in [
        (lost.checks, "checks were lost"),
        (lost.stacks, "checks were seen without their kernel stack"),
        (lost.processes, "processes could not be followed"),
        (lost.evidence, "pieces of evidence found no room"),
    ] {
        if count > 0 {
            reasons.push(format!("{count} {what}"));
        }
    }
    reasons
}

/// The name of an error that a call returned; `None` for none.
fn error(result: i64) -> Option<String> {
    (-4095..0).contains(&result).then(|| words::returned(result))
}
