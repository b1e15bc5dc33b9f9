//! What a search has found.

use caps::{CapSet, Capability};

use crate::sight::{Denial, Exempt};
use crate::trial::{Outcome, Ran, Trial};

/// How far the functional minimum can be trusted. [`crate::proof`] holds the argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The set passed, and without any of its members the test failed twice in a row.
    Proven,
    /// The set passed, and without any of its members the test failed: twice in a row, or once with
    /// a trace that says why. A test that fails by chance just then would not have been noticed.
    Explained,
    /// The set passed. Whether less would do was not tried.
    Passed,
    /// The test fails even with everything the program could be given: no set can be tried on it.
    NeverPasses,
    /// The same set passed and failed, or a set failed that holds one that passed. The answer is the
    /// smallest set that passed; that each of its members is needed is not proven.
    Flaky {
        /// The set that failed.
        set: CapSet,
        /// What passed all the same: that set, or less.
        passed: CapSet,
    },
    /// It was stopped. The answer is the smallest set that had passed by then; the start set if none
    /// had.
    Stopped,
}

/// The set under which nothing is refused that used to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safer {
    /// The functional minimum, and what it takes beside it.
    pub set: CapSet,
    /// Whether a traced run under exactly this set passed, and showed no new denial.
    pub shown: bool,
    /// For each capability beyond the functional minimum, a check that was refused without it.
    pub because: Vec<(Capability, Denial)>,
    /// What was refused under this set and is no new denial, with the reason.
    pub exempt: Vec<Exempt>,
}

/// Another set that would serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// What it has not, of the functional minimum.
    pub instead_of: Capability,
    /// What it has in its place; as dangerous or more so.
    pub with: Capability,
    /// The whole set.
    pub set: CapSet,
    /// Whether a run under it passed; `None` if that was not tried, and only the trace says so.
    pub passed: Option<bool>,
}

/// The outcome of a search.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The functional minimum: the smallest set found that passed; the start set if none did.
    pub set: CapSet,
    /// The members of it without which the test was seen to fail, twice or with the reason.
    pub required: CapSet,
    /// How far to trust it.
    pub proof: Proof,
    /// The answer without new denials; `None` where nothing was traced, or nothing passed.
    pub safer: Option<Safer>,
    /// Other sets that would serve, which hold something as dangerous or more so.
    pub alternatives: Vec<Alternative>,
    /// The first run, under the start set, with what was traced.
    pub first: Option<Ran>,
    /// Every run, in order, the first included.
    pub trials: Vec<Trial>,
}

impl Answer {
    /// What the run without `capability` said, of the runs that show it is needed.
    #[must_use]
    pub fn failure_without(&self, capability: Capability) -> Option<&str> {
        let smaller = self.set.without(capability);
        let shows = |t: &&Trial| !t.set.contains(capability) && smaller.is_subset(t.set);
        self.trials.iter().rev().filter(shows).find_map(|t| match &t.outcome {
            Outcome::Failed(said) => Some(said.as_str()),
            Outcome::Passed => None,
        })
    }

    /// The runs beyond the first trace; how many of them only repeated a failure.
    #[must_use]
    pub fn runs(&self) -> (usize, usize) {
        let traced = self.first.as_ref().is_some_and(|first| first.observed.is_some());
        let beyond = self.trials.len().saturating_sub(usize::from(traced));
        (beyond, self.trials.iter().filter(|t| t.again).count())
    }
}
