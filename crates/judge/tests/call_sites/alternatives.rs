//! Where one of several capabilities serves.

use caps::Capability as C;

use crate::common::{Change, check, judged};
use crate::{NONE, only};

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
