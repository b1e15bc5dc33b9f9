//! What a search will most likely ask for next: the search itself, made once more over the trials so
//! far, and over guesses from there on. So how many runs are left, how long they take and which of
//! them may begin already is never another story than the search's own.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use caps::{CapSet, Capability};

use crate::made::First;
use crate::proof;
use crate::search::{Plan, Search};
use crate::session::{Ask, Halt, Session, Source};
use crate::sight::Sight;
use crate::trial::{Next, Outcome, Purpose, Runner, Trial};

/// What services that start as root need oftenest (docs/fit-groundtruth.md): what is guessed where
/// there is no trace.
const USUAL: CapSet = CapSet::of(&[
    Capability::CHOWN,
    Capability::DAC_OVERRIDE,
    Capability::SETGID,
    Capability::SETUID,
    Capability::NET_BIND_SERVICE,
]);

/// A run that will most likely be asked for.
#[derive(Debug, Clone, Copy)]
struct Expected {
    next: Next,
    passes: bool,
    /// Whether it is as likely to come out otherwise, and then others follow.
    open: bool,
}

/// What will most likely come.
#[derive(Debug)]
pub(crate) struct Foreseen {
    expected: Vec<Expected>,
    /// How many trials there will be in all.
    pub(crate) about: usize,
}

/// Foresees the rest of a search: `earlier` are the runs that it was given, `made` those that it has made.
pub(crate) fn foresee(
    plan: Plan,
    first: Option<Rc<First>>,
    earlier: &[Trial],
    made: &[Trial],
) -> Foreseen {
    let guesses = Guesses { made: made.iter(), first, plan, expected: Vec::new() };
    let mut search = Search::new(plan, Session::new(guesses, plan.traced, earlier.to_vec()));
    let stopped = search.run().is_err();
    let about = search.session.trials.len() + usize::from(stopped);
    Foreseen { expected: search.session.source.expected, about }
}

impl Foreseen {
    /// What may begin already. What follows a run that may as well come out otherwise is not among
    /// it, but for its repeat: nothing is to be begun between these two.
    pub(crate) fn likely(&self) -> impl Iterator<Item = Next> {
        let open = self.expected.iter().position(|expected| expected.open);
        let end = open.map_or(self.expected.len(), |at| {
            let repeats = |expected: &&Expected| expected.next.again;
            at + 1 + usize::from(self.expected.get(at + 1).filter(repeats).is_some())
        });
        self.expected.iter().take(end).map(|expected| expected.next)
    }

    /// How long that takes, by what the trials took. The first ones that fail tell little of the others:
    /// counted with them are one that ends at once, one that takes as long as those that pass, and one that
    /// waits as long as it may. What is done around each is counted with it.
    pub(crate) fn time<R: Runner>(&self, trials: &[Trial], runner: &R) -> Option<Duration> {
        let took = |trial: &Trial| Duration::from_millis(trial.took_ms);
        let of = |passed: bool| {
            let counts = move |trial: &&Trial| trial.outcome.passed() == passed && !trial.again;
            trials.iter().filter(counts).map(took)
        };
        let passes = mean(of(true))?;
        let waits = runner.patience().unwrap_or(passes);
        let fails = mean(of(false).chain([Duration::ZERO, passes, waits]))?;
        let known = |set: CapSet| trials.iter().rev().find(|trial| trial.set == set).map(took);
        let overhead = runner.overhead();
        let each = self.expected.iter().map(|expected| {
            let own = known(expected.next.set);
            own.unwrap_or(if expected.passes { passes } else { fails }) + overhead
        });
        let jobs = u32::try_from(runner.jobs()).unwrap_or(u32::MAX).max(1);
        let longest = each.clone().max().unwrap_or_default();
        // A run and its repeat go on beside each other, and beside no third one.
        let beside = |at: usize| {
            let again = |at: usize| self.expected.get(at).is_some_and(|e| e.next.again);
            if again(at) || again(at + 1) { jobs.min(2) } else { jobs }
        };
        let shared = each.enumerate().map(|(at, time)| time / beside(at));
        Some(shared.sum::<Duration>().max(longest))
    }
}

fn mean(times: impl Iterator<Item = Duration> + Clone) -> Option<Duration> {
    let count = u32::try_from(times.clone().count()).ok().filter(|count| *count > 0)?;
    Some(times.sum::<Duration>() / count)
}

/// Whoever gives back the trials that were made, and then guesses.
struct Guesses<'t> {
    made: std::slice::Iter<'t, Trial>,
    first: Option<Rc<First>>,
    plan: Plan,
    expected: Vec<Expected>,
}

impl Source for Guesses<'_> {
    type Error = Infallible;

    fn make(&mut self, ask: Ask, trials: &[Trial]) -> Result<Trial, Halt<Infallible>> {
        if let Some(trial) = self.made.next() {
            return Ok(trial.clone());
        }
        let Ask { set, purpose, again } = ask;
        let passes = self.passes(ask, trials);
        let open = !again && matches!(purpose, Purpose::Without(c) if self.is_doubtful(c));
        self.expected.push(Expected { next: Next { set, again }, passes, open });
        if purpose == Purpose::Start && self.plan.traced {
            // What comes then its trace will say.
            return Err(Halt::Stopped);
        }
        let outcome = if passes { Outcome::Passed } else { Outcome::Failed(String::new()) };
        let explained = !passes
            && matches!(purpose, Purpose::Without(c) if self.first.is_some() && !self.is_doubtful(c));
        let sight = self.first.is_some().then(Sight::default);
        Ok(Trial { set, purpose, again, outcome, explained, took_ms: 0, sight })
    }

    fn first(&self) -> Option<&First> {
        self.first.as_deref()
    }
}

impl Guesses<'_> {
    /// Whether it would pass, most likely.
    fn passes(&self, Ask { set, purpose, .. }: Ask, trials: &[Trial]) -> bool {
        if proof::has_passed(trials, set) {
            return true;
        }
        let failed = |trial: &Trial| !trial.outcome.passed() && set.is_subset(trial.set);
        if trials.iter().any(|trial| failed(trial) && !proof::has_passed(trials, trial.set)) {
            return false;
        }
        match purpose {
            Purpose::Without(_) => false,
            Purpose::Narrow => {
                let passed = trials.iter().filter(|trial| trial.outcome.passed());
                passed.fold(USUAL, |usual, trial| usual & trial.set).is_subset(set)
            }
            Purpose::Start
            | Purpose::Needed
            | Purpose::Doubtful
            | Purpose::NoDenials
            | Purpose::Confirm
            | Purpose::Alternative(_) => true,
        }
    }

    /// Whether the trace leaves open what a run without this one comes to.
    fn is_doubtful(&self, capability: Capability) -> bool {
        self.first.as_ref().is_some_and(|first| first.candidates.doubtful.contains(capability))
    }
}
