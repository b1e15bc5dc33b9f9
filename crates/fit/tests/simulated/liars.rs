//! Tests that fail though the program works.

use caps::{CapSet, Capability};
use dropcap_fit::{Proof, Rigour};
use proptest::prelude::*;

use crate::program::{Program, bits, needs};
use crate::{WEB, options, programs, web};

/// Every counter, at every phase: what is called proven is right, what passed works.
#[test]
fn a_test_that_fails_each_kth_run_is_never_the_cause_of_a_wrong_proof() {
    let shrugs = || {
        let mut program = web();
        program.asks.extend([Capability::FOWNER, Capability::KILL].map(needs));
        program
    };
    let (mut proven, mut flaky) = (0, 0);
    for honest in [web(), shrugs(), Program::new(&[CapSet::EMPTY], &shrugs().asks)] {
        for every in 2..=7 {
            for phase in 0..every {
                for traceable in [true, false] {
                    let mut program =
                        Program { lies: Some((every, phase)), traceable, ..honest.clone() };
                    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
                    assert!(program.works(answer.set), "{every} {phase}: {answer:?}");
                    match answer.proof {
                        Proof::Proven => {
                            proven += 1;
                            assert!(program.is_minimal(answer.set), "{every} {phase}: {answer:?}");
                        }
                        Proof::Flaky { .. } => flaky += 1,
                        other => panic!("{every} {phase}: {other:?}"),
                    }
                }
            }
        }
    }
    // Both come about, or this shows nothing.
    assert_eq!((proven > 20, flaky > 20), (true, true), "{proven} {flaky}");
}

/// Why a failure that its trace explains is no proof: the program shrugs the refusal off, and the
/// test fails by chance in just that run.
#[test]
fn an_explanation_can_be_wrong_and_is_not_called_a_proof() {
    let mut program = web();
    program.asks.push(needs(Capability::KILL));
    // The start, the needed, then one left out after the other: KILL is the sixth run or so.
    let wrong = (2..9).find_map(|phase| {
        program.lies = Some((100, phase));
        let mut program = program.clone();
        let answer = program.fit(CapSet::all_known(), options(Rigour::Explained));
        (answer.set != WEB).then_some(answer)
    });
    let wrong = wrong.unwrap();
    assert_eq!((wrong.set, wrong.proof), (WEB.with(Capability::KILL), Proof::Explained));
}

#[test]
fn a_set_that_gives_two_answers_is_named_and_the_smallest_that_passed_is_the_answer() {
    let mut program = Program { lies: Some((100, 1)), ..web() };
    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!((answer.set, answer.proof), (WEB, Proof::Flaky { set: WEB }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Any program, with any trace, and a test that fails each k-th run.
    #[test]
    fn nothing_wrong_is_called_proven(
        program in programs(),
        every in 2usize..=7,
        phase in 0usize..7,
        traceable in any::<bool>(),
    ) {
        let mut program = Program { lies: Some((every, phase % every)), traceable, ..program };
        let answer = program.fit(bits((1 << 10) - 1), options(Rigour::Proven));
        prop_assert!(program.works(answer.set), "{:?}", answer);
        if answer.proof == Proof::Proven {
            prop_assert!(program.is_minimal(answer.set), "{:?}", answer);
        }
        if let Some(safer) = &answer.safer {
            prop_assert!(program.works(safer.set));
        }
    }
}
