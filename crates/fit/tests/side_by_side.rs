//! Real runs side by side: each is seen by its own tracer, and what nobody wants is ended.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use dropcap_fit::beside::Crew;
use dropcap_fit::test::Tests;
use dropcap_fit::{
    Answer, Around, Hands, Job, Next, Options, Place, Program, Proof, Ran, Rigour, Runner, Runs,
    SideBySide, fit, options,
};
use launch::Sandbox;
use trace::Tracer;

fn runs(script: &str, traced: bool) -> Runs {
    let command = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
    let environment = std::env::vars_os().collect();
    let program = Program { command, user: None, environment, folder: "/".into() };
    let tests = Tests {
        each: Vec::new(),
        until_exit: true,
        timeout: Duration::from_secs(60),
        settle: Duration::ZERO,
    };
    let job = Job { program, tests, around: Around::default(), retries: 0, hurry: false };
    let tracer = traced.then(|| Tracer::load(options()).unwrap());
    Runs::new(job, Place::Sandbox(Sandbox::prepare(None, None).unwrap()), tracer).unwrap()
}

fn all() -> CapSet {
    let own = sys::credentials::own_state().unwrap();
    own.permitted & own.bounding
}

/// How often each of these was granted and refused.
fn asked(ran: &Ran) -> Vec<(Capability, u64, u64)> {
    let seen = &ran.observed.as_ref().unwrap().recording.observations;
    let count = |capability, granted| {
        let of = seen.iter().filter(|o| o.capability == capability && o.granted == granted);
        of.map(|o| o.count).sum::<u64>()
    };
    let each = [Capability::CHOWN, Capability::SYS_CHROOT, Capability::SYS_NICE];
    each.map(|c| (c, count(c, true), count(c, false))).to_vec()
}

/// Runs under each of these sets, so many at a time.
fn made(jobs: u8, script: &str, sets: &[CapSet]) -> Vec<Ran> {
    let mut one = runs(script, true);
    let hands = one.hands(jobs);
    std::thread::scope(|scope| {
        let mut crew = Hands::new(scope, hands);
        let mut over = Vec::new();
        for (number, set) in (1..).zip(sets) {
            if number > u64::from(jobs) {
                over.push(crew.wait());
            }
            crew.begin(number, *set, true);
        }
        while over.len() < sets.len() {
            over.push(crew.wait());
        }
        over.sort_by_key(|(number, _)| *number);
        over.into_iter().map(|(_, done)| done.unwrap().ran).collect()
    })
}

#[test]
fn what_is_seen_of_runs_side_by_side_does_not_mix() {
    testkit::needs!(root, bpf);
    // Long enough that each runs beside each.
    let script =
        "for i in 1 2 3 4 5 6; do chown 33 /etc/hostname; chroot / true; sleep 0.1; done; true";
    let both = CapSet::of(&[Capability::CHOWN, Capability::SYS_CHROOT]);
    let sets = [
        all().without(Capability::CHOWN),
        all().without(Capability::SYS_CHROOT),
        all() - both,
        all(),
    ];
    let (alone, beside) = (made(1, script, &sets), made(4, script, &sets));
    for ((set, alone), beside) in sets.iter().zip(&alone).zip(&beside) {
        for (capability, granted, refused) in asked(beside) {
            let has = both.contains(capability);
            let expected = (has && set.contains(capability), has && !set.contains(capability));
            assert_eq!((granted > 0, refused > 0), expected, "{capability} in {set}");
        }
        assert_eq!(asked(beside), asked(alone), "{set}");
        let count = |ran: &Ran| ran.observed.as_ref().unwrap().recording.processes.len();
        assert_eq!(count(beside), count(alone), "{set}");
    }
}

fn searched(jobs: u8, script: &str) -> (Answer, usize) {
    let mut one = runs(script, true);
    let hands = one.hands(jobs);
    std::thread::scope(|scope| {
        let mut runs = SideBySide::new(Hands::new(scope, hands));
        let options = Options { rigour: Rigour::Proven, ..Options::default() };
        let answer = fit(&mut runs, all(), options, |_| ControlFlow::Continue(()));
        (answer.unwrap(), runs.thrown())
    })
}

#[test]
fn a_search_makes_the_same_trials_with_three_at_a_time() {
    testkit::needs!(root, bpf);
    let script = "set -e; chown 33 /etc/hostname; chroot / true; chown 34 /etc/issue || true";
    let trials = |answer: &Answer| -> Vec<(CapSet, bool, bool)> {
        answer.trials.iter().map(|t| (t.set, t.again, t.outcome.passed())).collect()
    };
    let ((one, _), (three, thrown)) = (searched(1, script), searched(3, script));
    assert_eq!((&one.proof, &three.proof), (&Proof::Proven, &Proof::Proven));
    assert_eq!((three.set, trials(&three), thrown), (one.set, trials(&one), 0));
    assert_eq!(one.set, CapSet::of(&[Capability::CHOWN, Capability::SYS_CHROOT]));
}

/// Processes with this in their command line.
fn processes(marker: &str) -> usize {
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = folders.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(marker)).count()
}

#[test]
fn what_nobody_wants_is_ended_at_once() {
    testkit::needs!(root);
    let marker = format!("600.7{}", std::process::id());
    let mut one = runs(&format!("chown 33 /etc/hostname || sleep {marker}"), false);
    let hands = one.hands(3);
    std::thread::scope(|scope| {
        let mut runs = SideBySide::new(Hands::new(scope, hands));
        let next = |set| Next { set, again: false };
        let hangs = all().without(Capability::CHOWN);
        // Both that were foretold hang; then another is asked for, for which there must be room.
        runs.ahead(&[next(all()), next(hangs), next(CapSet::EMPTY)], false);
        assert!(runs.run(all(), false).unwrap().outcome.passed());
        let since = Instant::now();
        for _ in 0..4 {
            assert!(runs.run(all(), false).unwrap().outcome.passed());
        }
        assert!(since.elapsed() < Duration::from_secs(50), "waited for what was not wanted");
        assert_eq!(runs.thrown(), 2);
        runs.ahead(&[next(all()), next(hangs)], false);
        assert!(runs.run(all(), false).unwrap().outcome.passed());
        // One goes on still: it ends with the threads.
        assert_eq!(runs.thrown(), 3);
    });
    assert_eq!(processes(&marker), 0);
}
