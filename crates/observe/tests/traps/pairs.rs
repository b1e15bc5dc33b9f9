//! One question in two parts: the specific capability, else the broad one.

use caps::{CapSet, Capability};
use testkit::needs;

use crate::support::{Trap, everything, may, set};

/// Held alone, held with everything, and refused so that SYS_ADMIN served: the need is the specific
/// one each time, and SYS_ADMIN would do.
fn is_told_apart(trap: &Trap, specific: Capability) {
    let (one, broad) = (CapSet::from(specific), CapSet::from(Capability::SYS_ADMIN));
    if !may(one | broad) {
        return;
    }
    let answer = format!("{specific}|SYS_ADMIN");
    for held in [one, one | broad, everything(), everything() - one, broad] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is(&answer, "");
    }
    trap.proves(&specific.to_string());
    trap.proves("SYS_ADMIN");
}

#[test]
fn bpf_is_told_apart_from_sys_admin() {
    needs!(root, bpf, test_programs);
    is_told_apart(&Trap::new("bpf_map", &["hash"]), Capability::BPF);
    let Some(seen) = Trap::new("bpf_map", &["array"]).trace() else { return };
    seen.is("BPF|SYS_ADMIN", "");
}

#[test]
fn perfmon_is_told_apart_from_sys_admin() {
    needs!(root, bpf, test_programs);
    is_told_apart(&Trap::new("perf_event", &[]), Capability::PERFMON);
}

#[test]
fn checkpoint_restore_is_told_apart_from_sys_admin() {
    needs!(root, bpf, test_programs);
    is_told_apart(&Trap::new("set_tid", &[]), Capability::CHECKPOINT_RESTORE);
}

#[test]
fn sys_nice_is_told_apart_from_sys_admin() {
    needs!(root, bpf, test_programs);
    is_told_apart(&Trap::new("ioprio", &[]), Capability::SYS_NICE);
    // SYS_ADMIN does not serve here.
    let raise = Trap::new("nice", &["-5"]);
    let Some(seen) = raise.trace() else { return };
    seen.is("SYS_NICE", "");
    raise.proves("SYS_NICE");
    let lower = Trap::new("nice", &["19"]);
    let Some(seen) = lower.trace() else { return };
    seen.is("", "");
    lower.proves("");
}

/// Where SYS_ADMIN is needed anyway it serves, and the other is not listed beside it.
#[test]
fn an_alternative_that_is_needed_anyway_is_not_listed_twice() {
    needs!(root, bpf, test_programs);
    let trap = Trap::new("ioprio", &["unshare"]);
    for held in [everything(), set("SYS_ADMIN"), set("SYS_ADMIN SYS_NICE")] {
        let Some(seen) = trap.trace_with(held) else { return };
        seen.is("SYS_ADMIN", "");
    }
    trap.proves("SYS_ADMIN");
}

/// The log may be open to all: `kernel.dmesg_restrict`.
#[test]
fn the_kernel_s_log_takes_syslog() {
    needs!(root, bpf, test_programs);
    let restricted = std::fs::read_to_string("/proc/sys/kernel/dmesg_restrict").unwrap();
    if restricted.trim() == "0" {
        return testkit::skip("needs kernel.dmesg_restrict = 1");
    }
    let trap = Trap::new("syslog", &[]);
    for held in [set("SYSLOG"), everything()] {
        let Some(seen) = trap.trace_with(held) else { return };
        // Doubtful: programs that look into the log mostly do without it. SYS_ADMIN is no alternative
        // any more (6.12).
        seen.is("", "SYSLOG");
    }
    trap.proves("SYSLOG");
}
