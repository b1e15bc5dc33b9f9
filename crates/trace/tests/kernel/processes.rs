//! Which processes are the target's, and from when on.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use caps::Capability;
use dropcap_trace::{Options, Scope, TargetName, TraceError};
use record::observation::{Exit, Target};
use testkit::needs;

use crate::support::{capabilities, numbered, own, trace, tracer};

/// Waits for a line on standard input, then asks for SETPCAP.
const WAITS: &str = "$| = 1; print qq(ready\\n); <STDIN>; syscall(PRCTL, 24, 99); exit 3";

#[test]
fn nothing_before_the_execve_counts_and_the_end_is_known() {
    needs!(root, bpf, program("perl"));
    for (script, exit) in
        [("exit 3", Exit::Code(3)), ("kill 9, $$", Exit::Signal(9)), ("1", Exit::Code(0))]
    {
        let Some((recording, _)) = trace(&["perl", "-e", script]) else { return };
        assert_eq!(recording.exit, Some(exit), "{script}");
        assert!(recording.start_seen);
        let programs: Vec<_> = recording.processes.values().map(|p| p.comm.as_str()).collect();
        assert_eq!(programs, ["perl"], "{script}");
        let Target::Command { argv } = &recording.target else { panic!("{:?}", recording.target) };
        assert_eq!(argv.as_slice(), ["perl", "-e", script]);
    }
}

#[test]
fn a_shell_and_what_it_starts_are_two_programs() {
    needs!(root, bpf, program("perl"));
    let script = numbered("perl -e 'syscall(PRCTL, 24, 99)'; true");
    let Some((recording, _)) = trace(&["sh", "-c", &script]) else { return };
    let checks: Vec<_> = own(&recording).collect();
    assert_eq!(capabilities(checks.clone()), BTreeSet::from([Capability::SETPCAP]));
    let [shell, perl] = &recording.processes.values().collect::<Vec<_>>()[..] else {
        panic!("{:?}", recording.processes)
    };
    assert_eq!((shell.comm.as_str(), perl.comm.as_str()), ("sh", "perl"));
    assert_eq!(perl.parent, Some(shell.pid));
    assert_eq!(recording.processes[&checks[0].process], **perl);
    assert!(perl.exe.as_deref().is_some_and(|exe| exe.ends_with("/perl")), "{:?}", perl.exe);
}

#[test]
fn a_process_that_was_running_is_followed_with_its_children() {
    needs!(root, bpf, program("perl"));
    let Some(mut tracer) = tracer(Options::default()) else { return };
    let mut running = Command::new("sh")
        .args(["-c", "perl -e \"$1\"; exit $?", "sh", &numbered(WAITS)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    running.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();

    tracer.watch(Scope::process(running.id())).unwrap();
    assert!(matches!(tracer.watch(Scope::process(1)), Err(TraceError::Watching)));
    assert_eq!(tracer.poll().unwrap().exit, None);
    running.stdin.take().unwrap().write_all(b"\n").unwrap();
    running.wait().unwrap();
    let recording = tracer.finish().unwrap();

    assert!(!recording.start_seen);
    assert_eq!(recording.exit, Some(Exit::Code(3)));
    let checks: Vec<_> = own(&recording).collect();
    assert_eq!(capabilities(checks.clone()), BTreeSet::from([Capability::SETPCAP]));
    assert_eq!(recording.processes[&checks[0].process].comm, "perl");
}

#[test]
fn what_enters_a_cgroup_counts_from_its_execve_on() {
    needs!(root, bpf, program("perl"));
    let layout = sys::cgroup::Layout::read().unwrap();
    let Some(mount) = layout.unified else {
        return testkit::skip("needs the unified cgroup hierarchy");
    };
    let name = format!("dropcap-test-{}", std::process::id());
    let folder = mount.point.join(&name);
    std::fs::create_dir(&folder).unwrap();
    // Asks before it enters, then inside before its execve, then after it.
    let script = format!(
        "syscall(PRCTL, 24, 99); open F, '>', '{}/cgroup.procs'; print F $$; close F; \
         syscall(PRCTL, 24, 99) for 1..2; exec 'perl', '-e', 'syscall(PRCTL, 24, 99) for 1..4'",
        folder.display()
    );
    let script = numbered(&script);
    let traced = tracer(Options::default()).map(|mut tracer| {
        tracer.watch(Scope::cgroup(&format!("/{name}")).unwrap()).unwrap();
        assert!(Command::new("perl").args(["-e", &script]).status().unwrap().success());
        tracer.finish().unwrap()
    });
    std::fs::remove_dir(&folder).unwrap();
    let Some(recording) = traced else { return };
    assert!(recording.start_seen);
    let count: u64 = own(&recording).map(|o| o.count).sum();
    assert_eq!(count, 4);
    assert_eq!(recording.target, Target::Cgroup { path: format!("/{name}") });
}

#[test]
fn what_is_not_there_is_said() {
    needs!(root, bpf);
    let Some(mut tracer) = tracer(Options::default()) else { return };
    assert!(matches!(tracer.poll(), Err(TraceError::NotWatching)));
    let gone = {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    };
    let error = tracer.watch(Scope::process(gone)).unwrap_err();
    assert_eq!(error.to_string(), format!("no process {gone}"));
    let error = format!("pid/{gone}").parse::<TargetName>().unwrap().find().unwrap_err();
    assert_eq!(error.to_string(), format!("no process {gone}"));
    let error = Scope::cgroup("/no/such/cgroup").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot watch cgroup /no/such/cgroup: there is none in the unified hierarchy"
    );
    let error = "ctr/no-such-container".parse::<TargetName>().unwrap().find().unwrap_err();
    assert!(error.to_string().starts_with("no running container matches ctr/no-such-container; "));
}
