//! `capability-spelling`.

use caps::CapSet;
use manifest::Format;
use runtime::{List, Meaning, Oddity, Word};

use crate::danger;
use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::reading::{self, Reading, Readings};
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds capabilities that are not written the one way everybody reads alike.
    ///
    /// ## What it does
    /// It looks for `CAP_` in front of a name, for small letters, numbers and blanks, and says
    /// what each runtime makes of the word. Where the word does not do what it says, that is a
    /// warning; where every runtime reads it and only Pod Security refuses it, a note.
    ///
    /// ## Why is this bad?
    /// containerd puts `CAP_` in front of every name without looking: `drop: [CAP_NET_RAW]` drops
    /// nothing there, and `drop: [CAP_ALL]` leaves the whole default set. CRI-O, Docker, Podman
    /// and nerdctl take the prefix off, so `add: [CAP_SYS_ADMIN]` grants nothing on one node and
    /// SYS_ADMIN on the next. Small letters work on every runtime, but Pod Security compares
    /// names exactly: `drop: [all]` is refused by the restricted level.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [CAP_SETUID]
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
    ///       image: nginx
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETUID]
    /// ```
    ///
    /// ## Fix
    /// The word is written in capitals without `CAP_`, where no runtime grants more for it: a
    /// change of case is safe, and so is nothing else. Under `drop` a corrected prefix takes
    /// something away at last, which is unsafe. Under `add` it would grant something, so there is
    /// no edit: whoever wrote it decides whether to spell it or to remove it.
    "capability-spelling",
    Fixes::Offered("the usual spelling, where no runtime grants more for it"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_windows() {
        return;
    }
    for list in [List::Drop, List::Add] {
        for (word, span) in subject.words(list) {
            let (Some(oddity), Some(meant)) = (word.oddity(), word.meant()) else { continue };
            let right = meant.to_string();
            if right == word.text {
                // A capability newer than this program, by its number: no runtime knows a name.
                continue;
            }
            let readings = subject.panel.readings(&word);
            let here = reading::of(&subject.options.runtime, &word);
            let change = Change::Respell { list, from: word.text.clone(), to: right.clone() };
            let message = message(subject, &word, meant, oddity, &here);
            let severity = severity(subject, list, meant, &readings);
            let decide = list == List::Add && !readings.is_read_everywhere();
            let finding = Finding::new(&RULE, subject, severity, span, message)
                .label(match list {
                    List::Add if decide && is_dangerous(subject, meant) => {
                        format!("remove it, or decide for {right}")
                    }
                    List::Add if decide => format!("spell it {right}, or remove it"),
                    _ => format!("spell it {right}"),
                })
                .sure(Confidence::High)
                .note(format!("{}.", readings.sentence()));
            let finding = finding.fix(subject, &change);
            findings.push(match finding.remedy.fix() {
                // Where the default grants it already the edit widens nothing, and asks for more.
                Some(_) if decide => {
                    finding.no_fix(format!("spelt {right} it asks for that: a person decides that"))
                }
                Some(_) if list == List::Drop && meant == Meaning::All && subject.adds(meant) => {
                    finding.no_fix("ALL is added, too: a person decides")
                }
                _ => finding,
            });
        }
    }
}

/// Whether the right spelling would be the matter of another rule.
fn is_dangerous(subject: &Subject<'_>, meant: Meaning) -> bool {
    match meant {
        Meaning::All => true,
        Meaning::One(capability) => {
            let held = subject.held.reach() | capability.into();
            danger::of(capability, held, &subject.exposure).severity > Severity::Note
        }
    }
}

/// A word that does not do what it says is a warning. One under `drop` that is not read, of
/// something that is not held anyhow, does no harm.
fn severity(subject: &Subject<'_>, list: List, meant: Meaning, readings: &Readings) -> Severity {
    let meant = match meant {
        Meaning::All => !CapSet::EMPTY,
        Meaning::One(capability) => CapSet::from(capability),
    };
    let harmless = list == List::Drop && (meant & subject.held.reach()).is_empty();
    if readings.is_read_everywhere() || harmless || subject.is_privileged() {
        Severity::Note
    } else {
        Severity::Warning
    }
}

fn message(
    subject: &Subject<'_>,
    word: &Word,
    meant: Meaning,
    oddity: Oddity,
    here: &Reading,
) -> String {
    let (name, engine, text, list) =
        (subject.container_name(), subject.engine(), &word.text, word.list);
    let of = match list {
        List::Add => "grants nothing",
        List::Drop => "drops nothing",
    };
    let format = subject.format();
    let list = dialect::list(format, list);
    match here {
        _ if subject.is_privileged() => {
            format!("{name}: `{text}` is not spelt {meant}; nothing reads it while privileged")
        }
        Reading::Ignored { .. } => format!("{name}: {list} `{text}` {of} on {engine}"),
        Reading::Refused => format!("{name}: {engine} refuses the container over `{text}`"),
        Reading::Read(_) if oddity == Oddity::Case && format != Format::Kubernetes => {
            format!("{name}: {list} `{text}` works; the name is {meant}")
        }
        Reading::Read(_) if oddity == Oddity::Case => {
            format!("{name}: {list} `{text}` works, but Pod Security reads only {meant}")
        }
        Reading::Read(_) => {
            format!("{name}: {list} `{text}` is {meant} on {engine}, not on every runtime")
        }
    }
}
