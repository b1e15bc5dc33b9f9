//! SARIF 2.1.0 (OASIS), as code scanning reads it: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>.

use std::collections::HashMap;
use std::fmt::Write as _;

use manifest::{ContainerList, Replacement, Source, Span};
use serde_json::{Value, json};

use crate::alone::Alone;
use crate::checked::CheckedContainer;
use crate::finding::{Finding, Label};
use crate::fix::{Class, Fix, Remedy};
use crate::report::{Found, Report};
use crate::rule::Rule;
use crate::rules::RULES;
use crate::severity::{Confidence, Severity};
use crate::standing::Standing;

/// The log of a run. Columns count characters (`unicodeCodePoints`), from 1; an end is one past the
/// last character.
#[must_use]
pub fn document(report: &Report<'_>) -> Value {
    let mut seen = HashMap::new();
    let mut results = Vec::new();
    for file in &report.files {
        let mut alone = Alone::new(file.manifest);
        results.extend(file.findings().map(|found| {
            let edit = alone.replacements(&file.checked, found.finding);
            result(found, edit, &mut seen)
        }));
    }
    results.extend(report.findings_about().map(|found| result(found, None, &mut seen)));
    let notifications = notifications(report);
    let whole = notifications.iter().all(|problem| problem["level"] != "error");
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "dropcap",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": RULES.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            // As YAML has it; a lone CR is not among SARIF's own.
            "newlineSequences": ["\r\n", "\n", "\r"],
            "invocations": [{
                "executionSuccessful": whole,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
            "properties": {
                "runtime": report.options.runtime.to_string(),
                "runtimeAssumed": report.assumed,
            },
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    let page = rule.markdown();
    let summary = rule.summary().trim();
    json!({
        "id": rule.id,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": summary },
        "help": { "text": page.trim(), "markdown": page.trim() },
        "properties": { "tags": ["security", "capabilities"] },
    })
}

/// Notes are notes in SARIF, too.
const fn level(severity: Severity) -> &'static str {
    severity.word()
}

/// What the text says for an edit, or why it cannot be written.
type Written = Result<Vec<Replacement>, String>;

fn result(found: Found<'_>, edit: Option<Written>, seen: &mut HashMap<u64, usize>) -> Value {
    let Found { source, finding, container, .. } = found;
    let related = finding.related.iter().enumerate();
    let related: Vec<Value> =
        related.map(|(id, label)| related_location(source, id, label)).collect();
    let mut text = finding.message.clone();
    let mut fix = match &finding.remedy {
        Remedy::Edit(fix) => {
            let _ = write!(text, ". Fix ({}): {}", fix.class, fix.title);
            json!({ "class": fix.class, "title": fix.title, "costs": fix.costs })
        }
        Remedy::None { why } => json!({ "class": null, "why": why }),
    };
    if let Some(Err(why)) = &edit {
        fix["notWritten"] = why.as_str().into();
    }
    let index = RULES.iter().position(|rule| *rule == finding.rule);
    let mut location = json!({ "physicalLocation": physical(source, finding.primary.span) });
    if let Some(container) = container {
        location["logicalLocations"] = json!([{
            "fullyQualifiedName": qualified(container),
            "kind": "resource",
        }]);
    }
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [location],
        "relatedLocations": related,
        "partialFingerprints": { "dropcap/v1": fingerprint(source, finding, container, seen) },
        "suppressions": suppressions(source, &finding.standing),
        "properties": {
            "confidence": match finding.confidence {
                Confidence::High => "high",
                Confidence::Medium => "medium",
            },
            "capabilities": finding.capabilities,
            "demandsWaiver": finding.demands_waiver(),
            "fix": fix,
        },
    });
    if let (Some(Ok(replacements)), Some(fix)) = (edit, finding.remedy.fix()) {
        result["fixes"] = json!([suggestion(source, fix, &replacements)]);
    }
    result
}

/// The edit as `fix` writes it for this finding alone; places are those of the text as it is.
fn suggestion(source: &Source, fix: &Fix, replacements: &[Replacement]) -> Value {
    let (flag, costs) = match fix.class {
        Class::Safe => ("dropcap fix", String::new()),
        Class::Unsafe => ("dropcap fix --unsafe-fixes", format!("; {}", fix.costs.join("; "))),
    };
    let replacements = replacements.iter().map(|replacement| {
        let physical = physical(source, replacement.span);
        let mut value = json!({ "deletedRegion": physical["region"] });
        if !replacement.text.is_empty() {
            value["insertedContent"] = json!({ "text": replacement.text });
        }
        value
    });
    let said = format!("{} ({}, made by {flag}{costs})", fix.title, fix.class);
    json!({
        "description": { "text": said },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(source.name()) },
            "replacements": replacements.collect::<Vec<_>>(),
        }],
    })
}

/// Why it does not count: none, and known to be none, if it does. All are accepted: what is not in
/// order suppresses nothing.
fn suppressions(source: &Source, standing: &Standing) -> Vec<Value> {
    let suppression = |kind: &str, why: String| json!({ "kind": kind, "status": "accepted", "justification": why });
    match standing {
        Standing::Open => Vec::new(),
        Standing::Waived { by } => {
            let each = by.iter().map(|cover| {
                let approved = crate::words::list(&cover.approved);
                let why =
                    format!("{} (approved by {approved}, until {})", cover.reason, cover.expires);
                let mut waiver = suppression("external", why);
                waiver["location"] = json!({ "physicalLocation": {
                    "artifactLocation": { "uri": uri(&cover.file.display().to_string()) },
                    "region": { "startLine": cover.line },
                } });
                waiver
            });
            each.collect()
        }
        Standing::Ignored { reason, span } => {
            let mut comment = suppression("inSource", reason.clone());
            comment["location"] = json!({ "physicalLocation": physical(source, *span) });
            vec![comment]
        }
        Standing::Baseline => {
            vec![suppression("external", "it was there when the baseline was written".to_owned())]
        }
    }
}

fn related_location(source: &Source, id: usize, label: &Label) -> Value {
    json!({
        "id": id,
        "physicalLocation": physical(source, label.span),
        "message": { "text": label.text },
    })
}

fn physical(source: &Source, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "artifactLocation": { "uri": uri(source.name()) },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
            "byteOffset": span.start,
            "byteLength": span.end - span.start,
        },
    })
}

/// A path as a relative reference, RFC 3986: what is not unreserved is written `%XX`.
fn uri(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.strip_prefix("./").unwrap_or(name).bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

/// `default/Deployment/web/containers/sidecar`.
fn qualified(container: &CheckedContainer) -> String {
    let namespace = container.namespace.as_deref().unwrap_or_default();
    format!(
        "{namespace}/{}/{}/{}/{}",
        container.kind,
        container.workload_name,
        ContainerList::key(container.list),
        container.name
    )
}

/// The same as long as the same is said of the same words of the same container, on whatever line
/// they stand now. The last digits tell those apart that agree in all of that.
fn fingerprint(
    source: &Source,
    finding: &Finding,
    container: Option<&CheckedContainer>,
    seen: &mut HashMap<u64, usize>,
) -> String {
    let words = source.slice(finding.primary.span);
    let qualified = container.map(qualified).unwrap_or_default();
    let hash = fnv(&[finding.rule.id, source.name(), &qualified, words]);
    let count = seen.entry(hash).or_insert(0);
    *count += 1;
    format!("{hash:016x}:{count}")
}

/// FNV-1a, 64 bits: the standard library's hash may change from release to release.
fn fnv(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What could not be read.
fn notifications(report: &Report<'_>) -> Vec<Value> {
    let unread = report.loaded.failed.iter().map(|error| {
        json!({
            "level": "error",
            "message": { "text": error.to_string() },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(error.name()) } } }],
        })
    });
    let in_text = report.files.iter().flat_map(|file| {
        let source = &file.manifest.source;
        file.manifest.problems.iter().map(|problem| {
            json!({
                "level": match &problem.kind {
                    kind if kind.is_template() => "note",
                    kind if kind.is_warning() => "warning",
                    _ => "error",
                },
                "message": { "text": problem.kind.to_string() },
                "locations": [{ "physicalLocation": physical(source, problem.span) }],
            })
        })
    });
    unread.chain(in_text).collect()
}
