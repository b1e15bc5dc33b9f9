//! The search for the functional minimum.
//!
//! The first run is traced under everything the program may have. Then what the trace calls needed is
//! tried alone, which passes nearly always; else the doubtful are added; else what no trace showed is
//! narrowed down by halves. Then each member is left out once, the doubtful first: what passes
//! without is gone, what fails without is shown to be needed ([`crate::proof`]). Without a tracer the
//! whole of it is narrowed down.

use std::ops::ControlFlow;

use caps::{CapSet, Capability};

use crate::answer::{Alternative, Answer, Proof};
use crate::candidates::{danger, likeliest_first};
use crate::flaky;
use crate::made::Made;
use crate::proof::{self, Evidence};
use crate::safer;
use crate::session::{Event, Halt, Session, Source};
use crate::trial::{Purpose, Ran, Runner, Trial};

/// How much is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Rigour {
    /// That the set works: about two runs.
    Passed,
    /// That nothing can be left out, where a failing run that its trace explains counts once: about
    /// |M| + 2 runs.
    #[default]
    Explained,
    /// The same, with every failure repeated, and one at the end that passes: about 2·|M| + 2 runs.
    Proven,
}

/// What a search is to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much is to be shown.
    pub rigour: Rigour,
    /// Whether to trace. Without, there is no answer without new denials, nothing explains a failure,
    /// and, without a first trace, more runs are made.
    pub traced: bool,
    /// Whether to try all the alternatives to what was found, a run each; else those only that are less
    /// dangerous, which become the answer if they pass, and the others are named.
    pub alternatives: bool,
    /// The first run, under the start set, if it is there already: then it is not made again.
    pub first: Option<Ran>,
    /// Whether every run starts from the same state. Where that is not sure, what was found is run
    /// again at the end: what only works once fails then, and nothing is proven.
    pub alike: bool,
    /// The trials of a search that was stopped. What fits is not run again.
    pub earlier: Vec<Trial>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rigour: Rigour::default(),
            traced: true,
            alternatives: false,
            first: None,
            alike: true,
            earlier: Vec::new(),
        }
    }
}

/// Finds the least that the program needs of `start`, in both meanings: that its test passes
/// ([`Answer::set`]), and that nothing is refused that used to be granted ([`Answer::safer`]).
///
/// `watch` is told of every run and may stop the search; what was found by then is the answer.
///
/// # Errors
/// Whatever the runner could not do. A test that fails is no error.
pub fn fit<R: Runner>(
    runner: &mut R,
    start: CapSet,
    options: Options,
    watch: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Answer, R::Error> {
    let Options { rigour, traced, alternatives, first, alike, earlier } = options;
    let plan = Plan { start, rigour, traced, alternatives, alike };
    let made = Made::new(runner, plan, first, earlier.clone(), watch);
    let mut search = Search::new(plan, Session::new(made, traced, earlier));
    let stopped = match search.run() {
        Ok(()) => false,
        Err(Halt::Stopped) => true,
        Err(Halt::Failed(error)) => return Err(error),
    };
    Ok(search.answer(stopped))
}

/// What a search is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) start: CapSet,
    pub(crate) rigour: Rigour,
    pub(crate) traced: bool,
    pub(crate) alternatives: bool,
    pub(crate) alike: bool,
}

/// A search under way.
pub(crate) struct Search<S> {
    pub(crate) session: Session<S>,
    pub(crate) plan: Plan,
    /// The smallest set that passed; the start set until then.
    pub(crate) set: CapSet,
    safer: Option<CapSet>,
    alternatives: Vec<Alternative>,
}

impl<S: Source> Search<S> {
    pub(crate) fn new(plan: Plan, session: Session<S>) -> Self {
        Self { session, plan, set: plan.start, safer: None, alternatives: Vec::new() }
    }

    pub(crate) fn run(&mut self) -> Result<(), Halt<S::Error>> {
        let start = self.plan.start;
        if !self.session.begin(start)? && !self.session.begin(start)? {
            return Ok(());
        }
        self.set = self.enough()?;
        if self.plan.rigour > Rigour::Passed {
            self.leave_one_out()?;
            self.take_less_dangerous()?;
        }
        if !self.plan.alike {
            self.session.fresh(self.set, Purpose::Confirm, false)?;
        }
        self.name_alternatives();
        if self.session.sees() {
            // A search that is stopped meanwhile still tells what it was about to show.
            self.safer = Some(self.set);
            self.safer = Some(self.without_new_denials()?);
        }
        // What breaks on the way and stays broken lets every run fail from then on: a proof ends with one
        // that passes.
        if self.plan.rigour == Rigour::Proven && !self.session.passed_last() {
            self.session.fresh(self.set, Purpose::Confirm, false)?;
        }
        if self.plan.alternatives { self.try_alternatives() } else { Ok(()) }
    }

    /// What the first trace calls needed, and doubtful; nothing where there is none.
    fn candidates(&self) -> (CapSet, CapSet) {
        let first = self.session.source.first();
        first.map_or_else(Default::default, |first| {
            (first.candidates.needed, first.candidates.doubtful)
        })
    }

    /// A set that passes, as small as the trace makes it.
    fn enough(&mut self) -> Result<CapSet, Halt<S::Error>> {
        if self.session.source.first().is_none() {
            return self.narrow(CapSet::EMPTY, true, self.plan.start);
        }
        let (needed, doubtful) = self.candidates();
        if self.passes(needed, Purpose::Needed)? {
            return Ok(needed);
        }
        let both = needed | doubtful;
        if both != needed && self.passes(both, Purpose::Doubtful)? {
            return Ok(both);
        }
        // What follows is the longest way: not for a failure by chance.
        let last = self.session.trials.len() - 1;
        if self.session.trials[last].set == both && self.session.again(last)? {
            return Ok(both);
        }
        self.narrow(both, false, self.plan.start - both)
    }

    /// `base` and what of `rest` must be added to it, by halves (QuickXplain: Junker, AAAI 2004).
    /// Without `ask`, `base` is known to fail; with all of `rest` it passes.
    fn narrow(&mut self, base: CapSet, ask: bool, rest: CapSet) -> Result<CapSet, Halt<S::Error>> {
        Ok(base | self.explain(base, ask, &likeliest_first(rest))?)
    }

    fn explain(
        &mut self,
        base: CapSet,
        ask: bool,
        rest: &[Capability],
    ) -> Result<CapSet, Halt<S::Error>> {
        if rest.is_empty() || ask && self.passes(base, Purpose::Narrow)? {
            return Ok(CapSet::EMPTY);
        }
        if let [one] = rest {
            return Ok((*one).into());
        }
        let (left, right) = rest.split_at(rest.len() / 2);
        let all: CapSet = left.iter().copied().collect();
        let from_right = self.explain(base | all, true, right)?;
        let from_left = self.explain(base | from_right, !from_right.is_empty(), left)?;
        Ok(from_left | from_right)
    }

    /// Whether the program works with a set, for all that is known; else by a run. A failure is taken
    /// at its word: what it costs is a member too many, and that one is left out later.
    fn passes(&mut self, set: CapSet, purpose: Purpose) -> Result<bool, Halt<S::Error>> {
        let trials = &self.session.trials;
        if proof::has_passed(trials, set) {
            return Ok(true);
        }
        // What failed and passed at the second try says nothing of what it holds.
        let fails = |trial: &Trial| {
            !trial.outcome.passed()
                && set.is_subset(trial.set)
                && !proof::has_passed(trials, trial.set)
        };
        if trials.iter().any(fails) {
            return Ok(false);
        }
        let index = self.session.once(set, purpose)?;
        Ok(self.session.trials[index].outcome.passed())
    }

    /// Leaves out each member once, and for good if the program works without it.
    fn leave_one_out(&mut self) -> Result<(), Halt<S::Error>> {
        // The doubtful first: they are the likeliest to go, and each that goes spares the rest.
        let sure = self.set & self.candidates().0;
        let order: Vec<Capability> = (self.set - sure).iter().chain(sure.iter()).collect();
        for capability in order {
            let smaller = self.set.without(capability);
            if !self.refuted(capability, smaller)? {
                self.set = smaller;
            }
        }
        Ok(())
    }

    /// Whether the program does not work with `smaller`, which lacks `capability`, as well as it is
    /// to be shown.
    fn refuted(&mut self, capability: Capability, smaller: CapSet) -> Result<bool, Halt<S::Error>> {
        let trials = &self.session.trials;
        if proof::has_passed(trials, smaller) {
            return Ok(false);
        }
        let enough = match self.plan.rigour {
            Rigour::Proven => Evidence::Twice,
            Rigour::Explained | Rigour::Passed => Evidence::Explained,
        };
        if proof::evidence(trials, capability, smaller) >= enough {
            return Ok(true);
        }
        let index = self.session.once(smaller, Purpose::Without(capability))?;
        let trial = &self.session.trials[index];
        if trial.outcome.passed() {
            return Ok(false);
        }
        if trial.explained && self.plan.rigour == Rigour::Explained {
            return Ok(true);
        }
        Ok(!self.session.again(index)?)
    }

    /// Of the sets that work the least dangerous is the answer: what harms less in the place of a member is
    /// tried, and if it serves, the set is as well shown as the one before.
    fn take_less_dangerous(&mut self) -> Result<(), Halt<S::Error>> {
        loop {
            self.name_alternatives();
            let less = |other: &&Alternative| {
                other.passed.is_none() && danger(other.with) < danger(other.instead_of)
            };
            let Some(Alternative { set, with, .. }) = self.alternatives.iter().find(less).cloned()
            else {
                return Ok(());
            };
            let index = self.session.once(set, Purpose::Alternative(with))?;
            if self.session.trials[index].outcome.passed() || self.session.again(index)? {
                self.set = set;
                self.leave_one_out()?;
            }
        }
    }

    /// What else the trace says would serve, and what runs under exactly that have shown.
    fn name_alternatives(&mut self) {
        let set = self.set;
        let first = self.session.source.first();
        let named = first.map(|first| first.candidates.alternatives(set)).unwrap_or_default();
        let alternative = |(instead_of, with)| {
            let set = set.without(instead_of).with(with);
            let tried = self.session.trials.iter().filter(|trial| trial.set == set);
            let passed = tried.map(|trial| trial.outcome.passed()).max();
            Alternative { instead_of, with, set, passed }
        };
        self.alternatives = named.into_iter().map(alternative).collect();
    }

    fn try_alternatives(&mut self) -> Result<(), Halt<S::Error>> {
        for Alternative { set, with, passed, .. } in self.alternatives.clone() {
            if passed.is_none() {
                self.session.once(set, Purpose::Alternative(with))?;
                self.name_alternatives();
            }
        }
        Ok(())
    }
}

impl<R: Runner, W: FnMut(Event<'_>) -> ControlFlow<()>> Search<Made<'_, R, W>> {
    fn answer(self, stopped: bool) -> Answer {
        let trials = &self.session.trials;
        let (evidence, required) = proof::of_all(trials, self.set);
        let any_passed = trials.iter().any(|trial| trial.outcome.passed());
        let is_seen = trials.iter().any(|trial| trial.outcome.passed() && trial.set == self.set);
        let proof = match flaky::contradiction(trials) {
            _ if !any_passed && !stopped => Proof::NeverPasses,
            Some((set, passed)) => Proof::Flaky { set, passed },
            None if stopped => Proof::Stopped,
            None => match evidence {
                _ if self.plan.rigour == Rigour::Passed || !is_seen => Proof::Passed,
                Evidence::Twice => Proof::Proven,
                Evidence::Explained => Proof::Explained,
                Evidence::None => Proof::Passed,
            },
        };
        let safer = self.safer.map(|set| safer::tell(trials, self.set, set));
        Answer {
            set: self.set,
            required,
            proof,
            safer,
            alternatives: self.alternatives,
            first: self.session.source.ran,
            trials: self.session.trials,
        }
    }
}
