//! `redundant-add`.

use runtime::{List, Meaning, Reason};

use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::panel::Answer;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds words under `add` without which the container would hold the same.
    ///
    /// ## What it does
    /// It takes each word of `add` away and asks the runtime again. Where the sets stay as they are
    /// the word changes nothing: the default set has it, `ALL` beside it has it, or it is there
    /// twice. A word that is not read at all, or that `drop` takes away again, is the matter of
    /// other rules, and so is one that is dangerous.
    ///
    /// ## Why is this bad?
    /// Whoever reads the list takes it for what the container holds, and the container holds the
    /// default set on top of it. It is often the sign of a forgotten `drop: [ALL]`.
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
    ///           add: [SETUID]
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
    ///           add: [SETUID]
    /// ```
    ///
    /// ## Fix
    /// Beside `ALL` the word is removed from `add`. One that the default set has stays: as soon as
    /// `drop: [ALL]` is there, it says what is needed. One that is there twice does no harm.
    "redundant-add",
    Fixes::Offered("remove it from add where ALL is added beside it"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() {
        return;
    }
    let Some(sets) = subject.most() else { return };
    let mut before: Vec<Meaning> = Vec::new();
    for (word, span) in subject.words(List::Add).filter(|(word, _)| !word.is_all()) {
        let Some(meant @ Meaning::One(capability)) = word.meant() else { continue };
        let twice = before.contains(&meant);
        before.push(meant);
        let fate = sets.fate(capability);
        if !fate.bounding || !(twice || changes_nothing(subject, meant)) {
            continue;
        }
        let (name, text, engine) = (subject.container_name(), &word.text, subject.engine());
        let by_all = subject.words(List::Add).find(|(word, _)| word.is_all());
        let dangerous = subject.severity_of(capability) > Some(Severity::Note);
        let finding = |message: String| {
            Finding::new(&RULE, subject, Severity::Note, span, message)
                .label("changes nothing")
                .sure(Confidence::High)
        };
        let finding = if twice {
            finding(format!("{name} adds {capability} twice"))
                .no_fix("it does no harm; remove one of the two by hand")
        } else if let Some((_, all)) = by_all {
            finding(format!("{name} adds `{text}`, which `ALL` adds already"))
                .related(all, "has it")
                .fix(subject, &Change::Remove { list: List::Add, word: word.text.clone() })
        } else if dangerous || fate.reason == Reason::LostNonRoot {
            continue;
        } else {
            finding(format!("{name} adds `{text}`, which {engine}'s default set has already"))
                .help("drop `ALL`: then the list says what the container holds")
                .no_fix(format!(
                    "with `{}: [ALL]` the word says what is needed",
                    dialect::list(subject.format(), List::Drop)
                ))
        };
        findings.push(finding.about(capability));
    }
}

/// Whether the sets are the same without every word that means this.
fn changes_nothing(subject: &Subject<'_>, meant: Meaning) -> bool {
    let mut without = subject.request().clone();
    let others = without.words(List::Add).filter(|word| word.meant() != Some(meant));
    without.add = others.map(|word| word.text).collect();
    let answer = Answer::of(&subject.options.runtime, &without);
    let (Some(with), Some(without)) = (subject.resolution(), answer.resolution) else {
        return false;
    };
    let same =
        |(a, b): (&runtime::Sets, &runtime::Sets)| a.spec == b.spec && a.process == b.process;
    with.refusal() == without.refusal() && with.sets().zip(without.sets()).all(same)
}
