//! Tests that fail though the program works.

use std::collections::BTreeSet;

use caps::{CapSet, Capability};
use dropcap_fit::{Options, Proof, Rigour};
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
    assert_eq!((answer.set, answer.proof), (WEB, Proof::Flaky { set: WEB, passed: WEB }));
}

/// A program that needs MKNOD only if it may chroot: with less it works, with more it does not. What passed is
/// the answer, whole: nothing is added that is known to fail.
#[test]
fn what_works_with_less_and_not_with_more_is_told_by_what_passed() {
    let (root, node) = (Capability::SYS_CHROOT, Capability::MKNOD);
    let asks = [needs(root), needs(node)];
    let mut program =
        Program { fails_with: Some((root, node)), ..Program::new(&[CapSet::EMPTY], &asks) };
    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!(answer.set, CapSet::EMPTY);
    let Proof::Flaky { set, passed } = answer.proof else { panic!("{answer:?}") };
    assert_eq!((set, passed), (root.into(), CapSet::EMPTY));
    assert!(!program.works(root.into()));
    let safer = answer.safer.expect("it was traced");
    assert!(program.works(safer.set), "{safer:?}");
}

/// What failed by chance says nothing of the sets within it, or all of them would be given up.
#[test]
fn a_start_that_fails_by_chance_costs_one_more_run() {
    let mut program = Program { lies: Some((100, 0)), ..web() };
    let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!(answer.set, WEB);
    let all = CapSet::all_known();
    assert_eq!(answer.proof, Proof::Flaky { set: all, passed: all });
    assert_eq!(answer.trials.len(), 12);
}

/// The bound: two lies in a row, at one set, are taken for a need. What comes of it is too much, and works.
#[test]
fn two_lies_in_a_row_are_what_a_proof_cannot_know() {
    let mut program = web();
    program.asks.push(needs(Capability::KILL));
    let wrong: Vec<usize> = (0..14)
        .filter(|first| {
            let mut program = Program { lies_in: [*first, first + 1].into(), ..program.clone() };
            let answer = program.fit(CapSet::all_known(), options(Rigour::Proven));
            assert!(program.works(answer.set), "{first}: {answer:?}");
            let is_wrong = answer.proof == Proof::Proven && answer.set != WEB;
            // Too much by one, whichever that is.
            assert!(!is_wrong || (answer.set - WEB).len() == 1, "{answer:?}");
            is_wrong
        })
        .collect();
    // Where what is enough is tried, and where the one that is not needed is left out.
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

/// Runs of which no two in a row lie, and others with pairs that do.
fn lying() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::vec(prop::sample::select(vec![false, false, true]), 0..80).prop_map(|lies| {
        lies.iter().enumerate().filter(|(_, lies)| **lies).map(|(n, _)| n).collect()
    })
}

/// So many pairs of runs in a row lie, none of which counts twice.
fn pairs(lies: &BTreeSet<usize>) -> usize {
    let (mut pairs, mut next) = (0, 0);
    for run in lies {
        if *run >= next && lies.contains(&(run + 1)) {
            (pairs, next) = (pairs + 1, run + 2);
        }
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(400, 4000), ..ProptestConfig::default() })]

    /// Whichever runs lie: what is called proven works, and holds at most as much too much as there are
    /// pairs of runs in a row that lie; nothing without any.
    #[test]
    fn a_proof_is_wrong_only_by_lies_in_a_row(
        program in programs(),
        lies_in in lying(),
        apart in any::<bool>(),
        traceable in any::<bool>(),
        alike in any::<bool>(),
    ) {
        let lies_in = match apart {
            true => lies_in.iter().filter(|run| *run % 2 == 0).copied().collect(),
            false => lies_in,
        };
        let most = pairs(&lies_in);
        prop_assert!(!apart || most == 0);
        let mut program = Program { lies_in, traceable, ..program };
        let options = Options { alike, ..options(Rigour::Proven) };
        let answer = program.fit(bits((1 << 10) - 1), options);
        if answer.proof == Proof::Proven {
            prop_assert!(program.works(answer.set), "{:?}", answer);
            let too_much = answer.set.iter().filter(|c| program.works(answer.set.without(*c)));
            prop_assert!(too_much.count() <= most, "{:?}", answer);
        }
    }

    /// From some run on every one fails (a full disk, a service that is gone): nothing wrong is proven then.
    #[test]
    fn what_breaks_on_the_way_is_noticed(
        program in programs(),
        from in 1usize..40,
        traceable in any::<bool>(),
        alike in any::<bool>(),
    ) {
        let mut program = Program { lies_in: (from..4000).collect(), traceable, ..program };
        let options = Options { alike, ..options(Rigour::Proven) };
        let answer = program.fit(bits((1 << 10) - 1), options);
        if answer.proof == Proof::Proven {
            prop_assert!(program.is_minimal(answer.set), "{:?}", answer);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(200, 2000), ..ProptestConfig::default() })]

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
