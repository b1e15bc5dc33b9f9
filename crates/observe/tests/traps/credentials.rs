//! Credentials: taken, given up, lent, gained.

use std::path::Path;

use caps::{CapSet, Capability};
use judge::Dismissal;
use testkit::needs;

use crate::files::file;
use crate::support::{Trap, set};

fn of_root(name: &'static str) -> impl Fn(&Path) + 'static {
    move |folder| file(&folder.join(name), 0, 0, 0o644)
}

/// SETPCAP is asked for on every capset(2).
#[test]
fn capset_takes_nothing_within_what_one_has() {
    needs!(root, bpf, test_programs);
    for how in ["effective", "inheritable"] {
        let trap = Trap::new("capset", &[how]);
        let Some(seen) = trap.trace() else { return };
        seen.is("", "").dismisses(Capability::SETPCAP, Dismissal::Site);
        let Some(seen) = trap.trace_with(CapSet::EMPTY) else { return };
        seen.is("", "");
        trap.proves("");
    }
}

#[test]
fn a_bounding_drop_takes_setpcap() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("bounding", &[]);
    let Some(seen) = trap.trace() else { return };
    seen.is("SETPCAP", "");
    trap.proves("SETPCAP");
}

#[test]
fn what_a_program_gave_up_it_does_not_need() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("given_up", &[]).prepare(of_root("f"));
    let Some(seen) = trap.trace() else { return };
    seen.is("SETUID", "").dismisses(Capability::CHOWN, Dismissal::GivenUp);
    trap.proves("SETUID");
}

#[test]
fn a_thread_with_its_own_credentials_is_judged_by_them() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("thread", &[]).prepare(of_root("f"));
    let Some(seen) = trap.trace() else { return };
    seen.is("CHOWN", "").dismisses(Capability::CHOWN, Dismissal::GivenUp);
    trap.proves("CHOWN");
}

/// The kernel judges the writer and who opened the file: `file_ns_capable` in `new_idmap_permitted`.
/// A line that lends the user 0 takes SETFCAP too (`verify_root_map`).
#[test]
fn an_opened_uid_map_is_judged_by_who_opened_it() {
    needs!(root, bpf, test_programs, user_namespaces);
    for (map, needed) in [("5 2000 10\n", "SETUID"), ("5 0 1\n100 2000 10\n", "SETFCAP SETUID")] {
        let trap = Trap::new("uid_map", &[map]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

/// The writer's capability is asked for first, and was given up.
#[test]
fn a_uid_map_that_is_refused_to_its_writer_takes_nothing() {
    needs!(root, bpf, test_programs, user_namespaces);
    let trap = Trap::new("uid_map", &["5 2000 10\n", "dropped"]);
    let Some(seen) = trap.trace() else { return };
    seen.is("", "").dismisses(Capability::SETUID, Dismissal::GivenUp);
    trap.proves("");
}

/// The kernel asks for the tracer's SYS_PTRACE while the child runs: `cap_ptrace_traceme`.
#[test]
fn a_child_that_asks_to_be_traced_takes_its_tracer_s_capability() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("traceme", &[]).prepare(of_root("f"));
    let Some(seen) = trap.trace() else { return };
    seen.is("CHOWN SYS_PTRACE", "");
    trap.proves("CHOWN SYS_PTRACE");
}

#[test]
fn credentials_over_a_socket_take_something_only_if_they_are_another_s() {
    needs!(root, bpf, test_programs);
    for (pid, uid, needed) in
        [("own", "own", ""), ("own", "1000", "SETUID"), ("1", "own", "SYS_ADMIN")]
    {
        let trap = Trap::new("peer", &[pid, uid]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}

#[test]
fn entering_a_namespace_takes_what_its_kind_asks() {
    needs!(root, bpf, test_programs);
    for (kind, needed) in
        [("mnt", "SYS_ADMIN SYS_CHROOT"), ("net", "SYS_ADMIN"), ("uts", "SYS_ADMIN")]
    {
        let trap = Trap::new("setns", &[kind]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
    // Of a user namespace of one's own, one is the owner.
    let trap = Trap::new("setns", &["user"]);
    let Some(seen) = trap.trace() else { return };
    seen.is("", "");
    trap.proves("");
}

/// It lies inside of the container's, and root does not own it: what grants is the container's own
/// SYS_ADMIN, at the end of `cap_capable`'s walk.
#[test]
fn a_user_namespace_of_another_user_takes_the_container_s_own() {
    needs!(root, bpf, test_programs, user_namespaces);
    let trap = Trap::new("setns", &["user", "1000"]);
    let Some(seen) = trap.trace() else { return };
    // Doubtful: opening /proc/PID/ns/user of another's process asks as a mere look at it does.
    seen.is("SETUID SYS_ADMIN", "SYS_PTRACE");
    trap.proves("SETUID SYS_ADMIN SYS_PTRACE");
}

/// `__sys_setuid` asks first and looks afterwards whether it is one's own id.
#[test]
fn taking_the_ids_one_has_takes_nothing() {
    needs!(root, bpf, test_programs);
    for (how, doubtful) in [("setuid", "SETUID"), ("setgid", "SETGID"), ("setresuid", "")] {
        let trap = Trap::new("same_id", &[how]);
        let Some(seen) = trap.trace() else { return };
        // Doubtful: with it all three ids are set, without it only the effective one.
        seen.is("", doubtful);
        trap.proves("");
    }
    let trap = Trap::new("same_id", &["setgroups"]);
    let Some(seen) = trap.trace() else { return };
    seen.is("SETGID", "");
    trap.proves("SETGID");
}

/// It looks as if the container had never had it: its bounding set at the start tells.
#[test]
fn what_is_dropped_from_the_bounding_set_is_no_need() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("bounding", &["chown"]).prepare(of_root("f"));
    let Some(seen) = trap.trace() else { return };
    seen.is("SETPCAP", "").dismisses(Capability::CHOWN, Dismissal::GivenUp);
    trap.proves("SETPCAP");
}

/// The machine's own su, with whatever its PAM asks: pam_systemd a larger socket buffer, libaudit to send
/// a message, pam_limits other limits, and none of them minds a refusal.
#[test]
fn su_of_this_machine_takes_two() {
    needs!(root, bpf, test_programs, program("su"));
    let su = ["execve", "/usr/bin/su", "nobody", "-s", "/bin/sh", "-c", "true"];
    let trap = Trap::new("exec", &su);
    let Some(seen) = trap.trace() else { return };
    let solution = seen.observed.judgement.solution();
    assert_eq!(solution.needed, set("SETGID SETUID"));
    // Whether a limit is to be raised depends on the limits there are.
    let doubtful = solution.doubtful - set("SYS_RESOURCE");
    let sessions = std::fs::read_to_string("/etc/pam.d/common-session").unwrap_or_default();
    let by_systemd =
        sessions.lines().any(|line| !line.starts_with('#') && line.contains("pam_systemd"));
    assert_eq!(doubtful, set(if by_systemd { "AUDIT_WRITE NET_ADMIN" } else { "AUDIT_WRITE" }));
    trap.proves("SETGID SETUID");
}

/// Lowered while it is not used, it is refused meanwhile: the program gave it up itself.
#[test]
fn a_capability_that_is_kept_and_raised_when_it_is_used() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("keep_caps", &[]);
    let Some(seen) = trap.trace() else { return };
    seen.is("NET_RAW SETUID", "").dismisses(Capability::NET_RAW, Dismissal::GivenUp);
    trap.proves("NET_RAW SETUID");
}

#[test]
fn securebits_take_setpcap() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("securebits", &[]);
    let Some(seen) = trap.trace() else { return };
    seen.is("SETPCAP", "");
    trap.proves("SETPCAP");
}

#[test]
fn another_user_s_shared_memory_takes_what_is_done_to_it() {
    needs!(root, bpf, test_programs);
    for (how, needed) in [("attach", "IPC_OWNER SETUID"), ("remove", "SETUID SYS_ADMIN")] {
        let trap = Trap::new("shared_memory", &[how]);
        let Some(seen) = trap.trace() else { return };
        seen.is(needed, "");
        trap.proves(needed);
    }
}
