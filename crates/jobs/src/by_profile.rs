//! `fix --profile`: every container of a manifest that a profile is about gets drop ALL and exactly
//! what the profile needs.

mod kept;

use caps::CapSet;
use check::learnt::{By, Known, Learnt, Match, Objection};
use check::{
    Answered, Checked, Checker, Consent, Need, PatchError, Patched, Repaired, Wanted, Widen,
    set_all,
};
use manifest::{ContainerId, Manifest};

use kept::Kept;

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
    /// Whether also that is taken away of which a trace that saw nothing at all says nothing: somebody
    /// consents to unsafe edits.
    pub unseen: bool,
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
        /// With which changes of how it is started it would need less: [`Known::way`].
        way: Option<String>,
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
        /// What speaks against it, and a person takes all the same.
        accepted: Vec<Objection>,
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
    /// What came of it in two rounds. What was written stays told, whatever is said of what it has become.
    fn and(self, mut later: Self) -> Self {
        let Outcome::Written { patched: first, .. } = &self.outcome else { return later };
        match &mut later.outcome {
            Outcome::Written { patched, .. } if !patched.changed => return self,
            Outcome::Kept { .. } | Outcome::HeldBack { .. } if first.changed => return self,
            Outcome::Written { patched, .. } => {
                patched.before = first.before;
                patched.lost = patched.lost | first.lost;
                patched.gained = patched.gained | first.gained;
                patched.gained_on.splice(0..0, first.gained_on.iter().cloned());
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
    if checker.options.learnt.is_empty() {
        return (manifest.clone(), Vec::new());
    }
    let kept = Kept::of(checker, manifest, answer);
    let mut treated = Vec::new();
    let mut wanted: Vec<Asked<'l>> = Vec::new();
    for (workload, object) in manifest.workloads.iter().enumerate() {
        for (container, found) in object.pod.containers.iter().enumerate() {
            let id = ContainerId { workload, container };
            let known = match checker.learnt_of(object, found) {
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
            } else if let Some(why) = kept.whole(id) {
                let outcome = Outcome::Kept { learnt, why: why.to_owned() };
                treated.push(Treated { id, outcome });
            } else {
                let bare = |need: &Need| {
                    let comment = need.comment.clone().filter(|_| options.explain);
                    Need { comment, ..need.clone() }
                };
                let needs = learnt.needs.iter().map(bare).collect();
                wanted.push(Asked { id, known, needs, answered: kept.words(id) });
            }
        }
    }
    let widen = if options.allow_widen { Widen::Allow } else { Widen::LeaveOut };
    wanted.retain(|one| {
        // Nothing seen is not nothing needed.
        let consented = match one.known.learnt.saw_nothing() {
            true => options.unseen,
            false => !options.safe_only,
        };
        let lost = (!consented).then(|| lost_unproven(checker, manifest, one, widen)).flatten();
        let Some(lost) = lost else { return true };
        let Known { learnt, accepted, .. } = &one.known;
        let outcome = Outcome::HeldBack { learnt, lost, accepted: accepted.clone() };
        treated.push(Treated { id: one.id, outcome });
        false
    });
    let all: Vec<Wanted<'_>> = wanted.iter().map(Asked::as_wanted).collect();
    let (written, each) = set_all(checker, manifest, &all, widen);
    for (Asked { id, known, .. }, result) in wanted.into_iter().zip(each) {
        let Known { learnt, by, accepted, way, .. } = known;
        let outcome = match result {
            Ok(patched) => {
                Outcome::Written { learnt, by, accepted, way, patched: Box::new(patched) }
            }
            Err(error) => Outcome::Refused { learnt, error },
        };
        treated.push(Treated { id, outcome });
    }
    treated.sort_by_key(|treated| treated.id);
    (written, treated)
}

/// A container that is to be written.
struct Asked<'l> {
    id: ContainerId,
    known: Known<'l>,
    needs: Vec<Need>,
    answered: Vec<Answered>,
}

impl Asked<'_> {
    fn as_wanted(&self) -> Wanted<'_> {
        // Who watched it says so in the request already (`Options::request`).
        Wanted { id: self.id, needs: &self.needs, answered: &self.answered, as_root: false }
    }
}

/// What would be taken away though no trial showed that it is not needed, if anything would.
fn lost_unproven(
    checker: &Checker,
    manifest: &Manifest,
    asked: &Asked<'_>,
    widen: Widen,
) -> Option<CapSet> {
    if asked.known.learnt.is_proven() {
        return None;
    }
    let (_, alone) = set_all(checker, manifest, &[asked.as_wanted()], widen);
    let lost = alone.into_iter().next()?.ok()?.lost;
    (!lost.is_empty()).then_some(lost)
}
