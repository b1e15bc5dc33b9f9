//! What a program does to fence itself in: seccomp, Landlock, a namespace of its own.

use caps::{CapSet, Capability};
use judge::Dismissal;
use testkit::needs;

use crate::support::Trap;

/// `do_seccomp` asks by the same helper as `do_jit` of the same call, where nothing depends on it.
#[test]
fn a_seccomp_filter_takes_sys_admin_only_without_no_new_privs() {
    needs!(root, bpf, test_programs);
    for how in ["seccomp", "prctl"] {
        let without = Trap::new("seccomp", &[how]);
        let Some(seen) = without.trace() else { return };
        seen.is("SYS_ADMIN", "");
        without.proves("SYS_ADMIN");

        let with = Trap::new("seccomp", &[how, "no_new_privs"]);
        let Some(seen) = with.trace() else { return };
        seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::Site);
        with.proves("");
    }
    let socket = Trap::new("socket_filter", &[]);
    let Some(seen) = socket.trace() else { return };
    seen.is("", "");
    socket.proves("");
}

#[test]
fn a_refused_seccomp_filter_is_doubtful() {
    needs!(root, bpf, test_programs);
    let Some(seen) = Trap::new("seccomp", &["seccomp"]).trace_with(CapSet::EMPTY) else { return };
    // A program may have another way when it is refused (set no_new_privs and try again): only a
    // trial tells.
    seen.is_whatever_the_end("", "SYS_ADMIN");
}

#[test]
fn a_landlock_ruleset_takes_sys_admin_only_without_no_new_privs() {
    needs!(root, bpf, test_programs);
    let without = Trap::new("landlock", &[]);
    let Some(seen) = without.trace() else { return };
    seen.is("SYS_ADMIN", "");
    without.proves("SYS_ADMIN");
    let with = Trap::new("landlock", &["no_new_privs"]);
    let Some(seen) = with.trace() else { return };
    seen.is("", "");
    with.proves("");
}

#[test]
fn a_mount_inside_an_own_user_namespace_takes_nothing() {
    needs!(root, bpf, test_programs, user_namespaces);
    let trap = Trap::new("mount_inside", &[]);
    let Some(seen) = trap.trace() else { return };
    seen.is("", "").dismisses(Capability::SYS_ADMIN, Dismissal::InnerNamespace);
    trap.proves("");
}

/// Mapping root into an own user namespace takes SETFCAP when the namespace is made, for which the kernel
/// asks nobody.
#[test]
fn root_in_an_own_user_namespace_takes_setfcap() {
    needs!(root, bpf, test_programs, user_namespaces);
    let trap = Trap::new("own_map", &["0 0 1\n"]);
    trap.proves("SETFCAP");
    let Some(seen) = trap.trace() else { return };
    seen.is("", "SETFCAP");
    let user = Trap::new("own_map", &["0 1000 1\n"]).user(1000);
    user.proves("");
    let Some(seen) = user.trace() else { return };
    seen.is("", "");
}
