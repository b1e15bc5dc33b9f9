//! `unknown-capability`.

use runtime::{List, Meaning, Word};

use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::reading::{self, Reading};
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds names that no capability has.
    ///
    /// ## What it does
    /// It looks for words under `add` and `drop` that are neither `ALL` nor a capability in any
    /// spelling, says what each runtime makes of them, and names the capability that was probably
    /// meant.
    ///
    /// ## Why is this bad?
    /// Kubernetes does not check names. containerd passes them on and runc leaves them out: what
    /// should be dropped stays, what should be added is missing, and nothing says so. CRI-O,
    /// Docker and Podman refuse the container, and so does crun from 1.29 on below containerd: the same
    /// manifest starts on one node and not on another.
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
    ///           drop: [ALL]
    ///           add: [SETUIDS]
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
    /// Under `drop` the name that was probably meant; unsafe, because it takes something away at
    /// last. Under `add` none: a corrected name would grant something, and that is for a person
    /// to decide.
    "unknown-capability",
    Fixes::Offered("under drop the name that was probably meant; under add none, it would grant"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_windows() {
        return;
    }
    for list in [List::Drop, List::Add] {
        for (word, span) in subject.words(list).filter(|(word, _)| word.meant().is_none()) {
            let suggestion = suggestion(&word);
            let severity = if subject.is_privileged() { Severity::Note } else { Severity::Warning };
            let text = &word.text;
            let mut finding = Finding::new(&RULE, subject, severity, span, message(subject, &word))
                .sure(Confidence::High)
                .note(format!(
                    "{}; so does crun 1.29 or newer.",
                    subject.panel.readings(&word).sentence()
                ));
            finding = match suggestion {
                Some(right) => {
                    let change =
                        Change::Respell { list, from: word.text.clone(), to: right.clone() };
                    let finding = finding.label(format!("did you mean {right}?"));
                    let finding = finding.fix(subject, &change);
                    match finding.remedy.fix() {
                        Some(_) if list == List::Add => finding.no_fix(format!(
                            "spelt {right} it asks for that: a person decides that"
                        )),
                        Some(_) if word_of(&right).is_some_and(|meant| subject.adds(meant)) => {
                            finding.no_fix(format!("{right} is added, too: a person decides"))
                        }
                        _ => finding,
                    }
                }
                None => finding
                    .label("no capability is called so")
                    .no_fix(format!("nothing tells what `{text}` was meant to be")),
            };
            findings.push(finding);
        }
    }
}

/// What a name in the usual spelling means.
fn word_of(name: &str) -> Option<Meaning> {
    Word { list: List::Drop, index: 0, text: name.to_owned() }.meant()
}

/// The name that was probably meant; a wildcard means `ALL`.
fn suggestion(word: &Word) -> Option<String> {
    if word.text.trim() == "*" {
        return Some("ALL".to_owned());
    }
    word.suggestion().map(|capability| capability.to_string())
}

fn message(subject: &Subject<'_>, word: &Word) -> String {
    let (name, engine, text, list) =
        (subject.container_name(), subject.engine(), &word.text, word.list);
    let list = dialect::list(subject.format(), list);
    match reading::of(&subject.options.runtime, word) {
        _ if subject.is_privileged() => format!("{name}: {list} `{text}` names no capability"),
        Reading::Refused => {
            format!("{name}: {engine} refuses the container: `{text}` names no capability")
        }
        _ => format!("{name}: {list} `{text}` names no capability, {engine} ignores it"),
    }
}
