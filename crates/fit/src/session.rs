//! The trials of a search: made, or taken from an earlier search that was stopped; kept.

use std::time::Duration;

use caps::CapSet;

use crate::made::First;
use crate::trial::{Purpose, Ran, Trial};

/// What whoever watches a search is told. To say [`Break`](std::ops::ControlFlow::Break) stops
/// it.
#[derive(Debug)]
pub enum Event<'e> {
    /// A run is about to begin.
    Starting {
        /// Which one, from 1.
        number: usize,
        /// How many there will be, as far as can be said now.
        about: usize,
        /// How long it takes from now to the answer, by what the runs so far took; `None` before any
        /// has passed.
        left: Option<Duration>,
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
    /// does not count, if the answer to this is [`Break`](std::ops::ControlFlow::Break).
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

/// A run that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) set: CapSet,
    pub(crate) purpose: Purpose,
    /// Whether it repeats the run before it.
    pub(crate) again: bool,
}

/// Who makes trials: [`crate::made`], or whoever guesses what they would come to
/// ([`crate::foresight`]).
pub(crate) trait Source {
    type Error;

    /// Makes one, after these.
    fn make(&mut self, ask: Ask, trials: &[Trial]) -> Result<Trial, Halt<Self::Error>>;

    /// What the first trace says, once it is there.
    fn first(&self) -> Option<&First>;
}

/// The trials so far, and who makes more.
pub(crate) struct Session<S> {
    pub(crate) source: S,
    traced: bool,
    /// Runs of an earlier search, with what was not taken yet.
    earlier: Vec<Option<Trial>>,
    /// For each trial: which of the earlier ones it is.
    origin: Vec<Option<usize>>,
    pub(crate) trials: Vec<Trial>,
}

impl<S: Source> Session<S> {
    pub(crate) fn new(source: S, traced: bool, earlier: Vec<Trial>) -> Self {
        let earlier = earlier.into_iter().map(Some).collect();
        Self { source, traced, earlier, origin: Vec::new(), trials: Vec::new() }
    }

    /// A run under everything it may have: what it shows is what all later ones are held against.
    pub(crate) fn begin(&mut self, start: CapSet) -> Result<bool, Halt<S::Error>> {
        let again = !self.trials.is_empty();
        let index = self.fresh(start, Purpose::Start, again)?;
        Ok(self.trials[index].outcome.passed())
    }

    /// Whether what is refused in a run can be seen, and held against the first.
    pub(crate) fn sees(&self) -> bool {
        self.traced && self.source.first().is_some()
    }

    /// A run under `set`, or the one that an earlier search made; its place among the trials.
    pub(crate) fn once(&mut self, set: CapSet, purpose: Purpose) -> Result<usize, Halt<S::Error>> {
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
    pub(crate) fn again(&mut self, index: usize) -> Result<bool, Halt<S::Error>> {
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

    /// Whether the last run was made now and passed.
    pub(crate) fn passed_last(&self) -> bool {
        let passed = self.trials.last().is_some_and(|trial| trial.outcome.passed());
        passed && self.origin.last().is_some_and(Option::is_none)
    }

    /// A run that is made in any case.
    pub(crate) fn fresh(
        &mut self,
        set: CapSet,
        purpose: Purpose,
        again: bool,
    ) -> Result<usize, Halt<S::Error>> {
        let trial = self.source.make(Ask { set, purpose, again }, &self.trials)?;
        Ok(self.keep(trial, None))
    }

    fn keep(&mut self, trial: Trial, origin: Option<usize>) -> usize {
        self.trials.push(trial);
        self.origin.push(origin);
        self.trials.len() - 1
    }
}
