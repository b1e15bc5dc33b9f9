//! A search that is stopped, and goes on later.

use std::ops::ControlFlow;

use caps::CapSet;
use dropcap_fit::{Answer, Event, Options, Proof, Ran, Rigour, Trial, fit};
use proptest::prelude::*;

use crate::program::{Program, bits};
use crate::{WEB, options, programs, web};

/// Stops when run number `last` is about to begin; what it told by then.
pub fn stopped(
    program: &mut Program,
    start: CapSet,
    last: usize,
) -> (Answer, Option<Ran>, Vec<Trial>) {
    let (mut first, mut trials) = (None, Vec::new());
    let answer = fit(program, start, options(Rigour::Proven), |event| {
        match event {
            Event::Starting { number, .. } if number > last => return ControlFlow::Break(()),
            Event::Starting { number, about, .. } => assert!(about >= number),
            Event::First(ran) => first = Some(ran.clone()),
            Event::Ended(trial) => trials.push(trial.clone()),
        }
        ControlFlow::Continue(())
    });
    (answer.unwrap(), first, trials)
}

#[test]
fn what_was_found_by_then_is_the_answer_and_the_rest_is_run_later() {
    let whole = web().fit(CapSet::all_known(), options(Rigour::Proven));
    assert_eq!(whole.trials.len(), 11);
    for last in 1..11 {
        let mut program = web();
        let (answer, first, trials) = stopped(&mut program, CapSet::all_known(), last);
        assert_eq!(answer.proof, Proof::Stopped);
        assert_eq!(answer.set, if last == 1 { CapSet::all_known() } else { WEB });
        // A member is shown to be needed by two runs.
        assert_eq!(answer.required.len(), last.saturating_sub(1) / 2, "{answer:?}");
        assert_eq!(trials, answer.trials);
        // As it is stored.
        let text = serde_json::to_string(&trials).unwrap();
        let earlier: Vec<Trial> = serde_json::from_str(&text).unwrap();
        let mut made = 0;
        let options = Options { first, earlier, ..options(Rigour::Proven) };
        let answer = fit(&mut program, CapSet::all_known(), options, |event| {
            made += usize::from(matches!(event, Event::Starting { .. }));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((answer.set, &answer.proof), (WEB, &Proof::Proven));
        // What failed once and was not repeated at once is run twice.
        let lone = usize::from(last >= 3 && last % 2 == 1);
        assert_eq!(made, 11 - last + lone, "stopped before run {}", last + 1);
    }
}

#[test]
fn a_run_that_was_cut_short_does_not_count() {
    let mut ended = 0;
    let answer = fit(&mut web(), CapSet::all_known(), options(Rigour::Proven), |event| {
        ended += usize::from(matches!(event, Event::Ended(_)));
        if ended == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!((answer.trials.len(), answer.proof), (3, Proof::Stopped));
}

proptest! {
    /// Wherever it is stopped: nothing wrong is called proven, also where the test fails each k-th
    /// run, and an honest one comes to a proof.
    #[test]
    fn a_search_that_goes_on_is_as_good_as_one_in_one_go(
        program in programs(),
        last in 0usize..20,
        every in 2usize..=7,
        honest in any::<bool>(),
        between in 0usize..7,
    ) {
        let start = bits((1 << 10) - 1);
        let mut program = Program { lies: (!honest).then_some((every, 1)), ..program };
        let (_, first, earlier) = stopped(&mut program, start, last);
        // Somebody else runs the test meanwhile.
        for _ in 0..between {
            let _ = dropcap_fit::Runner::run(&mut program, start, false);
        }
        let answer = program.fit(start, Options { first, earlier, ..options(Rigour::Proven) });
        prop_assert!(program.works(answer.set));
        if honest {
            prop_assert_eq!(&answer.proof, &Proof::Proven);
        }
        if answer.proof == Proof::Proven {
            prop_assert!(program.is_minimal(answer.set), "{:?}", answer);
        }
    }
}
