//! What the first run used and no run after it asked for.
//!
//! A pass says something of its set only if every run starts from the same state
//! ([`Runner`](crate::Runner)). Where that is not sure, what an earlier run left may serve: a folder
//! that was given away once need not be given away again. Then the run without the capability is
//! neither granted it nor refused it, which its trace shows.

use caps::CapSet;
use judge::Judgement;
use record::requirement::Verdict;

use crate::answer::{Answer, Proof};
use crate::trial::Trial;

/// What a run was granted that the judge calls a need: of each of these sets any one serves.
#[must_use]
pub fn needs(judgement: &Judgement) -> Vec<CapSet> {
    let mut needs = Vec::new();
    for requirement in &judgement.requirements {
        let granted = |seen: &record::requirement::Use| {
            seen.verdict == Verdict::Needed && seen.count > seen.refused
        };
        let set = requirement.set();
        if requirement.uses.iter().any(granted) && !needs.contains(&set) {
            needs.push(set);
        }
    }
    needs
}

/// Those of `needs` which no passing run within `set` was granted, and none was refused: nothing shows
/// that the program works without.
#[must_use]
pub fn never_asked(trials: &[Trial], needs: &[CapSet], set: CapSet) -> Vec<CapSet> {
    let passing = || trials.iter().filter(|t| t.outcome.passed() && t.set.is_subset(set));
    let refused = |need: CapSet, trial: &Trial| {
        trial.sight.as_ref().is_some_and(|sight| {
            sight.denied.iter().any(|denial| !(denial.set() & need).is_empty())
                || sight.exempt.iter().any(|exempt| need.contains(exempt.capability))
        })
    };
    let unasked =
        |need: &CapSet| (*need & set).is_empty() && !passing().any(|trial| refused(*need, trial));
    needs.iter().copied().filter(unasked).collect()
}

impl Answer {
    /// Takes the proof away: runs were not alike, and what passed may have passed by what an earlier
    /// one left. What is no proof stays as it is.
    pub fn not_exercised(&mut self) {
        if matches!(self.proof, Proof::Proven | Proof::Explained) {
            self.proof = Proof::Passed;
        }
    }
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;
    use crate::sight::{Denial, Exempt, Sight};
    use crate::trial::{Outcome, Purpose};

    const CHOWN: Capability = Capability::CHOWN;

    fn trial(set: CapSet, passed: bool, sight: Option<Sight>) -> Trial {
        let outcome = if passed { Outcome::Passed } else { Outcome::Failed(String::new()) };
        let purpose = Purpose::Without(CHOWN);
        Trial { set, purpose, again: false, outcome, explained: false, took_ms: 1, sight }
    }

    fn refused(any_of: &[Capability]) -> Sight {
        let denial = Denial {
            any_of: any_of.to_vec(),
            site: "setattr_prepare".to_owned(),
            what: String::new(),
            by: String::new(),
            count: 1,
            returned: Some("EPERM".to_owned()),
            new: true,
            need: true,
        };
        Sight { denied: vec![denial], ..Sight::default() }
    }

    #[test]
    fn what_no_passing_run_was_refused_shows_nothing() {
        let need = CapSet::from(CHOWN);
        let none = CapSet::EMPTY;
        let ask = |trials: &[Trial], set| never_asked(trials, &[need], set);
        assert_eq!(ask(&[trial(none, true, Some(Sight::default()))], none), [need]);
        // Not traced: nobody knows.
        assert_eq!(ask(&[trial(none, true, None)], none), [need]);
        // Refused in a run that failed, or had more.
        let failed = trial(none, false, Some(refused(&[CHOWN])));
        let more = trial(need.with(Capability::KILL), true, Some(refused(&[CHOWN])));
        assert_eq!(ask(&[failed, more, trial(none, true, Some(Sight::default()))], none), [need]);
        // Refused, and it passed all the same; or in the list.
        assert_eq!(ask(&[trial(none, true, Some(refused(&[CHOWN])))], none), []);
        let exempt =
            Exempt { capability: CHOWN, site: String::new(), why: String::new(), count: 1 };
        let shrugged = Sight { exempt: vec![exempt], ..Sight::default() };
        assert_eq!(ask(&[trial(none, true, Some(shrugged))], none), []);
        assert_eq!(ask(&[trial(need, true, Some(Sight::default()))], need), []);
    }

    #[test]
    fn one_that_serves_in_its_place_is_enough() {
        let either = CapSet::of(&[Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH]);
        let set = CapSet::from(Capability::DAC_READ_SEARCH);
        let passed = trial(set, true, Some(Sight::default()));
        assert_eq!(never_asked(&[passed], &[either], set), []);
        let refused = trial(CapSet::EMPTY, true, Some(refused(&[Capability::DAC_OVERRIDE])));
        assert_eq!(never_asked(&[refused], &[either], CapSet::EMPTY), []);
    }
}
