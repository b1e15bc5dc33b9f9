//! Workflow commands of GitHub Actions, which become annotations of a change.

use std::fmt::Write as _;

use manifest::Source;

use crate::finding::Finding;
use crate::report::Report;
use crate::severity::Severity;

/// One line a finding that counts: `::error file=web.yaml,line=13,…::message`.
#[must_use]
pub fn lines(report: &Report<'_>) -> String {
    let mut text = String::new();
    for found in report.findings().filter(|found| found.finding.standing.is_open()) {
        line(&mut text, found.source, found.finding);
    }
    text
}

fn line(text: &mut String, source: &Source, finding: &Finding) {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let span = finding.primary.span;
    let (start, end) = (source.position(span.start), source.position(span.end));
    let _ = write!(text, "::{command} file={},line={}", property(source.name()), start.line);
    // Columns are shown for a part of one line only.
    if start.line == end.line {
        let _ = write!(text, ",col={},endColumn={}", start.column, end.column);
    } else {
        let _ = write!(text, ",endLine={}", end.line);
    }
    let _ = writeln!(text, ",title={}::{}", property(finding.rule.id), data(&finding.message));
}

/// What stands behind `::`, actions/toolkit `command.ts` `escapeData`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value in front of it, `escapeProperty`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
