//! What this machine can do, what is missing, and how to get it.

mod abilities;
mod containers;
mod engines;
mod kernel;
mod privilege;

use schemars::JsonSchema;
use serde::Serialize;
use sys::procfs::Procfs;

/// The version of the JSON form of [`Report`].
pub const REPORT_VERSION: u32 = 1;

/// How it stands with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It is not there, and nothing needs it.
    Absent,
    /// It works.
    Works,
    /// It works in part.
    Limited,
    /// It does not work.
    Missing,
}

/// What a [`Fact`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Area {
    /// The kernel and what of it can be watched.
    Kernel,
    /// What this process may do.
    Privilege,
    /// Control groups and container engines.
    Containers,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// A name that does not change: `kernel.btf`.
    pub id: &'static str,
    /// What it is about.
    pub area: Area,
    /// How it stands.
    pub status: Status,
    /// What was found, for a person.
    pub says: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What some commands can do here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ability {
    /// Which commands.
    pub commands: Vec<&'static str>,
    /// How it stands with them.
    pub status: Status,
    /// What they can do, or why they cannot.
    pub says: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The whole answer: what `dropcap doctor --json` prints, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// This program's version.
    pub dropcap: &'static str,
    /// What was looked at.
    pub facts: Vec<Fact>,
    /// What follows for each command.
    pub abilities: Vec<Ability>,
}

impl Report {
    /// Whether every command can do its work here, be it in part.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.abilities.iter().all(|ability| ability.status != Status::Missing)
    }
}

/// The schema of [`Report`] as JSON text: `docs/schema/doctor-v1.json`.
#[must_use]
pub fn schema() -> String {
    crate::schema::published::<Report>("doctor-v1.json")
}

/// Looks at this machine. Nothing is changed; BPF programs are loaded and let go of again, and
/// container engines are asked for their version.
///
/// What cannot be found out is a fact, not an error.
#[must_use]
pub fn examine(version: &'static str) -> Report {
    let procfs = Procfs::new();
    let privilege = privilege::Privilege::read(&procfs);
    let tracing = kernel::Tracing::probe();
    let mut facts = kernel::facts(&tracing);
    facts.extend(privilege.facts());
    facts.extend(containers::facts());
    facts.extend(engines::facts());
    let abilities = abilities::abilities(&privilege, &tracing);
    Report { version: REPORT_VERSION, dropcap: version, facts, abilities }
}

impl Fact {
    fn new(id: &'static str, area: Area, status: Status, says: impl Into<String>) -> Self {
        Self { id, area, status, says: says.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
