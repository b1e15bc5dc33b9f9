//! For a person: an excerpt with carets for each finding.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};
use manifest::{Position, Source, Span};

use crate::finding::{Finding, Label};
use crate::fix::{Class, Remedy};
use crate::holding::Held;
use crate::report::{Report, Sum, Totals};
use crate::severity::Severity;
use crate::words;

/// Of a longer line only the part around the finding is shown: minified JSON is one line.
const MAX_LINE: usize = 500;

/// As wide as the narrowest terminal that people use.
const WIDTH: usize = 80;

/// What is left of 80 columns behind `   = note: `.
const MESSAGE_WIDTH: usize = 68;

/// One finding, without a newline at the end. `runtime` is how the runtime is called.
#[must_use]
pub fn finding(source: &Source, finding: &Finding, runtime: &str, colour: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(title(finding)).id(finding.rule.id);
    let mut group = Group::with_title(title);
    let mut notes = Vec::new();
    match excerpt(source, finding) {
        Some(Excerpt { snippet, elsewhere, whole_lines }) => {
            if !whole_lines {
                // The excerpt cannot tell the column.
                group = group.element(origin(source, finding));
            }
            group = group.element(snippet);
            notes.extend(elsewhere);
        }
        None => group = group.element(origin(source, finding)),
    }
    notes.extend(finding.notes.iter().cloned());
    for note in &notes {
        group = group.element(Level::NOTE.message(message(note)));
    }
    if finding.container.is_some() {
        let held = format!("{} on {runtime}", change(finding));
        group = group.element(Level::NOTE.with_name("held").message(message(&held)));
    }
    for line in remedy(&finding.remedy) {
        group = group.element(Level::HELP.with_name("fix").message(message(&line)));
    }
    for help in &finding.help {
        group = group.element(Level::HELP.message(message(help)));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(DEFAULT_TERM_WIDTH).render(&[group])
}

/// The message beside `warning[rule]: `, in lines that fit into 80 columns with that.
fn title(finding: &Finding) -> String {
    let before = finding.severity.word().len() + finding.rule.id.len() + "[]: ".len();
    textwrap::fill(&clean(&finding.message), lines_of(WIDTH - before))
}

fn origin<'a>(source: &'a Source, finding: &Finding) -> Origin<'a> {
    let at = source.position(finding.primary.span.start);
    Origin::path(source.shown_name()).line(at.line).char_column(at.column)
}

/// A message may quote the manifest, which is nobody's friend: no control character gets through,
/// neither those of ASCII nor those that follow it (U+009B starts an escape sequence, too).
#[must_use]
pub fn clean(text: &str) -> String {
    // A line break in a name would make a line of its own.
    normalize_untrusted_str(&without_c1(text)).replace('\n', "␊").replace('\r', "␍")
}

/// The stand-in is as long in UTF-8 as what it stands for, so that offsets stay.
fn without_c1(text: &str) -> Cow<'_, str> {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if text.contains(is_c1) { text.replace(is_c1, "·").into() } else { text.into() }
}

/// So that a message and what stands before it fit into 80 columns.
fn message(text: &str) -> String {
    textwrap::fill(&clean(text), lines_of(MESSAGE_WIDTH))
}

/// `14 -> 0`, or `14` where nothing is proposed that changes it.
/// So wide, and no word broken: neither a path nor an option nor a CVE's number.
fn lines_of(width: usize) -> textwrap::Options<'static> {
    let no_hyphens = textwrap::WordSplitter::NoHyphenation;
    textwrap::Options::new(width).break_words(false).word_splitter(no_hyphens)
}

fn change(finding: &Finding) -> String {
    let before = held(&finding.before);
    match finding.remedy.fix() {
        Some(fix) if fix.after != finding.before => format!("{before} -> {}", held(&fix.after)),
        _ => before,
    }
}

/// How much is held, and what could come back where that is more.
#[must_use]
pub fn held(held: &Held) -> String {
    let more = held.reach() - held.effective;
    if more.is_empty() {
        held.effective.len().to_string()
    } else {
        format!("{} (+{} within reach)", held.effective.len(), more.len())
    }
}

fn remedy(remedy: &Remedy) -> Vec<String> {
    match remedy {
        Remedy::None { why } if why.is_empty() => Vec::new(),
        Remedy::None { why } => vec![format!("none: {why}")],
        Remedy::Edit(fix) => {
            let mut line = format!("{} ({})", fix.title, fix.class);
            if fix.class == Class::Unsafe && !fix.costs.is_empty() {
                line.push_str(": ");
                line.push_str(&fix.costs.join("; "));
            }
            vec![line]
        }
    }
}

/// An excerpt of the manifest.
struct Excerpt<'a> {
    snippet: Snippet<'a, Annotation<'a>>,
    /// Related places that are not in it.
    elsewhere: Vec<String>,
    /// Whether it starts where a line does.
    whole_lines: bool,
}

/// The lines around the finding, and what of the related places lies outside them.
fn excerpt<'a>(source: &'a Source, finding: &'a Finding) -> Option<Excerpt<'a>> {
    let text = source.text();
    let line = line_of(text, finding.primary.span.start)?;
    let long = line.len() > MAX_LINE;
    let shown = if long { window(text, &line, finding.primary.span) } else { line };
    let (mut near, mut far) = (vec![&finding.primary], Vec::new());
    let mut range = shown.clone();
    for label in &finding.related {
        match line_of(text, label.span.start) {
            Some(line) if !long && line.len() <= MAX_LINE => {
                range = range.start.min(line.start)..range.end.max(line.end);
                near.push(label);
            }
            _ => far.push(elsewhere(source, label)),
        }
    }
    // The byte-order mark has no width and no place in an excerpt.
    if text[range.clone()].starts_with('\u{feff}') {
        range.start += '\u{feff}'.len_utf8();
    }
    let Position { line, .. } = source.position(range.start);
    let annotations = near.into_iter().enumerate().map(|(index, label)| {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(within(text, label.span, &range));
        if label.text.is_empty() { annotation } else { annotation.label(clean(&label.text)) }
    });
    let mut snippet = Snippet::source(without_c1(&text[range.clone()])).line_start(line).fold(true);
    if !long {
        snippet = snippet.path(source.shown_name());
    }
    let snippet = snippet.annotations(annotations.collect::<Vec<_>>());
    Some(Excerpt { snippet, elsewhere: far, whole_lines: !long })
}

fn elsewhere(source: &Source, label: &Label) -> String {
    let at = source.position(label.span.start);
    format!("{} (line {}, column {})", label.text, at.line, at.column)
}

/// The line that `offset` is in, without its end.
fn line_of(text: &str, offset: usize) -> Option<Range<usize>> {
    let before = text.get(..offset)?;
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let end = text[offset..].find(['\n', '\r']).map_or(text.len(), |at| offset + at);
    Some(start..end)
}

/// A part of a long line around `span`, cut between characters.
fn window(text: &str, line: &Range<usize>, span: Span) -> Range<usize> {
    let wanted = span.start.saturating_sub(MAX_LINE / 4)..span.start + MAX_LINE / 4;
    let start = text.ceil_char_boundary(wanted.start.max(line.start));
    start..text.floor_char_boundary(wanted.end.min(line.end))
}

/// The part of `span` on its first line, counted from the start of `range`; never empty, so that
/// there is something to point at.
fn within(text: &str, span: Span, range: &Range<usize>) -> Range<usize> {
    let line_end = text[span.start..range.end.max(span.start)]
        .find(['\n', '\r'])
        .map_or(range.end, |at| span.start + at);
    let start = span.start.clamp(range.start, range.end);
    let end = span.end.min(line_end).clamp(start, range.end);
    start - range.start..end - range.start
}

/// The end of a report with findings: what there is, what is held and would be, what `fix` does.
#[must_use]
pub fn summary(report: &Report<'_>, runtime: &str) -> Vec<String> {
    let totals = report.totals();
    let mut parts = Vec::new();
    for (number, noun) in
        [(totals.errors, "error"), (totals.warnings, "warning"), (totals.notes, "note")]
    {
        if number > 0 {
            parts.push(words::count(number, noun));
        }
    }
    let mut line = format!(
        "{} in {} of {}, {}",
        words::list(&parts),
        totals.found,
        words::count(totals.containers, "container"),
        words::count(report.files.len(), "file"),
    );
    if let Some(answered) = answered(&totals) {
        line.push_str(&format!("; {answered}"));
    }
    let mut lines = vec![line];
    if totals.safe + totals.not_safe + totals.by_profile > 0 {
        let (before, after) = (&totals.before, &totals.after);
        lines.push(format!("held on {runtime}: {} -> {} after all edits", sum(before), sum(after)));
        if !before.escape.is_empty() {
            lines.push(format!("escape class: {} -> {}", before.escape, after.escape));
        }
        let mut ways = Vec::new();
        // What is safe may be so by a profile.
        let learnt = !report.options.learnt.is_empty();
        let fix = if learnt { "dropcap fix --profile" } else { "dropcap fix" };
        if totals.by_profile > 0 {
            let containers = words::count(totals.by_profile, "container");
            let need = if totals.by_profile == 1 { "needs" } else { "need" };
            ways.push(format!("`{fix}` writes what {containers} {need}"));
        }
        if totals.safe > 0 {
            ways.push(format!("`{fix}` makes {}", words::count(totals.safe, "safe edit")));
        }
        if totals.not_safe > 0 {
            let edits = words::count(totals.not_safe, "unsafe edit");
            ways.push(format!("{edits} with --unsafe-fixes, at your own risk"));
        }
        lines.push(ways.join("; "));
    }
    if totals.refused > 0 {
        let containers = words::count(totals.refused, "container");
        lines.push(format!("{containers} cannot be edited by `dropcap fix`, which says why"));
    }
    let options = lines_of(WIDTH).subsequent_indent("  ");
    let lines = lines.iter().flat_map(|line| textwrap::wrap(line, options.clone()));
    lines.map(Cow::into_owned).collect()
}

/// How many findings do not count, by why: `2 waived, 1 ignored inline`; `None` if all do.
#[must_use]
pub fn answered(totals: &Totals) -> Option<String> {
    let Totals { waived, ignored, baseline, .. } = *totals;
    let parts: Vec<String> =
        [(waived, "waived"), (ignored, "ignored inline"), (baseline, "in the baseline")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn sum(sum: &Sum) -> String {
    if sum.within_reach == 0 {
        sum.effective.to_string()
    } else {
        format!("{} (+{} within reach)", sum.effective, sum.within_reach)
    }
}
