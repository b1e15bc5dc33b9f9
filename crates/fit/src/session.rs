//! The runs of a search: made, or taken from an earlier search that was stopped; told to whoever
//! watches; kept.

use std::ops::ControlFlow;

use caps::{CapSet, Capability};

use crate::sight::Baseline;
use crate::trial::{Purpose, Ran, Runner, Trial};

/// What whoever watches a search is told. To say [`ControlFlow::Break`] stops it.
#[derive(Debug)]
pub enum Event<'e> {
    /// A run is about to begin.
    Starting {
        /// Which one, from 1.
        number: usize,
        /// How many there will be, as far as can be said now.
        about: usize,
        /// Under which set.
        set: CapSet,
        /// What for.
        purpose: Purpose,
        /// Whether it repeats a run that failed.
        again: bool,
    },
    /// The first run, under the start set, with all that was traced: to be kept by whoever wants to go
    /// on later ([`crate::Options::first`]).
    First(&'e Ran),
    /// A run has ended. One that ends because the search is to be stopped may have been cut short: it
    /// does not count, if the answer to this is [`ControlFlow::Break`].
    Ended(&'e Trial),
}

/// Why a search does not go on.
#[derive(Debug)]
pub(crate) enum Halt<E> {
    /// Whoever watches said so.
    Stopped,
    /// A run could not be made.
    Failed(E),
}

/// The runs so far, and who makes more.
pub(crate) struct Session<'r, R, W> {
    runner: &'r mut R,
    watch: W,
    traced: bool,
    /// Runs of an earlier search, with what was not taken yet.
    earlier: Vec<Option<Trial>>,
    /// For each trial: which of the earlier ones it is.
    origin: Vec<Option<usize>>,
    /// Seen from here a refusal is new, or not; `None` until the first trace is there.
    pub(crate) baseline: Option<Baseline>,
    /// The first trace.
    pub(crate) first: Option<Ran>,
    /// The runs, in order.
    pub(crate) trials: Vec<Trial>,
    /// How many there will be.
    pub(crate) about: usize,
}

impl<'r, R: Runner, W: FnMut(Event<'_>) -> ControlFlow<()>> Session<'r, R, W> {
    pub(crate) fn new(runner: &'r mut R, traced: bool, earlier: Vec<Trial>, watch: W) -> Self {
        Self {
            runner,
            watch,
            traced,
            earlier: earlier.into_iter().map(Some).collect(),
            origin: Vec::new(),
            baseline: None,
            first: None,
            trials: Vec::new(),
            about: 1,
        }
    }

    /// The first run, under everything it may have: `given`, if somebody has made it already. What it
    /// shows is what all later ones are held against.
    pub(crate) fn begin(
        &mut self,
        start: CapSet,
        given: Option<Ran>,
    ) -> Result<bool, Halt<R::Error>> {
        let ran = match given {
            Some(ran) => ran,
            None => self.make(start, Purpose::Start, false)?,
        };
        let passed = ran.outcome.passed();
        let trial = Trial {
            set: start,
            purpose: Purpose::Start,
            again: !self.trials.is_empty(),
            outcome: ran.outcome.clone(),
            explained: false,
            took_ms: milliseconds(&ran),
            sight: None,
        };
        if let Some(observed) = ran.observed.as_ref().filter(|_| passed) {
            self.baseline = Some(Baseline::of(&observed.judgement));
        }
        self.tell(Event::Ended(&trial))?;
        self.keep(trial, None);
        if passed {
            let told = (self.watch)(Event::First(&ran));
            self.first = Some(ran);
            if told.is_break() {
                return Err(Halt::Stopped);
            }
        }
        Ok(passed)
    }

    /// Whether what is refused in a run can be seen, and held against the first.
    pub(crate) fn sees(&self) -> bool {
        self.traced && self.baseline.is_some()
    }

    /// A run under `set`, or the one that an earlier search made; its place among the trials.
    pub(crate) fn once(&mut self, set: CapSet, purpose: Purpose) -> Result<usize, Halt<R::Error>> {
        let serves = |trial: &Trial| {
            trial.set == set
                && !trial.again
                && trial.purpose != Purpose::Start
                && (trial.sight.is_some() || !self.sees())
        };
        let known = self.earlier.iter().position(|t| t.as_ref().is_some_and(serves));
        if let Some(at) = known
            && let Some(trial) = self.earlier.get_mut(at).and_then(Option::take)
        {
            return Ok(self.keep(Trial { purpose, ..trial }, Some(at)));
        }
        self.fresh(set, purpose, false)
    }

    /// Runs a trial that failed again, at once: whether it passes now.
    ///
    /// What an earlier search has run once only is run twice: between then and now the test may have
    /// run any number of times, and only two failures in a row count ([`crate::proof`]).
    pub(crate) fn again(&mut self, index: usize) -> Result<bool, Halt<R::Error>> {
        let Trial { set, purpose, .. } = self.trials[index];
        if let Some(next) = self.origin[index].map(|at| at + 1) {
            let repeats = |t: &Trial| t.again && t.set == set;
            if let Some(slot) = self.earlier.get_mut(next)
                && slot.as_ref().is_some_and(repeats)
                && let Some(trial) = slot.take()
            {
                let passed = trial.outcome.passed();
                self.keep(trial, Some(next));
                return Ok(passed);
            }
            let anew = self.fresh(set, purpose, false)?;
            if self.trials[anew].outcome.passed() {
                return Ok(true);
            }
        }
        let anew = self.fresh(set, purpose, true)?;
        Ok(self.trials[anew].outcome.passed())
    }

    /// A run that is made in any case.
    pub(crate) fn fresh(
        &mut self,
        set: CapSet,
        purpose: Purpose,
        again: bool,
    ) -> Result<usize, Halt<R::Error>> {
        let ran = self.make(set, purpose, again)?;
        let sight = match (&self.baseline, &ran.observed) {
            (Some(baseline), Some(observed)) => Some(baseline.look(observed)),
            _ => None,
        };
        let explains = |c: Capability| sight.as_ref().is_some_and(|sight| sight.explains(c, set));
        let explained = match purpose {
            Purpose::Without(capability) => !ran.outcome.passed() && explains(capability),
            _ => false,
        };
        let took_ms = milliseconds(&ran);
        let trial = Trial { set, purpose, again, outcome: ran.outcome, explained, took_ms, sight };
        self.tell(Event::Ended(&trial))?;
        Ok(self.keep(trial, None))
    }

    fn make(&mut self, set: CapSet, purpose: Purpose, again: bool) -> Result<Ran, Halt<R::Error>> {
        let number = self.trials.len() + 1;
        let about = self.about.max(number);
        self.tell(Event::Starting { number, about, set, purpose, again })?;
        self.runner.run(set, self.traced).map_err(Halt::Failed)
    }

    fn tell(&mut self, event: Event<'_>) -> Result<(), Halt<R::Error>> {
        if (self.watch)(event).is_break() { Err(Halt::Stopped) } else { Ok(()) }
    }

    fn keep(&mut self, trial: Trial, origin: Option<usize>) -> usize {
        self.trials.push(trial);
        self.origin.push(origin);
        self.trials.len() - 1
    }
}

fn milliseconds(ran: &Ran) -> u64 {
    u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX)
}
