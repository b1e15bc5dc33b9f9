//! Memory and processes: what every program makes the kernel ask.

use caps::{CapSet, Capability};
use judge::Dismissal;
use testkit::needs;

use crate::support::{Trap, everything};

#[test]
fn overcommit_is_no_need() {
    needs!(root, bpf, program("cc"));
    let trap = Trap::new("overcommit", &[]);
    for held in [everything(), CapSet::EMPTY] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::Site);
    }
    trap.proves("");
}
