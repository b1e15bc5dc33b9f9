//! Which place in the kernel asked: known, unknown, hidden by the compiler, of an older kernel.

use caps::{CapSet, Capability as C};
use dropcap_judge::{Dismissal, Verdict};
use record::observation::Observation;

use crate::common::{Change, ENTRY, check, judged, recording, sets};
use crate::{NONE, alone, only};

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
