//! Why a target failed, tied to the manifest that decided: what was refused, who took it away, and
//! the least that mends it.

mod answer;
mod edit;
mod tie;
mod words;

use caps::Capability;
use record::observation::Target;
use record::requirement::Remedy;
use record::schema::CapabilityName;
use schemars::JsonSchema;
use serde::Serialize;

pub use answer::answer;
pub use tie::{Place, Tie};

/// The version of the JSON form of [`Report`].
pub const REPORT_VERSION: u32 = 1;

/// What `dropcap why --json` prints, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// Every target that was followed.
    pub targets: Vec<Answer>,
}

impl Report {
    /// Of these targets.
    #[must_use]
    pub fn new(targets: Vec<Answer>) -> Self {
        Self { version: REPORT_VERSION, targets }
    }

    /// Whether the want of a capability is among the causes of any.
    #[must_use]
    pub fn wants_capability(&self) -> bool {
        self.targets.iter().any(|answer| answer.wants_capability)
    }
}

/// Why one target failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What was followed.
    pub target: Target,
    /// How many starts of it were seen; 1 for what does not restart.
    pub starts: usize,
    /// What became of it.
    pub end: Ended,
    /// That in words: `ended with status 1`.
    pub ended: String,
    /// Whether the want of a capability, or of what a set-uid program should have gained, is among
    /// the causes.
    pub wants_capability: bool,
    /// The container of the manifest, if one was given.
    pub manifest: Option<Place>,
    /// The causes, the most likely first; none if it ended well, or nothing was found.
    pub causes: Vec<Cause>,
    /// What was refused or failed as well, and hardly is the cause.
    pub went_on: Vec<Cause>,
    /// Refused checks whose call was not seen to return.
    pub unseen: u64,
    /// Why there may be more than was seen.
    pub incomplete: Vec<String>,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// It still ran.
    Running,
    /// It ended well, or was asked to end.
    Well,
    /// It ended with an error.
    Badly,
    /// It ended, and nobody knows how.
    Unknown,
}

/// One reason why calls failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What says no.
    pub kind: Kind,
    /// Any one of these was wanted, the one to prefer first; empty where no capability is.
    #[schemars(with = "Vec<CapabilityName>")]
    pub capabilities: Vec<Capability>,
    /// The answer in one line: what is missing, or what else it is, the latest call, and who made it.
    pub answer: String,
    /// Why that is so.
    pub why: String,
    /// How sure it is that this made the calls fail.
    pub likelihood: Likelihood,
    /// In how many of the starts it was seen.
    pub seen: usize,
    /// The calls, the latest first.
    pub calls: Vec<Call>,
    /// Who took it away, by the manifest.
    pub taken_by: Option<TakenBy>,
    /// What to do, or where to look, the cheapest place first.
    pub remedies: Vec<Remedy>,
    /// The least edit of the manifest that gives the capability, tried before it is offered.
    pub edit: Option<Edit>,
    /// Why there is no such edit.
    pub no_edit: Option<String>,
}

/// What says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The container does not have the capability.
    Missing,
    /// The default seccomp profile opens the call only to who has the capability.
    MissingForSeccomp,
    /// The process is not root, and nothing gives it the capability.
    NonRoot,
    /// The process gave it up.
    GivenUp,
    /// It was asked of a user namespace above the container's.
    OuterNamespace,
    /// A set-uid program gained nothing: no_new_privs.
    NoNewPrivileges,
    /// The program's file carries capabilities beyond the bounding set.
    FileCapabilities,
    /// A seccomp profile; no capability.
    Seccomp,
    /// A security module, or a flag of the file; no capability.
    SecurityModule,
    /// A file's mode or owner; no capability.
    FileMode,
    /// A file system mounted read-only; no capability.
    ReadOnly,
    /// A limit; no capability.
    Limit,
    /// A device; no capability.
    Device,
    /// A full disk; no capability.
    Disk,
    /// The network; no capability.
    Network,
    /// The program's file; no capability.
    Program,
    /// The kernel; no capability.
    Kernel,
    /// Memory; no capability.
    Memory,
}

/// How sure a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Likelihood {
    /// Nothing else explains it.
    Sure,
    /// Hardly anything else does.
    Likely,
    /// Programs meet with it every day and go on.
    Possible,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// In a person's words.
    pub what: String,
    /// Who made it.
    pub by: String,
    /// The error's name.
    pub returned: String,
    /// How often.
    pub count: u64,
    /// Milliseconds since the start of the watch.
    pub first_ms: u64,
    /// Milliseconds since the start of the watch.
    pub last_ms: u64,
}

impl Call {
    /// On one line: `chown /x to 33 failed (EPERM), by nginx (main)`.
    #[must_use]
    pub fn line(&self) -> String {
        let times = if self.count > 1 { format!(" {} times", self.count) } else { String::new() };
        format!("{} failed{times} ({}), by {}", self.what, self.returned, self.by)
    }
}

/// What in a manifest took a capability away, or refuses otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TakenBy {
    /// In words: `removed by drop ALL`.
    pub words: String,
    /// The line, from 1; `None` for what is written nowhere, such as a default.
    pub line: Option<usize>,
}

/// A change of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// As an instruction: `add CHOWN`.
    pub title: String,
    /// The capability that the process then has.
    #[schemars(with = "CapabilityName")]
    pub gives: Capability,
    /// The first line that changes, from 1.
    pub line: usize,
    /// The lines that go.
    pub removed: Vec<String>,
    /// The lines that come.
    pub added: Vec<String>,
    /// The whole manifest after it.
    #[serde(skip)]
    pub text: String,
}

/// The JSON schema of [`Report`], as published in `docs/schema/why-v1.json`.
#[must_use]
pub fn schema() -> String {
    crate::schema::published::<Report>("why-v1.json")
}
