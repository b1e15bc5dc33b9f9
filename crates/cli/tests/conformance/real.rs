//! What really happened, and how it is compared.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use caps::{CapSet, CapState};

use crate::cases::{Case, Image};
use crate::prediction::{Prediction, Runtime, Shown};

/// So many containers run at once: a start waits for the disk and for processes more than it computes.
const AT_ONCE: usize = 4;

/// What a process may at most hold here: the bounding set of this test, which the daemons inherit.
pub fn own() -> CapSet {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    parse(&text).expect("the sets of this process").bounding
}

/// The five sets in the text of a `/proc/PID/status`.
pub fn parse(status: &str) -> Option<CapState> {
    let mask = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).ok().map(CapSet::from_bits)
    };
    Some(CapState {
        bounding: mask("CapBnd")?,
        permitted: mask("CapPrm")?,
        effective: mask("CapEff")?,
        inheritable: mask("CapInh")?,
        ambient: mask("CapAmb")?,
    })
}

/// What a real runtime answered.
#[derive(Debug)]
pub enum Real {
    /// The process printed its sets.
    Ran(CapState),
    /// The container did not start, so it ended, and this was said.
    Refused(String),
}

impl Real {
    pub fn of(output: &Output) -> Self {
        match parse(&String::from_utf8_lossy(&output.stdout)) {
            Some(state) => Real::Ran(state),
            None => {
                let said = String::from_utf8_lossy(&output.stderr);
                Real::Refused(format!("{}: {said}", output.status))
            }
        }
    }
}

/// What the comparison of many cases came to.
#[derive(Debug, Default)]
pub struct Score {
    ran: usize,
    refused: usize,
    wrong: Vec<String>,
}

impl Score {
    /// Compares one.
    pub fn compare(&mut self, what: &str, predicted: &Prediction, real: &Real) {
        match (predicted, real) {
            (Prediction::Starts(sets), Real::Ran(state)) if sets == state => self.ran += 1,
            // Refused, and for this reason: a container that fails for another proves nothing.
            (Prediction::Refused(why), Real::Refused(said)) if is_about(why, said) => {
                self.refused += 1;
            }
            _ => self.wrong.push(format!("{what}\n  predicted {predicted:?}\n  real {real:?}")),
        }
    }

    /// Runs every case in each of its images, several containers at a time, and compares them in their order.
    pub fn of(
        runtime: &Runtime,
        cases: &[Case],
        shown: &BTreeMap<String, Shown>,
        run: impl Fn(&Case, Image) -> Real + Sync,
    ) -> Self {
        let jobs: Vec<(&Case, Image)> = cases
            .iter()
            .flat_map(|case| case.user.images().iter().map(move |image| (case, *image)))
            .collect();
        let (next, reals) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some((case, image)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let real = run(case, *image);
                        reals.lock().unwrap().insert((&case.name, *image), real);
                    }
                });
            }
        });
        let mut reals = reals.into_inner().unwrap();
        let mut score = Self::default();
        for case in cases {
            score.run(&runtime.name, case, &shown[&case.name], |image| {
                reals.remove(&(&case.name, image)).expect("it was run")
            });
        }
        score
    }

    /// Runs a case in each image and compares.
    pub fn run(
        &mut self,
        runtime: &str,
        case: &Case,
        shown: &Shown,
        mut run: impl FnMut(Image) -> Real,
    ) {
        let reals: Vec<(Image, Real)> =
            case.user.images().iter().map(|&image| (image, run(image))).collect();
        for (image, real) in &reals {
            let what = format!("{runtime}: {case:?}, {image:?}");
            self.compare(&what, &shown.of(case, *image), real);
        }
    }

    /// Demands that all agree and that something was compared, and says what.
    pub fn settle(&self, runtimes: &str, at_least: usize) {
        assert!(self.wrong.is_empty(), "{runtimes}:\n{}", self.wrong.join("\n"));
        assert!(self.ran + self.refused >= at_least, "{runtimes}: {self:?}");
        report(&format!(
            "conformance: {runtimes}: {} containers hold what was predicted, {} were refused as predicted",
            self.ran, self.refused
        ));
    }
}

/// Whether what a runtime said is the complaint that was predicted.
fn is_about(why: &str, said: &str) -> bool {
    let (why, said) = (why.to_lowercase(), said.to_lowercase());
    let complaint: &[&str] =
        if why.contains("unknown capability") || why.contains("names no capability") {
            &["unknown cap", "invalid capadd", "invalid capdrop", "capability is not available"]
        } else if why.contains("all is in both") {
            &["adding all caps and removing all caps"]
        } else if why.contains("is in both") {
            &["cannot be dropped and added"]
        } else {
            &["operation not permitted"]
        };
    complaint.iter().any(|words| said.contains(words))
}

/// The first line a program prints with `--version`, with the version in it.
pub fn version_line(program: &str) -> String {
    let program = testkit::need::find_program(program).expect("it is there");
    let output = Command::new(program).arg("--version").output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned()
}

/// The word of a version line that starts with a digit.
pub fn version(program: &str) -> String {
    version_line(program)
        .split([' ', ','])
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .expect("a version")
        .to_owned()
}

/// Prints what was compared, past the test harness.
pub fn report(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
