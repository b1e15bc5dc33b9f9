//! Trials that contradict each other.

use caps::CapSet;

use crate::proof::has_passed;
use crate::trial::Trial;

/// A set that failed though it, or a part of it, passed, and what passed: the test is flaky, or the program
/// works with less and not with more. `None` if there is no such set. That set itself, if it has passed, too.
pub(crate) fn contradiction(trials: &[Trial]) -> Option<(CapSet, CapSet)> {
    let mut failed = trials.iter().filter(|trial| !trial.outcome.passed());
    let failed = failed.find(|trial| has_passed(trials, trial.set))?.set;
    let passed = trials.iter().filter(|trial| trial.outcome.passed()).map(|trial| trial.set);
    let within = passed.filter(|set| set.is_subset(failed));
    Some((failed, within.max_by_key(|set| set.len())?))
}
