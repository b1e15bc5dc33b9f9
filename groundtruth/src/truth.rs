//! `truth.toml`: the true minimal sets of a program, as the brute force found them.

use std::fs;
use std::path::Path;

use caps::CapSet;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::program::Program;
use crate::sandbox::FileSystem;

const FILE: &str = "truth.toml";
const HEAD: &str = "# Written by `cargo xtask groundtruth --measure`; do not edit.\n";

/// What was measured, by file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// On overlayfs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlayfs: Option<Measured>,
    /// On a plain file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<Measured>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Every minimal set, the smallest first.
    pub minimal: Vec<CapSet>,
    /// How it was found.
    pub method: String,
    /// When.
    pub date: String,
    /// On which kernel.
    pub kernel: String,
    /// What the machine could not grant: not known to be needed or not.
    pub not_granted: CapSet,
    /// How many runs it took.
    pub runs: u32,
    /// Of which scripts it is the truth.
    pub scripts: String,
    /// Sets that gave both answers, with how often they passed and failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<String>,
    /// What is needed so that nothing is refused that used to be granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denials: Option<Denials>,
    /// Every set that failed, and what the program or its test said; each failed twice.
    pub failed: Vec<Failed>,
}

/// What `--measure-denials` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denials {
    /// For each of [`Measured::minimal`], in its order: the smallest set that holds it and under
    /// which no check fails that used to pass.
    pub sets: Vec<CapSet>,
    /// What was refused without each of the others: `CHOWN at chown_common in fchown: EPERM`.
    pub refused: Vec<String>,
    /// Refusals that do not count, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<String>,
    /// When.
    pub date: String,
    /// On which kernel.
    pub kernel: String,
    /// How many runs it took.
    pub runs: u32,
}

/// A set that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// `all but CHOWN`, or `only KILL NET_RAW`.
    pub set: String,
    /// What was said.
    pub why: String,
}

impl Truth {
    /// Reads a program's; nothing is known if there is no file.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result {
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", folder.join(FILE).display());
        let text = toml::to_string(self).map_err(|e| failed(&e))?;
        let fresh = folder.join(".truth.toml");
        fs::write(&fresh, format!("{HEAD}{text}")).map_err(|e| failed(&e))?;
        fs::rename(&fresh, folder.join(FILE)).map_err(|e| failed(&e))
    }

    /// The measurement on a file system.
    pub fn on(&self, place: FileSystem) -> Option<&Measured> {
        match place {
            FileSystem::Overlayfs => self.overlayfs.as_ref(),
            FileSystem::Plain => self.plain.as_ref(),
        }
    }

    /// Puts in a measurement.
    pub fn set(&mut self, place: FileSystem, measured: Measured) {
        match place {
            FileSystem::Overlayfs => self.overlayfs = Some(measured),
            FileSystem::Plain => self.plain = Some(measured),
        }
    }
}

impl Measured {
    /// The measurement on a file system, if it is of the program's scripts as they are.
    pub fn of(program: &Program, place: FileSystem) -> std::result::Result<Self, String> {
        match program.truth.on(place) {
            None => Err("not measured".to_owned()),
            Some(measured) if measured.scripts != program.scripts => {
                Err("measured with other scripts".to_owned())
            }
            Some(measured) => Ok(measured.clone()),
        }
    }
}

/// A set as [`Failed::set`] has it.
pub fn describe(set: CapSet, all: CapSet) -> String {
    let missing = all - set;
    if missing.len() < set.len() { format!("all but {missing}") } else { format!("only {set}") }
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    #[test]
    fn a_set_is_described_by_its_shorter_side() {
        let all = CapSet::all_known();
        assert_eq!(describe(all.without(Capability::CHOWN), all), "all but CHOWN");
        assert_eq!(describe(CapSet::of(&[Capability::KILL]), all), "only KILL");
        assert_eq!(describe(CapSet::EMPTY, all), "only none");
    }
}
