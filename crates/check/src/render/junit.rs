//! JUnit XML, as CI systems show it: a suite a file, a test a container. Notes do not fail one.

use std::fmt::Write as _;

use manifest::{ContainerList, Source};

use crate::checked::CheckedContainer;
use crate::finding::Finding;
use crate::report::{CheckedFile, Report};
use crate::severity::Severity;

/// The document for a run.
#[must_use]
pub fn document(report: &Report<'_>) -> String {
    let totals = report.totals();
    let suites: Vec<Suite> = report.files.iter().map(suite).collect();
    let failures: usize = suites.iter().map(|suite| suite.failures).sum();
    let errors =
        suites.iter().map(|suite| suite.errors).sum::<usize>() + report.loaded.failed.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tests = totals.containers + errors;
    let _ = writeln!(
        text,
        "<testsuites name=\"dropcap check\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
    );
    for error in &report.loaded.failed {
        let name = escaped(error.name());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase \
             classname=\"{name}\" name=\"it is read\"><error message=\"{}\"/></testcase>\n  </testsuite>",
            escaped(&error.to_string())
        );
    }
    suites.iter().for_each(|suite| text.push_str(&suite.text));
    text.push_str("</testsuites>\n");
    text
}

struct Suite {
    failures: usize,
    errors: usize,
    text: String,
}

fn suite(file: &CheckedFile<'_>) -> Suite {
    let source = &file.manifest.source;
    let (mut failures, mut cases) = (0, String::new());
    for (index, container) in file.checked.containers.iter().enumerate() {
        let all = file.checked.findings.iter().filter(|finding| finding.container == index);
        let (notes, bad): (Vec<&Finding>, Vec<&Finding>) =
            all.partition(|finding| finding.severity == Severity::Note);
        failures += usize::from(!bad.is_empty());
        case(&mut cases, source, container, &bad, &notes);
    }
    let problems = file.manifest.problems.iter().filter(|problem| !problem.kind.is_template());
    let mut errors = 0;
    for problem in problems {
        errors += 1;
        let _ = writeln!(
            cases,
            "    <testcase classname=\"{}\" name=\"document {}\"><error message=\"{}\"/></testcase>",
            escaped(source.name()),
            problem.document,
            escaped(&format!("{}: {}", source.locate(problem.span), problem.kind))
        );
    }
    let tests = file.checked.containers.len() + errors;
    let text = format!(
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n{cases}  \
         </testsuite>\n",
        escaped(source.name())
    );
    Suite { failures, errors, text }
}

fn case(
    text: &mut String,
    source: &Source,
    container: &CheckedContainer,
    bad: &[&Finding],
    notes: &[&Finding],
) {
    let CheckedContainer { kind, workload_name, list, index, name, .. } = container;
    let list = ContainerList::key(*list);
    let name = if name.is_empty() { index.to_string() } else { name.clone() };
    let class = escaped(&format!("{kind}/{workload_name}"));
    let _ = write!(
        text,
        "    <testcase classname=\"{class}\" name=\"{}\"",
        escaped(&format!("{list}/{name}"))
    );
    if bad.is_empty() && notes.is_empty() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    let line = |finding: &Finding| {
        format!(
            "{}: {} [{}]: {}",
            source.locate(finding.primary.span),
            finding.severity,
            finding.rule.id,
            finding.message
        )
    };
    if let Some(first) = bad.iter().max_by_key(|finding| finding.severity) {
        let all: Vec<String> = bad.iter().map(|finding| line(finding)).collect();
        let _ = writeln!(
            text,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            first.rule.id,
            escaped(&first.message),
            escaped(&all.join("\n"))
        );
    }
    if !notes.is_empty() {
        let all: Vec<String> = notes.iter().map(|finding| line(finding)).collect();
        let _ = writeln!(text, "      <system-out>{}</system-out>", escaped(&all.join("\n")));
    }
    text.push_str("    </testcase>\n");
}

/// For text and attributes. A character that XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
