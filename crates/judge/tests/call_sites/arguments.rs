//! What a call's arguments decide.

use caps::Capability as C;
use dropcap_judge::{Dismissal, Verdict};

use crate::alone;
use crate::common::{Change, ENTRY, check};

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
