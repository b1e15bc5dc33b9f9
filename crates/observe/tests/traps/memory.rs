//! Memory and processes: what every program makes the kernel ask.

use caps::{CapSet, Capability};
use judge::Dismissal;
use testkit::needs;

use crate::files::file;
use crate::support::{Trap, everything};

#[test]
fn overcommit_is_no_need() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("overcommit", &[]);
    for held in [everything(), CapSet::EMPTY] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::Site);
    }
    trap.proves("");
}

/// A child of the program's that is not its child, as containers' runtimes make them (`CLONE_PARENT`).
#[test]
fn a_sibling_is_the_program_s() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("sibling", &[]).prepare(|folder| file(&folder.join("f"), 0, 0, 0o644));
    let Some(seen) = trap.trace() else { return };
    seen.is("CHOWN", "");
    trap.proves("CHOWN");
}
