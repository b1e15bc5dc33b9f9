//! Edits made in the text: all at once where that is plain, else round after round.

use manifest::{Edit, Edited, Manifest, Refused};

use super::round::{MAX_ROUNDS, Round, requests};
use super::{Consent, Foreseen};
use crate::checked::{Checked, Checker};

/// What is to be done, and who says so.
pub(super) struct Work<'a> {
    pub(super) checker: &'a Checker,
    pub(super) consent: Consent,
    /// Sets aside what somebody answers for.
    pub(super) answer: &'a dyn Fn(&mut Checked),
}

/// A manifest after that.
pub(super) struct Done {
    pub(super) manifest: Manifest,
    pub(super) checked: Checked,
    /// What was done, with its edits.
    pub(super) made: Foreseen,
    /// What the last try of the text did not allow.
    pub(super) refused: Vec<Refused>,
    rounds: usize,
}

impl Work<'_> {
    /// Does it; `checked` is what was found in `manifest`, answered already.
    pub(super) fn done(&self, manifest: &Manifest, checked: Checked) -> Done {
        let mut done = Done {
            manifest: manifest.clone(),
            checked,
            made: Foreseen::default(),
            refused: Vec::new(),
            rounds: 0,
        };
        if manifest.is_plain {
            let Self { checker, consent, answer } = *self;
            let foreseen = checker.foresee_but(manifest, &done.checked, consent, answer);
            if foreseen.edits.is_empty() {
                return done;
            }
            let edited = manifest::apply(manifest, &foreseen.edits);
            if edited.refused.is_empty() && !edited.changed.is_empty() {
                self.take(&mut done, edited, foreseen);
            }
        }
        self.all_rounds(manifest, &mut done);
        if done.rounds > 1 {
            self.at_once(manifest, &mut done);
        }
        done
    }

    fn all_rounds(&self, first: &Manifest, done: &mut Done) {
        let Self { checker, consent, .. } = *self;
        let original = requests(first, &checker.options);
        for phase in consent.phases() {
            for _ in 0..MAX_ROUNDS {
                let Done { manifest, checked, .. } = &*done;
                let round = Round::of(manifest, checked, &original, checker, phase);
                if round.edits.is_empty() {
                    break;
                }
                let mut edited = manifest::apply(manifest, &round.edits);
                // What is refused beside what others are to have may be possible when they have it.
                done.refused = std::mem::take(&mut edited.refused);
                if edited.changed.is_empty() {
                    break;
                }
                let mut made = Foreseen { edits: round.edits, ..Foreseen::default() };
                *made.of(phase) = round.applied;
                self.take(done, edited, made);
            }
        }
    }

    /// Goes on with what was edited, of all that was to be made.
    fn take(&self, done: &mut Done, edited: Edited, made: Foreseen) {
        let Edited { manifest, changed, .. } = edited;
        done.made.extend(made, |id| changed.contains(&id));
        done.checked = self.check(&manifest);
        done.manifest = manifest;
        done.rounds += 1;
    }

    /// Round after round leaves traces: a comment in a list that shrinks stands behind it before all of it
    /// goes. All edits at once are what a person would write.
    fn at_once(&self, first: &Manifest, done: &mut Done) {
        let options = &self.checker.options;
        let edited = manifest::apply(first, &done.made.edits);
        let once = edited.manifest;
        if edited.refused.is_empty()
            && requests(&once, options) == requests(&done.manifest, options)
        {
            done.checked = self.check(&once);
            done.manifest = once;
        }
    }

    pub(super) fn check(&self, manifest: &Manifest) -> Checked {
        let mut checked = self.checker.check(manifest);
        (self.answer)(&mut checked);
        checked
    }

    /// The same refusals with all that is left to be done: one round's edits make others possible, which
    /// it does not know.
    pub(super) fn wanted(&self, done: &Done) -> Vec<Refused> {
        let Done { manifest, checked, refused, .. } = done;
        let Self { checker, consent, answer } = *self;
        let foreseen = checker.foresee_but(manifest, checked, consent, answer);
        let is_refused = |edit: &&Edit| refused.iter().any(|one| one.container == edit.container);
        let edits: Vec<Edit> = foreseen.edits.iter().filter(is_refused).cloned().collect();
        let mut whole = manifest::apply(manifest, &edits).refused;
        let same = |one: &Refused| {
            let at = whole.iter().position(|other| other.container == one.container);
            at.map_or_else(|| one.clone(), |at| whole.swap_remove(at))
        };
        refused.iter().map(same).collect()
    }
}
