//! `fix --profile`: every container of a manifest that a profile is about gets drop ALL and exactly
//! what the profile needs.

use std::collections::BTreeSet;

use caps::CapSet;
use check::learnt::{By, Known, Learnt, Match, Objection};
use check::{Checked, Checker, Consent, Need, PatchError, Patched, Repaired, Widen, set_all};
use manifest::{ContainerId, Manifest};

/// More rounds than any manifest takes: what is written stays so, and each takes at least one container.
const MAX_ROUNDS: usize = 16;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether a container gets what it needs and does not have now; else that is left out.
    pub allow_widen: bool,
    /// Whether behind each new word stands what it is for.
    pub explain: bool,
    /// Whether only what takes nothing away, or what trials proved to be needless, is written: nobody
    /// asked for more.
    pub safe_only: bool,
}

/// A container that a profile is about, and what came of it.
#[derive(Debug)]
pub struct Treated<'l> {
    /// The container.
    pub id: ContainerId,
    /// What came of it.
    pub outcome: Outcome<'l>,
}

/// What came of a container.
#[derive(Debug)]
pub enum Outcome<'l> {
    /// It holds what the profile needs, as far as that takes effect; [`Patched::changed`] tells whether
    /// anything had to be written.
    Written {
        /// The profile.
        learnt: &'l Learnt,
        /// By what it was found.
        by: By,
        /// What speaks against it, and was taken all the same.
        accepted: Vec<Objection>,
        /// What was written.
        patched: Box<Patched>,
    },
    /// The profile may not hold here.
    Doubted {
        /// The profile.
        learnt: &'l Learnt,
        /// Why.
        objections: Vec<Objection>,
    },
    /// Several profiles are about it, and none fits better than the others.
    Ambiguous(Vec<&'l Learnt>),
    /// It cannot be written.
    Refused {
        /// The profile.
        learnt: &'l Learnt,
        /// Why.
        error: PatchError,
    },
    /// It was traced only, takes something away, and nobody asked for that.
    HeldBack {
        /// The profile.
        learnt: &'l Learnt,
        /// What could take effect and no longer would.
        lost: CapSet,
    },
    /// Somebody answers for what it holds too much: a waiver, or a comment.
    Kept {
        /// The profile.
        learnt: &'l Learnt,
        /// Why, in a sentence.
        why: String,
    },
}

/// What the profiles of `learnt` say is written, then all edits that `consent` covers are made: round
/// after round, until nothing changes.
///
/// Where containers share what is written, by `extends` or an anchor, one may be in the way of what is
/// written for another until an edit has made it better, or until the others are written.
pub fn fix<'l>(
    learnt: &'l Checker,
    checker: &Checker,
    manifest: &Manifest,
    options: Options,
    consent: Consent,
    answer: &dyn Fn(&mut Checked),
) -> (Repaired, Vec<Treated<'l>>) {
    let (written, mut treated) = write(learnt, manifest, options, answer);
    let mut repaired = checker.repair_but(&written, consent, answer);
    if treated.is_empty() {
        return (repaired, treated);
    }
    for _ in 0..MAX_ROUNDS {
        let (written, later) = write(learnt, &repaired.manifest, options, answer);
        treated = treated.into_iter().zip(later).map(|(first, then)| first.and(then)).collect();
        if written.source.text() == repaired.source.text() {
            break;
        }
        let mut more = checker.repair_but(&written, consent, answer);
        more.applied.splice(0..0, repaired.applied);
        repaired = more;
    }
    (repaired, treated)
}

impl<'l> Treated<'l> {
    /// What came of it in two rounds.
    fn and(self, mut later: Self) -> Self {
        let Outcome::Written { patched: first, .. } = &self.outcome else { return later };
        match &mut later.outcome {
            Outcome::Written { patched, .. } if !patched.changed => return self,
            Outcome::Written { patched, .. } => {
                patched.before = first.before;
                patched.lost = patched.lost | first.lost;
                patched.gained = patched.gained | first.gained;
            }
            _ => {}
        }
        later
    }
}

/// The manifest with what the profiles of `checker` say, and what came of each container that one is
/// about. What `answer` sets aside stays as it is.
pub fn write<'l>(
    checker: &'l Checker,
    manifest: &Manifest,
    options: Options,
    answer: &dyn Fn(&mut Checked),
) -> (Manifest, Vec<Treated<'l>>) {
    let library = &checker.options.learnt;
    if library.is_empty() {
        return (manifest.clone(), Vec::new());
    }
    let kept = kept(checker, manifest, answer);
    let mut treated = Vec::new();
    let mut wanted: Vec<(ContainerId, Known<'l>, Vec<Need>)> = Vec::new();
    for (workload, object) in manifest.workloads.iter().enumerate() {
        for (container, found) in object.pod.containers.iter().enumerate() {
            let id = ContainerId { workload, container };
            let known = match library.of(object, found) {
                Match::None => continue,
                Match::Several(all) => {
                    treated.push(Treated { id, outcome: Outcome::Ambiguous(all) });
                    continue;
                }
                Match::One(known) => known,
            };
            let learnt = known.learnt;
            if !known.objections.is_empty() {
                let outcome = Outcome::Doubted { learnt, objections: known.objections };
                treated.push(Treated { id, outcome });
            } else if let Some((_, why)) = kept.iter().find(|(kept, _)| *kept == id) {
                let outcome = Outcome::Kept { learnt, why: why.clone() };
                treated.push(Treated { id, outcome });
            } else {
                let bare = |need: &Need| {
                    let comment = need.comment.clone().filter(|_| options.explain);
                    Need { comment, ..need.clone() }
                };
                let needs = learnt.needs.iter().map(bare).collect();
                wanted.push((id, known, needs));
            }
        }
    }
    let widen = if options.allow_widen { Widen::Allow } else { Widen::LeaveOut };
    if options.safe_only {
        wanted.retain(|(id, known, needs)| {
            let lost = lost_unproven(checker, manifest, (*id, known, needs), widen);
            let Some(lost) = lost else { return true };
            let outcome = Outcome::HeldBack { learnt: known.learnt, lost };
            treated.push(Treated { id: *id, outcome });
            false
        });
    }
    let needs: Vec<(ContainerId, &[Need])> =
        wanted.iter().map(|(id, _, needs)| (*id, needs.as_slice())).collect();
    let (written, each) = set_all(checker, manifest, &needs, widen);
    for ((id, known, _), result) in wanted.into_iter().zip(each) {
        let Known { learnt, by, accepted, .. } = known;
        let outcome = match result {
            Ok(patched) => Outcome::Written { learnt, by, accepted, patched: Box::new(patched) },
            Err(error) => Outcome::Refused { learnt, error },
        };
        treated.push(Treated { id, outcome });
    }
    treated.sort_by_key(|treated| treated.id);
    (written, treated)
}

/// What would be taken away though no trial showed that it is not needed, if anything would.
fn lost_unproven(
    checker: &Checker,
    manifest: &Manifest,
    (id, known, needs): (ContainerId, &Known<'_>, &[Need]),
    widen: Widen,
) -> Option<CapSet> {
    if known.learnt.proof.is_some() {
        return None;
    }
    let (_, alone) = set_all(checker, manifest, &[(id, needs)], widen);
    let lost = alone.into_iter().next()?.ok()?.lost;
    (!lost.is_empty()).then_some(lost)
}

/// The containers of which somebody answers for what they hold too much, and why.
fn kept(
    checker: &Checker,
    manifest: &Manifest,
    answer: &dyn Fn(&mut Checked),
) -> BTreeSet<(ContainerId, String)> {
    let mut checked = checker.check(manifest);
    answer(&mut checked);
    let mut kept = BTreeSet::new();
    for finding in checked.findings.iter().filter(|finding| finding.rule.writes_profile()) {
        let container = finding.container.and_then(|at| checked.containers.get(at));
        if let (Some(container), Some(why)) = (container, finding.standing.why()) {
            kept.insert((container.id, why));
        }
    }
    kept
}
