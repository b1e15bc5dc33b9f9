//! All manifests of a run, checked, and what that comes to in numbers.

use caps::{CapSet, Reach, knowledge};
use manifest::{Loaded, Manifest};

use crate::checked::{Checked, Checker};
use crate::fix::Class;
use crate::holding::Held;
use crate::options::Options;
use crate::severity::Severity;

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
}

/// One manifest, checked.
#[derive(Debug)]
pub struct CheckedFile<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// What was found.
    pub checked: Checked,
    /// What each container would hold after all edits, unsafe ones too.
    pub after: Vec<Option<Held>>,
}

/// A run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Containers.
    pub containers: usize,
    /// Containers with a finding.
    pub found: usize,
    /// Findings that are errors.
    pub errors: usize,
    /// Findings that are warnings.
    pub warnings: usize,
    /// Findings that are notes.
    pub notes: usize,
    /// Edits that a person has to make: dropcap edits no file of that kind.
    pub by_hand: usize,
    /// Edits offered that are safe.
    pub safe: usize,
    /// Edits offered that are not.
    pub not_safe: usize,
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
        Self { loaded, options, assumed, files: files.collect() }
    }

    /// In numbers.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for file in &self.files {
            let mut found = vec![false; file.checked.containers.len()];
            for finding in &file.checked.findings {
                found[finding.container] = true;
                match finding.severity {
                    Severity::Error => totals.errors += 1,
                    Severity::Warning => totals.warnings += 1,
                    Severity::Note => totals.notes += 1,
                }
                let fix = finding.remedy.fix();
                totals.by_hand += usize::from(fix.is_some_and(|fix| fix.by_hand));
                match fix.filter(|fix| !fix.by_hand).map(|fix| fix.class) {
                    Some(Class::Safe) => totals.safe += 1,
                    Some(Class::Unsafe) => totals.not_safe += 1,
                    None => {}
                }
            }
            totals.containers += found.len();
            totals.found += found.into_iter().filter(|found| *found).count();
            for container in &file.checked.containers {
                container.held.iter().for_each(|held| totals.before.add(held));
            }
            file.after.iter().flatten().for_each(|held| totals.after.add(held));
        }
        totals
    }

    /// The worst severity there is.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.files.iter().flat_map(|file| &file.checked.findings).map(|f| f.severity).max()
    }
}

impl<'a> CheckedFile<'a> {
    fn new(manifest: &'a Manifest, checker: &Checker) -> Self {
        let checked = checker.check(manifest);
        let editable = checked.findings.iter().any(|finding| finding.remedy.fix().is_some());
        let held = |checked: &Checked| checked.containers.iter().map(|c| c.held).collect();
        let after =
            if editable { held(&checker.foresee(manifest, &checked)) } else { held(&checked) };
        Self { manifest, checked, after }
    }
}
