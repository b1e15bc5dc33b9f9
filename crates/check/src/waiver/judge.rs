//! Which waivers are in order, and what they cover.

use caps::CapSet;
use jiff::civil::Date;

use crate::checked::{Checked, CheckedContainer};
use crate::finding::Finding;
use crate::report::{About, Report};
use crate::rule::Selection;
use crate::rules::{waiver_expired, waiver_too_wide, waiver_unapproved, waiver_unused};
use crate::standing::{Cover, Standing};
use crate::waiver::Policy;
use crate::waiver::approval::{Approvals, History};
use crate::waiver::file::{Waiver, WaiverFile};
use crate::waiver::git::GitError;

/// A waiver file with what is to be said of each waiver.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The file.
    pub file: WaiverFile,
    /// One for each of its waivers, in order.
    pub states: Vec<State>,
    /// Whether everything was looked at that it could be about, by every rule: only then is a
    /// waiver that covers nothing called unused.
    pub whole: bool,
}

/// What is to be said of a waiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Days until its last day, which is day 0; negative if it has expired.
    pub days_left: i64,
    /// Whether it is about to expire.
    pub expiring: bool,
    /// How many approvers it needs.
    pub required: usize,
    /// Who approved it.
    pub approvals: Approvals,
    /// Why it is too wide, if it is.
    pub too_wide: Option<String>,
    /// Those of its capabilities that something was found about at what it is about.
    pub used: CapSet,
}

impl State {
    /// Whether its last day is over.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.days_left < 0
    }

    /// Whether enough people approved it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.approvals.confirmed.len() >= self.required
    }

    /// Whether it counts.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        !self.is_expired() && self.is_approved() && self.too_wide.is_none()
    }
}

impl Judged {
    /// Judges all waivers of a file on the day `today`. Without a history nothing is approved.
    #[must_use]
    pub fn new(
        file: WaiverFile,
        history: &Result<History, GitError>,
        policy: &Policy,
        today: Date,
    ) -> Self {
        let state = |waiver: &Waiver| {
            let approvals = match history {
                Ok(history) => history.approvals(waiver, policy),
                Err(error) => Approvals {
                    missing: waiver.approvers.clone(),
                    remarks: vec![error.to_string()],
                    ..Approvals::default()
                },
            };
            let days_left = (waiver.expires - today).get_days().into();
            State {
                days_left,
                expiring: (0..policy.expiring_days).contains(&days_left),
                required: policy.required(waiver),
                approvals,
                too_wide: waiver.too_wide(),
                used: CapSet::EMPTY,
            }
        };
        let states = file.waivers.iter().map(state).collect();
        Self { file, states, whole: false }
    }

    /// Its waivers with their states.
    pub fn each(&self) -> impl Iterator<Item = (&Waiver, &State)> {
        self.file.waivers.iter().zip(&self.states)
    }

    /// Sets aside the findings that its waivers cover, and remembers what each was needed for.
    pub fn answer(&mut self, checked: &mut Checked) {
        let Checked { containers, findings } = checked;
        for finding in findings.iter_mut().filter(|finding| finding.standing.is_open()) {
            let container = finding.container.and_then(|at| containers.get(at));
            let Some(container) = container else { continue };
            if finding.rule.waivable && !finding.capabilities.is_empty() {
                cover(self, container, finding);
            }
        }
    }

    /// What is wrong with its waivers.
    fn findings(&self, selection: &Selection) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (waiver, state) in self.each() {
            findings.extend(waiver_expired::find(waiver, state));
            findings.extend(waiver_unapproved::find(waiver, state));
            findings.extend(waiver_too_wide::find(waiver, state));
            if self.whole && state.is_in_order() {
                findings.extend(waiver_unused::find(waiver, state));
            }
        }
        findings.retain(|finding| selection.contains(finding.rule));
        findings
    }
}

impl Report<'_> {
    /// Applies waivers: `files` has, for each of [`Report::files`], the place in `judged` of the
    /// file that counts for it. A finding is waived if waivers in order cover each capability that
    /// it is about. What is wrong with the waivers is found, too.
    pub fn waive(&mut self, judged: &mut [Judged], files: &[Option<usize>]) {
        for (file, at) in self.files.iter_mut().zip(files) {
            let Some(judged) = at.and_then(|at| judged.get_mut(at)) else { continue };
            judged.answer(&mut file.checked);
            // What is waived stays: it is counted among what will be held, too.
            let waived = |finding: &Finding| matches!(finding.standing, Standing::Waived { .. });
            if file.checked.findings.iter().any(waived) {
                file.announce(&self.checker, &|checked| judged.clone().answer(checked));
            }
        }
        for judged in judged {
            let findings = judged.findings(&self.options.selection);
            self.about.push(About { source: judged.file.source.clone(), findings });
        }
    }
}

fn cover(judged: &mut Judged, container: &CheckedContainer, finding: &mut Finding) {
    let mut left = finding.capabilities;
    let mut by = Vec::new();
    for (waiver, state) in judged.file.waivers.iter().zip(&mut judged.states) {
        let covered = waiver.capabilities & finding.capabilities;
        if !state.is_in_order() || covered.is_empty() || !waiver.is_about(container) {
            continue;
        }
        // What another covers already, this one is not needed for.
        if (left & covered).is_empty() {
            continue;
        }
        state.used = state.used | (left & covered);
        left = left - covered;
        by.push(Cover {
            file: judged.file.path(),
            line: judged.file.line(waiver),
            reason: waiver.reason.clone(),
            approved: state.approvals.confirmed.clone(),
            expires: waiver.expires.to_string(),
        });
    }
    if left.is_empty() {
        finding.standing = Standing::Waived { by };
    }
}
