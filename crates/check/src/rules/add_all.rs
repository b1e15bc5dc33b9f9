//! `add-all`.

use caps::CapSet;
use runtime::{List, Reason};

use crate::absorb::absorbing;
use crate::finding::Finding;
use crate::fix::Change;
use crate::rule::{Fixes, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds containers that add every capability.
    ///
    /// ## What it does
    /// It looks for `ALL` under `add`, in any case: no runtime cares about case. How bad it is
    /// depends on what the container then holds. Who wins where `drop` has `ALL` too is told by
    /// `added-and-dropped`.
    ///
    /// ## Why is this bad?
    /// Every capability includes SYS_ADMIN, SYS_MODULE, DAC_READ_SEARCH and SYS_RAWIO, each of
    /// which is a way to the node by itself.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: agent }
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: agent
    ///       securityContext:
    ///         capabilities:
    ///           add: [ALL]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: agent }
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: agent
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETUID]
    /// ```
    /// Which ones to add is a question to the program: `dropcap trace` answers it.
    ///
    /// ## Fix
    /// `ALL` is removed from `add` and put into `drop`. That takes away what the program may need, so it is unsafe.
    "add-all",
    Fixes::Offered("drop ALL instead of adding it; unsafe, the program may need some of them"),
    check,
    waivable: true,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() {
        return;
    }
    let Some((word, span)) = subject.words(List::Add).find(|(word, _)| word.is_all()) else {
        return;
    };
    let Some(sets) = subject.most() else { return };
    let bounding = sets.process.bounding;
    let by_all = |c| matches!(sets.fate(c).bounding_reason, Reason::AddedByAll { .. });
    // What is named beside it is granted by it, too.
    let granted = if bounding.iter().any(by_all) { bounding } else { CapSet::EMPTY };
    let drops_all = subject.words(List::Drop).any(|(word, _)| word.is_all());
    if granted.is_empty() && drops_all {
        // added-and-dropped tells who wins.
        return;
    }
    let (name, text) = (subject.container_name(), &word.text);
    let message = if granted.is_empty() {
        format!("{name} adds `{text}`, which {} does not grant here", subject.engine())
    } else {
        format!("{name} adds `{text}`: {}", words::capabilities(granted.len()))
    };
    let severity = subject.severity_of_set(granted).unwrap_or(Severity::Note);
    let mut finding = Finding::new(&RULE, subject, severity, span, message).about(granted);
    if granted.is_empty() {
        finding = finding.label("grants every capability on other runtimes");
    } else {
        finding = finding.label("every capability");
        finding = subject.explain_danger(finding, granted);
    }
    let change = if drops_all {
        Change::Remove { list: List::Add, word: word.text.clone() }
    } else {
        instead(subject)
    };
    findings.push(finding.fix(subject, &change));
}

/// `ALL` out of `add`, in every spelling of it, and into `drop`.
pub(super) fn instead(subject: &Subject<'_>) -> Change {
    let mut words: Vec<String> = Vec::new();
    for (word, _) in subject.words(List::Add).filter(|(word, _)| word.is_all()) {
        if !words.contains(&word.text) {
            words.push(word.text);
        }
    }
    absorbing(subject, |instead| Change::DropAllInstead { words: words.clone(), instead })
}
