//! What the tracer saw refused in a trial, held against the first run, in which everything was
//! granted.
//!
//! A refusal is *new* if the same place of the kernel granted the same in the first run: a check that
//! used to pass. It *explains* a failing trial if the place is one that the judge calls a need, the
//! call really failed, and the trial lacks what would have served. What the judge dismisses (a place
//! on whose answer nothing depends, credentials of others, a call that succeeded all the same) is
//! exempt: it is listed, and asks for nothing.

use std::collections::{BTreeMap, BTreeSet};

use caps::{CapSet, Capability};
use judge::{Dismissal, Judgement};
use observe::Observed;
use record::requirement::{Requirement, Use, Verdict};
use serde::{Deserialize, Serialize};

/// Checks that were refused, at one place, for want of any one of some capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denial {
    /// Any one of these would have served.
    pub any_of: Vec<Capability>,
    /// Kernel functions, innermost first; empty when there was no kernel stack.
    pub site: String,
    /// What the program did, of the first of these checks: `chown /var/lib/x to 33:33`.
    pub what: String,
    /// Which process did it.
    pub by: String,
    /// How many checks.
    pub count: u64,
    /// What the call returned, of those that failed if any did: `EPERM`, `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    /// Whether the same was granted in the first run.
    pub new: bool,
    /// Whether the judge called this place a need in the first run.
    pub need: bool,
}

impl Denial {
    /// Whether any one of these serves.
    #[must_use]
    pub fn set(&self) -> CapSet {
        self.any_of.iter().copied().collect()
    }

    /// Whether it tells why a run under `set`, which lacks `capability`, failed.
    #[must_use]
    pub fn explains(&self, capability: Capability, set: CapSet) -> bool {
        self.need
            && self.any_of.contains(&capability)
            && (self.set() & set).is_empty()
            && matches!(self.returned.as_deref(), Some("EPERM" | "EACCES"))
    }
}

/// Checks that were refused and ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exempt {
    /// The capability asked for.
    pub capability: Capability,
    /// Kernel functions, innermost first.
    pub site: String,
    /// Why it asks for nothing.
    pub why: String,
    /// How many checks.
    pub count: u64,
}

/// What was refused in one traced trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sight {
    /// What was refused and may have mattered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denial>,
    /// What was refused and asks for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<Exempt>,
    /// Whether checks were lost, so that a refusal may have been among them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
}

impl Sight {
    /// The refusals that used to be granted.
    pub fn new_denials(&self) -> impl Iterator<Item = &Denial> {
        self.denied.iter().filter(|denial| denial.new)
    }

    /// Whether it tells why the run under `set`, which lacks `capability`, failed.
    #[must_use]
    pub fn explains(&self, capability: Capability, set: CapSet) -> bool {
        self.denied.iter().any(|denial| denial.explains(capability, set))
    }
}

/// What the first run was granted, by place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Baseline {
    granted: BTreeSet<(String, Capability)>,
    needs: BTreeSet<(String, Capability)>,
}

impl Baseline {
    /// Of the first run.
    pub(crate) fn of(judgement: &Judgement) -> Self {
        let mut baseline = Self::default();
        for requirement in &judgement.requirements {
            for seen in requirement.uses.iter().filter(|seen| seen.count > seen.refused) {
                for capability in &requirement.any_of {
                    let place = (function(seen).to_owned(), *capability);
                    if seen.verdict == Verdict::Needed {
                        baseline.needs.insert(place.clone());
                    }
                    baseline.granted.insert(place);
                }
            }
        }
        baseline
    }

    /// What was refused in a trial under `set`, seen from here.
    pub(crate) fn look(&self, observed: &Observed, set: CapSet) -> Sight {
        let lost = observed.recording.lost;
        Sight {
            denied: self.denied(&observed.judgement, set),
            exempt: exempt(&observed.judgement),
            blind: lost.checks > 0 || lost.processes > 0 || !observed.recording.start_seen,
        }
    }

    fn denied(&self, judgement: &Judgement, set: CapSet) -> Vec<Denial> {
        let mut denied: BTreeMap<(Vec<Capability>, String), Denial> = BTreeMap::new();
        // Where the kernel asks for one after the other, the one that is held has served.
        let unserved = |requirement: &&Requirement| (requirement.set() & set).is_empty();
        for requirement in judgement.requirements.iter().filter(unserved) {
            for seen in requirement.uses.iter().filter(|seen| seen.refused > 0) {
                let any = |known: &BTreeSet<(String, Capability)>| {
                    let mut places = requirement.any_of.iter().map(|c| (function(seen), *c));
                    places.any(|(site, c)| known.contains(&(site.to_owned(), c)))
                };
                let denial = denied
                    .entry((requirement.any_of.clone(), function(seen).to_owned()))
                    .or_insert_with(|| Denial {
                        any_of: requirement.any_of.clone(),
                        site: seen.site.clone(),
                        what: seen.what.clone(),
                        by: seen.by.clone(),
                        count: 0,
                        returned: None,
                        new: any(&self.granted),
                        need: any(&self.needs),
                    });
                denial.count += seen.refused;
                if fails(seen.returned.as_deref()) > fails(denial.returned.as_deref()) {
                    denial.returned.clone_from(&seen.returned);
                    denial.what.clone_from(&seen.what);
                    denial.by.clone_from(&seen.by);
                }
            }
        }
        denied.into_values().collect()
    }
}

/// Which of two results says more.
fn fails(returned: Option<&str>) -> u8 {
    match returned {
        None => 0,
        Some("ok") => 1,
        Some("EPERM" | "EACCES") => 3,
        Some(_) => 2,
    }
}

/// The kernel function that asked.
fn function(seen: &Use) -> &str {
    seen.site.split(" < ").next().unwrap_or_default()
}

fn exempt(judgement: &Judgement) -> Vec<Exempt> {
    // What the program gave up itself it was granted; a namespace above has nothing to give.
    let is_of_the_set = |reason| !matches!(reason, Dismissal::GivenUp | Dismissal::OuterNamespace);
    let refused = judgement.dismissed.iter().filter(|d| d.refused > 0 && is_of_the_set(d.reason));
    refused
        .map(|d| Exempt {
            capability: d.capability,
            site: d.site.clone(),
            why: d.why.clone(),
            count: d.refused,
        })
        .collect()
}
