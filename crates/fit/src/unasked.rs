//! What the first run used and no run after it asked for.
//!
//! A pass says something of its set only if every run starts from the same state
//! ([`Runner`](crate::Runner)). Where that is not sure, what an earlier run left may serve: a folder
//! that was given away once need not be given away again. Then the run without the capability is
//! neither granted it nor refused it, which its trace shows.
//!
//! Where runs do start alike the same shows a program that does otherwise from run to run, by chance,
//! by the clock, or by what it finds out about itself ([`went_otherwise`]).

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
    let unasked =
        |need: &CapSet| (*need & set).is_empty() && !passing().any(|trial| refused(*need, trial));
    needs.iter().copied().filter(unasked).collect()
}

/// Those of `needs`, none of them in `set`, that the program did without though nothing kept it from
/// asking: some run without them passed and was refused nothing that used to be granted, and no run
/// without them ever was refused them. All that differs from the first run is what the program does by
/// itself, and the next run may do that again. A program that is refused something else may well go
/// another way, and is not meant.
#[must_use]
pub fn went_otherwise(trials: &[Trial], needs: &[CapSet], set: CapSet) -> Vec<CapSet> {
    let without = |need: CapSet| trials.iter().filter(move |t| (t.set & need).is_empty());
    let freely = |trial: &Trial| {
        let sight = trial.sight.as_ref().filter(|sight| !sight.blind);
        trial.outcome.passed() && sight.is_some_and(|sight| sight.new_denials().next().is_none())
    };
    let otherwise = |need: &CapSet| {
        (*need & set).is_empty()
            && without(*need).any(freely)
            && !without(*need).any(|trial| refused(*need, trial))
    };
    needs.iter().copied().filter(otherwise).collect()
}

/// Whether any one of `need` was refused in a run.
fn refused(need: CapSet, trial: &Trial) -> bool {
    trial.sight.as_ref().is_some_and(|sight| {
        sight.denied.iter().any(|denial| !(denial.set() & need).is_empty())
            || sight.exempt.iter().any(|exempt| need.contains(exempt.capability))
    })
}

impl Answer {
    /// Takes the proof away: runs were not alike, and what passed may have passed by what an earlier
    /// one left, or by what the program did otherwise. What is no proof stays as it is.
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

    #[test]
    fn what_a_program_does_without_and_nobody_refused_is_its_own_doing() {
        let (none, need) = (CapSet::EMPTY, CapSet::from(CHOWN));
        let other = || trial(none, true, Some(refused(&[Capability::KILL])));
        let free = || trial(none, true, Some(Sight::default()));
        let ask = |trials: &[Trial], set| went_otherwise(trials, &[need], set);
        assert_eq!(ask(&[free()], none), [need]);
        assert_eq!(ask(&[other(), free()], none), [need]);
        // Refused something else it may go another way; what was lost may have been it.
        assert_eq!(ask(&[other()], none), []);
        let blind = Sight { blind: true, ..Sight::default() };
        assert_eq!(ask(&[trial(none, true, Some(blind))], none), []);
        // Some run without it was refused it; it is in the list; not traced.
        assert_eq!(ask(&[trial(none, false, Some(refused(&[CHOWN]))), free()], none), []);
        assert_eq!(ask(&[trial(need, true, Some(Sight::default()))], need), []);
        assert_eq!(ask(&[free()], need), []);
        assert_eq!(ask(&[trial(none, true, None)], none), []);
    }
}
