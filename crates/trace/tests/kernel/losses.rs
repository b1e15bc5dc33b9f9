//! Everything that can be lost, provoked: it is counted, and what is left is true.

use std::collections::BTreeSet;

use caps::Capability;
use dropcap_trace::{Backend, Options, Results, Rooms, Scope, Tracer};
use record::observation::{Lost, Recording};
use testkit::needs;

use crate::support::{
    is_whole, judge, numbered, own, own_state, spec, state_without, trace_with, tracer,
};

/// One program, several capabilities, several stacks.
const SEVERAL: &str = "chown 1, 1, $ARGV[0]; chmod 02755, $ARGV[0]; chroot '/'; \
     syscall(PRCTL, 24, 99); setpriority(0, 0, -1); system '/bin/true'; system '/bin/echo'";

/// The recording with these rooms, beside the one with all the room there is.
fn beside(rooms: Rooms) -> Option<(Recording, Recording)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let several = numbered(SEVERAL);
    let argv = ["perl", "-e", &several, file.path().to_str().unwrap()];
    let run = |rooms| {
        let options = Options { rooms, ..Options::default() };
        trace_with(options, spec(&argv, own_state())).map(|(recording, _)| recording)
    };
    let whole = run(Rooms::default())?;
    assert_eq!(whole.lost, Lost::default());
    Some((whole, run(rooms)?))
}

fn asked(recording: &Recording) -> BTreeSet<(Capability, bool)> {
    recording.observations.iter().map(|o| (o.capability, o.granted)).collect()
}

fn stacks(recording: &Recording) -> BTreeSet<Vec<String>> {
    recording.observations.iter().map(|o| o.stack.clone()).collect()
}

#[test]
fn stacks_that_find_no_room_are_counted() {
    needs!(root, bpf, program("perl"));
    let Some((whole, short)) = beside(Rooms { stacks: Some(3), ..Rooms::default() }) else {
        return;
    };
    let without: u64 =
        short.observations.iter().filter(|o| o.stack.is_empty()).map(|o| o.count).sum();
    assert!(short.lost.stacks > 0);
    assert_eq!(short.lost, Lost { stacks: without, ..Lost::default() });
    assert_eq!(asked(&short), asked(&whole));
}

#[test]
fn stacks_that_collide_are_not_taken_for_one_another() {
    needs!(root, bpf, program("perl"));
    let rooms = Rooms { stack_bits: Some(1), ..Rooms::default() };
    let Some((whole, short)) = beside(rooms) else { return };
    assert!(short.lost.stacks > 0);
    let mut kept = stacks(&short);
    kept.remove(&Vec::new());
    assert!(!kept.is_empty() && kept.is_subset(&stacks(&whole)), "{kept:?}");
    assert_eq!(asked(&short), asked(&whole));
}

#[test]
fn functions_whose_names_find_no_room_make_a_stack_lost() {
    needs!(root, bpf, program("perl"));
    let Some((whole, short)) = beside(Rooms { symbols: Some(12), ..Rooms::default() }) else {
        return;
    };
    assert!(short.lost.stacks > 0);
    assert_eq!(asked(&short), asked(&whole));
}

#[test]
fn processes_that_find_no_room_are_counted() {
    needs!(root, bpf, program("perl"));
    // perl itself, and neither true nor echo.
    let Some((_, short)) = beside(Rooms { processes: Some(1), ..Rooms::default() }) else { return };
    assert_eq!(short.lost.processes, 2);
    assert_eq!(short.processes.len(), 1);
}

#[test]
fn programs_that_find_no_room_are_counted() {
    needs!(root, bpf, program("perl"));
    let Some((whole, short)) = beside(Rooms { images: Some(1), ..Rooms::default() }) else {
        return;
    };
    assert_eq!(short.lost.processes, 2);
    assert_eq!(asked(&short), asked(&whole));
}

#[test]
fn returns_that_find_no_room_are_counted() {
    needs!(root, bpf, program("perl"));
    // Refused (may the last 3 % of memory be used?), and then 256 MiB are made: all four are in
    // their call at the same time.
    let script = numbered(
        "for (1..4) { fork || do { syscall(MMAP, 0, 1 << 28, 3, 0x8022, -1, 0); exit } } \
         1 while wait != -1",
    );
    let rooms = Rooms { returns: Some(1), ..Rooms::default() };
    let options = Options { results: Results::Always, rooms, ..Options::default() };
    let state = state_without(&[Capability::SYS_ADMIN]);
    let Some((recording, _)) = trace_with(options, spec(&["perl", "-e", &script], state)) else {
        return;
    };
    assert!(recording.lost.evidence > 0);
    assert!(is_whole(&recording), "{:?}", recording.lost);
}

#[test]
fn failures_that_find_no_room_are_counted() {
    needs!(root, bpf, program("perl"));
    let rooms = Rooms { failures: Some(8), ..Rooms::default() };
    let options = Options { failures: true, results: Results::Always, rooms, ..Options::default() };
    let script = "open F, '<', qq(/no-such-$_) for 1..100";
    let Some((recording, _)) = trace_with(options, spec(&["perl", "-e", script], own_state()))
    else {
        return;
    };
    assert_eq!(recording.failures.len(), 8);
    assert!(recording.lost.evidence >= 92);
}

/// A timer's signal is made in an interrupt, by an allocation: with the program on that tracepoint,
/// too, an interrupt that comes while it looks at a check finds it running and is skipped.
#[test]
fn runs_that_the_kernel_skips_are_lost_checks() {
    needs!(root, bpf, test_programs);
    let program = testkit::programs::program("kernel", "interrupted");
    let argv = [program.to_str().unwrap(), &testkit::many(1_000_000).to_string()];
    let options = Options { backend: Some(Backend::RawTp), remember: false, ..Options::default() };
    let Some(mut tracer) = tracer(options) else { return };
    tracer.also_on("kmem_cache_alloc").unwrap();
    let held = launch::spawn_held(spec(&argv, own_state()).captured()).unwrap();
    tracer.watch(Scope::held(held.pid(), vec![argv[0].to_owned()])).unwrap();
    held.release().unwrap().output(None).unwrap();
    let recording = tracer.finish().unwrap();
    assert!(recording.lost.checks > 0 && !recording.lost.is_complete(), "{:?}", recording.lost);
}

#[test]
fn fifty_thousand_processes_are_counted_exactly() {
    needs!(root, bpf, test_programs);
    let count = testkit::many(50_000);
    let program = testkit::programs::program("kernel", "processes");
    let options = Options { results: Results::Never, ..Options::default() };
    let argv = [program.to_str().unwrap(), &count.to_string()];
    let Some((recording, _)) = trace_with(options, spec(&argv, own_state())) else { return };
    let checks: u64 =
        own(&recording).filter(|o| o.capability == Capability::SETPCAP).map(|o| o.count).sum();
    judge(&recording, count, checks);
    assert_eq!(recording.still_running, 0);
}

/// Whether refused calls failed is not asked.
fn without_results() -> Options {
    Options { results: Results::Never, ..Options::default() }
}

/// When the tracer's maps are read.
#[derive(PartialEq, Eq)]
enum Reading {
    InTheEnd,
    AllTheTime,
}

/// What eight processes with so many checks each showed, and how many that was a second.
fn eight(mut tracer: Tracer, each: u64, settled: bool, reading: Reading) -> (Recording, f64) {
    let program = testkit::programs::program("kernel", "eight");
    let argv = [program.to_str().unwrap().to_owned(), each.to_string()];
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let held = launch::spawn_held(spec(&words, own_state()).captured()).unwrap();
    tracer.watch(Scope::held(held.pid(), argv.to_vec())).unwrap();
    if settled {
        tracer.settle(Capability::SETPCAP.into()).unwrap();
    }
    let start = std::time::Instant::now();
    let running = held.release().unwrap();
    std::thread::scope(|scope| {
        let output = scope.spawn(|| running.output(None).unwrap());
        while reading == Reading::AllTheTime && !output.is_finished() {
            tracer.snapshot().unwrap();
        }
    });
    let rate = 8.0 * each as f64 / start.elapsed().as_secs_f64();
    (tracer.finish().unwrap(), rate)
}

/// What is settled is counted by each CPU for itself, and nothing of it is lost.
#[test]
fn settled_checks_of_eight_processes_are_counted_exactly() {
    needs!(root, bpf, test_programs);
    let each = testkit::many(1_000_000);
    let Some(tracer) = tracer(without_results()) else { return };
    let (recording, rate) = eight(tracer, each, true, Reading::InTheEnd);
    let [settled] = recording.settled[..] else { panic!("{:?}", recording.settled) };
    assert_eq!(settled.capability, Capability::SETPCAP);
    judge(&recording, 8 * each, settled.count);
    assert_eq!(own(&recording).filter(|o| o.capability == Capability::SETPCAP).count(), 0);
    eprintln!("settled: {rate:.0} checks a second");
}

/// As fast as the machine goes, and each check with its call site.
#[test]
fn unsettled_checks_of_eight_processes_keep_their_call_site() {
    needs!(root, bpf, test_programs);
    let each = testkit::many(250_000);
    let Some(tracer) = tracer(without_results()) else { return };
    let (recording, rate) = eight(tracer, each, false, Reading::InTheEnd);
    let checks: Vec<_> = own(&recording).filter(|o| o.capability == Capability::SETPCAP).collect();
    let [check] = checks[..] else { panic!("{checks:?}") };
    judge(&recording, 8 * each, check.count);
    assert!(check.stack.iter().any(|f| f.starts_with("cap_task_prctl")), "{:?}", check.stack);
    eprintln!("unsettled: {rate:.0} checks a second");
}

/// Left to itself, the tracer takes a backend that loses nothing, if one works here.
#[test]
fn the_backend_chosen_by_itself_counts_eight_processes_exactly() {
    needs!(root, bpf, test_programs);
    let each = testkit::many(250_000);
    let attempts = dropcap_trace::probe().unwrap();
    if !attempts.iter().any(|a| a.outcome.is_ok() && a.loses.is_none()) {
        return testkit::skip("needs a kernel on which a backend loses nothing under load");
    }
    for (settled, reading) in [
        (true, Reading::InTheEnd),
        (false, Reading::InTheEnd),
        // Then the kernel skips probes on this CPU, where it preempts itself: nobody may come to run there.
        (false, Reading::AllTheTime),
    ] {
        let tracer = Tracer::load(without_results()).unwrap();
        assert_eq!(tracer.loses(), None, "{}", tracer.backend());
        let (recording, _) = eight(tracer, each, settled, reading);
        let own = own(&recording).filter(|o| o.capability == Capability::SETPCAP);
        let counts = own.map(|o| o.count).chain(recording.settled.iter().map(|s| s.count));
        assert_eq!((counts.sum::<u64>(), recording.lost), (8 * each, Lost::default()));
    }
}

/// Eight that fork as fast as they can, so that one is often preempted while it does: a fork that is not
/// seen is a process whose checks are not seen.
#[test]
fn forks_of_eight_processes_are_all_followed() {
    needs!(root, bpf, program("perl"), test_programs);
    let each = testkit::many(5_000);
    let program = testkit::programs::program("kernel", "processes");
    let script = "fork || exec @ARGV for 1..8; 1 while wait != -1";
    let argv = ["perl", "-e", script, program.to_str().unwrap(), &each.to_string()];
    let Some((recording, _)) = trace_with(without_results(), spec(&argv, own_state())) else {
        return;
    };
    let checks = own(&recording).filter(|o| o.capability == Capability::SETPCAP);
    judge(&recording, 8 * each, checks.map(|o| o.count).sum());
    assert_eq!(recording.still_running, 0);
}
