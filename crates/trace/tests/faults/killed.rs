//! The tracer ends before its time, wherever it is: nothing of it is left, and the next one works.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use dropcap_trace::{Options, Results, Scope, Tracer};
use testkit::needs;

use crate::guard::{Held, guarded};
use crate::support::{
    Asks, Player, counts, options, own_state, pause, poll_until, say, setpcap, spec, tracer, until,
};

/// signal(7).
const INT: i32 = 2;
const KILL: i32 = 9;
const TERM: i32 = 15;
const CONT: i32 = 18;
const STOP: i32 = 19;

/// A tracer of its own process. It says how far it is and waits there: `loaded`, `watching`, `returns`
/// (the hook on returning calls is attached) or `quiet` (it is not), `finished`. Its words: what it
/// watches, `process PID` or `held PROGRAM`, which it starts itself.
pub fn play(words: &[&str]) {
    let results = if words.contains(&"returns") { Results::Always } else { Results::Never };
    let mut tracer = Tracer::load(Options { results, ..options() }).unwrap();
    say("loaded");
    pause();
    let held = match words {
        ["process", pid, ..] => {
            tracer.watch(Scope::process(pid.parse().unwrap())).unwrap();
            None
        }
        ["held", mark, ..] => {
            let mut spec = spec("asks", &[], own_state());
            spec.program = "/bin/touch".into();
            spec.args = vec![(*mark).into()];
            let held = launch::spawn_held(spec).unwrap();
            tracer.watch(Scope::held(held.pid(), vec![])).unwrap();
            Some(held)
        }
        other => panic!("{other:?}"),
    };
    say("watching");
    pause();
    say(if tracer.poll().unwrap().results { "returns" } else { "quiet" });
    pause();
    drop(held);
    tracer.finish().unwrap();
    say("finished");
}

/// What each kind of object there is of.
fn has_all(held: &Held) -> bool {
    !held.programs.is_empty() && !held.maps.is_empty() && !held.links.is_empty()
}

#[test]
fn a_tracer_that_is_killed_leaves_nothing_and_the_next_one_goes_on() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let mut target = Asks::start();
        let pid = target.pid().to_string();
        for (returns, last) in
            [("quiet", "loaded"), ("quiet", "watching"), ("quiet", "quiet"), ("returns", "returns")]
        {
            guarded_steps(&["tracer", "process", &pid, returns], last);
            // The target does not notice.
            target.ask('p');
        }
        let Some(mut next) = tracer(options()) else { return };
        next.watch(Scope::process(target.pid())).unwrap();
        target.ask('p');
        target.ask_number('k');
        assert_eq!(target.end(), Some(3));
        let recording = next.finish().unwrap();
        assert!(!recording.start_seen);
        assert_eq!(counts(&recording), setpcap(2));
        assert!(recording.lost.is_complete());
    });
}

/// Plays up to there and is killed.
fn guarded_steps(words: &[&str], last: &str) {
    let mut player = Player::start(words);
    loop {
        let said = player.says().unwrap_or_else(|| panic!("it ended before {last}"));
        if said == last {
            break;
        }
        player.go_on();
    }
    let held = Held::by(player.child.id());
    assert!(has_all(&held), "{held:?}");
    player.kill(KILL);
    assert_eq!(player.says(), None);
    // That they go is the guard's to see.
}

/// What a process waits for that is held before its `execve` is the tracer: without it, it never runs.
#[test]
fn a_command_whose_tracer_is_killed_before_it_starts_is_never_run() {
    guarded(|| {
        needs!(root, bpf, program("touch"));
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        for last in ["watching", "quiet", "finished"] {
            guarded_steps_to(&["tracer", "held", mark.to_str().unwrap()], last);
            assert!(!mark.exists(), "{last}");
        }
    });
}

/// Plays up to there; then it is killed, if it has not ended by itself. Its children end with it.
fn guarded_steps_to(words: &[&str], last: &str) {
    let mut player = Player::start(words);
    while let Some(said) = player.says() {
        if said == last {
            break;
        }
        player.go_on();
    }
    let children = children_of(player.child.id());
    assert_eq!(children.len(), usize::from(last != "finished"), "{children:?}");
    player.kill(KILL);
    for child in children {
        until("the held process ends", || has_ended(child));
    }
}

fn children_of(pid: u32) -> BTreeSet<u32> {
    let folders = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let lists = folders.filter_map(|f| std::fs::read_to_string(f.path().join("children")).ok());
    lists
        .flat_map(|l| l.split_whitespace().map(|p| p.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Gone, or a zombie.
fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

/// Wherever it is: while it loads, attaches, detaches.
#[test]
fn a_tracer_that_is_ended_at_any_time_leaves_nothing() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let target = Asks::start();
        let pid = target.pid().to_string();
        for (signal, after) in
            [(INT, 5), (TERM, 20), (KILL, 35), (INT, 50), (KILL, 65), (TERM, 80), (INT, 95)]
        {
            let mut player = Player::start(&["tracer", "process", &pid, "returns"]);
            // It is told to go on three times, and does not stop anywhere.
            (0..3).for_each(|_| player.go_on());
            std::thread::sleep(Duration::from_millis(after));
            player.kill(signal);
            while player.says().is_some() {}
        }
        assert_eq!(target.end(), Some(3));
    });
}

#[test]
fn a_held_process_that_is_dropped_never_runs() {
    guarded(|| {
        needs!(root, bpf, program("touch"));
        let Some(mut tracer) = tracer(options()) else { return };
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        let spec = launch::Spec::new("touch", own_state()).args([mark.as_os_str()]);
        let held = launch::spawn_held(spec).unwrap();
        tracer.watch(Scope::held(held.pid(), vec![])).unwrap();
        drop(held);
        let progress = poll_until(&mut tracer, "its end is seen", |p| p.exit.is_some());
        assert!(!progress.started);
        let recording = tracer.finish().unwrap();
        assert_eq!(recording.exit, Some(record::observation::Exit::Signal(KILL)));
        assert_eq!((counts(&recording).len(), recording.processes.len()), (0, 0));
        assert!(!mark.exists());
    });
}

#[test]
fn a_target_that_is_stopped_is_watched_all_the_same() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::start();
        sys::signal::send_to(target.pid(), STOP).unwrap();
        tracer.watch(Scope::process(target.pid())).unwrap();
        target.tell('p');
        assert_eq!(tracer.poll().unwrap().exit, None);
        assert_eq!(counts(&tracer.snapshot().unwrap()), std::collections::BTreeMap::new());
        sys::signal::send_to(target.pid(), CONT).unwrap();
        poll_until(&mut tracer, "it goes on", |p| p.kinds > 0);
        assert_eq!(target.end(), Some(3));
        let recording = tracer.finish().unwrap();
        assert_eq!(recording.exit, Some(record::observation::Exit::Code(3)));
        assert_eq!(counts(&recording), setpcap(1));
    });
}
