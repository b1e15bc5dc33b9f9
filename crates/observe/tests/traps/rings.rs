//! Work that is done elsewhere than in the system call that asks for it.

use caps::CapSet;
use testkit::needs;

use crate::files::foreign;
use crate::support::Trap;

/// By the thread itself, by a worker, by a thread that polls; and with credentials that were
/// registered and then given up, which are not the task's own.
#[test]
fn what_io_uring_does_is_the_program_s_need() {
    needs!(root, bpf, test_programs);
    for how in ["inline", "worker", "polled", "personality"] {
        let trap = Trap::new("io_uring", &[how]).prepare(foreign("f"));
        let Some(seen) = trap.trace() else { return };
        // IPC_LOCK is doubtful: asked on every ring, and without it the ring's memory counts
        // against RLIMIT_MEMLOCK.
        seen.is("DAC_OVERRIDE", "IPC_LOCK");
        trap.proves("DAC_OVERRIDE");
        // The call only says how many operations it took: that it succeeded is no sign.
        let Some(seen) = trap.trace_with(CapSet::EMPTY) else { return };
        seen.is_whatever_the_end("", "DAC_OVERRIDE");
    }
}
