//! Known misses: traps in which the answer is not the truth yet. Each proves the truth, and states the
//! answer as it is, so that whoever mends one is told here.

use testkit::needs;

use crate::gained::installed;
use crate::support::Trap;

/// Whether the inheritable set is raised beyond the permitted one is in the call's data, which is not
/// seen; the question is asked on every capset(2).
#[test]
fn raising_the_inheritable_set_beyond_the_permitted_one_takes_setpcap() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("capset", &["beyond"]);
    trap.proves("CHOWN SETPCAP");
    let Some(seen) = trap.trace() else { return };
    // SETPCAP is missing (and CHOWN, which only this trap wants, to have something to raise).
    seen.is("", "");
}

/// Root executes a file with capabilities: the same as for a user (`bprm_caps_from_vfs_caps`), but root's
/// permitted set is the bounding one afterwards, so that it does not show what the file named.
#[test]
fn a_file_s_whole_permitted_set_is_a_need_of_root_s_too() {
    needs!(root, bpf, test_programs, program("setcap"));
    let trap = Trap::new("exec", &["execve", "./helper"]).prepare(|folder| {
        installed("raw_socket", &folder.join("helper"), 0o755, "cap_net_raw,cap_net_admin+ep");
    });
    trap.proves("NET_ADMIN NET_RAW");
    let Some(seen) = trap.trace() else { return };
    // NET_ADMIN is missing.
    seen.is("NET_RAW", "");
}
