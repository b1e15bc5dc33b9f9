//! Known misses: traps in which the answer is not the truth yet. Each proves the truth, and states the
//! answer as it is, so that whoever mends one is told here.

use std::path::Path;

use testkit::needs;

use crate::files::file;
use crate::gained::user_executes;
use crate::support::Trap;

/// With the effective bit, `execve` fails unless all of the file's permitted set is to be had
/// (`bprm_caps_from_vfs_caps`), whatever the program then uses. The kernel asks no question there.
#[test]
fn a_file_s_whole_permitted_set_is_a_need() {
    needs!(root, bpf, program("cc"), program("setcap"));
    let trap = user_executes("execve", "raw_socket", 0o755, "cap_net_raw,cap_net_admin+ep");
    trap.proves("NET_ADMIN NET_RAW");
    let Some(seen) = trap.trace() else { return };
    // NET_ADMIN is missing.
    seen.is("NET_RAW", "");
}

/// Whether the inheritable set is raised beyond the permitted one is in the call's data, which is not
/// seen; the question is asked on every capset(2).
#[test]
fn raising_the_inheritable_set_beyond_the_permitted_one_takes_setpcap() {
    needs!(root, bpf, program("cc"));
    let trap = Trap::new("capset", &["beyond"]);
    trap.proves("CHOWN SETPCAP");
    let Some(seen) = trap.trace() else { return };
    // SETPCAP is missing (and CHOWN, which only this trap wants, to have something to raise).
    seen.is("", "");
}

/// A process that took it out of its bounding set too looks as if the container had never had it.
#[test]
fn what_is_dropped_from_the_bounding_set_is_no_need() {
    needs!(root, bpf, program("cc"));
    let trap = Trap::new("bounding", &["chown"])
        .prepare(|folder: &Path| file(&folder.join("f"), 0, 0, 0o644));
    trap.proves("SETPCAP");
    let Some(seen) = trap.trace() else { return };
    // CHOWN is too much.
    seen.is("SETPCAP", "CHOWN");
}
