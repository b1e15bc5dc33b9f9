//! The rules for call sites, one by one, on recordings written by hand. The stacks are those of a
//! 6.18 kernel.

mod common;

use caps::{CapSet, Capability as C};
use common::{Change, ENTRY, check, judged, recording, sets};
use dropcap_judge::{Dismissal, Verdict};
use record::observation::{NamespaceRelation, Observation};

const NONE: CapSet = CapSet::EMPTY;

fn only(capability: C) -> CapSet {
    CapSet::from(capability)
}

/// What a single observation comes to: needed, doubtful, or dismissed and why.
fn alone(observation: Observation) -> Result<Verdict, Dismissal> {
    let judgement = judged(vec![observation]);
    match (judgement.needs.as_slice(), judgement.dismissed.as_slice()) {
        ([need], []) => Ok(need.verdict),
        ([], [dismissed]) => Err(dismissed.reason),
        other => panic!("neither one need nor one dismissal: {other:?}"),
    }
}

#[test]
fn memory_accounting_is_never_a_need() {
    for (syscall, stack) in [
        ("mmap", "security_vm_enough_memory_mm __mmap_region do_mmap vm_mmap_pgoff"),
        ("brk", "security_vm_enough_memory_mm do_brk_flags __do_sys_brk"),
        ("clone", "security_vm_enough_memory_mm dup_mmap copy_process kernel_clone"),
        ("execve", "security_vm_enough_memory_mm insert_vm_struct create_init_stack_vma"),
        ("mmap", "cap_capable cap_vm_enough_memory security_vm_enough_memory_mm mmap_region"),
    ] {
        let stack = format!("{stack} {ENTRY}");
        assert_eq!(alone(check(C::SYS_ADMIN, syscall, &stack)), Err(Dismissal::Site), "{stack}");
        let refused = check(C::SYS_ADMIN, syscall, &stack).refused(Some(0));
        assert_eq!(alone(refused), Err(Dismissal::Site), "{stack}");
    }
}

#[test]
fn advisory_questions_are_dropped_by_name_and_no_other() {
    for (capability, syscall, stack) in [
        (C::SYS_ADMIN, "listxattr", "ns_capable_noaudit simple_xattr_list ovl_listxattr listxattr"),
        (
            C::SYS_ADMIN,
            "seccomp",
            "ns_capable_noaudit do_jit bpf_int_jit_compile bpf_prog_select_runtime",
        ),
        (
            C::NET_ADMIN,
            "openat",
            "ns_capable_noaudit net_ctl_permissions sysctl_perm proc_sys_permission",
        ),
        (C::SYS_ADMIN, "read", "ns_capable_noaudit pid_table_root_permissions sysctl_perm"),
        (
            C::SYS_PTRACE,
            "read",
            "ns_capable_noaudit __ptrace_may_access ptrace_may_access do_task_stat",
        ),
        (C::NET_ADMIN, "sendto", "ns_capable netlink_net_capable tcp_diag_dump __inet_diag_dump"),
        (C::SYS_MODULE, "ioctl", "capable dev_ioctl sock_do_ioctl __x64_sys_ioctl"),
    ] {
        assert_eq!(alone(check(capability, syscall, stack)), Err(Dismissal::Site), "{stack}");
    }
    // The same helper, and real needs.
    for (capability, syscall, stack) in [
        (C::SYS_ADMIN, "seccomp", "ns_capable_noaudit do_seccomp __x64_sys_seccomp"),
        (C::SYS_ADMIN, "prctl", "ns_capable_noaudit seccomp_prepare_filter do_seccomp"),
        (
            C::SYS_ADMIN,
            "landlock_restrict_self",
            "ns_capable_noaudit __do_sys_landlock_restrict_self",
        ),
    ] {
        assert_eq!(alone(check(capability, syscall, stack)), Ok(Verdict::Needed), "{stack}");
    }
    // The same function on another errand.
    let other = "ns_capable_noaudit __ptrace_may_access ptrace_may_access proc_pid_get_link";
    assert_eq!(alone(check(C::SYS_PTRACE, "readlink", other)), Ok(Verdict::Doubtful));
}

#[test]
fn an_unknown_site_is_doubtful_and_listed() {
    let judgement = judged(vec![
        check(C::SYS_ADMIN, "ioctl", &format!("capable shiny_new_ioctl vfs_ioctl {ENTRY}"))
            .times(3),
    ]);
    assert_eq!(judgement.solution().doubtful, only(C::SYS_ADMIN));
    assert_eq!(judgement.solution().needed, NONE);
    assert_eq!(judgement.unknown_sites.len(), 1);
    assert_eq!(
        judgement.unknown_sites[0].line(),
        "SYS_ADMIN at shiny_new_ioctl < vfs_ioctl in ioctl"
    );
    assert_eq!(judgement.unknown_sites[0].count, 3);
}

#[test]
fn a_check_without_a_stack_is_doubtful_unless_the_call_says_enough() {
    let judgement = judged(vec![check(C::SYS_ADMIN, "mmap", "")]);
    assert_eq!(judgement.solution().doubtful, only(C::SYS_ADMIN));
    assert!(!judgement.complete);
    assert_eq!(sets(vec![check(C::SETUID, "setuid", "")]), (only(C::SETUID), NONE));
}

#[test]
fn compiler_suffixes_and_inlining_do_not_hide_a_site() {
    for stack in [
        "cap_capable security_capable ns_capable setattr_prepare.part.0 ovl_setattr notify_change",
        "bpf_prog_0123456789abcdef_on_check bpf_trace_run5 __traceiter_cap_capable cap_capable security_capable ns_capable capable_wrt_inode_uidgid setattr_prepare",
        "__pfx_ns_capable chown_ok.isra.0 setattr_prepare",
        "ns_capable chown_common.constprop.0 do_fchownat",
    ] {
        assert_eq!(alone(check(C::CHOWN, "fchownat", stack)), Ok(Verdict::Needed), "{stack}");
    }
    let entry_only = format!("cap_capable security_capable ns_capable __do_sys_chroot {ENTRY}");
    assert_eq!(alone(check(C::SYS_CHROOT, "chroot", &entry_only)), Ok(Verdict::Needed));
    // Everything inlined into the entry code itself.
    assert_eq!(alone(check(C::SYS_CHROOT, "chroot", ENTRY)), Ok(Verdict::Needed));
    // A kernel function whose name begins like a compiled program's is no helper.
    let load = "capable bpf_prog_load __sys_bpf __x64_sys_bpf";
    assert_eq!(alone(check(C::BPF, "bpf", load)), Ok(Verdict::Needed));
}

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

const READ: &str = "ns_capable generic_permission inode_permission link_path_walk";

#[test]
fn a_read_takes_either_of_two_capabilities() {
    // With everything granted the kernel stops at the first question.
    let judgement = judged(vec![check(C::DAC_READ_SEARCH, "openat", READ)]);
    assert_eq!(judgement.solution().needed, only(C::DAC_OVERRIDE));
    assert_eq!(judgement.needs[0].alternatives, only(C::DAC_READ_SEARCH));
    // Under a container's default the second question is granted: the same need.
    let refused = check(C::DAC_READ_SEARCH, "openat", READ).refused(Some(3));
    let judgement = judged(vec![refused.clone(), check(C::DAC_OVERRIDE, "openat", READ)]);
    assert_eq!(judgement.solution().needed, only(C::DAC_OVERRIDE));
    assert_eq!(judgement.needs[0].alternatives, only(C::DAC_READ_SEARCH));
    // More granted than refused: some of it was a write, and only the second serves.
    let judgement = judged(vec![refused, check(C::DAC_OVERRIDE, "openat", READ).times(2)]);
    assert_eq!(judgement.needs[0].alternatives, NONE);
    // A write elsewhere: the read is served by what is needed anyway.
    let write = "ns_capable generic_permission inode_permission may_open path_openat";
    let judgement = judged(vec![
        check(C::DAC_READ_SEARCH, "openat", READ),
        check(C::DAC_OVERRIDE, "openat", write),
    ]);
    assert_eq!(judgement.solution().needed, only(C::DAC_OVERRIDE));
    assert_eq!(judgement.needs[0].alternatives, NONE);
}

#[test]
fn what_only_read_search_opens_serves_the_reads_too() {
    let handle = "capable do_handle_to_path __do_sys_open_by_handle_at";
    let judgement = judged(vec![
        check(C::DAC_READ_SEARCH, "openat", READ),
        check(C::DAC_READ_SEARCH, "open_by_handle_at", handle),
    ]);
    assert_eq!(judgement.solution().needed, only(C::DAC_READ_SEARCH));
    assert_eq!(judgement.needs[0].alternatives, NONE);
    assert_eq!(judgement.needs[0].uses.len(), 2);
}

#[test]
fn both_refused_is_one_requirement() {
    let judgement = judged(vec![
        check(C::DAC_READ_SEARCH, "openat", READ).refused(Some(-13)),
        check(C::DAC_OVERRIDE, "openat", READ).refused(Some(-13)),
    ]);
    assert_eq!(judgement.solution().doubtful, only(C::DAC_OVERRIDE));
    assert_eq!(judgement.solution().needed, NONE);
}

#[test]
fn the_set_group_id_bit_decides_about_fsetid_in_chmod() {
    let site = "in_group_or_capable setattr_prepare ovl_setattr notify_change chmod_common";
    for (syscall, arguments, expected) in [
        ("chmod", [0, 0o2755, 0], Ok(Verdict::Needed)),
        ("chmod", [0, 0o755, 0o2000], Err(Dismissal::Site)),
        ("chmod", [0, 0o4755, 0], Err(Dismissal::Site)),
        ("fchmod", [3, 0o6755, 0], Ok(Verdict::Needed)),
        ("fchmodat", [0, 0o2000, 0o755], Err(Dismissal::Site)),
        ("fchmodat", [0, 0, 0o2755], Ok(Verdict::Needed)),
        ("fchmodat2", [0, 0, 0o2755], Ok(Verdict::Needed)),
    ] {
        let observation = check(C::FSETID, syscall, site).arguments(&arguments);
        assert_eq!(alone(observation), expected, "{syscall} {arguments:?}");
        // A refusal shows in no return value.
        let refused = check(C::FSETID, syscall, site).arguments(&arguments).refused(Some(0));
        let expected = expected.map(|_| Verdict::Doubtful);
        assert_eq!(alone(refused), expected, "{syscall} {arguments:?} refused");
    }
    for (syscall, stack) in [
        (
            "write",
            "capable setattr_should_drop_suidgid file_remove_privs_flags generic_file_write_iter",
        ),
        ("fsetxattr", "capable_wrt_inode_uidgid posix_acl_update_mode simple_set_acl"),
        ("fchownat", "in_group_or_capable setattr_prepare ovl_setattr notify_change chown_common"),
    ] {
        assert_eq!(alone(check(C::FSETID, syscall, stack)), Ok(Verdict::Doubtful), "{syscall}");
    }
}

#[test]
fn setpcap_counts_in_prctl_and_not_in_capset() {
    let capset = "cap_capset security_capset __do_sys_capset";
    assert_eq!(alone(check(C::SETPCAP, "capset", capset)), Err(Dismissal::Site));
    assert_eq!(alone(check(C::SETPCAP, "capset", capset).refused(Some(0))), Err(Dismissal::Site));
    assert_eq!(alone(check(C::SETPCAP, "capset", capset).refused(Some(-1))), Ok(Verdict::Doubtful));
    let prctl = "ns_capable cap_task_prctl security_task_prctl __do_sys_prctl";
    assert_eq!(alone(check(C::SETPCAP, "prctl", prctl)), Ok(Verdict::Needed));
}

#[test]
fn what_programs_shrug_off_or_not_is_left_to_a_trial() {
    for (capability, syscall, stack, arguments) in [
        (
            C::AUDIT_WRITE,
            "sendto",
            "ns_capable audit_receive_msg audit_receive netlink_unicast",
            [0; 3],
        ),
        (C::NET_ADMIN, "setsockopt", "capable sk_setsockopt do_sock_setsockopt", [3, 1, 32]),
        (C::SYS_ADMIN, "clone", "ns_capable copy_namespaces copy_process", [0; 3]),
        (C::SYSLOG, "syslog", "capable check_syslog_permissions do_syslog", [0; 3]),
        (C::SYSLOG, "openat", "capable devkmsg_open chrdev_open do_dentry_open", [0; 3]),
        (C::SYS_RESOURCE, "prlimit64", "capable do_prlimit __do_sys_prlimit64", [0; 3]),
        (C::SYS_RESOURCE, "write", "capable __set_oom_adj.isra.0 oom_score_adj_write", [0; 3]),
        (C::KILL, "kill", "ns_capable check_kill_permission kill_pid_info_type", [7, 0, 0]),
    ] {
        let observation = check(capability, syscall, stack).arguments(&arguments);
        assert_eq!(alone(observation), Ok(Verdict::Doubtful), "{stack}");
    }
    let kill = "ns_capable check_kill_permission kill_pid_info_type";
    assert_eq!(alone(check(C::KILL, "kill", kill).arguments(&[7, 15])), Ok(Verdict::Needed));
    let mark = "capable sk_setsockopt do_sock_setsockopt";
    assert_eq!(
        alone(check(C::NET_ADMIN, "setsockopt", mark).arguments(&[3, 1, 36])),
        Ok(Verdict::Needed)
    );
}

/// `syslog_action_restricted`: to read all of it (3) or ask for its size (10) takes nothing unless
/// kernel.dmesg_restrict is set.
#[test]
fn the_kernel_s_log_takes_syslog_for_all_but_reading_it() {
    for (site, action, expected) in [
        ("check_syslog_permissions do_syslog", 9, Verdict::Needed),
        ("do_syslog __x64_sys_syslog", 5, Verdict::Needed),
        ("check_syslog_permissions do_syslog", 3, Verdict::Doubtful),
        ("do_syslog __x64_sys_syslog", 10, Verdict::Doubtful),
    ] {
        let asked = check(C::SYSLOG, "syslog", &format!("capable {site}")).arguments(&[action]);
        assert_eq!(alone(asked), Ok(expected), "{site} {action}");
    }
}

/// `check_prlimit_permission` may be within the entry of the call.
#[test]
fn limits_of_another_s_process_are_needed_and_a_hard_limit_of_one_s_own_may_be() {
    for (site, expected) in [
        ("ns_capable check_prlimit_permission __do_sys_prlimit64", Verdict::Needed),
        ("ns_capable __do_sys_prlimit64 __x64_sys_prlimit64", Verdict::Needed),
        ("capable do_prlimit __do_sys_prlimit64", Verdict::Doubtful),
    ] {
        assert_eq!(alone(check(C::SYS_RESOURCE, "prlimit64", site)), Ok(expected), "{site}");
    }
}

#[test]
fn the_narrow_one_of_a_pair_is_preferred() {
    let ioprio = "capable ioprio_check_cap __do_sys_ioprio_set";
    // SYS_ADMIN is asked first, so that is all one sees with everything granted.
    let judgement = judged(vec![check(C::SYS_ADMIN, "ioprio_set", ioprio)]);
    assert_eq!(judgement.solution().needed, only(C::SYS_NICE));
    assert_eq!(judgement.needs[0].alternatives, only(C::SYS_ADMIN));
    for (specific, syscall, stack) in [
        (C::PERFMON, "perf_event_open", "capable perf_allow_kernel __do_sys_perf_event_open"),
        (C::BPF, "bpf", "capable bpf_token_capable map_create __sys_bpf"),
        (C::CHECKPOINT_RESTORE, "clone3", "ns_capable alloc_pid copy_process"),
    ] {
        // Granted: the broad one would serve as well.
        let judgement = judged(vec![check(specific, syscall, stack)]);
        assert_eq!(judgement.solution().needed, only(specific), "{specific}");
        assert_eq!(judgement.needs[0].alternatives, only(C::SYS_ADMIN), "{specific}");
        // Refused, and the broad one granted: the narrow one is the need.
        let judgement = judged(vec![
            check(specific, syscall, stack).refused(Some(5)),
            check(C::SYS_ADMIN, syscall, stack),
        ]);
        assert_eq!(judgement.solution().needed, only(specific), "{specific}");
        // Needed anyway: the broad one serves both.
        let mount = "ns_capable path_mount __x64_sys_mount";
        let judgement =
            judged(vec![check(specific, syscall, stack), check(C::SYS_ADMIN, "mount", mount)]);
        assert_eq!(judgement.solution().needed, only(C::SYS_ADMIN), "{specific}");
    }
}

/// Before 6.12 `check_syslog_permissions` goes on to ask SYS_ADMIN.
#[test]
fn a_refused_first_question_has_the_second_as_its_alternative_where_that_was_asked() {
    let asked = |capability| {
        check(capability, "syslog", "capable check_syslog_permissions __do_sys_syslog")
            .arguments(&[9])
            .refused(Some(-1))
    };
    let judgement = judged(vec![asked(C::SYSLOG)]);
    assert_eq!((judgement.add(), judgement.needs[0].alternatives), (only(C::SYSLOG), NONE));
    let judgement = judged(vec![asked(C::SYSLOG), asked(C::SYS_ADMIN)]);
    assert_eq!(judgement.add(), only(C::SYSLOG));
    assert_eq!(judgement.needs[0].alternatives, only(C::SYS_ADMIN));
}

#[test]
fn a_doubtful_capability_does_not_serve_a_sure_need() {
    let judgement = judged(vec![
        check(C::PERFMON, "perf_event_open", "capable perf_allow_kernel __do_sys_perf_event_open"),
        check(C::SYS_ADMIN, "ioctl", "capable shiny_new_ioctl"),
    ]);
    assert_eq!(judgement.solution().needed, only(C::PERFMON));
    assert_eq!(judgement.solution().doubtful, only(C::SYS_ADMIN));
}

#[test]
fn a_check_refused_is_not_yet_a_call_failed() {
    let bind = "ns_capable __inet_bind inet_bind_sk __sys_bind";
    let on = |result| alone(check(C::NET_BIND_SERVICE, "bind", bind).refused(result));
    assert_eq!(on(Some(0)), Err(Dismissal::CallSucceeded));
    assert_eq!(on(Some(-13)), Ok(Verdict::Doubtful));
    assert_eq!(on(Some(-1)), Ok(Verdict::Doubtful));
    assert_eq!(on(Some(-98)), Ok(Verdict::Doubtful));
    assert_eq!(on(None), Ok(Verdict::Doubtful));
    // A netlink request is refused in its answer, not in the call.
    let netlink = "ns_capable netlink_net_capable rtnetlink_rcv_msg netlink_rcv_skb";
    let sent = check(C::NET_ADMIN, "sendmsg", netlink).refused(Some(36));
    assert_eq!(alone(sent), Ok(Verdict::Doubtful));
}

#[test]
fn what_a_process_gave_up_itself_is_no_lack_of_the_container() {
    let mut worker = check(C::CHOWN, "chown", "ns_capable setattr_prepare").refused(Some(-1));
    worker.in_bounding = Some(true);
    assert_eq!(alone(worker), Err(Dismissal::GivenUp));
}

#[test]
fn nothing_seen_is_not_nothing_needed() {
    let judgement = judged(vec![]);
    assert!(judgement.needs.is_empty());
    assert!(!judgement.complete);
    let mut running = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    assert!(dropcap_judge::judge(&running).complete);
    running.start_seen = false;
    assert_eq!(dropcap_judge::judge(&running).incomplete, [record::profile::START_NOT_SEEN]);
    for lose in [
        |l: &mut record::observation::Lost| l.checks = 1,
        |l: &mut record::observation::Lost| l.stacks = 1,
        |l: &mut record::observation::Lost| l.processes = 1,
    ] {
        let mut lossy = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
        lose(&mut lossy.lost);
        assert!(!dropcap_judge::judge(&lossy).complete);
    }
    let mut sampled = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    sampled.lost.evidence = 9;
    assert!(dropcap_judge::judge(&sampled).complete);
}

#[test]
fn a_run_that_failed_is_incomplete() {
    use record::observation::Exit;
    let refused = check(C::CHOWN, "chown", "setattr_prepare").refused(Some(-1));
    for (exit, complete) in [
        (Some(Exit::Code(1)), false),
        (Some(Exit::Signal(11)), false),
        (Some(Exit::Signal(9)), false),
        (Some(Exit::Code(0)), true),
        (Some(Exit::Signal(15)), true),
        (None, true),
    ] {
        let mut run = recording(vec![refused.clone()]);
        run.exit = exit;
        assert_eq!(dropcap_judge::judge(&run).complete, complete, "{exit:?}");
        // Refused or not: what it would have done next is unknown.
        run.observations[0].granted = true;
        assert_eq!(dropcap_judge::judge(&run).complete, complete, "{exit:?}");
    }
}

#[test]
fn a_command_whose_processes_still_run_is_incomplete() {
    let mut run = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    run.target = record::observation::Target::Command { argv: vec!["nginx".to_owned()] };
    run.still_running = 2;
    let judged = dropcap_judge::judge(&run);
    assert_eq!(
        judged.incomplete,
        ["2 of its processes still ran when the watch ended: what they do next is unknown"]
    );
}

#[test]
fn the_principal_sites_of_every_capability_are_known() {
    let sites = [
        (C::CHOWN, "chown", "setattr_prepare"),
        (C::DAC_OVERRIDE, "openat", "generic_permission"),
        (C::DAC_READ_SEARCH, "openat", "generic_permission"),
        (C::FOWNER, "chmod", "setattr_prepare"),
        (C::FSETID, "write", "setattr_should_drop_suidgid"),
        (C::KILL, "tgkill", "check_kill_permission"),
        (C::SETGID, "setgroups", "__do_sys_setgroups"),
        (C::SETUID, "setresuid", "__sys_setresuid"),
        (C::SETPCAP, "prctl", "cap_task_prctl"),
        (C::LINUX_IMMUTABLE, "ioctl", "vfs_fileattr_set"),
        (C::NET_BIND_SERVICE, "bind", "__inet6_bind"),
        (C::NET_BROADCAST, "setsockopt", "netlink_setsockopt"),
        (C::NET_ADMIN, "sendmsg", "rtnetlink_rcv_msg"),
        (C::NET_RAW, "socket", "packet_create"),
        (C::IPC_LOCK, "mlockall", "__do_sys_mlockall"),
        (C::IPC_OWNER, "shmat", "ipcperms"),
        (C::SYS_MODULE, "finit_module", "may_init_module"),
        (C::SYS_RAWIO, "iopl", "__do_sys_iopl"),
        (C::SYS_CHROOT, "chroot", "__x64_sys_chroot"),
        (C::SYS_PTRACE, "ptrace", "__ptrace_may_access"),
        (C::SYS_PACCT, "acct", "__do_sys_acct"),
        (C::SYS_ADMIN, "mount", "path_mount"),
        (C::SYS_BOOT, "reboot", "__do_sys_reboot"),
        (C::SYS_NICE, "setpriority", "can_nice"),
        (C::SYS_RESOURCE, "prlimit64", "do_prlimit"),
        (C::SYS_TIME, "clock_settime", "cap_settime"),
        (C::SYS_TTY_CONFIG, "vhangup", "__do_sys_vhangup"),
        (C::MKNOD, "mknodat", "vfs_mknod"),
        (C::LEASE, "fcntl", "generic_setlease"),
        (C::AUDIT_WRITE, "sendto", "audit_receive_msg"),
        (C::AUDIT_CONTROL, "write", "audit_set_loginuid"),
        (C::SETFCAP, "setxattr", "cap_convert_nscap"),
        (C::MAC_OVERRIDE, "write", "smack_privileged_cred"),
        (C::MAC_ADMIN, "write", "policy_ns_capable"),
        (C::MAC_ADMIN, "write", "aa_policy_admin_capable"),
        (C::SYSLOG, "syslog", "check_syslog_permissions"),
        (C::WAKE_ALARM, "timerfd_create", "__do_sys_timerfd_create"),
        (C::BLOCK_SUSPEND, "epoll_ctl", "do_epoll_ctl"),
        (C::BLOCK_SUSPEND, "epoll_ctl", "do_epoll_ctl_file"),
        (C::AUDIT_READ, "bind", "audit_multicast_bind"),
        (C::PERFMON, "perf_event_open", "perf_allow_kernel"),
        (C::BPF, "bpf", "__sys_bpf"),
        (C::BPF, "bpf", "queue_stack_map_alloc_check"),
        (C::CHECKPOINT_RESTORE, "clone3", "alloc_pid"),
    ];
    let covered: CapSet = sites.iter().map(|s| s.0).collect();
    assert_eq!(covered, CapSet::all_known());
    for (capability, syscall, site) in sites {
        let stack = format!("cap_capable security_capable ns_capable {site} {ENTRY}");
        let judgement = judged(vec![check(capability, syscall, &stack)]);
        assert_eq!(judgement.unknown_sites, [], "{capability} at {site}");
        assert_eq!(judgement.needs.len(), 1, "{capability} at {site}");
    }
}

#[test]
fn the_tracer_is_told_every_argument_that_decides() {
    // `deciding_arguments` is the promise to the tracer: it must name what the table looks at.
    let deciding: Vec<(String, usize)> =
        dropcap_judge::deciding_arguments().into_iter().map(|d| (d.syscall, d.index)).collect();
    for expected in [
        ("chmod", 1),
        ("fchmod", 1),
        ("fchmodat", 2),
        ("fchmodat2", 2),
        ("setsockopt", 2),
        ("ioctl", 1),
        ("kill", 1),
        ("setuid", 0),
        ("setgid", 0),
    ] {
        assert!(deciding.iter().any(|(s, i)| (s.as_str(), *i) == expected), "{expected:?}");
    }
}

/// What older kernels ask, whose functions are other ones: the stacks are those of 5.10.
#[test]
fn older_kernels_are_judged_by_their_own_functions() {
    let on = |kernel: &str, observation: Observation| {
        let mut recording = recording(vec![observation]);
        kernel.clone_into(&mut recording.machine.kernel);
        let judgement = dropcap_judge::judge(&recording);
        assert_eq!(judgement.unknown_sites, []);
        let [need] = judgement.needs.as_slice() else { panic!("{:?}", judgement.needs) };
        (need.verdict, need.alternatives)
    };
    let old = "5.10.0-32-cloud-amd64";
    // __sched_setscheduler asked whatever the policy; since 5.19 only where it matters.
    let stack = format!("capable __sched_setscheduler do_sched_setscheduler {ENTRY}");
    let scheduler =
        |policy| check(C::SYS_NICE, "sched_setscheduler", &stack).arguments(&[0, policy]);
    assert_eq!(on(old, scheduler(0)), (Verdict::Doubtful, NONE));
    assert_eq!(on(old, scheduler(1)), (Verdict::Needed, NONE));
    assert_eq!(on("6.1.0-50-cloud-amd64", scheduler(0)), (Verdict::Needed, NONE));
    // What may_setattr asks now was asked by notify_change: to touch a file one may also write to it.
    let stack = format!("inode_owner_or_capable notify_change vfs_utimes do_utimes {ENTRY}");
    let touch = check(C::FOWNER, "utimensat", &stack);
    assert_eq!(on(old, touch), (Verdict::Doubtful, only(C::DAC_OVERRIDE)));
    // do_ip_setsockopt is part of its caller.
    let stack = format!("ns_capable ip_setsockopt __sys_setsockopt {ENTRY}");
    let transparent = check(C::NET_RAW, "setsockopt", &stack).arguments(&[3, 0, 19]);
    assert_eq!(on(old, transparent), (Verdict::Needed, only(C::NET_ADMIN)));
    // A hard link from a descriptor alone was refused with ENOENT.
    let stack = format!("capable do_linkat __x64_sys_linkat {ENTRY}");
    assert_eq!(on(old, check(C::DAC_READ_SEARCH, "linkat", &stack)), (Verdict::Needed, NONE));
}

#[test]
fn what_is_asked_whatever_is_wanted_is_doubtful() {
    for (capability, syscall, arguments, stack) in [
        (C::SYS_ADMIN, "fanotify_init", [0x200, 0], "capable __do_sys_fanotify_init"),
        (C::SYS_ADMIN, "fanotify_mark", [3, 1], "capable do_fanotify_mark __x64_sys_fanotify_mark"),
        (C::IPC_LOCK, "mmap", [0, 0], "capable mlock_future_ok do_mmap vm_mmap_pgoff"),
        (C::SYS_RAWIO, "ioctl", [3, 0x2285], "capable scsi_cmd_allowed sg_io scsi_ioctl"),
    ] {
        let observation = check(capability, syscall, &format!("{stack} {ENTRY}"));
        assert_eq!(alone(observation.arguments(&arguments)), Ok(Verdict::Doubtful), "{stack}");
    }
    for (capability, syscall, arguments, stack) in [
        (C::SYS_ADMIN, "fanotify_init", [0, 0], "capable __do_sys_fanotify_init"),
        (C::SYS_ADMIN, "fanotify_mark", [3, 0x11], "capable do_fanotify_mark"),
    ] {
        let observation = check(capability, syscall, &format!("{stack} {ENTRY}"));
        assert_eq!(alone(observation.arguments(&arguments)), Ok(Verdict::Needed), "{stack}");
    }
}

#[test]
fn what_a_recording_holds_is_counted_by_whether_a_row_fits() {
    let known = check(C::CHOWN, "chown", "setattr_prepare notify_change").times(7);
    let mut settled = recording(vec![known.clone()]);
    settled.settled.push(record::observation::Settled {
        capability: C::CHOWN,
        count: 100,
        last_ns: 1,
    });
    let unknown = check(C::SYS_ADMIN, "ioctl", "capable new_thing_ioctl").times(3);
    let recordings = [settled, recording(vec![known, unknown])];
    let table = dropcap_judge::SiteTable::builtin();
    let coverage = dropcap_judge::Coverage::of(&recordings, table);
    assert_eq!((coverage.checks, coverage.classified, coverage.places), (117, 114, 2));
    let lines: Vec<String> = coverage.unknown.iter().map(|site| site.line()).collect();
    assert_eq!(lines, ["SYS_ADMIN at new_thing_ioctl in ioctl"]);
    assert_eq!(dropcap_judge::Coverage::of([], table).percent(), None);
}
