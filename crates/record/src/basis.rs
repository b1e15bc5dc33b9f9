//! How well a profile's list is known, and what something in it is for that no use shows: the one place
//! that all who print or use a profile ask.

use caps::Capability;

use crate::profile::{Profile, Proof, ProofState};
use crate::search::{Denied, Found, Search, TrialRun};

/// What a profile's list rests on, the best of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis<'p> {
    /// Trials proved it: the newest of these proofs.
    Proven(&'p Proof),
    /// Trials came to it and prove nothing, or nothing passed: the newest of these searches.
    Tried(&'p Search),
    /// It was watched, and not tried.
    Traced,
    /// Nothing was watched or tried: a person wrote it down.
    Written,
}

impl Basis<'_> {
    /// In a few words, the same everywhere: `proven`, `tried: explained, not repeated`, `traced, unproven`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Basis::Proven(_) => "proven".to_owned(),
            Basis::Tried(search) => format!("tried: {}", search.words()),
            Basis::Traced => "traced, unproven".to_owned(),
            Basis::Written => "written by hand".to_owned(),
        }
    }
}

impl Profile {
    /// What the list as it is rests on. A search counts if it came to this list, or to what of it is
    /// needed; one in which nothing passed came to none, and counts where no other does.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        let proofs = self.proofs().filter(|_| self.status.proof == ProofState::Proven);
        if let Some(proof) = proofs.max_by_key(|proof| proof.recorded) {
            return Basis::Proven(proof);
        }
        let (needed, all) = (self.spec.capabilities.needed, self.add());
        let came_to = |search: &&Search| {
            search.found != Found::NeverPasses
                && ([needed, all].contains(&search.minimum)
                    || search.without_new_denials == Some(all))
        };
        let newest = |counts: &dyn Fn(&&Search) -> bool| {
            self.status.searches.iter().filter(counts).max_by_key(|search| search.recorded)
        };
        let tried = newest(&came_to).or_else(|| {
            let alone = self.status.searches.iter().all(|one| one.found == Found::NeverPasses);
            newest(&|_| alone)
        });
        match tried {
            Some(search) => Basis::Tried(search),
            None if self.status.runs.is_empty() && self.status.searches.is_empty() => {
                Basis::Written
            }
            None => Basis::Traced,
        }
    }

    /// What a run was refused for want of it that passed all the same: why it is in the list where the
    /// test does without.
    #[must_use]
    pub fn refused_meanwhile(&self, capability: Capability) -> Option<&Denied> {
        let passed = |run: &&TrialRun| run.passed && !run.capabilities.contains(capability);
        let mut denied = self.trial_runs().filter(passed).flat_map(|run| &run.denied);
        denied.find(|denied| denied.new && denied.any_of.contains(&capability))
    }

    /// What the last run without it said that shows that it is needed: of a set that has all else.
    #[must_use]
    pub fn failure_without(&self, capability: Capability) -> Option<&str> {
        let searches = self.status.searches.iter();
        searches.filter_map(|search| search.failure_without(capability)).next_back()
    }

    fn trial_runs(&self) -> impl Iterator<Item = &TrialRun> {
        self.status.searches.iter().flat_map(|search| &search.runs)
    }
}
