//! How to do without: the remedies that fit a piece of evidence, from `data/remedies.toml`.

use std::net::SocketAddr;
use std::sync::LazyLock;

use caps::Capability;
use record::observation::{Observation, Recording, Syscall};
use record::requirement::{Place, Remedy};
use serde::Deserialize;

use crate::access::Access;
use crate::role;
use crate::table::is_call;
use crate::words::printable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remedies {
    remedy: Vec<Row>,
}

/// A remedy and when it applies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    /// For one of these.
    capability: Vec<Capability>,
    /// In one of these system calls; any if empty.
    #[serde(default)]
    syscall: Vec<String>,
    /// With these arguments.
    #[serde(default)]
    arguments: Vec<Equals>,
    /// Only what was seen at start alone.
    #[serde(default)]
    at_start: bool,
    /// Only if the port is below 1024.
    #[serde(default)]
    privileged_port: bool,
    /// Only if the call does this with what is at its path.
    #[serde(default)]
    access: Option<Access>,
    /// Only if the path is below one of these.
    #[serde(default)]
    below: Vec<String>,
    /// Where it is applied.
    place: Place,
    /// The instruction; `{uid}`, `{gid}`, `{port}`, `{path}`, `{folder}` come from the evidence, and
    /// a row whose word is not known does not apply.
    how: String,
    /// Why that removes the need.
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Equals {
    /// Which, from 0.
    index: usize,
    /// The bits that count; all 32 if not said.
    #[serde(default = "int")]
    mask: u64,
    /// Their value.
    equals: u64,
}

impl Equals {
    pub(crate) fn holds(&self, syscall: &Syscall) -> bool {
        syscall.arguments.get(self.index).is_some_and(|value| value & self.mask == self.equals)
    }
}

/// The bits of an `int` argument: what is above them in the register is noise.
fn int() -> u64 {
    u32::MAX.into()
}

static REMEDIES: LazyLock<Remedies> =
    LazyLock::new(|| match toml::from_str(include_str!("../data/remedies.toml")) {
        Ok(remedies) => remedies,
        Err(error) => unreachable!("a test reads the built-in remedies: {error}"),
    });

/// The remedies that fit.
pub(crate) fn of(recording: &Recording, observation: &Observation) -> Vec<Remedy> {
    let at_start = role::at_start(recording, observation);
    fitting(observation.capability, observation.syscall.as_ref(), at_start)
}

/// The remedies that fit a call for which a capability is wanting, whenever it is made.
pub(crate) fn of_call(capability: Capability, syscall: &Syscall) -> Vec<Remedy> {
    fitting(capability, Some(syscall), false)
}

fn fitting(capability: Capability, syscall: Option<&Syscall>, at_start: bool) -> Vec<Remedy> {
    let facts = syscall.map(Facts::of).unwrap_or_default();
    REMEDIES
        .remedy
        .iter()
        .filter(|row| row.fits(capability, syscall, &facts, at_start))
        .filter_map(|row| {
            Some(Remedy {
                how: facts.fill(&row.how)?,
                why: facts.fill(&row.why)?,
                place: row.place,
            })
        })
        .collect()
}

impl Row {
    fn fits(
        &self,
        capability: Capability,
        syscall: Option<&Syscall>,
        facts: &Facts,
        at_start: bool,
    ) -> bool {
        let name = syscall.and_then(|s| s.name.as_deref());
        self.capability.contains(&capability)
            && (self.syscall.is_empty()
                || name.is_some_and(|n| self.syscall.iter().any(|s| is_call(n, s))))
            && self.arguments.iter().all(|a| syscall.is_some_and(|s| a.holds(s)))
            && (!self.at_start || at_start)
            && self.access.is_none_or(|access| syscall.and_then(Access::of) == Some(access))
            && (!self.privileged_port || facts.port.is_some_and(|p| p < 1024))
            && (self.below.is_empty()
                || facts.path.as_ref().is_some_and(|p| {
                    self.below.iter().any(|folder| p.starts_with(folder.as_str()))
                }))
    }
}

/// What the evidence says that a remedy can use.
#[derive(Default)]
struct Facts {
    uid: Option<u32>,
    gid: Option<u32>,
    port: Option<u16>,
    path: Option<String>,
}

impl Facts {
    fn of(syscall: &Syscall) -> Self {
        let (uid, gid) = ids(syscall);
        Self {
            uid,
            gid,
            port: syscall.address.as_ref().and_then(|a| port(a)),
            path: syscall.path.clone().filter(|p| p.starts_with('/')),
        }
    }

    /// The template with the facts in place, or `None` if it wants one that is not known.
    fn fill(&self, template: &str) -> Option<String> {
        let mut text = template.to_owned();
        let folder =
            self.path.as_ref().and_then(|p| p.rsplit_once('/')).map(|(folder, _)| {
                if folder.is_empty() { "/".to_owned() } else { folder.to_owned() }
            });
        for (word, fact) in [
            ("{uid}", self.uid.map(|id| id.to_string())),
            ("{gid}", self.gid.map(|id| id.to_string())),
            ("{port}", self.port.map(|port| port.to_string())),
            ("{high}", self.port.map(|port| (8000 + u32::from(port)).to_string())),
            ("{path}", self.path.clone()),
            ("{folder}", folder),
        ] {
            if text.contains(word) {
                text = text.replace(word, &fact?);
            }
        }
        Some(printable(&text))
    }
}

/// The user and group a call changes to, of the process or of a file: 0 (nothing gained) and -1 (unchanged)
/// are none.
#[must_use]
pub fn ids(syscall: &Syscall) -> (Option<u32>, Option<u32>) {
    let id = |i: usize| {
        let id = syscall.arguments[i] as u32;
        (id != 0 && id != u32::MAX).then_some(id)
    };
    match syscall.name.as_deref().map(|n| n.strip_suffix("32").unwrap_or(n)) {
        Some("setuid" | "setfsuid") => (id(0), None),
        Some("setreuid" | "setresuid") => (id(1).or_else(|| id(0)), None),
        Some("setgid" | "setfsgid") => (None, id(0)),
        Some("setregid" | "setresgid") => (None, id(1).or_else(|| id(0))),
        Some("chown" | "lchown" | "fchown") => (id(1), id(2)),
        Some("fchownat") => (id(2), id(3)),
        _ => (None, None),
    }
}

fn port(address: &str) -> Option<u16> {
    address.parse::<SocketAddr>().ok().map(|a| a.port()).filter(|p| *p != 0)
}
