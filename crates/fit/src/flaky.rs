//! Trials that contradict each other.

use caps::CapSet;

use crate::proof::has_passed;
use crate::trial::Trial;

/// A set that failed though it, or a part of it, passed: the test is flaky, or the program works with
/// less and not with more. `None` if there is no such set.
pub(crate) fn contradiction(trials: &[Trial]) -> Option<CapSet> {
    let mut failed = trials.iter().filter(|trial| !trial.outcome.passed());
    failed.find(|trial| has_passed(trials, trial.set)).map(|trial| trial.set)
}
