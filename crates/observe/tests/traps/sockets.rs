//! Sockets: what takes a capability and what only would like one.

use testkit::needs;

use crate::support::{Trap, everything, set};

/// su asks so by pam_systemd.
#[test]
fn a_larger_buffer_is_doubtful() {
    needs!(root, bpf, program("cc"));
    let trap = Trap::new("buffer", &[]);
    let Some(seen) = trap.trace() else { return };
    // Doubtful: who is refused it mostly takes what the limit allows.
    seen.is("", "NET_ADMIN");
    trap.proves("");
}

#[test]
fn marking_takes_either_of_two() {
    needs!(root, bpf, program("cc"));
    let trap = Trap::new("buffer", &["mark"]);
    for held in [everything(), set("NET_RAW"), set("NET_ADMIN")] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("NET_RAW|NET_ADMIN", "");
    }
    trap.proves("NET_RAW");
    trap.proves("NET_ADMIN");
}
