//! JUnit XML, as CI systems show it: a suite a file, a test a container. Notes do not fail one, and
//! what somebody answers for makes it a skipped test.

use std::fmt::Write as _;

use manifest::{ContainerList, Source};

use crate::checked::CheckedContainer;
use crate::finding::Finding;
use crate::report::{About, CheckedFile, Report};
use crate::severity::Severity;

/// The document for a run.
#[must_use]
pub fn document(report: &Report<'_>) -> String {
    let totals = report.totals();
    let mut suites: Vec<Suite> = report.files.iter().map(suite).collect();
    suites.extend(report.about.iter().filter(|about| !about.findings.is_empty()).map(aside));
    let failures: usize = suites.iter().map(|suite| suite.failures).sum();
    let errors =
        suites.iter().map(|suite| suite.errors).sum::<usize>() + report.loaded.failed.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let others = suites.iter().map(|suite| suite.asides).sum::<usize>();
    let tests = totals.containers + errors + others;
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
    /// Tests of no container.
    asides: usize,
    failures: usize,
    errors: usize,
    text: String,
}

fn suite(file: &CheckedFile<'_>) -> Suite {
    let source = &file.manifest.source;
    let (mut failures, mut skipped, mut cases) = (0, 0, String::new());
    for (index, container) in file.checked.containers.iter().enumerate() {
        let all = file.checked.findings.iter().filter(|found| found.container == Some(index));
        let said = Said::of(all);
        failures += usize::from(!said.bad.is_empty());
        skipped += usize::from(said.is_skipped());
        let CheckedContainer { kind, workload_name, list, index, name, .. } = container;
        let list = ContainerList::key(*list);
        let name = if name.is_empty() { index.to_string() } else { name.clone() };
        case(
            &mut cases,
            source,
            (&format!("{kind}/{workload_name}"), &format!("{list}/{name}")),
            &said,
        );
    }
    let loose: Vec<&Finding> =
        file.checked.findings.iter().filter(|found| found.container.is_none()).collect();
    for finding in &loose {
        failures += alone(&mut cases, source, finding);
    }
    let problems = file.manifest.problems.iter().filter(|problem| !problem.kind.is_warning());
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
    let tests = file.checked.containers.len() + loose.len() + errors;
    let text = format!(
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n{cases}  \
         </testsuite>\n",
        escaped(source.name())
    );
    Suite { asides: loose.len(), failures, errors, text }
}

/// A file that is no manifest: a test a finding.
fn aside(about: &About) -> Suite {
    let (mut failures, mut cases) = (0, String::new());
    for finding in &about.findings {
        failures += alone(&mut cases, &about.source, finding);
    }
    let (name, tests) = (escaped(about.source.name()), about.findings.len());
    let text = format!(
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n{cases}  \
         </testsuite>\n"
    );
    Suite { asides: tests, failures, errors: 0, text }
}

/// A test of its own for a finding about no container; returns how many fail by it.
fn alone(cases: &mut String, source: &Source, finding: &Finding) -> usize {
    let said = Said::of(std::iter::once(finding));
    let line = source.position(finding.primary.span.start).line;
    case(cases, source, (finding.rule.id, &format!("line {line}")), &said);
    said.bad.len()
}

/// What is said of one container.
struct Said<'f> {
    /// What fails it.
    bad: Vec<&'f Finding>,
    notes: Vec<&'f Finding>,
    /// What does not count.
    answered: Vec<&'f Finding>,
}

impl<'f> Said<'f> {
    fn of(all: impl Iterator<Item = &'f Finding>) -> Self {
        let (open, answered): (Vec<_>, Vec<_>) = all.partition(|found| found.standing.is_open());
        let (notes, bad) = open.into_iter().partition(|found| found.severity == Severity::Note);
        Self { bad, notes, answered }
    }

    /// Nothing fails it, and something would but for what somebody answers for.
    fn is_skipped(&self) -> bool {
        self.bad.is_empty() && self.answered.iter().any(|found| found.severity > Severity::Note)
    }
}

fn case(text: &mut String, source: &Source, (class, name): (&str, &str), said: &Said<'_>) {
    let _ =
        write!(text, "    <testcase classname=\"{}\" name=\"{}\"", escaped(class), escaped(name));
    let Said { bad, notes, answered } = said;
    if bad.is_empty() && notes.is_empty() && answered.is_empty() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    let line = |finding: &Finding| {
        let mut line = format!(
            "{}: {} [{}]: {}",
            source.locate(finding.primary.span),
            finding.severity,
            finding.rule.id,
            finding.message
        );
        if let Some(why) = finding.standing.why() {
            let _ = write!(line, " ({why})");
        }
        line
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
    if said.is_skipped() {
        let all: Vec<String> = answered.iter().map(|finding| line(finding)).collect();
        let _ = writeln!(text, "      <skipped message=\"{}\"/>", escaped(&all.join("\n")));
    }
    let more = if said.is_skipped() { &[][..] } else { answered.as_slice() };
    let all: Vec<String> = notes.iter().chain(more).map(|finding| line(finding)).collect();
    if !all.is_empty() {
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
