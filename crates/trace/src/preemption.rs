//! Whether the kernel may take the CPU away from a task while a BPF program runs for it.
//!
//! Then the kernel skips that program for the next task on this CPU, for as long as the first one waits
//! (`prog->active`: `__bpf_prog_enter_recur` of `kernel/bpf/trampoline.c`, `__bpf_trace_run` of
//! `kernel/trace/bpf_trace.c`), and what it should have seen is lost. It takes two: a kernel that preempts
//! kernel code, and a program that is only kept from moving to another CPU. A BPF trampoline's is (since
//! 5.12), a raw tracepoint's on 7.2 (on 6.18
//! it is not), those of a kprobe and of perf's tracepoints never.
//!
//! These two have a gap of their own: `trace_call_bpf` runs none of them while a task on this CPU is in the middle of
//! a map operation by bpf(2) (`bpf_disable_instrumentation` of `include/linux/bpf.h`), which such a kernel may preempt
//! since 5.11. What is skipped there is counted since 6.7. This process's own operations are not preempted if it may
//! say so (`open.rs`).

use std::fs;
use std::path::Path;

/// How the kernel preempts kernel code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Model {
    /// It does not, or a program could not be interrupted by it.
    Never,
    /// It does, or may: how the kernel calls it.
    Preempts(String),
}

/// Whether this kernel preempts kernel code, or may.
#[must_use]
pub fn may_preempt() -> bool {
    Model::of_kernel() != Model::Never
}

impl Model {
    /// That of the kernel that runs.
    pub fn of_kernel() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let configuration = Path::new("/boot").join(format!("config-{}", release.trim()));
        Self::decide(
            &read("/proc/sys/kernel/version").unwrap_or_default(),
            read("/sys/kernel/debug/sched/preempt").as_deref(),
            &read("/proc/cmdline").unwrap_or_default(),
            &fs::read_to_string(configuration).unwrap_or_default(),
        )
    }

    /// From `UTS_VERSION`, which says with what the kernel was built (`init/Makefile`); if that leaves it
    /// open (PREEMPT_DYNAMIC), from what is chosen now (`kernel/sched/debug.c`), which only root may read,
    /// else from what was chosen at boot, else from the default that it was built with.
    fn decide(
        version: &str,
        chosen: Option<&str>,
        command_line: &str,
        configuration: &str,
    ) -> Self {
        let Some(built) = version.split([' ', ',']).find(|word| word.starts_with("PREEMPT")) else {
            return Self::Never;
        };
        if built != "PREEMPT_DYNAMIC" {
            return Self::Preempts(built.to_owned());
        }
        let chosen = chosen.and_then(|text| text.split(['(', ')']).nth(1));
        let at_boot =
            command_line.split_whitespace().rev().find_map(|word| word.strip_prefix("preempt="));
        let default = || match configuration.lines().find(|line| {
            ["CONFIG_PREEMPT_NONE=y", "CONFIG_PREEMPT_VOLUNTARY=y"].contains(&line.trim())
        }) {
            Some(_) => "voluntary",
            None => "PREEMPT_DYNAMIC",
        };
        match chosen.or(at_boot).unwrap_or_else(default) {
            "none" | "voluntary" => Self::Never,
            model => Self::Preempts(model.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_what_the_kernel_says_of_itself() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1 (2026-11-01)";
        let voluntary = "CONFIG_HZ=250\nCONFIG_PREEMPT_VOLUNTARY=y\n";
        let lazy = "# CONFIG_PREEMPT_VOLUNTARY is not set\nCONFIG_PREEMPT_LAZY=y\n";
        for (version, chosen, command_line, configuration, model) in [
            ("#1 SMP Debian 5.10.1-1 (2026-11-01)", None, "", "", None),
            ("#1 SMP PREEMPT Debian", None, "", "", Some("PREEMPT")),
            ("#1 SMP PREEMPT_RT Debian", None, "preempt=none", "", Some("PREEMPT_RT")),
            (dynamic, Some("none (voluntary) full lazy\n"), "preempt=full", lazy, None),
            (dynamic, Some("none voluntary (full)\n"), "preempt=none", voluntary, Some("full")),
            (dynamic, Some("full (lazy)\n"), "", "", Some("lazy")),
            (dynamic, None, "quiet preempt=full ro", voluntary, Some("full")),
            (dynamic, None, "preempt=full preempt=none", lazy, None),
            (dynamic, None, "ro", voluntary, None),
            (dynamic, None, "ro", lazy, Some("PREEMPT_DYNAMIC")),
            (dynamic, None, "", "", Some("PREEMPT_DYNAMIC")),
        ] {
            let model = model.map_or(Model::Never, |name| Model::Preempts(name.to_owned()));
            assert_eq!(Model::decide(version, chosen, command_line, configuration), model);
        }
    }
}
