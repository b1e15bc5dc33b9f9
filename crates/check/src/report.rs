//! All manifests of a run, checked, and what that comes to in numbers.

use caps::{CapSet, Reach, knowledge};
use manifest::{Format, Loaded, Manifest, Source};

use crate::checked::{Checked, CheckedContainer, Checker};
use crate::finding::Finding;
use crate::holding::Held;
use crate::options::Options;
use crate::repair::Foreseen;
use crate::severity::Severity;
use crate::standing::Standing;

/// All manifests of a run, checked.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was read.
    pub loaded: &'a Loaded,
    /// How it was checked.
    pub options: &'a Options,
    /// Whether nobody named a runtime.
    pub assumed: bool,
    /// The manifests, in the order of [`Loaded::manifests`].
    pub files: Vec<CheckedFile<'a>>,
    /// What is wrong with what is written about findings: with waivers.
    pub about: Vec<About>,
    pub(crate) checker: Checker,
}

/// Findings in a file that is no manifest.
#[derive(Debug)]
pub struct About {
    /// The file.
    pub source: Source,
    /// What was found in it.
    pub findings: Vec<Finding>,
}

/// A finding with what is around it.
#[derive(Debug, Clone, Copy)]
pub struct Found<'r> {
    /// The file it is in.
    pub source: &'r Source,
    /// The finding.
    pub finding: &'r Finding,
    /// The container, if it is about one.
    pub container: Option<&'r CheckedContainer>,
    /// What the container is written in.
    pub format: Option<Format>,
}

/// One manifest, checked.
#[derive(Debug)]
pub struct CheckedFile<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// What was found.
    pub checked: Checked,
    /// What all edits come to, unsafe ones too.
    pub foreseen: Foreseen,
}

/// A run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Containers.
    pub containers: usize,
    /// Containers with a finding that counts.
    pub found: usize,
    /// Findings that are errors and count.
    pub errors: usize,
    /// Findings that are warnings and count.
    pub warnings: usize,
    /// Findings that are notes and count.
    pub notes: usize,
    /// Findings that do not count because a waiver covers them.
    pub waived: usize,
    /// Findings that do not count because a comment says why.
    pub ignored: usize,
    /// Findings that do not count because the baseline has them.
    pub baseline: usize,
    /// Edits that `fix` makes by itself.
    pub safe: usize,
    /// Edits that it makes beside them with `--unsafe-fixes`.
    pub not_safe: usize,
    /// Containers that `fix` cannot edit as they should be.
    pub refused: usize,
    /// Edits that write a profile; they are among neither.
    pub by_profile: usize,
    /// What the containers hold.
    pub before: Sum,
    /// What they would hold after all edits.
    pub after: Sum,
}

/// What some containers hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Capabilities that are effective, each counted in each container.
    pub effective: usize,
    /// Capabilities that are not effective and could become so.
    pub within_reach: usize,
    /// Those of them that escape by themselves, however they are held.
    pub escape: CapSet,
}

impl Sum {
    /// What one container holds.
    #[must_use]
    pub fn of(held: &Held) -> Self {
        let mut sum = Self::default();
        sum.add(held);
        sum
    }

    fn add(&mut self, held: &Held) {
        self.effective += held.effective.len();
        self.within_reach += (held.reach() - held.effective).len();
        let escape = |c: &caps::Capability| knowledge(*c).is_some_and(|k| k.reach == Reach::Escape);
        self.escape = self.escape | held.reach().iter().filter(escape).collect();
    }
}

impl<'a> Report<'a> {
    /// Checks everything that was read.
    #[must_use]
    pub fn new(loaded: &'a Loaded, options: &'a Options, assumed: bool) -> Self {
        let checker = Checker::new(options.clone());
        let files = loaded.manifests.iter().map(|manifest| CheckedFile::new(manifest, &checker));
        let files = files.collect();
        Self { loaded, options, assumed, files, about: Vec::new(), checker }
    }

    /// All findings, those that do not count among them, in order: the manifests', then the others.
    pub fn findings(&self) -> impl Iterator<Item = Found<'_>> {
        self.files.iter().flat_map(CheckedFile::findings).chain(self.findings_about())
    }

    /// The findings that are not of a manifest.
    pub fn findings_about(&self) -> impl Iterator<Item = Found<'_>> {
        self.about.iter().flat_map(|about| {
            let found =
                |finding| Found { source: &about.source, finding, container: None, format: None };
            about.findings.iter().map(found)
        })
    }

    /// In numbers.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for found in self.findings() {
            totals.count(found.finding);
        }
        for file in &self.files {
            let mut found = vec![false; file.checked.containers.len()];
            for finding in file.checked.findings.iter().filter(|found| found.standing.is_open()) {
                if let Some(container) = finding.container {
                    found[container] = true;
                }
            }
            totals.containers += found.len();
            totals.found += found.into_iter().filter(|found| *found).count();
            for container in &file.checked.containers {
                container.held.iter().for_each(|held| totals.before.add(held));
            }
            // That a profile is named is no consent to one that saw nothing.
            let unseen = file.foreseen.by_profile.iter().filter(|edit| edit.unseen).count();
            totals.by_profile += file.foreseen.by_profile.len() - unseen;
            totals.refused += file.foreseen.refused;
            totals.safe += file.foreseen.safe.len();
            totals.not_safe += file.foreseen.not_safe.len() + unseen;
            file.foreseen.after.iter().flatten().for_each(|held| totals.after.add(held));
        }
        totals
    }

    /// Leaves only what is about this capability.
    pub fn only_about(&mut self, capability: caps::Capability) {
        for file in &mut self.files {
            file.checked.findings.retain(|found| found.capabilities.contains(capability));
            file.foreseen.only_about(capability);
        }
        self.about.iter_mut().for_each(|about| about.findings.clear());
    }

    /// The worst severity of the findings that count.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        let open = self.findings().filter(|found| found.finding.standing.is_open());
        open.map(|found| found.finding.severity).max()
    }
}

impl Totals {
    fn count(&mut self, finding: &Finding) {
        let counter = match (&finding.standing, finding.severity) {
            (Standing::Open, Severity::Error) => &mut self.errors,
            (Standing::Open, Severity::Warning) => &mut self.warnings,
            (Standing::Open, Severity::Note) => &mut self.notes,
            (Standing::Waived { .. }, _) => &mut self.waived,
            (Standing::Ignored { .. }, _) => &mut self.ignored,
            (Standing::Baseline, _) => &mut self.baseline,
        };
        *counter += 1;
    }

    /// Findings that count.
    #[must_use]
    pub fn open(&self) -> usize {
        self.errors + self.warnings + self.notes
    }
}

impl<'a> CheckedFile<'a> {
    /// Its findings.
    pub fn findings(&self) -> impl Iterator<Item = Found<'_>> {
        self.checked.findings.iter().map(|finding| {
            let container = finding.container.and_then(|at| self.checked.containers.get(at));
            let workload = container.and_then(|c| self.manifest.workloads.get(c.id.workload));
            let format = workload.map(|workload| workload.pod.format);
            Found { source: &self.manifest.source, finding, container, format }
        })
    }

    fn new(manifest: &'a Manifest, checker: &Checker) -> Self {
        let checked = checker.check(manifest);
        let mut file = Self { manifest, checked, foreseen: Foreseen::default() };
        file.foresee(checker, &|_| {});
        file
    }

    /// Works out what all edits come to but of what `answer` sets aside. What a baseline has is to be
    /// mended all the same.
    pub(crate) fn foresee(&mut self, checker: &Checker, answer: &dyn Fn(&mut Checked)) {
        self.foreseen = match self.manifest.errors().next() {
            None => checker.announce(self.manifest, &self.checked, answer),
            // Nothing of a manifest with an error is touched.
            Some(_) => Foreseen::nothing(&self.checked),
        };
    }
}
