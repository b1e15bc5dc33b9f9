//! What a guest says on its report port (`init.sh` has the words), read line by line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How the reason starts for which a part is ignored: `#[ignore = "played for …"]`.
const PLAYED: &str = "played for ";

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Passed,
    /// It failed.
    Failed,
    /// It skipped itself, for this reason.
    Skipped(String),
}

/// A test program's run with one backend.
#[derive(Debug)]
pub struct Run {
    /// The program's name.
    pub test: String,
    /// The backend's name.
    pub backend: String,
    /// Its tests.
    pub outcomes: BTreeMap<String, Outcome>,
    /// How many tests it said it would run.
    pub announced: Option<usize>,
    /// How many of those that were announced are no tests: a part that a test has another process play, which libtest
    /// lists as ignored, for [`PLAYED`].
    pub parts: usize,
    /// What it ended with.
    pub status: Option<i32>,
    /// All that it said.
    pub said: Vec<String>,
    /// How long it took.
    pub took: Duration,
    started: Instant,
}

/// Each backend, and why it does not work if it does not.
pub type Backends = Vec<(String, Result<(), String>)>;

/// All that a guest said.
#[derive(Debug, Default)]
pub struct Report {
    /// `uname -r`.
    pub release: Option<String>,
    /// Each backend, and why it does not work if it does not.
    pub backends: Backends,
    /// The runs; of those on a kernel that is locked down, the backend is the mode.
    pub runs: Vec<Run>,
    /// Each mode that the kernel was locked down in, and the backends there.
    pub locked: Vec<(String, Backends)>,
    /// Whether it came to its end.
    pub done: bool,
    /// Lines that belong to no run.
    pub stray: Vec<String>,
}

impl Report {
    /// Takes in the next line, without its end.
    pub fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split(' ').collect();
        match (word, words.as_slice()) {
            ("kernel", [release]) => self.release = Some((*release).to_owned()),
            ("backend", [name, "works"]) => self.backend((*name).to_owned(), Ok(())),
            ("backend", _) => {
                let (name, why) = rest.split_once(": ").unwrap_or((rest, "?"));
                self.backend(name.to_owned(), Err(why.to_owned()));
            }
            ("locked", [mode]) => self.locked.push(((*mode).to_owned(), Backends::new())),
            ("run", [test, backend]) => self.runs.push(Run::new(test, backend)),
            ("out", _) if self.running() => self.last(|run| run.out(rest)),
            ("err", _) if self.running() => self.last(|run| run.err(rest)),
            ("end", [_, _, status]) if self.running() => self.last(|run| {
                run.status = Some(status.parse().unwrap_or(-1));
                run.took = run.started.elapsed();
            }),
            ("done", _) => self.done = true,
            // The last words of a run may come after its end: what passes them on is another process.
            ("out", _) if !self.runs.is_empty() => self.last(|run| run.out(rest)),
            ("err", _) if !self.runs.is_empty() => self.last(|run| run.err(rest)),
            ("", _) => {}
            _ => self.stray.push(line.to_owned()),
        }
    }

    fn backend(&mut self, name: String, works: Result<(), String>) {
        let backends = self.locked.last_mut().map_or(&mut self.backends, |(_, backends)| backends);
        backends.push((name, works));
    }

    /// Takes in what another guest of the same kernel said; where the two should agree and do not is a stray line.
    pub fn join(&mut self, other: Report) {
        if self.release != other.release {
            self.stray
                .push(format!("one guest runs {:?}, another {:?}", self.release, other.release));
        }
        let sorted = |report: &Self| {
            let mut backends = report.backends.clone();
            backends.sort();
            backends
        };
        let [ours, theirs] = [sorted(self), sorted(&other)];
        if ours != theirs {
            self.stray.push(format!("one guest has the backends {ours:?}, another {theirs:?}"));
        }
        self.runs.extend(other.runs);
        self.locked.extend(other.locked);
        self.stray.extend(other.stray);
        self.done &= other.done;
    }

    /// The backends that work, where it is not locked down.
    pub fn working(&self) -> Vec<&str> {
        working(&self.backends)
    }

    fn running(&self) -> bool {
        self.runs.last().is_some_and(|run| run.status.is_none())
    }

    fn last(&mut self, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.last_mut() {
            change(run);
        }
    }
}

/// Those that work.
pub fn working(backends: &Backends) -> Vec<&str> {
    backends.iter().filter(|(_, works)| works.is_ok()).map(|(name, _)| name.as_str()).collect()
}

impl Run {
    fn new(test: &str, backend: &str) -> Self {
        Self {
            test: test.to_owned(),
            backend: backend.to_owned(),
            outcomes: BTreeMap::new(),
            announced: None,
            parts: 0,
            status: None,
            said: Vec::new(),
            took: Duration::ZERO,
            started: Instant::now(),
        }
    }

    /// A line of libtest: `running 3 tests`, `test a::b ... ok`.
    fn out(&mut self, line: &str) {
        self.said.push(line.to_owned());
        if let Some(count) = line.strip_prefix("running ").and_then(|l| l.split(' ').next()) {
            self.announced = count.parse().ok().or(self.announced);
        }
        let Some((name, result)) = line.strip_prefix("test ").and_then(|l| l.split_once(" ... "))
        else {
            return;
        };
        let outcome = match result.trim() {
            "ok" => Outcome::Passed,
            result
                if result.strip_prefix("ignored, ").is_some_and(|why| why.starts_with(PLAYED)) =>
            {
                self.parts += 1;
                return;
            }
            // A test that is left out is one that is skipped, and has to be in the plan.
            result if result.starts_with("ignored") => Outcome::Skipped(result.to_owned()),
            _ => Outcome::Failed,
        };
        // A test that skips itself says so before it ends well.
        let skipped = matches!(self.outcomes.get(name), Some(Outcome::Skipped(_)));
        if !(skipped && outcome == Outcome::Passed) {
            self.outcomes.insert(name.to_owned(), outcome);
        }
    }

    /// A line of `testkit::skip`: `skipped: WHY (test NAME)`.
    fn err(&mut self, line: &str) {
        self.said.push(line.to_owned());
        let skipped = line.strip_prefix("skipped: ").and_then(|l| l.strip_suffix(')'));
        let Some((why, name)) = skipped.and_then(|l| l.rsplit_once(" (test ")) else { return };
        if self.outcomes.get(name) != Some(&Outcome::Failed) {
            self.outcomes.insert(name.to_owned(), Outcome::Skipped(why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        let mut report = Report::default();
        text.lines().for_each(|line| report.line(line));
        report
    }

    #[test]
    fn a_whole_report_is_understood() {
        let report = report(
            "kernel 6.1.0-2-cloud-amd64
backend tp_btf: the kernel has no tracepoint: none
backend fexit works
run traps fexit
out running 6 tests
err skipped: needs (a lot of) podman (test a::b)
out test a::b ... ok
out test c ... FAILED
out test played ... ignored, played for others
out test slow ... ignored
err noise
out test d ... ok
out test e ... ok
end traps fexit 101
err skipped: late (test e)
done",
        );
        assert_eq!(report.release.as_deref(), Some("6.1.0-2-cloud-amd64"));
        assert_eq!(report.working(), ["fexit"]);
        let why = "the kernel has no tracepoint: none".to_owned();
        assert_eq!(report.backends[0], ("tp_btf".to_owned(), Err(why)));
        let [run] = &report.runs[..] else { panic!("{:?}", report.runs) };
        assert_eq!((run.announced, run.status, report.done), (Some(6), Some(101), true));
        assert_eq!(run.parts, 1);
        let outcomes: Vec<_> = run.outcomes.iter().map(|(n, o)| (n.as_str(), o.clone())).collect();
        let skipped = |why: &str| Outcome::Skipped(why.to_owned());
        assert_eq!(
            outcomes,
            [
                ("a::b", skipped("needs (a lot of) podman")),
                ("c", Outcome::Failed),
                ("d", Outcome::Passed),
                ("e", skipped("late")),
                ("slow", skipped("ignored")),
            ]
        );
        assert_eq!(report.stray, Vec::<String>::new());
    }

    #[test]
    fn what_is_locked_down_is_kept_apart() {
        let report = report(
            "backend fexit works\nlocked integrity\nbackend fexit works\nlocked confidentiality
backend fexit: no\nrun faults confidentiality\nout running 0 tests\nend faults confidentiality 0\ndone",
        );
        assert_eq!(report.working(), ["fexit"]);
        let [(first, works), (second, does_not)] = &report.locked[..] else { panic!() };
        assert_eq!((first.as_str(), second.as_str()), ("integrity", "confidentiality"));
        assert_eq!((working(works), working(does_not)), (vec!["fexit"], vec![]));
        assert_eq!(report.runs[0].backend, "confidentiality");
    }

    #[test]
    fn what_ends_early_is_not_done() {
        let report = report("kernel 5.10\nrun traps kprobe\nout running 2 tests\nKernel panic");
        assert_eq!((report.done, report.runs[0].status), (false, None));
        assert_eq!(report.stray, ["Kernel panic"]);
    }
}
