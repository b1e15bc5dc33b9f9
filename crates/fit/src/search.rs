//! The search for a minimal set, and its proof by leave-one-out.
//!
//! It rests on one assumption, that a program that works with a set works with any larger one.
//! What contradicts it, or a test that answers differently when asked again, is reported as
//! [`Proof::Flaky`]: then nothing is proven.

use caps::{CapSet, Capability};

use crate::trial::Outcome;

/// One run, as it goes into the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The set it ran under.
    pub set: CapSet,
    /// What it showed.
    pub outcome: Outcome,
}

/// How far the answer can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The set passed, and every set with one member less failed, twice.
    Proven,
    /// The test fails even with everything the program could be given: no set can be tried on it.
    NeverPasses,
    /// The same set passed and failed, or a set failed that holds one that passed.
    Flaky {
        /// The set that gave two answers.
        set: CapSet,
    },
}

/// The outcome of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The minimal set found; the start set if nothing is proven.
    pub set: CapSet,
    /// How far to trust it.
    pub proof: Proof,
    /// Every run, in order.
    pub trials: Vec<Trial>,
}

impl Answer {
    /// What the run without `capability` said, of the runs that prove it is needed.
    #[must_use]
    pub fn failure_without(&self, capability: Capability) -> Option<&str> {
        self.trials
            .iter()
            .rev()
            .find(|t| !t.set.contains(capability) && self.set.without(capability).is_subset(t.set))
            .and_then(|t| match &t.outcome {
                Outcome::Failed(said) => Some(said.as_str()),
                Outcome::Passed => None,
            })
    }
}

/// Finds a minimal passing set within `start` and proves it.
///
/// `needed` is tried first, alone (it passes nearly always when it comes from a trace); if it
/// fails, `doubtful` is added, then everything in `start`. Then every member is left out once.
/// On the usual path this takes 2·|needed| + 1 runs: one that passes, and each failure twice.
///
/// # Errors
/// Whatever `run` could not do; a test that fails is no error but [`Outcome::Failed`].
pub fn prove<E>(
    needed: CapSet,
    doubtful: CapSet,
    start: CapSet,
    run: impl FnMut(CapSet) -> Result<Outcome, E>,
) -> Result<Answer, E> {
    let mut runs = Runs { run, trials: Vec::new() };
    let mut candidate = None;
    for set in [needed & start, (needed | doubtful) & start, start] {
        if runs.has(set) {
            continue;
        }
        if runs.once(set)?.passed() {
            candidate = Some(set);
            break;
        }
    }
    let Some(mut set) = candidate else {
        // A larger set would be a wrong answer: say that there is none.
        return Ok(Answer { set: start, proof: Proof::NeverPasses, trials: runs.trials });
    };
    // Doubtful ones first: they are the likeliest to go, and each that goes makes the rest cheaper.
    let order = (set - needed).iter().chain((set & needed).iter()).collect::<Vec<_>>();
    for capability in order {
        let smaller = set.without(capability);
        if runs.once(smaller)?.passed() {
            set = smaller;
        } else if runs.once(smaller)?.passed() {
            return Ok(Answer {
                set: start,
                proof: Proof::Flaky { set: smaller },
                trials: runs.trials,
            });
        }
    }
    // The set as it is now has passed once. A set above it that failed contradicts that.
    if let Some(trial) = runs.trials.iter().find(|t| !t.outcome.passed() && set.is_subset(t.set)) {
        let set = trial.set;
        return Ok(Answer { set: start, proof: Proof::Flaky { set }, trials: runs.trials });
    }
    Ok(Answer { set, proof: Proof::Proven, trials: runs.trials })
}

struct Runs<F> {
    run: F,
    trials: Vec<Trial>,
}

impl<E, F: FnMut(CapSet) -> Result<Outcome, E>> Runs<F> {
    fn once(&mut self, set: CapSet) -> Result<Outcome, E> {
        let outcome = (self.run)(set)?;
        self.trials.push(Trial { set, outcome: outcome.clone() });
        Ok(outcome)
    }

    fn has(&self, set: CapSet) -> bool {
        self.trials.iter().any(|t| t.set == set)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const NET: CapSet = CapSet::of(&[Capability::NET_BIND_SERVICE]);
    const STEP_DOWN: CapSet = CapSet::of(&[Capability::SETUID, Capability::SETGID]);

    fn answer(
        needed: CapSet,
        doubtful: CapSet,
        start: CapSet,
        works: impl Fn(CapSet) -> bool,
    ) -> Answer {
        let run = |set| {
            Ok::<_, Infallible>(if works(set) {
                Outcome::Passed
            } else {
                Outcome::Failed("no".into())
            })
        };
        prove(needed, doubtful, start, run).unwrap()
    }

    #[test]
    fn a_right_trace_costs_one_run_and_two_a_member() {
        let truth = NET | STEP_DOWN;
        let found = answer(truth, CapSet::EMPTY, CapSet::all_known(), |set| truth.is_subset(set));
        assert_eq!((found.set, &found.proof, found.trials.len()), (truth, &Proof::Proven, 7));
        assert_eq!(found.failure_without(Capability::SETUID), Some("no"));
        assert_eq!(found.failure_without(Capability::CHOWN), None);
    }

    #[test]
    fn doubtful_ones_are_tried_only_if_the_needed_alone_fail() {
        let found = answer(NET, STEP_DOWN, CapSet::all_known(), |set| {
            (NET | CapSet::from(Capability::SETUID)).is_subset(set)
        });
        assert_eq!(found.set, NET.with(Capability::SETUID));
        assert_eq!(found.proof, Proof::Proven);
    }

    #[test]
    fn a_test_that_never_passes_proves_nothing() {
        let found = answer(NET, STEP_DOWN, NET | STEP_DOWN, |_| false);
        assert_eq!((found.set, found.proof), (NET | STEP_DOWN, Proof::NeverPasses));
    }

    #[test]
    fn an_answer_that_changes_is_called_flaky() {
        let mut runs = 0;
        let found = prove(NET, CapSet::EMPTY, NET, |set| {
            runs += 1;
            // Without NET: fails, then passes.
            Ok::<_, Infallible>(if set == NET || runs == 3 {
                Outcome::Passed
            } else {
                Outcome::Failed(String::new())
            })
        })
        .unwrap();
        assert_eq!(found.proof, Proof::Flaky { set: CapSet::EMPTY });
    }

    proptest! {
        /// For any monotone program (it works iff it has one of some alternative sets), the
        /// answer works and nothing can be left out of it.
        #[test]
        fn the_answer_is_minimal(
            alternatives in prop::collection::vec(0u64..1 << 10, 1..4),
            needed in 0u64..1 << 10,
            doubtful in 0u64..1 << 10,
        ) {
            let works = |set: CapSet| alternatives.iter().any(|bits| CapSet::from_bits(*bits).is_subset(set));
            let start = CapSet::from_bits((1 << 10) - 1);
            let found = answer(CapSet::from_bits(needed), CapSet::from_bits(doubtful), start, works);
            prop_assert_eq!(&found.proof, &Proof::Proven);
            prop_assert!(works(found.set));
            for capability in found.set {
                prop_assert!(!works(found.set.without(capability)));
            }
        }
    }
}
