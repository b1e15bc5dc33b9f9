//! `added-and-dropped`.

use caps::{CapSet, Capability};
use runtime::{Engine, List, Meaning, Refusal, Word};

use crate::dialect;
use crate::engines::engines;
use crate::finding::Finding;
use crate::fix::Change;
use crate::panel::Answer;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds the same name, or `ALL`, under both `add` and `drop`.
    ///
    /// ## What it does
    /// It compares what the words of both lists mean, in whatever spelling, and asks every engine
    /// what comes of the two together. `drop: [ALL]` beside an `add` of single names is the usual
    /// way to write a list and no contradiction.
    ///
    /// ## Why is this bad?
    /// Nobody agrees on who wins. containerd and CRI-O let `drop` win, Docker lets `add` win,
    /// Podman refuses the container, and nerdctl does this or that depending on what else is
    /// dropped. The same manifest holds the capability on one node and not on the next.
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
    ///           drop: [ALL, KILL]
    ///           add: [KILL]
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
    ///           add: [KILL]
    /// ```
    /// Or without the `add`, if the program works without it.
    ///
    /// ## Fix
    /// The word is removed from `add`. That is unsafe: where `add` wins the capability is lost. It
    /// is never removed from `drop`: that would grant it where `drop` wins.
    "added-and-dropped",
    Fixes::Offered("remove it from add; unsafe, on some engines it is held"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() || subject.is_windows() {
        return;
    }
    let mut told: Vec<Meaning> = Vec::new();
    for (word, span) in subject.words(List::Add) {
        let Some(meant) = read(&word).filter(|meant| !told.contains(meant)) else { continue };
        let mut dropped = subject.words(List::Drop);
        let Some((drop, place)) = dropped.find(|(word, _)| read(word) == Some(meant)) else {
            continue;
        };
        told.push(meant);
        let set = match meant {
            Meaning::All => !CapSet::EMPTY,
            Meaning::One(capability) => CapSet::from(capability),
        };
        let held = subject.most().is_some_and(|sets| !(sets.process.bounding & set).is_empty());
        let comes = match meant {
            _ if is_refused(subject.refusal()) => "refuses the container",
            Meaning::All if held => "grants it all the same",
            Meaning::All => "grants nothing by it",
            Meaning::One(_) if held => "keeps it",
            Meaning::One(_) => "leaves it out",
        };
        let (name, engine) = (subject.container_name(), subject.engine());
        let message = {
            let [add, drop] =
                [List::Add, List::Drop].map(|list| dialect::list(subject.format(), list));
            format!("{name}: {meant} is in both {add} and {drop}, {engine} {comes}")
        };
        findings.push(
            Finding::new(&RULE, subject, Severity::Note, span, message)
                .label("added here")
                .related(place, format!("dropped here, as `{}`", drop.text))
                .sure(Confidence::High)
                .note(format!("{}.", everywhere(subject, meant)))
                .fix(subject, &Change::Remove { list: List::Add, word: word.text.clone() }),
        );
    }
}

/// What some engine reads in a word: none reads `CAP_ALL`.
fn read(word: &Word) -> Option<Meaning> {
    word.meant().filter(|meant| *meant != Meaning::All || word.is_all())
}

/// Whether it is the contradiction that is refused, and no other word.
fn is_refused(refusal: Option<&Refusal>) -> bool {
    let contradiction = |refusal| {
        matches!(refusal, &Refusal::AddedAndDropped { .. } | &Refusal::AddedAndDroppedAll { .. })
    };
    refusal.is_some_and(contradiction)
}

/// What the engines make of it, those that agree together.
fn everywhere(subject: &Subject<'_>, meant: Meaning) -> String {
    let witness = match meant {
        // In no default set: it can only come from `ALL`.
        Meaning::All => Capability::SYS_MODULE,
        Meaning::One(capability) => capability,
    };
    let mut groups: Vec<(&str, &str, Vec<Engine>)> = Vec::new();
    for runtime in engines() {
        let answer = Answer::of(runtime, subject.request());
        let (one, many) = match &answer.resolution {
            Some(sets) if !is_refused(answer.refusal.as_ref()) => {
                if sets.bounding().contains(witness) {
                    ("grants it", "grant it")
                } else {
                    ("leaves it out", "leave it out")
                }
            }
            _ => ("refuses the container", "refuse the container"),
        };
        match groups.iter_mut().find(|(known, ..)| *known == one) {
            Some((.., engines)) => engines.push(runtime.engine),
            None => groups.push((one, many, vec![runtime.engine])),
        }
    }
    let part = |(one, many, engines): &(&str, &str, Vec<Engine>)| {
        let names: Vec<&str> = engines.iter().map(|engine| engine.title()).collect();
        format!("{} {}", words::list(&names), if names.len() > 1 { many } else { one })
    };
    groups.iter().map(part).collect::<Vec<_>>().join("; ")
}
