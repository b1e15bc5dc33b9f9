//! What this machine can do, what is missing, and how to get it.

mod backends;
mod commands;
mod containers;
mod engines;
mod kernel;
mod privilege;

use caps::{CapSet, Capability};
use record::schema::CapabilityName;
use schemars::JsonSchema;
use serde::Serialize;
use sys::procfs::Procfs;

use crate::needs::Machine;

/// The version of the JSON form of [`Report`].
pub const REPORT_VERSION: u32 = 2;

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

/// A way of seeing capability checks, tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendState {
    /// Its name: `tp_btf`.
    pub name: &'static str,
    /// Whether it works; absent, if it does not and another one does.
    pub status: Status,
    /// That it works, or why not.
    pub says: String,
    /// The capabilities it takes on this kernel.
    #[schemars(with = "Vec<CapabilityName>")]
    pub needs: CapSet,
    /// Those of them that this process lacks.
    #[schemars(with = "Vec<CapabilityName>")]
    pub lacks: CapSet,
}

/// A capability without which something is done, and less well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Better {
    /// Which.
    #[schemars(with = "CapabilityName")]
    pub capability: Capability,
    /// Whether this process holds it.
    pub held: bool,
    /// What it is for.
    pub why: String,
    /// What happens without it.
    pub without: String,
}

/// What a command takes here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandState {
    /// A name that does not change: `trace.command`.
    pub id: String,
    /// How it is asked for, without the name of the program: `trace -- CMD`.
    pub usage: Vec<String>,
    /// Whether it can do its work here.
    pub status: Status,
    /// The capabilities it takes on this kernel, with the backend in use.
    #[schemars(with = "Vec<CapabilityName>")]
    pub needs: CapSet,
    /// What a command that it starts takes besides, in words.
    pub given: Option<String>,
    /// Those needed that this process lacks.
    #[schemars(with = "Vec<CapabilityName>")]
    pub lacks: CapSet,
    /// What would make it better.
    pub better: Vec<Better>,
    /// What else stands in the way or limits it, for a person.
    pub says: Vec<String>,
    /// Command lines that give it what it lacks.
    pub get: Vec<String>,
}

/// The whole answer: what `dropcap doctor --json` prints, version 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// This program's version.
    pub dropcap: &'static str,
    /// What was looked at.
    pub facts: Vec<Fact>,
    /// The ways of seeing capability checks, the preferred first.
    pub backends: Vec<BackendState>,
    /// What each command takes, and what is missing of it.
    pub commands: Vec<CommandState>,
}

impl Report {
    /// Whether every command can do its work here, be it in part.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.commands.iter().all(|command| command.status != Status::Missing)
    }
}

/// The schema of [`Report`] as JSON text: `docs/schema/doctor-v2.json`.
#[must_use]
pub fn schema() -> String {
    crate::schema::published::<Report>("doctor-v2.json")
}

/// Looks at this machine. Nothing is changed; BPF programs are loaded and let go of again, and
/// container engines are asked for their version.
///
/// What cannot be found out is a fact, not an error.
#[must_use]
pub fn examine(version: &'static str) -> Report {
    let procfs = Procfs::new();
    let privilege = privilege::Privilege::read(&procfs);
    let machine = Machine::read();
    let tracing = backends::Tracing::probe();
    let mut facts = kernel::facts(&machine);
    facts.extend(privilege.facts());
    facts.extend(containers::facts());
    facts.extend(engines::facts());
    Report {
        version: REPORT_VERSION,
        dropcap: version,
        facts,
        backends: tracing.states(&machine, &privilege),
        commands: commands::states(&machine, &privilege, &tracing),
    }
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
