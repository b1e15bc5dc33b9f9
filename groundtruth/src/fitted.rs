//! `--fit`: the product's own search on each program, in the sandbox of the house, held against what
//! brute force found.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use caps::CapSet;
use fit::{Answer, Hand, Hands, Outcome, Ran, Rigour, Runner, SideBySide, Trial};
use trace::{Options, Tracer};

use crate::Result;
use crate::measure::in_parallel;
use crate::program::Program;
use crate::rootfs::Rootfs;
use crate::sandbox::{FileSystem, Sandbox, grantable};
use crate::search;
use crate::truth::Measured;

/// How to search.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// How much is to be shown.
    pub rigour: Rigour,
    /// Whether to trace.
    pub traced: bool,
    /// Each so many runs the test fails whatever the program did.
    pub fail_every: Option<u32>,
    /// How many runs at a time, once more.
    pub beside: usize,
}

/// A program, what is true of it, and what the search found.
#[derive(Debug)]
pub struct Fitted {
    /// The program's name.
    pub name: String,
    /// The file system.
    pub place: FileSystem,
    /// What is true; only what was measured with the scripts as they are.
    pub truth: std::result::Result<Measured, String>,
    /// What was found.
    pub answer: Answer,
    /// How long it took.
    pub took: Duration,
    /// Each so many runs the test failed whatever the program did, and at which phase of that.
    pub lies: Option<(u32, u32)>,
    /// How many runs QuickXplain takes without a trace, each failure once: counted over the truth.
    pub untraced_runs: Option<u32>,
}

impl Fitted {
    /// Whether the functional minimum is a true one.
    pub fn is_exact(&self) -> bool {
        self.truth.as_ref().is_ok_and(|truth| truth.minimal.contains(&self.answer.set))
    }

    /// The true set without new denials that belongs to the functional minimum found.
    pub fn true_safer(&self) -> Option<CapSet> {
        let truth = self.truth.as_ref().ok()?;
        let at = truth.minimal.iter().position(|set| *set == self.answer.set)?;
        truth.denials.as_ref()?.sets.get(at).copied()
    }

    /// Whether the answer without new denials is the true one; `None` without a tracer.
    pub fn is_safer_exact(&self) -> Option<bool> {
        let safer = self.answer.safer.as_ref()?;
        Some(safer.shown && self.true_safer() == Some(safer.set))
    }

    /// The runs beyond the first trace, without repeats and with; how many more than members.
    pub fn runs(&self) -> (usize, usize) {
        let (all, repeats) = self.answer.runs();
        (all - repeats, all)
    }
}

/// Fits each program, so many at a time.
pub fn run(
    root: &Rootfs,
    programs: &[&Program],
    places: &[FileSystem],
    jobs: usize,
    how: How,
) -> Result<Vec<Fitted>> {
    let work: Vec<(&Program, FileSystem)> =
        places.iter().flat_map(|place| programs.iter().map(|p| (*p, *place))).collect();
    let phases: Vec<Option<(u32, u32)>> = match how.fail_every {
        Some(every) => (0..every).map(|phase| Some((every, phase))).collect(),
        None => vec![None],
    };
    let outcomes = in_parallel(root, &work, jobs, |sandbox, program| {
        let each = phases.iter().map(|lies| {
            let one = one(sandbox, program, how, *lies)?;
            if how.beside > 1 {
                once_more(root, program, how, &one)?;
            }
            Ok(one)
        });
        each.collect::<Result<Vec<Fitted>>>()
    })?;
    let all = outcomes.into_iter().collect::<Result<Vec<Vec<Fitted>>>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn one(
    sandbox: &mut Sandbox,
    program: &Program,
    How { rigour, traced, .. }: How,
    lies: Option<(u32, u32)>,
) -> Result<Fitted> {
    let begin = Instant::now();
    let place = sandbox.place();
    let truth = Measured::of(program, place);
    let start = grantable()?;
    let mut trials = Trials::new(sandbox, program, traced, lies)?;
    let options = fit::Options { rigour, traced, ..fit::Options::default() };
    let answer = fit::fit(&mut trials, start, options, |_| ControlFlow::Continue(()))?;
    let untraced_runs = truth.as_ref().ok().map(|truth| quickxplain(start, &truth.minimal));
    let name = program.name.clone();
    let took = begin.elapsed();
    let fitted = Fitted { name, place, truth, answer, took, lies, untraced_runs };
    tell(&fitted);
    Ok(fitted)
}

/// Searches with several runs at a time, in sandboxes of their own: the same trials, and the same answer.
fn once_more(root: &Rootfs, program: &Program, how: How, alone: &Fitted) -> Result {
    // Others' sandboxes have the numbers of the workers.
    static NUMBER: AtomicUsize = AtomicUsize::new(1000);
    let begin = Instant::now();
    let sandbox = |_| Sandbox::new(root, alone.place, NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut sandboxes = (0..how.beside).map(sandbox).collect::<Result<Vec<Sandbox>>>()?;
    let hand = |sandbox| Trials::new(sandbox, program, how.traced, None);
    let hands = sandboxes.iter_mut().map(hand).collect::<Result<Vec<Trials<'_>>>>()?;
    let options =
        fit::Options { rigour: how.rigour, traced: how.traced, ..fit::Options::default() };
    let (answer, thrown) = std::thread::scope(|scope| {
        let mut runs = SideBySide::new(Hands::new(scope, hands));
        let answer = fit::fit(&mut runs, grantable()?, options, |_| ControlFlow::Continue(()))?;
        Ok::<_, String>((answer, runs.thrown()))
    })?;
    let trials = |trials: &[Trial]| -> Vec<(CapSet, bool, bool)> {
        trials.iter().map(|trial| (trial.set, trial.again, trial.outcome.passed())).collect()
    };
    let found = |answer: &Answer| {
        let safer = answer.safer.as_ref().map(|safer| safer.set);
        (answer.set, answer.proof.clone(), safer, trials(&answer.trials))
    };
    if found(&answer) != found(&alone.answer) {
        return Err(format!(
            "with {} runs at a time: {:?}\none by one: {:?}",
            how.beside,
            found(&answer),
            found(&alone.answer)
        ));
    }
    println!(
        "{:<17} {:<9} the same with {} runs at a time, {thrown} for nothing, {:.1} s",
        alone.name,
        alone.place,
        how.beside,
        begin.elapsed().as_secs_f32(),
    );
    Ok(())
}

fn tell(fitted: &Fitted) {
    let (once, all) = fitted.runs();
    let safer = match (&fitted.answer.safer, fitted.is_safer_exact()) {
        (Some(safer), Some(true)) if safer.set == fitted.answer.set => "the same".to_owned(),
        (Some(safer), exact) => {
            let more = (safer.set - fitted.answer.set).to_string();
            let wrong = if exact == Some(true) { "" } else { "  WRONG or not measured" };
            format!("and {more}{wrong}")
        }
        (None, _) => "not traced".to_owned(),
    };
    println!(
        "{:<17} {:<9} {:<10} {}{}; without new denials {safer}; {once} runs, {all} with repeats, {:.1} s{}",
        fitted.name,
        fitted.place,
        word(fitted),
        fitted.answer.set,
        if fitted.is_exact() { "" } else { "  WRONG" },
        fitted.took.as_secs_f32(),
        fitted
            .lies
            .map_or(String::new(), |(every, at)| format!(", each {every}th fails from {at}")),
    );
}

/// What the proof is called.
pub fn word(fitted: &Fitted) -> &'static str {
    match fitted.answer.proof {
        fit::Proof::Proven => "proven",
        fit::Proof::Explained => "explained",
        fit::Proof::Passed => "passed",
        fit::Proof::NeverPasses => "NEVER",
        fit::Proof::Flaky { .. } => "FLAKY",
        fit::Proof::Stopped => "stopped",
    }
}

/// A program in its sandbox, as the search runs it.
struct Trials<'s> {
    sandbox: &'s mut Sandbox,
    program: &'s Program,
    tracer: Option<Tracer>,
    lies: Option<(u32, u32)>,
    runs: u32,
}

impl<'s> Trials<'s> {
    fn new(
        sandbox: &'s mut Sandbox,
        program: &'s Program,
        traced: bool,
        lies: Option<(u32, u32)>,
    ) -> Result<Self> {
        let tracer = match traced {
            true => Some(Tracer::load(Options::default()).map_err(|e| e.to_string())?),
            false => None,
        };
        Ok(Self { sandbox, program, tracer, lies, runs: 0 })
    }
}

/// One that nobody wants any more goes on to its end.
impl Hand for Trials<'_> {
    fn enough(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    fn was_late(&self) -> bool {
        false
    }
}

impl Runner for Trials<'_> {
    type Error = String;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran> {
        let start = Instant::now();
        let (outcome, observed) = match &mut self.tracer {
            Some(tracer) if traced => {
                let (outcome, observed) = self.sandbox.observe(self.program, set, tracer)?;
                (outcome, Some(observed))
            }
            _ => (self.sandbox.run(self.program, set)?, None),
        };
        let why = outcome.why();
        let lies = self.lies.is_some_and(|(every, phase)| self.runs % every == phase);
        self.runs += 1;
        let outcome = if outcome.passed && !lies { Outcome::Passed } else { Outcome::Failed(why) };
        Ok(Ran { outcome, observed, took: start.elapsed() })
    }
}

/// How many runs QuickXplain takes for one minimal set of what `start` holds, and leaving out each of
/// its members once.
fn quickxplain(start: CapSet, minimal: &[CapSet]) -> u32 {
    let runs = Cell::new(0);
    let works = |set: CapSet| {
        runs.set(runs.get() + 1);
        Ok(minimal.iter().any(|one| one.is_subset(set)))
    };
    let set = search::quickxplain(start, works).unwrap_or_default();
    runs.get() + u32::try_from(set.len()).unwrap_or(u32::MAX)
}
