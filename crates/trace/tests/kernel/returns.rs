//! The hook on returning system calls costs the whole machine something, so it comes and goes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use caps::Capability;
use dropcap_trace::{Options, Scope, Tracer};
use record::observation::Recording;
use testkit::needs;

use crate::support::{call, is_overcommit, numbered, own, tracer};

/// For the line `1` prctl(PR_CAPBSET_DROP), for `2` chroot(2), for `3` vfork(2) with a memory of its own,
/// before which the line comes back, and whose child lives until a byte is written; then the line back.
const ECHOES: &str = "$| = 1; print qq(ready\\n); \
     while (<STDIN>) { /^1/ ? syscall(PRCTL, 24, 99) : /^2/ ? chroot '/' : \
         /^3/ ? do { print; syscall(CLONE, 0x4011, 0, 0, 0, 0) || \
             do { sysread STDIN, $_, 1; exec '/bin/true' } } : 0; print }";

fn poll_until(tracer: &mut Tracer, results: bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while tracer.poll().unwrap().results != results {
        assert!(Instant::now() < patience, "the hook stays as it is: {}", !results);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ask(child: &mut Child, lines: &mut impl BufRead, word: &str) {
    writeln!(child.stdin.as_mut().unwrap(), "{word}").unwrap();
    answers(lines, word);
}

fn answers(lines: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), word);
}

/// Lets the child of `3` go.
fn let_go(child: &mut Child, lines: &mut impl BufRead) {
    write!(child.stdin.as_mut().unwrap(), "x").unwrap();
    answers(lines, "3");
}

/// `ECHOES` running without some capabilities (setpriv(1)), and what it says, the first line read.
fn echoing(without: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("setpriv")
        .args(["--bounding-set", without, "perl", "-e", &numbered(ECHOES)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    (child, lines)
}

#[test]
fn returns_are_looked_at_while_something_new_is_refused() {
    needs!(root, bpf, program("perl"), program("setpriv"));
    let Some(mut tracer) = tracer(Options::default()) else { return };
    let (mut child, mut lines) = echoing("-setpcap,-sys_chroot");
    tracer.watch(Scope::process(child.id())).unwrap();

    ask(&mut child, &mut lines, "1");
    assert!(tracer.poll().unwrap().results);
    poll_until(&mut tracer, false);
    ask(&mut child, &mut lines, "2");
    poll_until(&mut tracer, true);
    ask(&mut child, &mut lines, "2");
    drop(child.stdin.take());
    child.wait().unwrap();
    let recording = tracer.finish().unwrap();

    let mut results: Vec<_> =
        own(&recording).map(|o| (o.capability, o.granted, o.result, o.count)).collect();
    results.sort_unstable();
    // The first return of chroot went by unseen, the second did not.
    assert_eq!(
        results,
        [(Capability::SETPCAP, false, Some(-1), 1), (Capability::SYS_CHROOT, false, Some(-1), 2)]
    );
}

/// Copying its memory, clone(2) asks whether that may be overcommitted, is refused, goes on, and waits for the
/// child (CLONE_VFORK): meanwhile the hook on returns goes.
#[test]
fn a_call_that_was_open_when_the_hook_went_has_its_result_the_next_time() {
    needs!(root, bpf, program("perl"), program("setpriv"));
    let Some(mut tracer) = tracer(Options::default()) else { return };
    let (mut child, mut lines) = echoing("-sys_admin,-sys_chroot");
    tracer.watch(Scope::process(child.id())).unwrap();

    ask(&mut child, &mut lines, "3");
    poll_until(&mut tracer, true);
    poll_until(&mut tracer, false);
    let_go(&mut child, &mut lines);
    let cloned = |recording: &Recording| -> Vec<_> {
        let clones = recording.observations.iter();
        let clones = clones.filter(|o| call(o) == Some("clone") && is_overcommit(o) && !o.granted);
        clones.map(|o| o.result).collect()
    };
    let unseen = cloned(&tracer.snapshot().unwrap());
    assert!(!unseen.is_empty() && unseen.iter().all(Option::is_none), "{unseen:?}");

    ask(&mut child, &mut lines, "2");
    poll_until(&mut tracer, true);
    ask(&mut child, &mut lines, "3");
    let_go(&mut child, &mut lines);
    drop(child.stdin.take());
    child.wait().unwrap();
    let seen = cloned(&tracer.finish().unwrap());
    assert!(
        seen.len() == unseen.len() && seen.iter().all(|r| r.is_some_and(|pid| pid > 0)),
        "{seen:?}"
    );
}
