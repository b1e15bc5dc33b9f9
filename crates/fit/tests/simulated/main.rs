//! The search on programs that are only described: what it finds, what it costs, and that it never
//! calls proven what is wrong.

mod beside;
mod liars;
mod program;
mod stopped;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use caps::{CapSet, Capability};
use dropcap_fit::{Event, Options, Proof, Ran, Rigour, Runner, fit};
use proptest::prelude::*;
use record::requirement::Verdict;

use program::{Ask, Program, bits, doubts, needs};

const WEB: CapSet = CapSet::of(&[
    Capability::CHOWN,
    Capability::NET_BIND_SERVICE,
    Capability::SETGID,
    Capability::SETUID,
]);

fn options(rigour: Rigour) -> Options {
    Options { rigour, ..Options::default() }
}

fn web() -> Program {
    let asks: Vec<Ask> = WEB.iter().map(needs).collect();
    Program::new(&[WEB], &asks)
}

#[test]
fn a_right_trace_costs_one_run_and_one_for_each_member_or_two() {
    for (rigour, runs, repeats, proof) in [
        (Rigour::Passed, 1, 0, Proof::Passed),
        (Rigour::Explained, 5, 0, Proof::Explained),
        (Rigour::Proven, 10, 4, Proof::Proven),
    ] {
        let answer = web().fit(CapSet::all_known(), options(rigour));
        assert_eq!((answer.set, &answer.proof, answer.runs()), (WEB, &proof, (runs, repeats)));
        let safer = answer.safer.as_ref().unwrap();
        assert_eq!((safer.set, safer.shown), (WEB, true));
        if rigour > Rigour::Passed {
            assert_eq!(answer.required, WEB);
            let said = answer.failure_without(Capability::SETUID).unwrap();
            assert!(said.starts_with("does not work with"), "{said}");
            assert_eq!(answer.failure_without(Capability::KILL), None);
            assert!(answer.trials.iter().all(|t| t.outcome.passed() || t.explained));
        }
    }
}

/// Which runs are left is known from the first trace on, and how long they take from the first pass on.
#[test]
fn what_is_left_is_told_before_each_run() {
    let mut told = Vec::new();
    let answer = fit(&mut web(), CapSet::all_known(), options(Rigour::Proven), |event| {
        if let Event::Starting { number, about, left, .. } = event {
            told.push((number, about, left.map(|left| left.as_micros())));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(answer.unwrap().trials.len(), 11);
    // Each takes 7 ms; one that has not failed yet is taken for a little quicker, its repeat for as quick.
    assert_eq!(told[0], (1, 1, None));
    assert_eq!(told[1], (2, 11, Some(2 * 7_000 + 8 * (7_000 + 7_000) / 3)));
    assert_eq!(told[10], (11, 11, Some(7_000)));
    for (number, _, left) in &told[1..] {
        let (left, is) = (left.unwrap_or_default(), 7_000 * (12 - *number as u128));
        assert!(left <= is && 2 * left >= is, "{told:?}");
    }
}

/// Whose runs take so long besides: sandboxes are made, containers removed.
struct Slow(Program, Duration);

impl Runner for Slow {
    type Error = Infallible;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, Infallible> {
        self.0.run(set, traced)
    }

    fn overhead(&self) -> Duration {
        self.1
    }
}

#[test]
fn what_is_done_around_runs_is_in_the_time_that_is_left() {
    let left = |overhead: Duration| {
        let mut told = Vec::new();
        let options = options(Rigour::Proven);
        let answer = fit(&mut Slow(web(), overhead), CapSet::all_known(), options, |event| {
            if let Event::Starting { left, .. } = event {
                told.extend(left);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(answer.unwrap().trials.len(), 11);
        told
    };
    let (bare, slow) = (left(Duration::ZERO), left(Duration::from_secs(1)));
    let more: Vec<Duration> = bare.iter().zip(&slow).map(|(bare, slow)| *slow - *bare).collect();
    assert_eq!(more, (1..=10).rev().map(Duration::from_secs).collect::<Vec<_>>());
}

#[test]
fn what_is_refused_and_does_not_matter_is_in_the_safer_answer_only() {
    let mut program = web();
    program.asks.push(needs(Capability::FOWNER));
    program.asks.push(doubts(Capability::AUDIT_WRITE));
    let answer = program.fit(CapSet::all_known(), options(Rigour::Explained));
    assert_eq!((answer.set, &answer.proof), (WEB, &Proof::Explained));
    let safer = answer.safer.as_ref().unwrap();
    assert_eq!(safer.set, WEB.with(Capability::FOWNER).with(Capability::AUDIT_WRITE));
    assert!(safer.shown);
    let because: Vec<Capability> = safer.because.iter().map(|(c, _)| *c).collect();
    assert_eq!(because, [Capability::FOWNER, Capability::AUDIT_WRITE]);
    assert_eq!(safer.because[0].1.what, "do thing 4");
    // The needed, five of them left out, and one run that shows that nothing is refused any more.
    assert_eq!(answer.runs(), (7, 0));
}

#[test]
fn of_alternatives_the_least_dangerous_is_taken_and_the_other_named() {
    let reads = CapSet::of(&[Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH]);
    let sets = reads.iter().map(|c| WEB.with(c)).collect::<Vec<_>>();
    let mut program = Program::new(&sets, &web().asks);
    program.asks.push(Ask { any_of: reads, verdict: Verdict::Needed, fails: true });
    for tried in [false, true] {
        let options = Options { alternatives: tried, ..options(Rigour::Proven) };
        let answer = program.fit(CapSet::all_known(), options);
        assert_eq!(answer.set, WEB.with(Capability::DAC_OVERRIDE));
        assert_eq!(answer.proof, Proof::Proven);
        let [other] = &answer.alternatives[..] else { panic!("{:?}", answer.alternatives) };
        assert_eq!(other.set, WEB.with(Capability::DAC_READ_SEARCH));
        assert_eq!(other.passed, tried.then_some(true));
    }
}

#[test]
fn doubtful_ones_are_tried_if_the_needed_alone_fail_and_left_out_one_by_one() {
    let doubtful = [Capability::AUDIT_WRITE, Capability::KILL, Capability::SYS_NICE];
    let mut program = web();
    program.works_with = vec![WEB.with(Capability::AUDIT_WRITE)];
    program.asks.extend(doubtful.map(doubts));
    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!((answer.set, answer.proof), (WEB.with(Capability::AUDIT_WRITE), Proof::Proven));
}

#[test]
fn what_no_trace_shows_is_found_by_halves() {
    let hidden = CapSet::of(&[Capability::NET_RAW, Capability::NET_BROADCAST]);
    let mut program = web();
    program.works_with = vec![WEB | hidden];
    let answer = program.fit(CapSet::all_known(), options(Rigour::Explained));
    assert_eq!((answer.set, &answer.proof), (WEB | hidden, &Proof::Explained));
    assert!(answer.runs().0 <= 26, "{:?}", answer.runs());
}

#[test]
fn without_a_tracer_the_same_set_is_found() {
    let mut program = web();
    program.traceable = false;
    for options in
        [options(Rigour::Proven), Options { traced: false, ..options(Rigour::Explained) }]
    {
        let rigour = options.rigour;
        let answer = program.fit(CapSet::all_known(), options);
        // Nothing explains a failure that was not traced, so each was repeated.
        assert_eq!((answer.set, answer.proof, rigour > Rigour::Passed), (WEB, Proof::Proven, true));
        assert!(answer.safer.is_none());
    }
}

#[test]
fn a_test_that_never_passes_proves_nothing() {
    let start = WEB.without(Capability::SETUID);
    let answer = web().fit(start, options(Rigour::Proven));
    assert_eq!((answer.set, answer.proof, answer.trials.len()), (start, Proof::NeverPasses, 2));
}

#[test]
fn a_program_that_needs_nothing_is_known_by_a_run() {
    let mut program = Program::new(&[CapSet::EMPTY], &[]);
    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!((answer.set, &answer.proof), (CapSet::EMPTY, &Proof::Proven));
    assert_eq!(answer.runs(), (1, 0));
}

/// Any program: alternatives of what it works with, and whatever it asks for beside.
pub fn programs() -> impl Strategy<Value = Program> {
    let ask = (1u64..1 << 10, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(set, alone, needed, fails)| Ask {
            any_of: if alone { bits(set).iter().take(1).collect() } else { bits(set) },
            verdict: if needed { Verdict::Needed } else { Verdict::Doubtful },
            fails,
        },
    );
    let sets = prop::collection::vec(0u64..1 << 10, 1..4);
    (sets, prop::collection::vec(ask, 0..8)).prop_map(|(sets, asks)| {
        Program::new(&sets.into_iter().map(bits).collect::<Vec<_>>(), &asks)
    })
}

proptest! {
    /// For any program with an honest test, whatever its trace says, the answer works and nothing
    /// can be left out of it; and the safer answer is refused nothing.
    #[test]
    fn the_answer_is_minimal(
        program in programs(),
        proven in any::<bool>(),
        traceable in any::<bool>(),
    ) {
        let mut program = Program { traceable, ..program };
        let start = bits((1 << 10) - 1);
        let rigour = if proven { Rigour::Proven } else { Rigour::Explained };
        let answer = program.fit(start, options(rigour));
        prop_assert!(program.is_minimal(answer.set), "{:?}", answer);
        prop_assert_eq!(answer.required, answer.set);
        let explained = answer.proof == Proof::Explained && !proven && traceable;
        prop_assert!(answer.proof == Proof::Proven || explained, "{:?}", answer.proof);
        prop_assert_eq!(answer.safer.is_some(), traceable);
        // Of those that the trace names and that work, it is the least dangerous.
        let danger = |c: Capability| caps::knowledge(c).map(caps::Knowledge::danger);
        for other in &answer.alternatives {
            let less = danger(other.with) < danger(other.instead_of);
            prop_assert!(!less || !program.works(other.set), "{:?}", other);
        }
        if let Some(safer) = &answer.safer {
            prop_assert!(answer.set.is_subset(safer.set));
            prop_assert!(safer.shown);
            prop_assert!(!program.is_denied(safer.set, start));
            // Nothing is in it for nothing.
            for (capability, denial) in &safer.because {
                prop_assert!(denial.any_of.contains(capability));
                prop_assert!((denial.set() & answer.set).is_empty());
            }
            prop_assert_eq!(safer.because.len(), safer.set.len() - answer.set.len());
        }
    }
}
