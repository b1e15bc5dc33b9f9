//! Whose credentials were asked, and of which user namespace.

use caps::Capability as C;
use dropcap_judge::{Dismissal, Verdict};
use record::observation::NamespaceRelation;

use crate::common::{Change, check, sets};
use crate::{NONE, alone, only};

#[test]
fn only_the_tasks_own_credentials_count() {
    // What overlayfs does with its mounter's credentials.
    for (capability, syscall, stack) in [
        (C::SYS_ADMIN, "newfstatat", "ns_capable xattr_permission vfs_getxattr ovl_get_inode"),
        (C::DAC_READ_SEARCH, "openat", "capable ovl_can_decode_fh ovl_copy_up_one ovl_open"),
        (C::CHOWN, "chown", "ns_capable setattr_prepare shmem_setattr notify_change ovl_setattr"),
        (C::FOWNER, "openat", "inode_owner_or_capable ovl_open_realfile ovl_open do_dentry_open"),
        (C::MKNOD, "mknod", "capable vfs_mknod ovl_create_real ovl_create_or_link"),
        (
            C::DAC_OVERRIDE,
            "openat",
            "ns_capable generic_permission inode_permission ovl_permission inode_permission path_openat",
        ),
    ] {
        let observation = check(capability, syscall, stack).foreign();
        assert_eq!(alone(observation), Err(Dismissal::ForeignCredentials), "{stack}");
    }
    // The task's own check of the same file.
    let own = "ns_capable generic_permission ovl_permission inode_permission path_openat";
    assert_eq!(alone(check(C::DAC_OVERRIDE, "openat", own)), Ok(Verdict::Needed));
}

#[test]
fn access_asks_with_a_copy_of_the_tasks_own_credentials() {
    let on = |stack: &str| alone(check(C::DAC_OVERRIDE, "faccessat2", stack).foreign());
    assert_eq!(
        on("ns_capable generic_permission inode_permission do_faccessat"),
        Ok(Verdict::Needed)
    );
    // On overlayfs: first for the task …
    assert_eq!(
        on("ns_capable generic_permission ovl_permission inode_permission do_faccessat"),
        Ok(Verdict::Needed)
    );
    // … then for the mounter.
    for stack in [
        "ns_capable generic_permission inode_permission ovl_permission inode_permission do_faccessat",
        "ns_capable generic_permission inode_permission ovl_lookup lookup_one link_path_walk do_faccessat",
    ] {
        assert_eq!(on(stack), Err(Dismissal::ForeignCredentials), "{stack}");
    }
}

#[test]
fn io_uring_acts_with_credentials_of_the_programs_own() {
    let on = |stack: &str| alone(check(C::DAC_OVERRIDE, "io_uring_enter", stack).foreign());
    let outside = "path_openat do_filp_open io_openat2 __io_issue_sqe io_issue_sqe io_submit_sqes";
    for (inside, expected) in [
        ("inode_permission may_open", Ok(Verdict::Needed)),
        ("ovl_permission inode_permission may_open", Ok(Verdict::Needed)),
        // The mounter's.
        (
            "inode_permission ovl_permission inode_permission may_open",
            Err(Dismissal::ForeignCredentials),
        ),
    ] {
        assert_eq!(on(&format!("ns_capable generic_permission {inside} {outside}")), expected);
    }
    // Another lender than io_uring.
    let backing = "ns_capable generic_permission inode_permission backing_file_open";
    assert_eq!(on(backing), Err(Dismissal::ForeignCredentials));
}

#[test]
fn what_io_uring_returns_says_nothing_of_the_operation() {
    let stack = "ns_capable generic_permission inode_permission may_open io_openat2 io_issue_sqe";
    for result in [Some(1), Some(-1), None] {
        let refused = check(C::DAC_OVERRIDE, "io_uring_enter", stack).refused(result);
        assert_eq!(alone(refused), Ok(Verdict::Doubtful), "{result:?}");
    }
    let refused = check(C::DAC_OVERRIDE, "openat", stack).refused(Some(3));
    assert_eq!(alone(refused), Err(Dismissal::CallSucceeded));
}

#[test]
fn moving_between_cgroups_is_judged_by_who_opened_the_file() {
    let stack = "ns_capable generic_permission inode_permission cgroup_attach_permissions __cgroup_procs_write";
    let observation = check(C::DAC_OVERRIDE, "write", stack).foreign();
    assert_eq!(alone(observation), Ok(Verdict::Needed));
}

#[test]
fn root_that_becomes_root_may_need_nothing() {
    for (capability, syscall, site) in [
        (C::SETUID, "setuid", "__sys_setuid"),
        (C::SETUID, "setuid32", "__sys_setuid"),
        (C::SETGID, "setgid", "__sys_setgid"),
    ] {
        let to = |id: u64| check(capability, syscall, site).arguments(&[id]);
        assert_eq!(alone(to(0)), Ok(Verdict::Doubtful), "{syscall}");
        assert_eq!(alone(to(0).refused(Some(0))), Err(Dismissal::CallSucceeded), "{syscall}");
        assert_eq!(alone(to(33)), Ok(Verdict::Needed), "{syscall}");
    }
    // These ask only if it is not one's own.
    for (capability, syscall) in [(C::SETUID, "setresuid"), (C::SETGID, "setgroups")] {
        let observation = check(capability, syscall, &format!("__sys_{syscall}"));
        assert_eq!(alone(observation), Ok(Verdict::Needed), "{syscall}");
    }
}

/// `parent_could_setfcap`: the kernel looked at the set itself when the namespace was made.
#[test]
fn root_that_maps_itself_into_a_namespace_may_need_setfcap() {
    let written = |file: &str| {
        let stack = format!("file_ns_capable map_write {file} vfs_write ksys_write");
        let mut observation = check(C::SYS_ADMIN, "write", &stack);
        observation.namespace = NamespaceRelation::Inner;
        observation
    };
    assert_eq!(sets(vec![written("proc_uid_map_write")]), (NONE, only(C::SETFCAP)));
    assert_eq!(sets(vec![written("proc_gid_map_write")]), (NONE, NONE));
    let mut user = written("proc_uid_map_write");
    user.uid = Some(1000);
    assert_eq!(sets(vec![user]), (NONE, NONE));
    // Written from outside, the kernel asks for what it takes.
    let stack = "ns_capable new_idmap_permitted map_write proc_uid_map_write";
    let from_outside = vec![written("proc_uid_map_write"), check(C::SETUID, "write", stack)];
    assert_eq!(sets(from_outside.clone()), (only(C::SETUID), NONE));
    // By another process: that answer is not this one's.
    let [inner, outside] = from_outside.try_into().unwrap();
    assert_eq!(sets(vec![inner, outside.by(2)]), (only(C::SETUID), only(C::SETFCAP)));
}

#[test]
fn sites_that_judge_a_file_or_a_tracer_are_the_programs_need() {
    for (capability, syscall, stack) in [
        (C::SETUID, "write", "file_ns_capable new_idmap_permitted map_write proc_uid_map_write"),
        (C::SYS_ADMIN, "write", "file_ns_capable map_write proc_gid_map_write"),
        (C::SYS_PTRACE, "ptrace", "ptracer_capable ptrace_access_vm generic_ptrace_peekdata"),
        (
            C::NET_ADMIN,
            "sendmsg",
            "file_ns_capable __netlink_ns_capable netlink_net_capable rtnetlink_rcv_msg",
        ),
    ] {
        let observation = check(capability, syscall, stack).foreign();
        assert_eq!(alone(observation), Ok(Verdict::Needed), "{stack}");
    }
}

#[test]
fn a_user_namespace_of_its_own_needs_nothing_and_one_above_cannot_be_helped() {
    let mut inner = check(C::SYS_ADMIN, "mount", "ns_capable path_mount __x64_sys_mount");
    inner.namespace = NamespaceRelation::Inner;
    assert_eq!(alone(inner.clone()), Err(Dismissal::InnerNamespace));
    inner.namespace = NamespaceRelation::Outer;
    assert_eq!(alone(inner.refused(Some(-1))), Err(Dismissal::OuterNamespace));
}
