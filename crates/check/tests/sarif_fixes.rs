//! SARIF's `fixes`, applied by a reader of their own: byte for byte what `fix` writes for that finding
//! alone.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

extern crate dropcap_check as check;

use std::cell::Cell;
use std::path::Path;

use check::fix::Class;
use check::render::sarif;
use check::{Checked, Checker, Consent, Finding, Options, Report, Standing};
use manifest::{Loaded, Manifest};
use serde_json::Value;

#[path = "fixes/odd.rs"]
mod odd;

/// Where a line and a column are, as SARIF 3.30 has it: both from 1, lines end as the run says, a
/// byte-order mark is no column.
fn offset(text: &str, line: &Value, column: &Value) -> usize {
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("small");
    let (line, column) = (number(line), number(column));
    let mut at = 0;
    for _ in 1..line {
        let rest = &text[at..];
        let end = rest.find(['\n', '\r']).expect("a line");
        at += end + if rest[end..].starts_with("\r\n") { 2 } else { 1 };
    }
    if text[at..].starts_with('\u{feff}') {
        at += '\u{feff}'.len_utf8();
    }
    let mut characters = text[at..].char_indices().map(|(at, _)| at).chain([text.len() - at]);
    at + characters.nth(column - 1).expect("a column")
}

/// The text with one fix: all replacements, of which the places are those of the old text.
fn applied(text: &str, fix: &Value) -> String {
    let changes = fix["artifactChanges"].as_array().expect("changes");
    assert_eq!(changes.len(), 1);
    let replacements = changes[0]["replacements"].as_array().expect("replacements");
    assert_ne!(replacements.len(), 0);
    let mut pieces: Vec<(usize, usize, &str)> = Vec::new();
    for replacement in replacements {
        let region = &replacement["deletedRegion"];
        let start = offset(text, &region["startLine"], &region["startColumn"]);
        let end = offset(text, &region["endLine"], &region["endColumn"]);
        assert_eq!(region["byteOffset"], start);
        assert_eq!(region["byteLength"], end - start);
        let new = &replacement["insertedContent"]["text"];
        pieces.push((start, end, new.as_str().unwrap_or_default()));
    }
    let mut out = text.to_owned();
    // From behind, so that no place moves before its turn.
    for (start, end, new) in pieces.into_iter().rev() {
        out.replace_range(start..end, new);
    }
    out
}

/// What `fix` makes of a manifest in which one finding is open and all others are answered for.
fn fixed(checker: &Checker, manifest: &Manifest, one: &Finding, place: usize) -> Option<String> {
    let class = one.remedy.fix()?.class;
    let consent = if class == Class::Safe { Consent::Safe } else { Consent::Unsafe };
    let first = Cell::new(true);
    let repaired = checker.repair_but(manifest, consent, &|checked: &mut Checked| {
        let first = first.replace(false);
        for (index, finding) in checked.findings.iter_mut().enumerate() {
            if !first || index != place {
                finding.standing = Standing::Baseline;
            }
        }
    });
    repaired.refused.is_empty().then(|| repaired.source.text().to_owned())
}

/// Compares all findings of one text; gives how many had a fix, safe and unsafe, and how many edits
/// were refused.
fn compare(checker: &Checker, name: &str, text: &str) -> [usize; 3] {
    let manifest = manifest::parse(name, text);
    let options = checker.options.clone();
    let broken = manifest.errors().next().is_some();
    let loaded = Loaded { manifests: vec![manifest], ..Loaded::default() };
    let report = Report::new(&loaded, &options, true);
    let log = sarif::document(&report);
    let results = log["runs"][0]["results"].as_array().expect("results");
    let file = &report.files[0];
    assert_eq!(results.len(), file.checked.findings.len());
    let mut counts = [0; 3];
    for (place, (finding, result)) in file.checked.findings.iter().zip(results).enumerate() {
        let fix = finding.remedy.fix().filter(|_| finding.standing.is_open());
        let Some(fix) = fix else {
            assert_eq!(result.get("fixes"), None);
            continue;
        };
        let expected = fixed(checker, file.manifest, finding, place).filter(|_| !broken);
        let Some(expected) = expected else {
            assert_eq!(result.get("fixes"), None);
            assert!(result["properties"]["fix"]["notWritten"].is_string(), "{result}");
            counts[2] += 1;
            continue;
        };
        let fixes = result["fixes"].as_array().unwrap_or_else(|| panic!("{result}\n{text}"));
        assert_eq!(fixes.len(), 1);
        assert_eq!(applied(text, &fixes[0]), expected, "{}", fix.title);
        let said = fixes[0]["description"]["text"].as_str().expect("a description");
        let unsafe_fix = fix.class == Class::Unsafe;
        assert_eq!(
            said.contains("(unsafe, made by dropcap fix --unsafe-fixes"),
            unsafe_fix,
            "{said}"
        );
        assert_eq!(said.contains("(safe, made by dropcap fix)"), !unsafe_fix, "{said}");
        counts[usize::from(unsafe_fix)] += 1;
    }
    counts
}

#[test]
fn fixes_are_what_fix_writes_for_the_finding_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let given = std::env::var_os("DROPCAP_CORPUS").map(Into::into);
    let checker = Checker::new(Options::default());
    let mut sum = [0; 3];
    for manifest in manifest::load([folder].into_iter().chain(given)).manifests {
        let counts = compare(&checker, manifest.source.name(), manifest.source.text());
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("safe, unsafe, refused: {sum:?}");
    assert!(sum[0] > 0 && sum[1] > 70 && sum[2] > 1, "{sum:?}");
}

#[test]
fn so_they_are_in_odd_yaml() {
    let mut random = odd::Random::new(7);
    let checker = Checker::new(Options::default());
    let mut sum = [0; 3];
    for (length, kind) in (10..400).step_by(9).zip(odd::Kind::ALL.into_iter().cycle()) {
        let text = odd::text(kind, &random.choices(length));
        let counts = compare(&checker, kind.name(), &text);
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("safe, unsafe, refused: {sum:?}");
    assert!(sum[0] > 5 && sum[1] > 30, "{sum:?}");
}

/// New lines end as the file's first one does, whatever the document's own.
#[test]
fn so_they_are_in_documents_of_any_line_ends() {
    let checker = Checker::new(Options::default());
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: i\n";
    let other = pod.replace('\n', "\r\n");
    let lone = pod.replace("    image: i\n", "    image: i # a\r    tty: true\n");
    for documents in [[pod, &other, pod], [&other, pod, &other], [&other, &other, &lone]] {
        let counts = compare(&checker, "t", &documents.join("---\n"));
        assert_eq!(counts, [0, 3, 0]);
    }
}
