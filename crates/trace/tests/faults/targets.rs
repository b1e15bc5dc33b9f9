//! Targets that behave oddly, and several tracers of one.

use std::fs;
use std::process::Command;

use dropcap_trace::{Options, Results, Scope, Tracer};
use record::observation::{Exit, Lost};
use testkit::needs;

use crate::guard::guarded;
use crate::support::{
    Asks, Cgroup, counts, options, own, own_state, poll_until, program, setpcap, spec, tracer,
    until,
};

#[test]
fn four_tracers_at_once_see_the_same() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let options = Options { results: Results::Always, ..options() };
        let tracers: Option<Vec<Tracer>> = (0..4).map(|_| tracer(options)).collect();
        let Some(mut tracers) = tracers else { return };
        let held = launch::spawn_held(spec("churn", &["1000"], own_state())).unwrap();
        for tracer in &mut tracers {
            tracer.watch(Scope::held(held.pid(), vec![])).unwrap();
        }
        held.release().unwrap().output(None).unwrap();
        for tracer in tracers {
            let recording = tracer.finish().unwrap();
            assert_eq!(counts(&recording), setpcap(1_000));
            assert_eq!((recording.lost, recording.exit), (Lost::default(), Some(Exit::Code(0))));
        }
    });
}

/// The first thread of a process may end before the others do; the process is then like a zombie to look
/// at, and is none.
#[test]
fn a_process_whose_first_thread_has_ended_is_watched() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::from(&mut Command::new(program("leaderless")));
        let stat = format!("/proc/{}/stat", target.pid());
        // Whoever joins a thread goes on before it has quite ended.
        until("its first thread has ended", || fs::read_to_string(&stat).unwrap().contains(") Z "));
        tracer.watch(Scope::process(target.pid())).unwrap();
        target.ask('a');
        target.ask('b');
        assert_eq!(tracer.living().unwrap(), [target.pid()]);
        assert_eq!(target.end(), Some(3));
        let recording = tracer.finish().unwrap();
        assert_eq!(counts(&recording), setpcap(2));
        assert_eq!(recording.exit, Some(Exit::Code(3)));
    });
}

/// Its processes end while they are listed: none is waited for that is gone.
#[test]
fn processes_that_end_while_it_begins_to_watch_are_not_taken_for_living() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        for _ in 0..testkit::fewer(2, 5) {
            let Some(mut tracer) = tracer(Options { results: Results::Never, ..options() }) else {
                return;
            };
            let mut target = Command::new(program("churn")).arg("1000000").spawn().unwrap();
            tracer.watch(Scope::process(target.id())).unwrap();
            poll_until(&mut tracer, "it is seen", |p| p.kinds > 0);
            target.kill().unwrap();
            target.wait().unwrap();
            poll_until(&mut tracer, "its end is seen", |p| p.exit.is_some());
            // What it started last is ending still, and then there is none.
            until("none is taken for living", || tracer.living().unwrap().is_empty());
        }
    });
}

/// A cgroup that is removed is over; one of the same name that is made later is another one.
#[test]
fn a_cgroup_that_is_removed_while_it_is_watched_ends_there() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(cgroup) = Cgroup::make("gone") else { return };
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::start();
        cgroup.enter(target.pid());
        tracer.watch(Scope::cgroup(&cgroup.name).unwrap()).unwrap();
        target.ask('p');
        assert_eq!(target.end(), Some(3));
        cgroup.remove();
        let progress = tracer.poll().unwrap();
        assert!(progress.kinds > 0);
        assert_eq!(counts(&tracer.snapshot().unwrap()), setpcap(1));

        fs::create_dir(&cgroup.folder).unwrap();
        let mut stranger = Asks::start();
        cgroup.enter(stranger.pid());
        stranger.ask('p');
        // By an execve, too, with which a process enters.
        stranger.tell('x');
        assert_eq!(stranger.next_line(), "r");
        stranger.ask('p');
        assert_eq!(stranger.end(), Some(3));
        let recording = tracer.finish().unwrap();
        assert_eq!(counts(&recording), setpcap(1));
        assert_eq!((recording.lost, recording.still_running), (Lost::default(), 0));
        assert!(!recording.start_seen);
        assert_eq!(own(&recording).count(), 1);
    });
}
