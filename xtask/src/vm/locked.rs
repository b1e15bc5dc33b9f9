//! What the runs showed where the kernel was locked down (kernel_lockdown(7)).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::plan::{KernelPlan, Plan};
use super::report::{Report, working};
use super::table::counts;

/// The mode in which BPF may not read kernel memory.
const READS_FORBIDDEN: &str = "confidentiality";
/// What each backend must say there.
const SAID: &str = "locked down (confidentiality";

/// All that is wrong: with integrity all works as without, with confidentiality nothing does, and says why.
pub fn wrong(kernel: &KernelPlan, report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    let series = &kernel.series;
    let modes: Vec<&String> = report.locked.iter().map(|(mode, _)| mode).collect();
    if modes != kernel.lockdown.iter().collect::<Vec<_>>() {
        wrong.push(format!("{series}: locked down {modes:?}, expected {:?}", kernel.lockdown));
    }
    for (mode, backends) in &report.locked {
        let there: BTreeSet<&str> = working(backends).into_iter().collect();
        if mode != READS_FORBIDDEN {
            let expected: BTreeSet<&str> = kernel.backends.iter().map(String::as_str).collect();
            if there != expected {
                wrong.push(format!("{series} {mode}: {there:?} work, expected {expected:?}"));
            }
            continue;
        }
        if !there.is_empty() || backends.is_empty() {
            wrong.push(format!("{series} {mode}: {there:?} work of {}", backends.len()));
        }
        for (name, works) in backends {
            if works.as_ref().is_err_and(|why| !why.contains(SAID)) {
                wrong.push(format!("{series} {mode} {name}: not named: {works:?}"));
            }
        }
    }
    wrong
}

/// The document's section.
pub fn section(plan: &Plan, results: &[(&KernelPlan, Report)]) -> String {
    let Some((test, secrets)) = plan.locked() else { return String::new() };
    let mut text = format!(
        "
## Locked down
The same guests in the end, locked down by `/sys/kernel/security/lockdown` as `lockdown=` on the kernel's command line does
it; the test `{test} {secrets}…`. Integrity forbids nothing that is needed; with confidentiality BPF may not
read kernel memory, and every command that traces, and `doctor`, says so, and what to do.

| kernel | lockdown | backends that work | {test} |
|---|---|---|---:|
"
    );
    for (kernel, report) in results {
        for (mode, backends) in &report.locked {
            let works = match working(backends) {
                works if works.is_empty() => "none".to_owned(),
                works => works.join(", "),
            };
            let counts = counts(report, mode, test);
            let _ = writeln!(text, "| {} | {mode} | {works} | {counts} |", kernel.suite);
        }
        if report.locked.is_empty() {
            let _ = writeln!(text, "| {} | the kernel has none | – | – |", kernel.suite);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(text: &str) -> String {
        let kernel: KernelPlan = toml::from_str(
            "series = '6.1'\nsuite = 'bookworm'\nbackends = ['fexit']\narm64 = []\nlockdown = ['integrity', 'confidentiality']",
        )
        .unwrap();
        let mut report = Report::default();
        text.lines().for_each(|line| report.line(line));
        wrong(&kernel, &report).join("\n")
    }

    #[test]
    fn integrity_changes_nothing_and_confidentiality_is_named() {
        const GOOD: &str = "backend fexit works\nlocked integrity\nbackend fexit works
locked confidentiality\nbackend fexit: the kernel is locked down (confidentiality, /sys)";
        assert_eq!(wrongs(GOOD), "");
        for (from, to, said) in [
            ("integrity\nbackend fexit works", "integrity\nbackend fexit: no", "{} work, expected"),
            ("fexit: the", "fexit works\nbackend kprobe: the", "{\"fexit\"} work of 2"),
            ("is locked down (confid", "is (confid", "fexit: not named"),
            ("locked integrity", "locked none", "expected [\"integrity\", \"confidentiality\"]"),
            (
                "backend fexit: the kernel is locked down (confidentiality, /sys)",
                "",
                "{} work of 0",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let wrong = wrongs(&GOOD.replace(from, to));
            assert!(wrong.contains(said), "{from} -> {to}: {wrong}");
        }
    }
}
