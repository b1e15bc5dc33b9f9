//! What of a manifest somebody answers for: by a waiver in order, or a comment with a reason. A profile's
//! edit leaves it alone as any other edit does.

use check::{Answered, Checked, Checker, Finding, Standing};
use manifest::{ContainerId, Manifest};

/// What somebody answers for, by the same marks that all edits go by.
pub(super) struct Kept {
    /// Containers that stay as they are, and why.
    whole: Vec<(ContainerId, String)>,
    /// Words that stay.
    words: Vec<(ContainerId, Answered)>,
}

impl Kept {
    /// Asks every rule, and `answer` who answers for what it finds.
    pub(super) fn of(
        checker: &Checker,
        manifest: &Manifest,
        answer: &dyn Fn(&mut Checked),
    ) -> Self {
        let mut checked = checker.check_by_all(manifest);
        answer(&mut checked);
        let (mut whole, mut words) = (Vec::new(), Vec::new());
        for finding in &checked.findings {
            let container = finding.container.and_then(|at| checked.containers.get(at));
            let (Some(container), Some(why)) = (container, said(finding)) else { continue };
            let span = finding.primary.span;
            if is_word(manifest, container.id, finding) {
                words.push((container.id, Answered { span, why }));
            } else if finding.rule.waivable || finding.remedy.fix().is_some() {
                whole.push((container.id, why));
            }
        }
        Self { whole, words }
    }

    /// Why the container stays as it is, if it does.
    pub(super) fn whole(&self, id: ContainerId) -> Option<&str> {
        self.whole.iter().find(|(kept, _)| *kept == id).map(|(_, why)| why.as_str())
    }

    /// What of it stays.
    pub(super) fn words(&self, id: ContainerId) -> Vec<Answered> {
        let mine = self.words.iter().filter(|(kept, _)| *kept == id);
        mine.map(|(_, answered)| answered.clone()).collect()
    }
}

/// Why a finding may stay, if a person says so; that it was there before is no reason.
fn said(finding: &Finding) -> Option<String> {
    match finding.standing {
        Standing::Waived { .. } | Standing::Ignored { .. } => finding.standing.why(),
        Standing::Open | Standing::Baseline => None,
    }
}

/// Whether a finding is about a word of the lists, and not about all of them.
fn is_word(manifest: &Manifest, id: ContainerId, finding: &Finding) -> bool {
    let workload = manifest.workloads.get(id.workload);
    let container = workload.and_then(|workload| workload.pod.containers.get(id.container));
    container.is_some_and(|container| {
        let security = &container.security;
        let mut words = security.add().chain(security.drop());
        words.any(|word| word.span == finding.primary.span)
    })
}
