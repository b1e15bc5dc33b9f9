//! Sockets: what takes a capability and what only would like one.

use caps::CapSet;
use testkit::needs;

use crate::support::{Trap, everything, kernel, set};

/// su asks so by pam_systemd.
#[test]
fn a_larger_buffer_is_doubtful() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("buffer", &[]);
    let Some(seen) = trap.trace() else { return };
    // Doubtful: who is refused it mostly takes what the limit allows.
    seen.is("", "NET_ADMIN");
    trap.proves("");
}

/// NET_RAW does from Linux 5.17 on.
#[test]
fn marking_takes_either_of_two() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("buffer", &["mark"]);
    if kernel() < (5, 17) {
        let Some(seen) = trap.trace() else { return };
        seen.is("NET_ADMIN", "");
        return trap.proves("NET_ADMIN");
    }
    for held in [everything(), set("NET_RAW"), set("NET_ADMIN")] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("NET_RAW|NET_ADMIN", "");
    }
    trap.proves("NET_RAW");
    trap.proves("NET_ADMIN");
}

#[test]
fn the_network_takes_what_changes_it() {
    needs!(root, bpf, test_programs);
    for (how, needed) in [
        ("80", "NET_BIND_SERVICE SYS_ADMIN"),
        ("8080", "SYS_ADMIN"),
        ("0", "SYS_ADMIN"),
        ("up", "NET_ADMIN SYS_ADMIN"),
        ("netlink", "NET_ADMIN SYS_ADMIN"),
        ("look", "SYS_ADMIN"),
        ("absent", "SYS_ADMIN"),
        ("address", "NET_ADMIN SYS_ADMIN"),
    ] {
        let trap = Trap::new("network", &[how]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

/// Thousands of calls; without each capability in turn, some answer changes if and only if it is said
/// to be needed. The doubtful may be either.
#[test]
fn a_sweep_of_the_network_changes_by_exactly_what_is_needed() {
    needs!(root, bpf, test_programs);
    let sweep = Trap::new("sweep", &[]);
    let Some(seen) = sweep.trace() else { return };
    seen.is("NET_ADMIN NET_BROADCAST NET_RAW SYS_ADMIN", "");
    let needed = seen.observed.judgement.solution().needed;
    testkit::proofs::once(&needed.to_string(), || {
        let (_, all) = sweep.runs(everything());
        assert!(all.lines().count() > 10_000, "{}", all.lines().count());
        assert_eq!(sweep.runs(everything()).1, all, "the same answers each time");
        let changes = everything().iter().filter(|left_out| {
            let (_, said) = sweep.runs(everything().without(*left_out));
            said != all
        });
        assert_eq!(changes.collect::<CapSet>(), needed);
    });
}
