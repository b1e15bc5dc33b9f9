//! What a process gains by executing: set-uid programs, file capabilities. It is a need of the
//! container, whose bounding set limits it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use caps::Capability;
use judge::Dismissal;
use testkit::needs;

use crate::support::{Trap, set};

/// A user that is not root.
const USER: u32 = 1000;

/// A program of root's with this mode, and with these file capabilities if there are any.
pub fn installed(program: &str, to: &Path, mode: u32, file_capabilities: &str) {
    testkit::programs::install("traps", program, to);
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
    if !file_capabilities.is_empty() {
        let output = Command::new("setcap").arg(file_capabilities).arg(to).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// User 1000, who holds nothing, executes `helper` in one way or another.
pub fn user_executes(
    how: &'static str,
    program: &'static str,
    mode: u32,
    caps: &'static str,
) -> Trap {
    Trap::new("exec", &[how, "./helper"])
        .user(USER)
        .prepare(move |folder| installed(program, &folder.join("helper"), mode, caps))
}

#[test]
fn what_a_set_uid_program_uses_is_a_need() {
    needs!(root, bpf, test_programs);
    for how in ["execve", "fork", "vfork", "thread"] {
        let trap = user_executes(how, "raw_socket", 0o4755, "");
        let Some(seen) = trap.trace() else { return };
        seen.is("NET_RAW", "");
        trap.proves("NET_RAW");
    }
}

#[test]
fn what_a_file_capability_gives_is_a_need() {
    needs!(root, bpf, test_programs, program("setcap"));
    for how in ["execve", "vfork"] {
        let trap = user_executes(how, "raw_socket", 0o755, "cap_net_raw+ep");
        let Some(seen) = trap.trace() else { return };
        seen.is("NET_RAW", "");
        trap.proves("NET_RAW");
    }
}

/// With the effective bit, `execve` fails unless all of the file's permitted set is to be had
/// (`bprm_caps_from_vfs_caps`), whatever the program then uses. The kernel asks no question there.
#[test]
fn a_file_s_whole_permitted_set_is_a_need() {
    needs!(root, bpf, test_programs, program("setcap"));
    const FILE: &str = "cap_net_raw,cap_net_admin+ep";
    let child = user_executes("execve", "raw_socket", 0o755, FILE);
    // The target's first program is one itself.
    let first = Trap::new("raw_socket", &[])
        .user(USER)
        .prepare(|folder| installed("raw_socket", &folder.join("raw_socket"), 0o755, FILE));
    for trap in [child, first] {
        let Some(seen) = trap.trace() else { return };
        seen.is("NET_ADMIN NET_RAW", "");
        trap.proves("NET_ADMIN NET_RAW");
    }
}

/// Without the effective bit it is executed whatever there is to be had, and raises what it uses itself.
#[test]
fn of_a_file_s_permitted_set_what_is_used_is_a_need() {
    needs!(root, bpf, test_programs, program("setcap"));
    let trap = Trap::new("raw_socket", &["raise"]).user(USER).prepare(|folder| {
        let file = folder.join("raw_socket");
        installed("raw_socket", &file, 0o755, "cap_net_raw,cap_net_admin+p");
    });
    let Some(seen) = trap.trace() else { return };
    seen.is("NET_RAW", "");
    trap.proves("NET_RAW");
}

/// A program that gains nothing, and one that may not gain: no capability of the container's would
/// change that.
#[test]
fn what_is_not_gained_is_no_need() {
    needs!(root, bpf, test_programs);
    let plain = user_executes("execve", "raw_socket", 0o755, "");
    let set_uid = user_executes("execve", "raw_socket", 0o4755, "").no_new_privs();
    for trap in [plain, set_uid] {
        let Some(seen) = trap.trace() else { return };
        seen.is_whatever_the_end("", "").dismisses(Capability::NET_RAW, Dismissal::GivenUp);
        assert!(!trap.runs(crate::support::everything()).0);
    }
}

/// Under a tracer it gains only what the tracer may see (`cap_bprm_creds_from_file`), and executes all
/// the same.
#[test]
fn what_is_gained_under_a_tracer_takes_the_tracer_s_capability() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("traced_exec", &["./helper"])
        .prepare(|folder| installed("raw_socket", &folder.join("helper"), 0o4755, ""));
    let Some(seen) = trap.trace() else { return };
    // Doubtful: the call succeeds without it, and only what comes after may fail.
    seen.is("NET_RAW SETUID", "SYS_PTRACE");
    trap.proves("NET_RAW SETUID SYS_PTRACE");
}

/// As runc executes itself: from a file that lies in no mount.
#[test]
fn a_program_from_memory_is_the_target_s() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("exec", &["memfd", "./helper"])
        .prepare(|folder| installed("raw_socket", &folder.join("helper"), 0o755, ""));
    let Some(seen) = trap.trace() else { return };
    seen.is("NET_RAW", "");
    trap.proves("NET_RAW");
}

/// User 1000 who holds something without gaining it: by the ambient set, as a runtime may give it.
#[test]
fn what_a_user_holds_is_a_need_like_root_s() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("exec", &["fork", "./helper"])
        .user(USER)
        .ambient()
        .prepare(|folder| installed("raw_socket", &folder.join("helper"), 0o755, ""));
    let Some(seen) = trap.trace() else { return };
    seen.is("NET_RAW", "");
    trap.proves("NET_RAW");
}

/// As user 1000 in effect and root in truth, a file with capabilities gives root's whole permitted set.
#[test]
fn what_the_real_user_root_gains_is_not_what_the_file_names() {
    needs!(root, bpf, test_programs, program("setcap"));
    let trap = Trap::new("exec", &["seteuid", "./helper"]).prepare(|folder| {
        installed("raw_socket", &folder.join("helper"), 0o755, "cap_net_raw+ep");
    });
    trap.proves("NET_RAW SETUID");
    let Some(seen) = trap.trace_with(set("CHOWN NET_RAW SETUID")) else { return };
    seen.is("NET_RAW SETUID", "");
}
