//! What the runs showed: held against the plan, and as `docs/kernels.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::locked;
use super::plan::{KernelPlan, Plan};
use super::report::{Outcome, Report, Run};

/// What was asked to be run.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// This kernel (series) only.
    pub kernel: Option<String>,
    /// This backend only.
    pub backend: Option<String>,
    /// This test program only.
    pub test: Option<String>,
    /// Tests with this in their name only.
    pub filter: Option<String>,
}

impl Choice {
    /// Whether it is everything.
    pub fn is_all(&self) -> bool {
        [&self.kernel, &self.backend, &self.test, &self.filter].into_iter().all(Option::is_none)
    }
}

/// All that is wrong with what a guest reported.
pub fn wrong(plan: &Plan, kernel: &KernelPlan, choice: &Choice, report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    let series = &kernel.series;
    let release = report.release.as_deref().unwrap_or("nothing");
    if !release.starts_with(series.as_str()) {
        wrong.push(format!("{series}: the guest runs {release}"));
    }
    let expected: BTreeSet<&str> = kernel.backends.iter().map(String::as_str).collect();
    let working: BTreeSet<&str> = report.working().into_iter().collect();
    if working != expected {
        let whys = report
            .backends
            .iter()
            .filter_map(|(name, works)| Some(format!("\n    {name}: {}", works.as_ref().err()?)));
        let whys: String = whys.collect();
        wrong.push(format!("{series}: {working:?} work, expected {expected:?}{whys}"));
    }
    let chosen = |name: &&str| choice.backend.as_deref().is_none_or(|only| only == *name);
    let runs: BTreeSet<(&str, &str)> =
        report.runs.iter().map(|run| (run.backend.as_str(), run.test.as_str())).collect();
    let first = report.working().into_iter().find(chosen);
    let mut planned: BTreeSet<(&str, &str)> = expected
        .iter()
        .copied()
        .filter(chosen)
        .flat_map(|backend| {
            let tests = plan.tests.iter().filter(move |test| !test.once || first == Some(backend));
            tests.map(move |test| (backend, test.name.as_str()))
        })
        .collect();
    if planned.is_empty() {
        wrong.push(format!("{series}: there is nothing to run"));
    }
    if let Some((test, _)) = plan.locked() {
        planned.extend(kernel.lockdown.iter().map(|mode| (mode.as_str(), test)));
        wrong.extend(locked::wrong(kernel, report));
    }
    for (backend, test) in planned.difference(&runs) {
        wrong.push(format!("{series}: {test} was not run with {backend}"));
    }
    for line in &report.stray {
        wrong.push(format!("{series}: {line}"));
    }
    for run in &report.runs {
        let skipped = plan.skipped(series, &run.backend, &run.test);
        let place = format!("{series} {} {}", run.backend, run.test);
        let locked = plan.locked().filter(|_| kernel.lockdown.contains(&run.backend));
        let filter = choice.filter.as_deref().or(locked.map(|(_, secrets)| secrets));
        let all = wrong_run(run, &skipped, filter);
        wrong.extend(all.into_iter().map(|what| format!("{place}: {what}")));
    }
    wrong
}

fn wrong_run(run: &Run, skipped: &BTreeMap<&str, &str>, filter: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    if run.status != Some(0) {
        wrong.push(format!("ended with {:?}\n{}", run.status, run.said.join("\n")));
    }
    let ended = run.outcomes.len() + run.parts;
    if run.announced != Some(ended) {
        wrong.push(format!("{ended} tests ended, announced were {:?}", run.announced));
    }
    if run.outcomes.is_empty() && filter.is_none() {
        wrong.push("no test ran".to_owned());
    }
    for (test, outcome) in &run.outcomes {
        match (outcome, skipped.get(test.as_str())) {
            (Outcome::Skipped(why), None) => wrong.push(format!("{test} is skipped: {why}")),
            (Outcome::Skipped(why), Some(expected)) if !why.starts_with(expected) => {
                wrong.push(format!("{test} is skipped: {why}; expected: {expected}"));
            }
            (Outcome::Passed, Some(expected)) => {
                wrong.push(format!("{test} runs; expected to be skipped: {expected}"));
            }
            _ => {}
        }
    }
    for test in skipped.keys() {
        let meant = filter.is_none_or(|filter| test.contains(filter));
        if meant && !run.outcomes.contains_key(*test) {
            wrong.push(format!("{test}, which may be skipped, does not exist"));
        }
    }
    wrong
}

/// `docs/kernels.md`.
pub fn document(plan: &Plan, results: &[(&KernelPlan, Report)], host: &Report) -> String {
    let mut text = String::from(
        "# Kernels

Made by `cargo xtask vm`, which boots the newest cloud kernel of each of these Debian suites under qemu and
runs the tracer's tests there, once for each backend that works: `kernel` is the tracer's own, `traps` are small
programs that lure it, judged and their answers compared whole, `provoke` is a program for each capability. `faults`,
run once for each kernel, with the backend that is taken there by itself, is what goes wrong around a tracer: masses of
processes and cgroups, maps at their limits, tracers killed, process numbers that come round, a fork bomb, secrets.
`Passed + skipped` of each:

| kernel | release | backend |",
    );
    for test in &plan.tests {
        let _ = write!(text, " {} |", test.name);
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&"---:|".repeat(plan.tests.len()));
    text.push('\n');
    let of_guests = results.iter().map(|(kernel, report)| (kernel.suite.as_str(), report));
    for (suite, report) in of_guests.chain([("the host", host)]) {
        for backend in report.working() {
            let release = report.release.as_deref().unwrap_or("?");
            let _ = write!(text, "| {suite} | {release} | {backend} |");
            for test in &plan.tests {
                let _ = write!(text, " {} |", counts(report, backend, &test.name));
            }
            text.push('\n');
        }
    }
    text.push_str(
        "
*The host* is the machine that boots the guests, without qemu; all other tests run there, too, \
`faults` among them, with the backend that is taken by itself (`cargo test --workspace`).
",
    );
    text.push_str(&locked::section(plan, results));
    text.push_str(
        "
## What a guest does otherwise than the host
An emulated machine is ten to a hundred times as slow, so:
- what a test does masses of is done a hundredth as often (`testkit::many`), and of the deeds on files every third \
kind of file is taken (`testkit::sample`); CI does all of it on the host;
- `faults` starts 1,000 short-lived processes and not 10,000, and takes descriptors away in steps of four;
- what is true of a kernel (a trap works with exactly that set, and without each of it fails) is proved with the \
first backend of a guest; with its other the answer is compared with what was proved (`testkit::proofs`);
- a tracer that is loaded watches target after target (`Tracer::again`); on the host, too;
- its kernel is booted with rcupdate.rcu_expedited=1 and init_on_alloc=0, which make the loading of BPF programs \
and new pages cheap, and change nothing that is tested.

## What may be missed
- Where the kernel preempts itself it may take the CPU away from a program of fexit, and on 7.x from those of \
tp_btf and raw_tp, and skips that program for other tasks on the CPU meanwhile. It counts them, the result says \
so, and `doctor` says which backends it is true of. A kprobe's program is not preempted.
- While a task is in the middle of a map's operation by bpf(2), the kernel runs no kprobe's program on that CPU \
(`bpf_disable_instrumentation`). Another task can come to run there meanwhile since 5.11 (commit 74d862b682f5), \
where the kernel preempts itself. While the tracer reads its own maps so, it lets no ordinary task come to its \
CPU (SCHED_FIFO), which takes SYS_NICE: without that, of a fork bomb on 7.2 whose maps were read all the time, \
476 of 2,595 checks were skipped once in ten times. Since 6.7 the kernel counts them (`trace_call_bpf`), and the \
result says so; before, a check whose entry and return both fall into that moment is missed in silence. Debian's \
kernels before 6.7 do not preempt themselves unless they are booted with preempt=full.

## What does not work where
",
    );
    for (kernel, report) in results {
        for (name, works) in &report.backends {
            if let Err(why) = works {
                let _ = writeln!(text, "- {}, {name}: {why}", kernel.suite);
            }
        }
    }
    text.push_str("\n## What is skipped, and why\n");
    for (why, places) in skips(results) {
        let _ = writeln!(text, "- {why}:");
        for (test, places) in places {
            let _ = writeln!(text, "  - `{test}` ({})", places.join(", "));
        }
    }
    text
}

/// How many tests passed and how many were skipped; a dash if it was not run.
pub fn counts(report: &Report, backend: &str, test: &str) -> String {
    let Some(run) = report.runs.iter().find(|r| r.backend == backend && r.test == test) else {
        return "–".to_owned();
    };
    let count = |wanted: fn(&Outcome) -> bool| run.outcomes.values().filter(|o| wanted(o)).count();
    let passed = count(|outcome| *outcome == Outcome::Passed);
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    format!("{passed} + {skipped}")
}

/// Reason, test, and where: `all`, or kernel and backend of each.
fn skips(results: &[(&KernelPlan, Report)]) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let mut skips: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for (kernel, report) in results {
        for run in &report.runs {
            *all.entry(&run.test).or_default() += 1;
            for (test, outcome) in &run.outcomes {
                let Outcome::Skipped(why) = outcome else { continue };
                let tests = skips.entry(why.clone()).or_default();
                let places = tests.entry(format!("{} {test}", run.test)).or_default();
                places.push(format!("{} {}", kernel.suite, run.backend));
            }
        }
    }
    for (test, places) in skips.values_mut().flatten() {
        let program = test.split(' ').next().unwrap_or_default();
        if all.get(program) == Some(&places.len()) {
            *places = vec!["everywhere".to_owned()];
        }
    }
    skips
}

/// The document without what changes with every point release: the release's column.
pub fn structure(document: &str) -> String {
    let line = |line: &str| {
        let mut cells: Vec<&str> = line.split(" | ").collect();
        if line.starts_with("| ") && cells.len() > 2 {
            cells.remove(1);
        }
        cells.join(" | ")
    };
    document.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        let mut report = Report::default();
        text.lines().for_each(|line| report.line(line));
        report
    }

    fn plan() -> Plan {
        toml::from_str(
            "kernel = [{ series = '6.1', suite = 'bookworm', backends = ['fexit'], arm64 = [] }]
test = [{ package = 'p', name = 'traps' }]
guest = { programs = [], without = [], folders = [], packages = [], modules = [], sysctls = [] }
groundtruth = { names = [], programs = [], folders = [], users = [], groups = [] }
skip = [{ why = 'needs podman', tests = ['traps a'] }]",
        )
        .unwrap()
    }

    const GOOD: &str = "kernel 6.1.0-2
backend kprobe: none
backend fexit works
run traps fexit
out running 2 tests
err skipped: needs podman here (test a)
out test a ... ok
out test b ... ok
end traps fexit 0
done";

    fn wrongs(text: &str) -> Vec<String> {
        let plan = plan();
        wrong(&plan, &plan.kernels[0], &Choice::default(), &report(text))
    }

    #[test]
    fn what_is_as_planned_is_right() {
        assert_eq!(wrongs(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_named() {
        let changed = |from: &str, to: &str| {
            assert!(GOOD.contains(from));
            wrongs(&GOOD.replace(from, to)).join("\n")
        };
        for (from, to, said) in [
            ("kernel 6.1", "kernel 6.2", "6.1: the guest runs 6.2.0-2"),
            ("backend kprobe: none", "backend kprobe works", "expected {\"fexit\"}"),
            ("fexit works", "fexit: gone", "fexit: gone"),
            ("fexit 0", "fexit 101", "6.1 fexit traps: ended with Some(101)"),
            ("test b ... ok", "nothing", "1 tests ended, announced were Some(2)"),
            ("skipped: needs podman", "skipped: is tired", "a is skipped: is tired here; expected"),
            ("err skipped", "err no", "a runs; expected to be skipped: needs podman"),
            ("(test a)", "(test b)", "b is skipped: needs podman here"),
            ("run traps", "run other", "traps was not run with fexit"),
        ] {
            let wrong = changed(from, to);
            assert!(wrong.contains(said), "{from} -> {to}: {wrong}");
        }
    }

    #[test]
    fn the_document_changes_with_the_outcome_and_not_with_the_release() {
        let plan = plan();
        let host =
            report("kernel 6.18.44\nbackend raw_tp works\nrun traps raw_tp\nout test a ... ok");
        let document = |text: &str| document(&plan, &[(&plan.kernels[0], report(text))], &host);
        let good = document(GOOD);
        assert!(good.contains("| the host | 6.18.44 | raw_tp | 1 + 0 |\n"), "{good}");
        assert!(good.contains("| bookworm | 6.1.0-2 | fexit | 1 + 1 |\n"), "{good}");
        assert!(good.contains("- bookworm, kprobe: none\n"), "{good}");
        assert!(good.contains("- needs podman here:\n  - `traps a` (everywhere)\n"), "{good}");
        let newer = document(&GOOD.replace("6.1.0-2", "6.1.0-3"));
        assert_ne!(good, newer);
        assert_eq!(structure(&good), structure(&newer));
        let fewer = document(&GOOD.replace("out test b ... ok\n", ""));
        assert_ne!(structure(&good), structure(&fewer));
    }
}
