//! Several runs at a time: the same trials and the same answer as one after the other.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use caps::{CapSet, Capability};
use dropcap_fit::beside::{Crew, Done};
use dropcap_fit::{
    Answer, Event, Options, Outcome, Proof, Ran, Rigour, Runner, SideBySide, Trial, fit,
};
use proptest::prelude::*;

use crate::program::{Program, bits, doubts};
use crate::{WEB, options, programs, stopped, web};

/// Makes runs at a time that are over in any order.
struct Any {
    program: Program,
    jobs: usize,
    going: Vec<(u64, CapSet, bool)>,
    /// Whether a run with several others beside it may be too slow, whatever the program does.
    slow: bool,
    /// Decides which is over next, and which is slow.
    seed: u64,
    made: Vec<u64>,
    ended: Vec<u64>,
    /// In which order a counter in the test has counted the runs: each at any moment while it goes on.
    counted: Vec<u64>,
}

impl Any {
    fn new(program: &Program, jobs: usize, seed: u64) -> Self {
        let (made, ended, counted) = (Vec::new(), Vec::new(), Vec::new());
        let (program, going) = (program.clone(), Vec::new());
        Self { program, jobs, going, slow: false, seed: seed | 1, made, ended, counted }
    }

    /// Some of those that go on are counted now, in any order.
    fn count_some(&mut self) {
        let mut going: Vec<u64> = self.going.iter().map(|(number, ..)| *number).collect();
        going.retain(|number| !self.counted.contains(number));
        while !going.is_empty() {
            let at = usize::try_from(self.any()).unwrap_or_default() % going.len();
            let number = going.swap_remove(at);
            if self.any().is_multiple_of(2) {
                self.counted.push(number);
            }
        }
    }

    /// How many were counted before this one.
    fn counted(&mut self, number: u64) -> usize {
        self.count_some();
        if let Some(at) = self.counted.iter().position(|counted| *counted == number) {
            return at;
        }
        self.counted.push(number);
        self.counted.len() - 1
    }

    /// Xorshift (Marsaglia 2003).
    fn any(&mut self) -> u64 {
        for shift in [13, -7, 17] {
            self.seed ^= if shift > 0 { self.seed << shift } else { self.seed >> -shift };
        }
        self.seed
    }
}

impl Crew for &mut Any {
    type Error = Infallible;

    fn jobs(&self) -> usize {
        self.jobs
    }

    fn begin(&mut self, number: u64, set: CapSet, traced: bool) {
        assert!(self.going.len() < self.jobs, "more than {} go on", self.jobs);
        assert_eq!(number, self.made.len() as u64 + 1, "not numbered in order");
        self.made.push(number);
        self.going.push((number, set, traced));
        self.count_some();
    }

    fn end(&mut self, number: u64) {
        assert!(self.going.iter().any(|(going, ..)| *going == number), "{number} does not go on");
        self.ended.push(number);
    }

    fn wait(&mut self) -> (u64, Result<Done, Infallible>) {
        let one = usize::try_from(self.any()).unwrap_or_default() % self.going.len();
        let beside = self.going.len() > 2;
        let number = self.going[one].0;
        self.program.runs = self.counted(number);
        let (number, set, traced) = self.going.swap_remove(one);
        let Ok(mut ran) = self.program.run(set, traced);
        let mut late = false;
        if self.slow && beside && self.any().is_multiple_of(3) && ran.outcome.passed() {
            late = true;
            ran = Ran { outcome: Outcome::Failed("not done in time".to_owned()), ..ran };
        }
        if self.ended.contains(&number) {
            ran = Ran { outcome: Outcome::Failed("stopped".to_owned()), ..ran };
        }
        (number, Ok(Done { ran, late }))
    }

    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_secs(3))
    }
}

fn go_on(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The answer, and how many runs were begun for nothing.
fn beside(any: &mut Any, start: CapSet, options: Options) -> (Answer, usize) {
    let mut runs = SideBySide::new(&mut *any);
    let answer = fit(&mut runs, start, options, go_on).unwrap();
    let thrown = runs.thrown();
    assert_eq!(any.made.len(), thrown + answer.trials.len(), "each run is in the answer or not");
    (answer, thrown)
}

/// All of an answer but for when.
fn all(answer: &Answer) -> impl PartialEq + std::fmt::Debug + use<> {
    let Answer { set, required, proof, safer, alternatives, trials, .. } = answer.clone();
    (set, required, proof, safer, alternatives, trials)
}

#[test]
fn what_a_trace_foretells_is_begun_and_none_of_it_for_nothing() {
    for jobs in 1..6 {
        let mut any = Any::new(&web(), jobs, 7);
        let (answer, thrown) = beside(&mut any, CapSet::all_known(), options(Rigour::Proven));
        assert_eq!((answer.set, &answer.proof, thrown), (WEB, &Proof::Proven, 0));
    }
}

#[test]
fn what_comes_out_otherwise_throws_away_what_was_begun() {
    let mut program = web();
    program.works_with = vec![WEB.with(Capability::AUDIT_WRITE)];
    program.asks.extend([Capability::AUDIT_WRITE, Capability::KILL].map(doubts));
    let alone = program.clone().fit(CapSet::all_known(), options(Rigour::Proven));
    let mut any = Any::new(&program, 3, 7);
    let (answer, thrown) = beside(&mut any, CapSet::all_known(), options(Rigour::Proven));
    assert_eq!(all(&answer), all(&alone));
    // What was begun because of what fails then.
    assert!(thrown >= 1 && !any.ended.is_empty(), "{thrown} {:?}", any.ended);
}

/// Nothing is traced, so that nothing tells why a run fails, and many are too slow beside others.
#[test]
fn what_was_too_slow_beside_others_is_made_again_alone() {
    let program = Program { traceable: false, ..web() };
    let alone = program.clone().fit(CapSet::all_known(), options(Rigour::Proven));
    let mut again = 0;
    for seed in 1..100 {
        let mut any = Any { slow: true, ..Any::new(&program, 3, seed) };
        let (answer, thrown) = beside(&mut any, CapSet::all_known(), options(Rigour::Proven));
        assert_eq!(all(&answer), all(&alone));
        again += thrown;
    }
    assert!(again > 100, "{again}");
}

/// Runs that share a machine with one processor: each goes on as slowly as there are others. What fails does
/// so because its time is up.
struct Hanging {
    program: Program,
    jobs: usize,
    /// Number, set, whether traced, for how long it goes on, what of the machine it has had.
    going: Vec<(u64, CapSet, bool, u64, u64)>,
    ended: Vec<u64>,
    time: u64,
}

/// What of the machine a run takes that passes, how much one has that does not, and for how long it may go on
/// in any case.
const PASSES: u64 = 60;
const HAS: u64 = 600;
const LEAST: u64 = 3;
/// Divides by as many as go on.
const WHOLE: u64 = 60;

impl Crew for &mut Hanging {
    type Error = Infallible;

    fn jobs(&self) -> usize {
        self.jobs
    }

    fn begin(&mut self, number: u64, set: CapSet, traced: bool) {
        self.going.push((number, set, traced, 0, 0));
    }

    fn end(&mut self, number: u64) {
        self.ended.push(number);
    }

    fn wait(&mut self) -> (u64, Result<Done, Infallible>) {
        loop {
            let over = self.going.iter().position(|&(number, set, _, time, had)| {
                let limit = if self.program.works(set) { PASSES } else { HAS };
                self.ended.contains(&number) || time >= LEAST && had >= limit
            });
            if let Some(at) = over {
                let (number, set, traced, ..) = self.going.swap_remove(at);
                let Ok(ran) = self.program.run(set, traced);
                let late = !ran.outcome.passed();
                return (number, Ok(Done { ran, late }));
            }
            self.time += 1;
            let beside = self.going.len() as u64;
            for (.., time, had) in &mut self.going {
                *time += 1;
                *had += WHOLE / beside;
            }
        }
    }
}

fn hanging(program: &Program, jobs: usize) -> u64 {
    let (program, going, ended) = (program.clone(), Vec::new(), Vec::new());
    let mut crew = Hanging { program, jobs, going, ended, time: 0 };
    let mut runs = SideBySide::new(&mut crew);
    let answer = fit(&mut runs, CapSet::all_known(), options(Rigour::Proven), go_on).unwrap();
    assert_eq!((answer.set, answer.proof), (WEB, Proof::Proven));
    crew.time
}

#[test]
fn what_hangs_takes_no_longer_side_by_side() {
    for jobs in 2..7 {
        let (one, some) = (hanging(&web(), 1), hanging(&web(), jobs));
        assert!(some <= one, "{jobs}: {some} and {one}");
        // Where no trace says why it fails, runs are begun for nothing beside the first that hangs; what comes
        // then goes on alone, or beside its repeat.
        let blind = Program { traceable: false, ..web() };
        let (one, some) = (hanging(&blind, 1), hanging(&blind, jobs));
        assert!(some <= one + jobs as u64 * HAS / WHOLE, "{jobs}: {some} and {one}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(64, 200), ..ProptestConfig::default() })]

    #[test]
    fn any_number_at_a_time_makes_the_same_trials(
        program in programs(),
        jobs in 1usize..7,
        seed in any::<u64>(),
        proven in any::<bool>(),
        traceable in any::<bool>(),
        alternatives in any::<bool>(),
        alike in any::<bool>(),
    ) {
        let program = Program { traceable, ..program };
        let start = bits((1 << 10) - 1);
        let rigour = if proven { Rigour::Proven } else { Rigour::Explained };
        let options = Options { alternatives, alike, ..options(rigour) };
        let one_by_one = program.clone().fit(start, options.clone());
        // Too slow beside others only where that can be told: not where a trace says why it failed.
        let mut any = Any { slow: !traceable, ..Any::new(&program, jobs, seed) };
        let (answer, thrown) = beside(&mut any, start, options);
        prop_assert_eq!(all(&answer), all(&one_by_one));
        prop_assert!(jobs > 1 || thrown == 0, "{}", thrown);
    }

    /// A search that was stopped goes on with another number at a time.
    #[test]
    fn it_goes_on_where_another_was_stopped(
        program in programs(),
        jobs in 1usize..7,
        seed in any::<u64>(),
        last in 0usize..20,
    ) {
        let start = bits((1 << 10) - 1);
        let (_, first, earlier): (_, _, Vec<Trial>) =
            stopped::stopped(&mut program.clone(), start, last);
        let options = Options { first, earlier, ..options(Rigour::Proven) };
        let one_by_one = program.clone().fit(start, options.clone());
        let mut any = Any::new(&program, jobs, seed);
        let mut runs = SideBySide::new(&mut any);
        let answer = fit(&mut runs, start, options, go_on).unwrap();
        prop_assert_eq!(all(&answer), all(&one_by_one));
    }

    /// Also where the test fails each k-th run, counted anywhere in them, those for nothing included.
    #[test]
    fn nothing_wrong_is_called_proven(
        program in programs(),
        every in 2usize..=7,
        phase in 0usize..7,
        jobs in 2usize..7,
        seed in any::<u64>(),
        traceable in any::<bool>(),
    ) {
        let start = bits((1 << 10) - 1);
        let program = Program { lies: Some((every, phase % every)), traceable, ..program };
        let mut any = Any::new(&program, jobs, seed);
        let (answer, _) = beside(&mut any, start, options(Rigour::Proven));
        prop_assert!(program.works(answer.set), "{:?}", answer);
        if answer.proof == Proof::Proven {
            prop_assert!(program.is_minimal(answer.set), "{:?}", answer);
        }
    }
}
