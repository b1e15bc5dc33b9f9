//! Kernel stacks that are known again by their words, without unwinding them.

use std::collections::BTreeSet;

use caps::Capability;
use dropcap_trace::{Options, Results, Scope};
use record::observation::Recording;
use testkit::needs;

use crate::support::{numbered, own_state, spec, tracer};

/// Runs a command and tells what was seen, and how many stacks were unwound for it.
fn trace(argv: &[&str], remember: bool) -> Option<(Recording, u64)> {
    let options = Options { remember, results: Results::Never, ..Options::default() };
    let mut tracer = tracer(options)?;
    let held = launch::spawn_held(spec(argv, own_state()).captured()).unwrap();
    tracer.watch(Scope::held(held.pid(), argv.iter().map(|w| (*w).to_owned()).collect())).unwrap();
    held.release().unwrap().output(None).unwrap();
    let unwound = tracer.poll().unwrap().unwound;
    Some((tracer.finish().unwrap(), unwound))
}

/// Every kind of check with its stack and how often it was made.
fn seen(recording: &Recording) -> BTreeSet<(Capability, bool, bool, String, String, u64)> {
    let line = |o: &record::observation::Observation| {
        let call = o.syscall.as_ref().map_or_else(String::new, |s| format!("{:?}", s.name));
        (o.capability, o.granted, o.own_credentials, call, o.stack.join(" < "), o.count)
    };
    recording.observations.iter().map(line).collect()
}

/// Many ways to the same few functions, in turn, so that a stack that was taken for another one
/// would show: the file system's checks by nine calls, memory by five, sockets, prctl.
const MANY: &str = r#"
    use Socket; use POSIX ();
    my $d = "/tmp/dropcap-many-$$"; mkdir $d; my $f = "$d/f"; open my $h, '>', $f;
    for my $i (1..$ARGV[0]) {
        chown $i % 3, $i % 5, $f; chown $i % 3, $i % 5, $h; chmod 02755, $f; chmod 0644, $h;
        syscall(PRCTL, 24, 99); syscall(PRCTL, 24, 99);
        socket(my $s, PF_INET, SOCK_RAW, 1); socket(my $p, 17, SOCK_RAW, 0);
        utime 1, 2, $f; mkdir "$d/x"; rename "$d/x", "$d/y"; rmdir "$d/y";
        link $f, "$d/l"; unlink "$d/l"; my $big = 'x' x 300_000; undef $big;
        if ($i % 40 == 0) { system '/bin/true'; chroot '/' }
        $i % 7 or setpriority(0, 0, -($i % 5));
    }
    unlink $f; rmdir $d;
"#;

#[test]
fn what_is_remembered_is_what_unwinding_says() {
    needs!(root, bpf, program("perl"));
    // Each socket of packets is waited for when it goes (`synchronize_net` in `packet_release`).
    let times = testkit::fewer(400, testkit::rounds(100, 400).into()).to_string();
    let many = numbered(MANY);
    let argv = ["perl", "-e", &many, &times];
    let Some((unwound, unwindings)) = trace(&argv, false) else { return };
    let Some((remembered, few)) = trace(&argv, true) else { return };
    let checks: u64 = unwound.observations.iter().map(|o| o.count).sum();
    assert_eq!(unwindings, checks);
    // Of a probe of the function itself some stacks are not known again on every kernel (6.1: half).
    let most = match remembered.machine.backend.as_str() {
        "fexit" | "kprobe" => checks,
        _ => checks / 10,
    };
    if cfg!(target_arch = "x86_64") {
        assert!(few < most, "{few} of {checks} were unwound");
    } else {
        assert_eq!(few, remembered.observations.iter().map(|o| o.count).sum::<u64>());
    }
    // Memory is asked for as the allocator likes: those counts are not the program's alone.
    let own = |recording: &Recording| -> BTreeSet<_> {
        seen(recording).into_iter().filter(|s| !s.4.contains("vm_enough_memory")).collect()
    };
    let places = |recording: &Recording| -> BTreeSet<_> {
        seen(recording).into_iter().map(|s| (s.0, s.3, s.4)).collect()
    };
    assert_eq!(own(&remembered), own(&unwound));
    assert_eq!(places(&remembered), places(&unwound));
    assert!(own(&remembered).len() > 8, "{:?}", own(&remembered));
}
