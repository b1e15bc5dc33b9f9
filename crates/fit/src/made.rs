//! Trials that are really made, by a [`Runner`], told to whoever watches.

use std::ops::ControlFlow;
use std::rc::Rc;

use judge::Judgement;

use crate::candidates::Candidates;
use crate::foresight::{Foreseen, foresee};
use crate::search::Plan;
use crate::session::{Ask, Event, Halt, Source};
use crate::sight::{Baseline, Sight};
use crate::trial::{Next, Purpose, Ran, Runner, Trial};

/// What the first trace says.
#[derive(Debug)]
pub(crate) struct First {
    /// Seen from here a refusal is new, or not.
    pub(crate) baseline: Baseline,
    /// What may be needed.
    pub(crate) candidates: Candidates,
}

impl First {
    fn of(judgement: &Judgement, plan: &Plan) -> Self {
        Self {
            baseline: Baseline::of(judgement),
            candidates: Candidates::of(judgement, plan.start),
        }
    }
}

/// Who makes them.
pub(crate) struct Made<'r, R, W> {
    runner: &'r mut R,
    watch: W,
    plan: Plan,
    /// The first run, if somebody has made it already.
    given: Option<Ran>,
    /// The runs of an earlier search.
    earlier: Vec<Trial>,
    /// Those made here.
    made: Vec<Trial>,
    first: Option<Rc<First>>,
    /// The run that it is of.
    pub(crate) ran: Option<Ran>,
    /// Whoever watches has said that it is enough.
    enough: bool,
}

impl<'r, R: Runner, W: FnMut(Event<'_>) -> ControlFlow<()>> Made<'r, R, W> {
    pub(crate) fn new(
        runner: &'r mut R,
        plan: Plan,
        given: Option<Ran>,
        earlier: Vec<Trial>,
        watch: W,
    ) -> Self {
        let (made, first, ran) = (Vec::new(), None, None);
        Self { runner, watch, plan, given, earlier, made, first, ran, enough: false }
    }

    /// Makes a run, after it was told which others will most likely follow.
    fn run(&mut self, ask: Ask, trials: &[Trial]) -> Result<Ran, Halt<R::Error>> {
        let Ask { set, purpose, again } = ask;
        let foreseen = foresee(self.plan, self.first.clone(), &self.earlier, &self.made);
        let number = trials.len() + 1;
        let about = foreseen.about.max(number);
        let left = foreseen.time(trials, &*self.runner);
        self.tell(Event::Starting { number, about, left, set, purpose, again })?;
        self.runner.ahead(&next(ask, &foreseen), self.plan.traced);
        self.runner.run(set, self.plan.traced).map_err(Halt::Failed)
    }

    /// What a run showed.
    fn look(&self, ask: Ask, ran: &Ran) -> Trial {
        let Ask { set, purpose, again } = ask;
        let sight = match (&self.first, &ran.observed) {
            (Some(first), Some(observed)) if purpose != Purpose::Start => {
                Some(first.baseline.look(observed, set))
            }
            _ => None,
        };
        let explained = match purpose {
            Purpose::Without(capability) if !ran.outcome.passed() => {
                sight.as_ref().is_some_and(|sight: &Sight| sight.explains(capability, set))
            }
            _ => false,
        };
        let took_ms = u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX);
        Trial { set, purpose, again, outcome: ran.outcome.clone(), explained, took_ms, sight }
    }

    fn tell(&mut self, event: Event<'_>) -> Result<(), Halt<R::Error>> {
        self.enough |= (self.watch)(event).is_break();
        if self.enough { Err(Halt::Stopped) } else { Ok(()) }
    }
}

/// What is asked for now, and what will be.
fn next(ask: Ask, foreseen: &Foreseen) -> Vec<Next> {
    let mut next = vec![Next { set: ask.set, again: ask.again }];
    // What the first run shows is what the others are made by: nothing is to disturb it.
    if ask.purpose != Purpose::Start {
        next.extend(foreseen.likely().skip(1));
    }
    next
}

impl<R: Runner, W: FnMut(Event<'_>) -> ControlFlow<()>> Source for Made<'_, R, W> {
    type Error = R::Error;

    fn make(&mut self, ask: Ask, trials: &[Trial]) -> Result<Trial, Halt<R::Error>> {
        let given = self.given.take().filter(|_| ask.purpose == Purpose::Start);
        let mut ran = match given {
            Some(ran) => ran,
            None => self.run(ask, trials)?,
        };
        let mut trial = self.look(ask, &ran);
        if !trial.outcome.passed()
            && !trial.explained
            && let Some(alone) = self.runner.alone().map_err(Halt::Failed)?
        {
            (trial, ran) = (self.look(ask, &alone), alone);
        }
        self.tell(Event::Ended(&trial))?;
        self.made.push(trial.clone());
        if ask.purpose == Purpose::Start && trial.outcome.passed() {
            let observed = ran.observed.as_ref();
            self.first = observed.map(|seen| Rc::new(First::of(&seen.judgement, &self.plan)));
            // This run counts, whatever is said to that.
            let _ = self.tell(Event::First(&ran));
            self.ran = Some(ran);
        }
        Ok(trial)
    }

    fn first(&self) -> Option<&First> {
        self.first.as_deref()
    }
}
