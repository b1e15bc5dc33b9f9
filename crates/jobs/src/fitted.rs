//! What a search has found, as a profile.

use std::time::Duration;

use caps::{CapSet, Capability};
use fit::{Answer, Denial, Outcome, Proof, Trial};
use jiff::Timestamp;
use judge::{ProfileOptions, to_profile};
use observe::Observed;
use record::profile::{self, Profile, Target};
use record::requirement::{Requirement, Verdict};
use record::search::{Denied, Found, Place, Search, TrialRun};

/// Which of the two answers the list is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Nothing is refused that used to be granted: the functional minimum, and what it takes beside
    /// it, which is doubtful.
    #[default]
    NoNewDenials,
    /// The functional minimum alone.
    Minimum,
}

/// How a search was made.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// What was run.
    pub command: Vec<String>,
    /// As whom: 0, or who holds a set only where ambient capabilities are raised.
    pub user: u32,
    /// The test in words.
    pub test: String,
    /// Where.
    pub place: Place,
    /// What it started from.
    pub start: CapSet,
    /// Of what it started from and is not in the answer: what the runs say nothing of
    /// ([`undecided`]).
    pub undecided: CapSet,
    /// The first run that was traced, whether or not it passed.
    pub first: Option<&'a Observed>,
    /// How long it took from the first run to the answer, whatever runs took one by one.
    pub took: Duration,
    /// When.
    pub recorded: Option<Timestamp>,
}

/// Whether an answer is a set that passed, with which something can be done.
#[must_use]
pub fn has_passed(answer: &Answer) -> bool {
    answer.trials.iter().any(|trial| trial.outcome.passed() && trial.set == answer.set)
}

/// What runs in a user namespace, where these have a number, say nothing of: all, if none passed; else
/// of what the answer does without [`caps::undecided`].
#[must_use]
pub fn undecided(answer: &Answer, start: CapSet, numbers: caps::Numbers) -> CapSet {
    if has_passed(answer) { caps::undecided(start - answer.set, numbers) } else { start }
}

/// The profile of what a search has found: the evidence of the first run, settled by what the runs
/// after it showed; every run; and the proof, if there is one.
#[must_use]
pub fn profile(answer: &Answer, made: &Made<'_>, wanted: Wanted) -> Profile {
    let options = ProfileOptions { recorded: made.recorded, ..ProfileOptions::default() };
    let mut profile = match made.first {
        Some(seen) => to_profile(&seen.recording, &seen.judgement, &options),
        None => {
            let target = Target { command: made.command.clone(), ..Target::default() };
            Profile::new(name(&made.command), target, Vec::new(), Vec::new())
        }
    };
    if has_passed(answer) && answer.proof != Proof::NeverPasses {
        settle(&mut profile, answer, made, wanted);
    }
    profile.spec.target.user = Some(made.user).filter(|user| *user != 0);
    profile.status.searches.push(search(answer, made));
    profile.settle();
    profile
}

fn settle(profile: &mut Profile, answer: &Answer, made: &Made<'_>, wanted: Wanted) {
    if answer.proof == Proof::Proven && made.undecided.is_empty() {
        let proof = profile::Proof {
            capabilities: answer.set,
            test: made.test.clone(),
            trials: u32::try_from(answer.trials.len()).unwrap_or(u32::MAX),
            recorded: made.recorded,
        };
        profile.tried(proof, answer.required);
    } else {
        profile.passed_with(answer.set, answer.required);
    }
    if wanted == Wanted::NoNewDenials {
        let more = answer.safer.as_ref().map_or(CapSet::EMPTY, |safer| safer.set) - answer.set;
        let stated = |c: Capability| Requirement::stated(c, Verdict::Doubtful);
        profile.spec.evidence.extend(more.iter().map(stated));
    }
}

fn search(answer: &Answer, made: &Made<'_>) -> Search {
    Search {
        test: made.test.clone(),
        place: made.place,
        found: match answer.proof {
            Proof::Proven | Proof::Explained if !made.undecided.is_empty() => Found::InPart,
            Proof::Proven => Found::Proven,
            Proof::Explained => Found::Explained,
            Proof::Passed => Found::Passed,
            Proof::NeverPasses => Found::NeverPasses,
            Proof::Flaky { .. } => Found::Flaky,
            Proof::Stopped => Found::Stopped,
        },
        start: made.start,
        minimum: answer.set,
        without_new_denials: answer.safer.as_ref().filter(|safer| safer.shown).map(|s| s.set),
        undecided: made.undecided,
        recorded: made.recorded,
        runs: answer.trials.iter().map(run).collect(),
    }
}

fn run(trial: &Trial) -> TrialRun {
    let denied = trial.sight.iter().flat_map(|sight| &sight.denied);
    TrialRun {
        capabilities: trial.set,
        purpose: trial.purpose.to_string(),
        passed: trial.outcome.passed(),
        said: match &trial.outcome {
            Outcome::Passed => None,
            Outcome::Failed(said) => Some(said.clone()),
        },
        explained: trial.explained,
        repeats: trial.again,
        duration_ms: trial.took_ms,
        traced: trial.sight.is_some(),
        denied: denied.map(refused).collect(),
    }
}

fn refused(denial: &Denial) -> Denied {
    Denied {
        any_of: denial.any_of.clone(),
        what: denial.what.clone(),
        by: denial.by.clone(),
        site: denial.site.clone(),
        count: denial.count,
        returned: denial.returned.clone(),
        new: denial.new,
    }
}

/// A name that Kubernetes would accept, as [`to_profile`] makes it where there is a trace.
fn name(command: &[String]) -> String {
    let first = command.first().cloned().unwrap_or_default();
    let word = first.rsplit('/').next().unwrap_or_default().to_lowercase();
    let shown = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = word.chars().map(shown).take(253).collect();
    match name.trim_matches(['-', '.']) {
        "" => "profile".to_owned(),
        name => name.to_owned(),
    }
}
