//! The hook on returning system calls costs the whole machine something, so it comes and goes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use caps::Capability;
use dropcap_trace::{Options, Scope, Tracer};
use testkit::needs;

use crate::support::{own, tracer};

/// For the line `1` prctl(PR_CAPBSET_DROP), for `2` chroot(2), then the line back.
const ECHOES: &str = "$| = 1; print qq(ready\\n); \
     while (<STDIN>) { /1/ ? syscall(157, 24, 99) : /2/ ? chroot '/' : 0; print }";

fn poll_until(tracer: &mut Tracer, results: bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while tracer.poll().unwrap().results != results {
        assert!(Instant::now() < patience, "the hook stays as it is: {}", !results);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ask(child: &mut Child, lines: &mut impl BufRead, word: &str) {
    writeln!(child.stdin.as_mut().unwrap(), "{word}").unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), word);
}

#[test]
fn returns_are_looked_at_while_something_new_is_refused() {
    needs!(root, bpf, program("perl"), program("setpriv"));
    let Some(mut tracer) = tracer(Options::default()) else { return };
    let mut child = Command::new("setpriv")
        .args(["--bounding-set", "-setpcap,-sys_chroot", "perl", "-e", ECHOES])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
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
