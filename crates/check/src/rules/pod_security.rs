//! `pod-security`.

use manifest::Span;
use resolve::Fault;
use runtime::{List, Meaning, Word};

use super::{add_all, drop_all_missing};
use crate::absorb::absorbing;
use crate::finding::Finding;
use crate::fix::Change;
use crate::rule::{Fixes, KUBERNETES, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds what Pod Security refuses: the capability checks of its baseline and restricted levels.
    ///
    /// ## What it does
    /// It runs when `--pod-security` names a level, with a version if that matters
    /// (`restricted@1.30`), and says what the admission plug-in of Kubernetes says, in its words.
    /// Those checks compare strings exactly: baseline lets 13 names be added; restricted, from 1.22
    /// on, wants `ALL` under `drop` and lets only NET_BIND_SERVICE be added, and lets Windows pods
    /// pass from 1.25 on. They ask nothing about what the container holds.
    ///
    /// ## Why is this bad?
    /// The API server refuses the pod in a namespace that enforces the level. A Deployment is
    /// accepted all the same, and its pods never appear.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       securityContext:
    ///         capabilities:
    ///           drop: [all]
    ///           add: [NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    ///
    /// ## Fix
    /// What the level wants: `ALL` under `drop`, the usual spelling, or one word less under `add`;
    /// classed by what it does to the sets.
    "pod-security",
    Fixes::Offered("drop ALL, spell it right, or remove it from add"),
    check,
    formats: KUBERNETES,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(policy) = subject.options.pod_security else { return };
    let pod = &subject.workload.pod;
    let Some(violation) = policy.capabilities_of(pod, subject.place()) else { return };
    let Some(fault) = violation.faults.first() else { return };
    let message = format!("violates PodSecurity \"{policy}\": {violation}");
    let mut places = places(subject, fault).into_iter();
    let Some((span, label)) = places.next() else { return };
    let mut finding = Finding::new(&RULE, subject, Severity::Error, span, message)
        .label(label)
        .sure(Confidence::High);
    for (span, label) in places {
        finding = finding.related(span, label);
    }
    if let Some(whole) = policy.capabilities(pod).filter(|whole| *whole != violation) {
        finding = finding.note(format!("Of the whole pod it says: {whole}."));
    }
    findings.push(if subject.is_windows() {
        finding
            .help("from 1.25 on the restricted level lets Windows pods pass")
            .no_fix("Windows has no capabilities")
    } else {
        finding.fix(subject, &change(subject, fault))
    });
}

/// Where it is wrong, the worst place first.
fn places(subject: &Subject<'_>, fault: &Fault) -> Vec<(Span, String)> {
    let mut places = Vec::new();
    if fault.keeps {
        places.push(match meant_all(subject) {
            Some((_, span)) => (span, "is not `ALL`".to_owned()),
            None => {
                let (span, label) = drop_all_missing::place(subject);
                (span, label.to_owned())
            }
        });
    }
    for (word, span) in subject.words(List::Add) {
        if fault.adds.contains(&word.index) {
            places.push((span, format!("`{}` may not be added", word.text)));
        }
    }
    places
}

/// One step towards what the level wants; the rest follows in the next round.
fn change(subject: &Subject<'_>, fault: &Fault) -> Change {
    let word = |index: &usize| subject.words(List::Add).nth(*index).map(|(word, _)| word);
    match fault.adds.first().and_then(word) {
        Some(word) if !fault.keeps => {
            respelled(subject, &word).unwrap_or(Change::Remove { list: List::Add, word: word.text })
        }
        _ if subject.words(List::Add).any(|(word, _)| word.is_all()) => add_all::instead(subject),
        _ => match meant_all(subject) {
            Some((word, _)) => {
                Change::Respell { list: List::Drop, from: word.text, to: "ALL".to_owned() }
            }
            None => absorbing(subject, |instead| Change::DropAll { instead }),
        },
    }
}

/// The word under `drop` that means `ALL` and is not spelt so.
fn meant_all(subject: &Subject<'_>) -> Option<(Word, Span)> {
    subject.words(List::Drop).find(|(word, _)| word.meant() == Some(Meaning::All))
}

/// The usual spelling, if the level accepts that.
fn respelled(subject: &Subject<'_>, word: &Word) -> Option<Change> {
    let Some(meant @ Meaning::One(_)) = word.meant() else { return None };
    let to = meant.to_string();
    if to == word.text {
        return None;
    }
    let mut pod = subject.workload.pod.clone();
    let lists = pod.containers.get_mut(subject.place())?.security.capabilities.as_mut()?;
    lists.add.as_mut()?.items.get_mut(word.index)?.value.clone_from(&to);
    let left = subject.options.pod_security?.capabilities_of(&pod, subject.place());
    let accepted =
        left.is_none_or(|left| left.faults.iter().all(|fault| !fault.adds.contains(&word.index)));
    accepted.then(|| Change::Respell { list: List::Add, from: word.text.clone(), to })
}
