//! Round after round, until a text is reached of which nothing is left to be done.

use std::collections::{BTreeMap, BTreeSet};

use manifest::{ContainerId, Edit, Edited, Manifest, Refused};
use runtime::Request;

use super::round::{Piece, Round, requests};
use super::{Applied, Consent, Foreseen, MAX_ROUNDS, Phase, Repaired, in_result};
use crate::checked::{Checked, Checker};

/// More changes of containers that share than any manifest has that a person wrote; each takes another
/// reading of the text.
const MAX_PIECES: usize = 32;

/// A manifest while it is edited.
pub(super) struct Work<'a> {
    checker: &'a Checker,
    answer: &'a dyn Fn(&mut Checked),
    /// The manifest as it was.
    first: &'a Manifest,
    manifest: Manifest,
    checked: Checked,
    applied: Vec<Applied>,
    /// All edits that were made, in order.
    edits: Vec<Edit>,
    rounds: usize,
    /// What the text does not allow: of the ordinary edits, and of those by profile.
    refused: [Vec<Refused>; 2],
}

impl<'a> Work<'a> {
    /// Nothing is done yet; `checked` is what is found in the manifest, answered already.
    pub(super) fn of(
        checker: &'a Checker,
        answer: &'a dyn Fn(&mut Checked),
        manifest: &'a Manifest,
        checked: Checked,
    ) -> Self {
        Self {
            checker,
            answer,
            first: manifest,
            manifest: manifest.clone(),
            checked,
            applied: Vec::new(),
            edits: Vec::new(),
            rounds: 0,
            refused: [Vec::new(), Vec::new()],
        }
    }

    /// So many edits were made.
    pub(super) fn count(&self) -> usize {
        self.applied.len()
    }

    /// Makes all edits that these consents cover; afterwards each phase has been tried on the text as
    /// it is now and had nothing to do. That is what a second run does, so that it changes nothing.
    ///
    /// One time through the phases is not enough. Containers that read one place of the text are edited
    /// together or not at all, and all edits of one go together: where an unsafe one cannot be written, a
    /// safe one beside it is not, either, though what others got meanwhile has made it possible.
    pub(super) fn settle(&mut self, by_profile: Consent, others: Consent) {
        self.all_phases(by_profile, others);
        if self.at_once() {
            // Lists may stand in other places there, where others read them or do not.
            self.all_phases(by_profile, others);
        }
    }

    /// Forgets which of the edits made since the first `from` are not in what it came to.
    pub(super) fn leave_what_is_in_it(&mut self, from: usize) {
        let mut later = self.applied.split_off(from.min(self.applied.len()));
        in_result::leave(&mut later, &self.manifest);
        self.applied.append(&mut later);
    }

    /// Makes all that is foreseen at once, if the text allows all of it.
    pub(super) fn make(&mut self, foreseen: Foreseen) {
        let edited = manifest::apply(&self.manifest, &foreseen.edits);
        if edited.refused.is_empty() {
            let (edits, applied) = foreseen.all();
            self.changed(edited, edits, applied);
        }
    }

    fn all_phases(&mut self, by_profile: Consent, others: Consent) {
        for _ in 0..MAX_ROUNDS {
            let before = self.rounds;
            others.phases(by_profile).for_each(|phase| self.phase(phase));
            if self.rounds == before {
                break;
            }
        }
    }

    /// All rounds of one phase. What is safe is so beside what the phase began with: what somebody
    /// consented to before it counts no more, as it does not in another run.
    fn phase(&mut self, phase: Phase) {
        let original = requests(&self.manifest, self.checker);
        for _ in 0..MAX_ROUNDS {
            let Self { manifest, checked, checker, .. } = &*self;
            let round = Round::of(manifest, checked, &original, checker, phase, None);
            if round.edits.is_empty() {
                self.refused[usize::from(phase.by_profile)].clear();
                break;
            }
            let mut edited = manifest::apply(manifest, &round.edits);
            // What is refused beside what others are to have may be possible when they have it.
            self.refused[usize::from(phase.by_profile)] = std::mem::take(&mut edited.refused);
            if !edited.changed.is_empty() {
                self.changed(edited, round.edits, round.applied);
            } else if !self.in_pieces(&original, phase) {
                break;
            }
        }
    }

    /// Of containers that cannot have all that they should at once, what they can have: change by change.
    /// Says whether anything could be done. Each is judged as it is written, so that a part is no wider
    /// and breaks nothing, either.
    fn in_pieces(&mut self, original: &BTreeMap<ContainerId, Request>, phase: Phase) -> bool {
        let refused = self.refused[usize::from(phase.by_profile)].iter();
        let of: BTreeSet<ContainerId> = refused.map(|refused| refused.container).collect();
        let pieces = Piece::all(&self.manifest, &self.checked, phase.by_profile, &of);
        let before = self.rounds;
        for change in pieces.iter().take(MAX_PIECES) {
            let piece = Piece { of: &of, change };
            let Self { manifest, checked, checker, .. } = &*self;
            let round = Round::of(manifest, checked, original, checker, phase, Some(&piece));
            let edited = manifest::apply(manifest, &round.edits);
            if !edited.changed.is_empty() {
                self.changed(edited, round.edits, round.applied);
            }
        }
        self.rounds > before
    }

    /// Goes on with what was edited, of what was tried.
    fn changed(&mut self, edited: Edited, edits: Vec<Edit>, applied: Vec<Applied>) {
        let Edited { manifest, changed, .. } = edited;
        // They are in order.
        let is_changed = |id: ContainerId| changed.binary_search(&id).is_ok();
        let mut applied: Vec<_> =
            applied.into_iter().filter(|one| is_changed(one.container)).collect();
        if self.rounds > 0 {
            // Its place is one of a text that nobody sees.
            for Applied { span, container: id, .. } in &mut applied {
                let pod = &self.first.workloads[id.workload].pod;
                *span = pod.containers[id.container].name_span;
            }
        }
        self.applied.extend(applied);
        self.edits.extend(edits.into_iter().filter(|edit| is_changed(edit.container)));
        self.take(manifest);
        self.rounds += 1;
    }

    fn take(&mut self, manifest: Manifest) {
        self.checked = self.checker.check(&manifest);
        (self.answer)(&mut self.checked);
        self.manifest = manifest;
    }

    /// Round after round leaves traces: a comment in a list that shrinks stands behind it before all of
    /// it goes. All edits at once are what a person would write. Says whether the text is another one.
    fn at_once(&mut self) -> bool {
        if self.rounds < 2 {
            return false;
        }
        let edited = manifest::apply(self.first, &self.edits);
        let asked = |manifest: &Manifest| requests(manifest, self.checker);
        let other = edited.refused.is_empty()
            && edited.source.text() != self.manifest.source.text()
            && asked(&edited.manifest) == asked(&self.manifest);
        if other {
            self.take(edited.manifest);
        }
        other
    }

    /// What it came to.
    pub(super) fn done(self) -> Repaired {
        let [others, mut refused] = self.refused;
        let known = |one: &Refused, all: &[Refused]| {
            all.iter().any(|other| other.container == one.container)
        };
        let more: Vec<_> = others.into_iter().filter(|one| !known(one, &refused)).collect();
        refused.extend(more);
        refused.sort_by_key(|refused| refused.container);
        Repaired {
            source: self.manifest.source.clone(),
            applied: self.applied,
            manifest: self.manifest,
            checked: self.checked,
            refused,
        }
    }
}
