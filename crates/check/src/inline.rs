//! `# dropcap: ignore[RULE] reason`: findings that a comment beside them answers for.
//!
//! A comment counts for the line it ends, or, alone in its line, for the next line that is no
//! comment: findings of its rules that begin there, or all of a container whose first line or name
//! is there. JSON has no comments.

use manifest::{Comment, Manifest, Source, Span, comments};

use crate::checked::Checked;
use crate::finding::Finding;
use crate::rule::{Rule, Selection};
use crate::rules::inline_ignore::{self, Fault};
use crate::standing::Standing;

const HEAD: &str = "dropcap:";

/// A comment that was read.
struct Ignore {
    span: Span,
    rules: Vec<&'static Rule>,
    reason: String,
    /// The line it is about, from 1.
    line: usize,
}

/// Sets aside what comments answer for, and adds what is wrong with them.
pub(crate) fn apply(manifest: &Manifest, checked: &mut Checked, selection: &Selection) {
    let source = &manifest.source;
    for comment in comments(source, HEAD) {
        let container = container_of(manifest, checked, &comment);
        let mut faults = Vec::new();
        if let Some(ignore) = read(source, &comment, &mut faults) {
            ignore_by(manifest, checked, &ignore, selection, &mut faults);
        }
        if selection.contains(&inline_ignore::RULE) {
            let held = container.and_then(|at| checked.containers.get(at)).and_then(|c| c.held);
            let before = held.unwrap_or_default();
            checked.findings.extend(faults.into_iter().map(|(span, fault)| {
                let finding = inline_ignore::found(span, &fault);
                Finding { container, before, ..finding }
            }));
        }
    }
}

/// What a comment says; what is wrong with it goes to `faults`. Without a reason it says nothing.
fn read(source: &Source, comment: &Comment, faults: &mut Vec<(Span, Fault)>) -> Option<Ignore> {
    let said = comment.text.trim_start().strip_prefix(HEAD)?.trim_start();
    let Some((list, reason)) = said
        .strip_prefix("ignore")
        .and_then(|rest| rest.trim_start().strip_prefix('['))
        .and_then(|rest| rest.split_once(']'))
    else {
        faults.push((comment.span, Fault::Unread));
        return None;
    };
    let mut rules = Vec::new();
    for id in list.split(',').map(str::trim) {
        match Rule::find(id) {
            Some(rule) => rules.push(rule),
            None => faults.push((comment.span, Fault::UnknownRule { id: id.to_owned() })),
        }
    }
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        faults.push((comment.span, Fault::NoReason));
        return None;
    }
    Some(Ignore { span: comment.span, rules, reason, line: line_of(source, comment) })
}

/// The line that a comment is about.
fn line_of(source: &Source, comment: &Comment) -> usize {
    let line = source.position(comment.span.start).line;
    if comment.beside {
        return line;
    }
    let below = source.text()[comment.span.end..].lines().skip(1);
    let comments = below.take_while(|line| line.trim_start().starts_with('#')).count();
    line + comments + 1
}

fn ignore_by(
    manifest: &Manifest,
    checked: &mut Checked,
    ignore: &Ignore,
    selection: &Selection,
    faults: &mut Vec<(Span, Fault)>,
) {
    let source = &manifest.source;
    let starts = |span: Span| source.position(span.start).line;
    let whole: Vec<bool> = checked
        .containers
        .iter()
        .map(|container| {
            let pod = manifest.workloads.get(container.id.workload).map(|w| &w.pod);
            let written = pod.and_then(|pod| pod.containers.get(container.id.container));
            [Some(container.span), written.map(|w| w.span)]
                .into_iter()
                .flatten()
                .any(|span| starts(span) == ignore.line)
        })
        .collect();
    for rule in &ignore.rules {
        let mut used = false;
        for finding in checked.findings.iter_mut().filter(|finding| finding.rule == *rule) {
            let here = starts(finding.primary.span) == ignore.line;
            let whole = finding.container.is_some_and(|at| whole.get(at) == Some(&true));
            if !(here || whole) {
                continue;
            }
            let demanding = finding.demands_waiver();
            used = true;
            if demanding.is_empty() {
                let (reason, span) = (ignore.reason.clone(), ignore.span);
                finding.standing = Standing::Ignored { reason, span };
            } else {
                faults.push((ignore.span, Fault::NotAccepted { rule: rule.id, demanding }));
            }
        }
        // Whether a rule that does not run would find something is not known.
        if !used && selection.contains(rule) {
            faults.push((ignore.span, Fault::Unused { rule: rule.id }));
        }
    }
}

/// The container that a comment stands in.
fn container_of(manifest: &Manifest, checked: &Checked, comment: &Comment) -> Option<usize> {
    let line = line_of(&manifest.source, comment);
    checked.containers.iter().position(|container| {
        let pod = manifest.workloads.get(container.id.workload).map(|w| &w.pod);
        let written = pod.and_then(|pod| pod.containers.get(container.id.container));
        written.is_some_and(|written| {
            let lines = [written.span.start.min(container.span.start), written.span.end]
                .map(|at| manifest.source.position(at).line);
            (lines[0]..=lines[1]).contains(&line)
        })
    })
}
