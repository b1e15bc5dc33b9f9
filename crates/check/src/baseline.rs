//! A baseline: what was found once and is not to fail a run; only what is new does.
//!
//! What is about a capability being held is kept by capability: for one container, the worst that was
//! said of each, and what it held. Less of it is never new, whichever rule says so. Any other finding is kept by its
//! rule, its container and the words it is about, however they are quoted, indented or broken into
//! lines, and wherever they stand now.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use caps::{CapSet, Capability};
use manifest::{ContainerList, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::report::{Found, Report};
use crate::rule::{Rule, Topic};
use crate::severity::Severity;
use crate::standing::Standing;

/// The version of this format.
pub const VERSION: u32 = 1;

/// A baseline: `docs/schema/baseline-v1.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "dropcap baseline")]
pub struct Baseline {
    /// Version of this format: 1.
    pub version: u32,
    /// The runtime that the findings were about.
    pub runtime: String,
    /// What was found, in order.
    pub findings: Vec<Entry>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The manifest, from the baseline's folder on, with `/`.
    pub file: String,
    /// `namespace/kind/name/list/container`; empty if it is about none.
    pub container: String,
    /// The rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// The capabilities that it is about; none if it is about words or fields.
    #[schemars(with = "Vec<String>")]
    pub capabilities: CapSet,
    /// What the container held or could come to hold then; none if the words tell.
    #[schemars(with = "Vec<String>")]
    pub held: CapSet,
    /// The words that it is about, without quotes, brackets and space; empty where the capabilities
    /// tell.
    pub words: String,
}

/// Why a baseline cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// It is no baseline.
    #[error("{file}: no baseline: {reason}; `dropcap check --write-baseline FILE` writes one")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says, with the line.
        reason: String,
    },
    /// It is one of another version.
    #[error("{file}: version {found} of baselines; this dropcap understands {VERSION} only")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u64,
    },
}

/// What came of comparing a run with a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Entries about manifests of this run that nothing found bears out any longer.
    pub fixed: Vec<Entry>,
}

impl Baseline {
    /// Reads one.
    ///
    /// # Errors
    /// [`BaselineError`]
    pub fn parse(file: &str, text: &str) -> Result<Self, BaselineError> {
        #[derive(Deserialize)]
        struct Head {
            version: u64,
        }
        let syntax = |error: serde_json::Error| BaselineError::Syntax {
            file: file.to_owned(),
            reason: error.to_string(),
        };
        let head: Head = serde_json::from_str(text).map_err(syntax)?;
        if head.version != u64::from(VERSION) {
            return Err(BaselineError::Version { file: file.to_owned(), found: head.version });
        }
        serde_json::from_str(text).map_err(syntax)
    }

    /// That of a run, to be written to `path`: everything that counts, and what the old baseline had
    /// of it. What waivers and comments answer for is theirs, and what is wrong with those is never
    /// kept.
    #[must_use]
    pub fn of(report: &Report<'_>, path: &Path) -> Self {
        let kept = |found: &Found<'_>| {
            matches!(found.finding.standing, Standing::Open | Standing::Baseline)
                && found.finding.rule.about != Topic::Answer
        };
        let mut findings: Vec<Entry> =
            report.findings().filter(kept).map(|found| entry(&found, path)).collect();
        findings.sort();
        Self { version: VERSION, runtime: report.options.runtime.to_string(), findings }
    }

    /// As JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// The schema of [`Baseline`] as JSON text: `docs/schema/baseline-v1.json`.
#[must_use]
pub fn schema() -> String {
    crate::render::schema::<Baseline>("baseline-v1", false)
}

impl Report<'_> {
    /// Sets aside what `baseline`, read from `path`, has.
    pub fn compare(&mut self, baseline: &Baseline, path: &Path) -> Compared {
        let mut known = Known::of(baseline);
        let mut names: Vec<String> = Vec::new();
        for file in &mut self.files {
            names.push(name_of(&file.manifest.source, path));
            let entries: Vec<Entry> = file.findings().map(|found| entry(&found, path)).collect();
            for (finding, entry) in file.checked.findings.iter_mut().zip(entries) {
                if known.has(finding, &entry) && finding.standing.is_open() {
                    finding.standing = Standing::Baseline;
                }
            }
        }
        let fixed = known.left().filter(|entry| names.contains(&entry.file)).cloned().collect();
        Compared { fixed }
    }
}

/// A baseline, ready to be asked.
struct Known<'b> {
    entries: &'b [Entry],
    /// Whether something was found that bears it out.
    found: Vec<bool>,
    /// What was said of capabilities, by file and container: the worst, and by which entries.
    held: BTreeMap<(&'b str, &'b str, Capability), (Severity, Vec<usize>)>,
}

impl<'b> Known<'b> {
    fn of(baseline: &'b Baseline) -> Self {
        let entries = baseline.findings.as_slice();
        let mut held = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_held()) {
            for capability in entry.capabilities {
                let key = (entry.file.as_str(), entry.container.as_str(), capability);
                let (worst, by): &mut (Severity, Vec<usize>) =
                    held.entry(key).or_insert((entry.severity, Vec::new()));
                *worst = entry.severity.max(*worst);
                by.push(at);
            }
        }
        Self { entries, found: vec![false; entries.len()], held }
    }

    /// Whether a finding was there, at least as bad; each entry about words stands for one.
    fn has(&mut self, finding: &Finding, entry: &Entry) -> bool {
        if entry.is_held() {
            let mut all = true;
            for capability in finding.capabilities {
                let key = (entry.file.as_str(), entry.container.as_str(), capability);
                match self.held.get(&key) {
                    Some((worst, by)) => {
                        by.iter().for_each(|at| self.found[*at] = true);
                        all &= *worst >= finding.severity;
                    }
                    None => all = false,
                }
            }
            // The same rule may speak of more than it did, if all of that was held already.
            return all
                || self.entries.iter().any(|known| {
                    (&known.file, &known.container, &known.rule)
                        == (&entry.file, &entry.container, &entry.rule)
                        && known.severity >= entry.severity
                        && entry.capabilities.is_subset(known.held)
                });
        }
        let same = |known: &Entry| {
            (&known.file, &known.container, &known.rule, &known.words, known.capabilities)
                == (&entry.file, &entry.container, &entry.rule, &entry.words, entry.capabilities)
                && known.severity >= entry.severity
        };
        let at = (0..self.entries.len()).find(|at| !self.found[*at] && same(&self.entries[*at]));
        at.map(|at| self.found[at] = true).is_some()
    }

    fn left(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().zip(&self.found).filter(|(_, found)| !**found).map(|(entry, _)| entry)
    }
}

impl Entry {
    /// Whether it is about capabilities being held.
    fn is_held(&self) -> bool {
        !self.capabilities.is_empty() && Rule::find(&self.rule).is_some_and(|rule| rule.waivable)
    }
}

fn entry(found: &Found<'_>, baseline: &Path) -> Entry {
    let Found { source, finding, container, .. } = *found;
    let container = container.map(|container| {
        let namespace = container.namespace.as_deref().unwrap_or_default();
        let list = ContainerList::key(container.list);
        let (kind, name) = (&container.kind, &container.workload_name);
        format!("{namespace}/{kind}/{name}/{list}/{}", container.name)
    });
    let mut entry = Entry {
        file: name_of(source, baseline),
        container: container.unwrap_or_default(),
        rule: finding.rule.id.to_owned(),
        severity: finding.severity,
        capabilities: finding.capabilities,
        held: CapSet::EMPTY,
        words: String::new(),
    };
    if entry.is_held() {
        entry.held = finding.before.reach();
    } else {
        entry.words = bare(source.slice(finding.primary.span));
    }
    entry
}

/// The words of a piece of text: without quotes, brackets, dashes, commas, comments and space.
fn bare(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(line, _)| line));
    let words =
        lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && !"_*".contains(c)));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A manifest's path from the baseline's folder on, so that it is the same from wherever dropcap is
/// run.
fn name_of(source: &Source, baseline: &Path) -> String {
    let Some(path) = source.path() else { return source.name().to_owned() };
    let folder = match baseline.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (Ok(path), Ok(folder)) = (path.canonicalize(), folder.canonicalize()) else {
        return source.name().to_owned();
    };
    let shared = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path.components().skip(shared)).collect();
    way.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_however_they_are_written() {
        for text in ["[KILL, \"net_raw\"]", "- KILL # why\n  - 'net_raw'", "KILL\n,net_raw"] {
            assert_eq!(bare(text), "KILL net_raw", "{text}");
        }
        assert_eq!(bare("\"*\""), "*");
    }
}
