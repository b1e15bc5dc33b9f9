//! Lockdown (kernel_lockdown(7)), whose mode `confidentiality` forbids BPF programs to read kernel memory
//! (`LOCKDOWN_BPF_READ_KERNEL`); its mode `integrity` forbids nothing that is needed here.

use std::fs;
use std::path::Path;

use aya::programs::ProgramError;

use crate::error::TraceError;

/// Where the kernel says it (`security/lockdown/lockdown.c`).
pub const FILE: &str = "/sys/kernel/security/lockdown";

/// `integrity` or `confidentiality`; `None` if the kernel is not locked down, or does not say it.
#[must_use]
pub fn mode() -> Option<String> {
    parse(&fs::read_to_string(Path::new(FILE)).ok()?)
}

/// `none [integrity] confidentiality`.
fn parse(text: &str) -> Option<String> {
    text.split(['[', ']']).nth(1).filter(|mode| *mode != "none").map(str::to_owned)
}

/// Whether a program was refused because it reads kernel memory. What lockdown takes away are the helpers that
/// do, and then the verifier does not know them (`bpf_tracing_func_proto` of `kernel/trace/bpf_trace.c`, later
/// `bpf_base_func_proto`).
pub(crate) fn forbids(error: &ProgramError) -> bool {
    let ProgramError::LoadError { verifier_log, .. } = error else { return false };
    lacks_kernel_reads(&verifier_log.to_string())
}

fn lacks_kernel_reads(verifier_log: &str) -> bool {
    // Before 6.10 and from then on.
    ["unknown func bpf_probe_read", "cannot use helper bpf_probe_read"]
        .iter()
        .any(|complaint| verifier_log.contains(complaint))
}

/// What to say of a program that was refused.
pub(crate) fn or(error: ProgramError, what: String) -> TraceError {
    if forbids(&error) {
        TraceError::LockedDown { mode: mode() }
    } else {
        TraceError::bpf(what)(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_told_by_what_the_verifier_does_not_know() {
        for (complaint, lacks) in [
            ("unknown func bpf_probe_read_kernel#113", true),
            ("program of this type cannot use helper bpf_probe_read#4", true),
            ("unknown func bpf_get_current_task_btf#158", false),
            ("R1 invalid mem access 'scalar'", false),
        ] {
            assert_eq!(lacks_kernel_reads(complaint), lacks, "{complaint}");
        }
    }

    #[test]
    fn the_mode_is_the_one_in_brackets() {
        for (text, mode) in [
            ("[none] integrity confidentiality\n", None),
            ("none [integrity] confidentiality\n", Some("integrity")),
            ("none integrity [confidentiality]\n", Some("confidentiality")),
            ("", None),
        ] {
            assert_eq!(parse(text).as_deref(), mode, "{text}");
        }
    }
}
