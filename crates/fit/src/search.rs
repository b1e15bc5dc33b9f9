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
use crate::candidates::{Candidates, likeliest_first};
use crate::flaky;
use crate::proof::{self, Evidence};
use crate::safer;
use crate::session::{Event, Halt, Session};
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
    /// The same, with every failure repeated: about 2·|M| + 2 runs.
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
    /// Whether to try the alternatives to what was found, a run each; else they are only named.
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
    let session = Session::new(runner, traced, earlier, watch);
    let mut search = Search {
        session,
        rigour,
        alike,
        start,
        set: start,
        candidates: Candidates::default(),
        safer: None,
        alternatives: Vec::new(),
    };
    let stopped = match search.run(first, alternatives) {
        Ok(()) => false,
        Err(Halt::Stopped) => true,
        Err(Halt::Failed(error)) => return Err(error),
    };
    Ok(search.answer(stopped))
}

/// A search under way.
pub(crate) struct Search<'r, R, W> {
    pub(crate) session: Session<'r, R, W>,
    rigour: Rigour,
    alike: bool,
    pub(crate) start: CapSet,
    /// The smallest set that passed; the start set until then.
    pub(crate) set: CapSet,
    candidates: Candidates,
    safer: Option<CapSet>,
    alternatives: Vec<Alternative>,
}

impl<R: Runner, W: FnMut(Event<'_>) -> ControlFlow<()>> Search<'_, R, W> {
    fn run(&mut self, first: Option<Ran>, alternatives: bool) -> Result<(), Halt<R::Error>> {
        let works =
            self.session.begin(self.start, first)? || self.session.begin(self.start, None)?;
        if !works {
            return Ok(());
        }
        if let Some(observed) = self.session.first.as_ref().and_then(|ran| ran.observed.as_ref()) {
            self.candidates = Candidates::of(&observed.judgement, self.start);
        }
        self.expect(self.candidates.needed);
        self.set = self.enough()?;
        self.expect(self.set);
        if self.rigour > Rigour::Passed {
            self.leave_one_out()?;
        }
        if !self.alike {
            self.session.fresh(self.set, Purpose::Confirm, false)?;
        }
        self.name_alternatives();
        if self.session.sees() {
            // A search that is stopped meanwhile still tells what it was about to show.
            self.safer = Some(self.set);
            self.safer = Some(self.without_new_denials()?);
        }
        if alternatives { self.try_alternatives() } else { Ok(()) }
    }

    /// A set that passes, as small as the trace makes it.
    fn enough(&mut self) -> Result<CapSet, Halt<R::Error>> {
        if self.session.baseline.is_none() {
            return self.narrow(CapSet::EMPTY, true, self.start);
        }
        let Candidates { needed, doubtful, .. } = self.candidates;
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
        self.narrow(both, false, self.start - both)
    }

    /// `base` and what of `rest` must be added to it, by halves (QuickXplain: Junker, AAAI 2004).
    /// Without `ask`, `base` is known to fail; with all of `rest` it passes.
    fn narrow(&mut self, base: CapSet, ask: bool, rest: CapSet) -> Result<CapSet, Halt<R::Error>> {
        Ok(base | self.explain(base, ask, &likeliest_first(rest))?)
    }

    fn explain(
        &mut self,
        base: CapSet,
        ask: bool,
        rest: &[Capability],
    ) -> Result<CapSet, Halt<R::Error>> {
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
    fn passes(&mut self, set: CapSet, purpose: Purpose) -> Result<bool, Halt<R::Error>> {
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
    fn leave_one_out(&mut self) -> Result<(), Halt<R::Error>> {
        // The doubtful first: they are the likeliest to go, and each that goes spares the rest.
        let sure = self.set & self.candidates.needed;
        let order: Vec<Capability> = (self.set - sure).iter().chain(sure.iter()).collect();
        for (done, capability) in order.iter().enumerate() {
            let smaller = self.set.without(*capability);
            let left: CapSet = order[done..].iter().copied().collect();
            self.expect(self.set & left);
            if !self.refuted(*capability, smaller)? {
                self.set = smaller;
            }
        }
        Ok(())
    }

    /// Whether the program does not work with `smaller`, which lacks `capability`, as well as it is
    /// to be shown.
    fn refuted(&mut self, capability: Capability, smaller: CapSet) -> Result<bool, Halt<R::Error>> {
        let trials = &self.session.trials;
        if proof::has_passed(trials, smaller) {
            return Ok(false);
        }
        let enough = match self.rigour {
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
        if trial.explained && self.rigour == Rigour::Explained {
            return Ok(true);
        }
        Ok(!self.session.again(index)?)
    }

    fn name_alternatives(&mut self) {
        let set = self.set;
        let named = self.candidates.alternatives(set).into_iter();
        self.alternatives = named
            .map(|(instead_of, with)| Alternative {
                instead_of,
                with,
                set: set.without(instead_of).with(with),
                passed: None,
            })
            .collect();
    }

    fn try_alternatives(&mut self) -> Result<(), Halt<R::Error>> {
        for number in 0..self.alternatives.len() {
            let Alternative { set, with, .. } = self.alternatives[number];
            let index = self.session.once(set, Purpose::Alternative(with))?;
            self.alternatives[number].passed = Some(self.session.trials[index].outcome.passed());
        }
        Ok(())
    }

    /// Says how many runs there will be if each of `left` has still to be left out.
    fn expect(&mut self, left: CapSet) {
        let each = match self.rigour {
            Rigour::Passed => 0,
            Rigour::Explained => 1,
            Rigour::Proven => 2,
        };
        // One that passes, if none has yet; one for the answer without new denials.
        let other = 1 + usize::from(self.set == self.start) + usize::from(!self.alike);
        self.session.about = self.session.trials.len() + each * left.len() + other;
    }

    fn answer(self, stopped: bool) -> Answer {
        let trials = &self.session.trials;
        let (evidence, required) = proof::of_all(trials, self.set);
        let any_passed = trials.iter().any(|trial| trial.outcome.passed());
        let is_seen = trials.iter().any(|trial| trial.outcome.passed() && trial.set == self.set);
        let proof = match flaky::contradiction(trials) {
            _ if !any_passed && !stopped => Proof::NeverPasses,
            Some(set) => Proof::Flaky { set },
            None if stopped => Proof::Stopped,
            None => match evidence {
                _ if self.rigour == Rigour::Passed || !is_seen => Proof::Passed,
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
            first: self.session.first,
            trials: self.session.trials,
        }
    }
}
