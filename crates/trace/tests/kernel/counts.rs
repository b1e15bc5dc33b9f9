//! Nothing is lost, and what is lost is counted.

use std::collections::BTreeSet;

use caps::Capability;
use dropcap_trace::{Options, Rooms};
use record::observation::Recording;
use testkit::needs;

use crate::support::{judge, numbered, own, own_state, spec, trace, trace_with};

/// One check of SETPCAP a call (`cap_task_prctl`), then EINVAL: there is no capability 99.
const ONE_CHECK: &str = "syscall(PRCTL, 24, 99)";

fn setpcap(recording: &Recording) -> u64 {
    own(recording).filter(|o| o.capability == Capability::SETPCAP).map(|o| o.count).sum()
}

#[test]
fn eight_processes_at_once_are_counted_exactly() {
    needs!(root, bpf, program("perl"));
    let each = testkit::many(25_000);
    let script = format!(
        "for (1..8) {{ my $pid = fork; if (!$pid) {{ {ONE_CHECK} for 1..{each}; exit }} }} \
         1 while wait != -1;"
    );
    let script = numbered(&script);
    let Some((recording, _)) = trace(&["perl", "-e", &script]) else { return };
    judge(&recording, 8 * each, setpcap(&recording));
    // All are one program, so one observation says it.
    assert_eq!(own(&recording).filter(|o| o.capability == Capability::SETPCAP).count(), 1);
}

#[test]
fn children_that_live_briefly_are_counted_exactly() {
    needs!(root, bpf, program("perl"));
    let count = testkit::many(300);
    let script = numbered(&format!("system 'perl', '-e', '{ONE_CHECK}' for 1..{count}"));
    let Some((recording, _)) = trace(&["perl", "-e", &script]) else { return };
    judge(&recording, count, setpcap(&recording));
    let programs: Vec<_> =
        recording.processes.values().map(|process| process.comm.as_str()).collect();
    // perl, and perl started by perl.
    assert_eq!(programs, ["perl", "perl"], "{:#?}", recording.processes);
}

/// A process that goes on until it is dropped, also by a panic.
struct Noise(std::process::Child);

impl Drop for Noise {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn processes_outside_the_target_are_not_seen() {
    needs!(root, bpf, program("perl"));
    let script = numbered(&format!("{ONE_CHECK} while 1"));
    let noise = std::process::Command::new("perl").args(["-e", &script]).spawn().unwrap();
    let noise = Noise(noise);
    let script = numbered(&format!("{ONE_CHECK} for 1..1000"));
    let traced = trace(&["perl", "-e", &script]);
    drop(noise);
    let Some((recording, _)) = traced else { return };
    judge(&recording, 1000, setpcap(&recording));
}

#[test]
fn a_full_map_loses_call_sites_aloud_and_no_capability() {
    needs!(root, bpf, program("perl"));
    let tryout = testkit::tryout();
    let argv = [tryout.to_str().unwrap(), "chown", "rawsocket", "chroot", "setgid", "setuid"];
    let Some((whole, _)) = trace(&argv) else { return };
    let rooms = Rooms { checks: Some(2), ..Rooms::default() };
    let options = Options { rooms, ..Options::default() };
    let Some((short, _)) = trace_with(options, spec(&argv, own_state())) else { return };
    assert_eq!(whole.lost.checks, 0);
    assert!(short.lost.checks > 0 && !short.lost.is_complete());
    let total = |r: &Recording| r.observations.iter().map(|o| o.count).sum::<u64>();
    let asked = |r: &Recording| {
        r.observations.iter().map(|o| (o.capability, o.granted)).collect::<BTreeSet<_>>()
    };
    assert_eq!(asked(&short), asked(&whole));
    assert_eq!(total(&short), total(&whole));
    let nameless: u64 =
        short.observations.iter().filter(|o| o.stack.is_empty()).map(|o| o.count).sum();
    assert_eq!(nameless, short.lost.checks);
}
