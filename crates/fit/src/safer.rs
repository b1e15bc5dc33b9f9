//! The answer without new denials: the functional minimum, and whatever, when missing, makes a check
//! fail that used to pass.
//!
//! A test sees what it asks for; a program that is refused something and goes on has lost something
//! all the same: a log that it cannot give away, an audit message. So every run that passed is read:
//! what was refused in it, at places where the same was granted in the first run, is added, and the
//! set is run until nothing of the kind is left.

use caps::{CapSet, Capability};

use crate::answer::Safer;
use crate::candidates::least_dangerous;
use crate::search::Search;
use crate::session::{Halt, Source};
use crate::sight::{Denial, Sight};
use crate::trial::{Purpose, Trial};

/// How often what a run shows is added. What is granted lets a program go further, and meet the next
/// check; more than a few such steps there are not.
const STEPS: usize = 4;

impl<S: Source> Search<S> {
    /// Adds what was refused until a run shows that nothing is.
    pub(crate) fn without_new_denials(&mut self) -> Result<CapSet, Halt<S::Error>> {
        let mut set = self.set;
        let mut passed = set;
        for _ in 0..STEPS {
            set = widen(&self.session.trials, self.set, set, self.plan.start);
            if sight(&self.session.trials, set).is_some() {
                break;
            }
            let index = self.session.once(set, Purpose::NoDenials)?;
            if !self.session.trials[index].outcome.passed() && !self.session.again(index)? {
                // More than what passed, and it fails: `crate::flaky` tells. Nobody is told to grant what
                // is known to fail.
                return Ok(passed);
            }
            passed = set;
            if sight(&self.session.trials, set).is_none() {
                // It could not be traced this time.
                break;
            }
        }
        Ok(set)
    }
}

/// The set with what would have served where a passing run was refused something, and nothing in the
/// set serves; of several, the one that harms least.
fn widen(trials: &[Trial], minimum: CapSet, set: CapSet, start: CapSet) -> CapSet {
    let mut set = set;
    let mut denials: Vec<&Denial> = new_denials(trials, minimum).collect();
    // What has no alternative first: it may serve where others have one.
    denials.sort_by_key(|denial| denial.any_of.len());
    for denial in denials {
        if (denial.set() & set).is_empty()
            && let Some(one) = least_dangerous(denial.set() & start)
        {
            set.insert(one);
        }
    }
    set
}

/// What was refused in runs that passed with the functional minimum in their set.
fn new_denials(trials: &[Trial], minimum: CapSet) -> impl Iterator<Item = &Denial> {
    let passed = trials.iter().filter(move |t| t.outcome.passed() && minimum.is_subset(t.set));
    passed.filter_map(|trial| trial.sight.as_ref()).flat_map(Sight::new_denials)
}

/// What was seen in a run that passed under exactly this set.
fn sight(trials: &[Trial], set: CapSet) -> Option<&Sight> {
    let mut passed = trials.iter().filter(|t| t.outcome.passed() && t.set == set);
    passed.find_map(|trial| trial.sight.as_ref())
}

/// The answer, from what the trials show.
pub(crate) fn tell(trials: &[Trial], minimum: CapSet, set: CapSet) -> Safer {
    let seen = sight(trials, set);
    let left = new_denials(trials, minimum).any(|denial| (denial.set() & set).is_empty());
    let because = |capability: Capability| {
        let mut denials = new_denials(trials, minimum);
        denials.find(|d| d.any_of.contains(&capability)).map(|d| (capability, d.clone()))
    };
    Safer {
        set,
        shown: seen.is_some_and(|sight| !sight.blind) && !left,
        because: (set - minimum).iter().filter_map(because).collect(),
        exempt: seen.map(|sight| sight.exempt.clone()).unwrap_or_default(),
    }
}
