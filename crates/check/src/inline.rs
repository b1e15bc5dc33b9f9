//! `# dropcap: ignore[RULE] reason`: findings that a comment beside them answers for.
//!
//! A comment counts for the line it ends, or, alone in its line, for the next line that is no
//! comment: findings of its rules that begin there, or all of a container whose first line or name
//! is there. Beside a word of what is added it counts for that word, also where the finding is about the
//! whole list (`over-granted`). JSON has no comments.

use std::collections::HashMap;

use manifest::{Comment, Container, Manifest, Source, Span};

use crate::checked::Checked;
use crate::finding::Finding;
use crate::rule::{Rule, Selection};
use crate::rules::inline_ignore::{self, Fault};
use crate::standing::{Answered, Standing};

/// What such a comment begins with.
pub(crate) const HEAD: &str = "dropcap:";

/// So many other comment lines may stand between a comment and its line: a bound on time.
const MOST_BETWEEN: usize = 64;

/// A comment that was read.
struct Ignore {
    span: Span,
    rules: Vec<&'static Rule>,
    reason: String,
    /// The line it is about, from 1.
    line: usize,
}

/// All comments of a manifest that may be such ones.
pub(crate) fn comments(manifest: &Manifest) -> Vec<Comment> {
    manifest::comments(&manifest.source, HEAD)
}

/// The lines that comments with a reason answer for what a rule finds in, each with why it stays.
pub(crate) fn lines_of(
    rule: &'static Rule,
    source: &Source,
    comments: &[Comment],
) -> HashMap<usize, String> {
    let of_rule = |comment: &Comment| {
        let Ignore { span, rules, reason, line } =
            read(comment, line_of(source, comment), &mut Vec::new())?;
        let why = Standing::Ignored { reason, span }.why()?;
        rules.contains(&rule).then_some((line, why))
    };
    comments.iter().filter_map(of_rule).collect()
}

/// The words under `add` that begin in these lines.
pub(crate) fn words_in(
    lines: &HashMap<usize, String>,
    source: &Source,
    container: &Container,
) -> Vec<Answered> {
    if lines.is_empty() {
        return Vec::new();
    }
    let words = container.security.add();
    let answered = |span: Span| {
        let why = lines.get(&source.position(span.start).line)?;
        Some(Answered { span, why: why.clone() })
    };
    words.filter_map(|word| answered(word.span)).collect()
}

/// Sets aside what comments answer for, and adds what is wrong with them; the findings stay in the
/// order of containers, then of the text, those of no container first.
pub(crate) fn apply(
    manifest: &Manifest,
    comments: &[Comment],
    checked: &mut Checked,
    selection: &Selection,
) {
    if comments.is_empty() {
        return;
    }
    let source = &manifest.source;
    let lines = Lines::of(manifest, checked);
    for comment in comments {
        let line = line_of(source, comment);
        let container = lines.container_at(line);
        let mut faults = Vec::new();
        if let Some(ignore) = read(comment, line, &mut faults) {
            ignore_by(&lines, checked, &ignore, selection, &mut faults);
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
    checked.findings.sort_by_key(|finding| (finding.container, finding.primary.span));
}

/// What begins on which line.
struct Lines {
    /// Findings, by their places.
    findings: HashMap<usize, Vec<usize>>,
    /// Findings of a container, by the line of its name and its first line.
    containers: HashMap<usize, Vec<usize>>,
    /// The first and the last line of each container with its place, in the order of the text.
    extents: Vec<(usize, usize, usize)>,
}

impl Lines {
    fn of(manifest: &Manifest, checked: &Checked) -> Self {
        let source = &manifest.source;
        let starts = |span: Span| source.position(span.start).line;
        let mut lines =
            Self { findings: HashMap::new(), containers: HashMap::new(), extents: Vec::new() };
        let mut of_container: Vec<Vec<usize>> = vec![Vec::new(); checked.containers.len()];
        for (at, finding) in checked.findings.iter().enumerate() {
            lines.findings.entry(starts(finding.primary.span)).or_default().push(at);
            if let Some(all) = finding.container.and_then(|c| of_container.get_mut(c)) {
                all.push(at);
            }
        }
        for (at, (container, findings)) in checked.containers.iter().zip(of_container).enumerate() {
            let pod = manifest.workloads.get(container.id.workload).map(|w| &w.pod);
            let written = pod.and_then(|pod| pod.containers.get(container.id.container));
            let name = starts(container.span);
            let (first, last) = written.map_or((name, name), |written| {
                let first = starts(written.span).min(name);
                (first, source.position(written.span.end).line)
            });
            lines.extents.push((first, last, at));
            for line in [Some(name), (first != name).then_some(first)].into_iter().flatten() {
                lines.containers.entry(line).or_default().extend(&findings);
            }
        }
        lines.extents.sort_unstable();
        lines
    }

    /// The container that a line is in.
    fn container_at(&self, line: usize) -> Option<usize> {
        let behind = self.extents.partition_point(|(first, ..)| *first <= line);
        let (_, last, at) = self.extents.get(behind.checked_sub(1)?)?;
        (line <= *last).then_some(*at)
    }

    /// The findings that a comment about a line is about.
    fn at(&self, line: usize) -> impl Iterator<Item = usize> {
        let here = self.findings.get(&line).into_iter().flatten();
        here.chain(self.containers.get(&line).into_iter().flatten()).copied()
    }
}

/// What a comment says; what is wrong with it goes to `faults`. Without a reason it says nothing.
fn read(comment: &Comment, line: usize, faults: &mut Vec<(Span, Fault)>) -> Option<Ignore> {
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
    Some(Ignore { span: comment.span, rules, reason, line })
}

/// The line that a comment is about.
fn line_of(source: &Source, comment: &Comment) -> usize {
    let line = source.position(comment.span.start).line;
    if comment.beside {
        return line;
    }
    let below = source.text()[comment.span.end..].lines().skip(1).take(MOST_BETWEEN);
    let comments = below.take_while(|line| line.trim_start().starts_with('#')).count();
    line + comments + 1
}

fn ignore_by(
    lines: &Lines,
    checked: &mut Checked,
    ignore: &Ignore,
    selection: &Selection,
    faults: &mut Vec<(Span, Fault)>,
) {
    for rule in &ignore.rules {
        let mut used = false;
        for at in lines.at(ignore.line) {
            let finding = checked.findings.get_mut(at).filter(|finding| finding.rule == *rule);
            let Some(finding) = finding else { continue };
            let demanding = finding.demands_waiver();
            if demanding.is_empty() {
                let (reason, span) = (ignore.reason.clone(), ignore.span);
                finding.standing = Standing::Ignored { reason, span };
            } else if !used {
                faults.push((ignore.span, Fault::NotAccepted { rule: rule.id, demanding }));
            }
            used = true;
        }
        // Whether a rule that does not run would find something is not known.
        if !used && selection.contains(rule) {
            faults.push((ignore.span, Fault::Unused { rule: rule.id }));
        }
    }
}
