//! SARIF regions: what lies between line and column is what is meant, whatever the file is made of.

use std::path::Path;

use serde_json::Value;

use super::{log, results, with};

/// With tabs, and characters of two and four bytes before, in and behind what is found.
const POD: &str = "apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  securityContext: {runAsUser: 0}
  containers:
    - name: \"🐳é\" # für 🐳
      securityContext:\t# 🐳
        capabilities: {\tadd: [\"sys_🐳\", sys_admin,\tSYS_TIME], drop: [CAP_KILL] } # 🐳
";

/// What a reader of the log sees at a region: lines end as the run says, a byte-order mark is no
/// character of the text (SARIF 2.1.0, 3.30.2), and columns count characters.
fn cut(text: &str, region: &Value) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
    let offset = |line: &str, column: &str| {
        let mut start = 0;
        for _ in 1..number(line) {
            let end = text[start..].find(['\r', '\n']).unwrap() + start;
            start = end + if text[end..].starts_with("\r\n") { 2 } else { 1 };
        }
        let rest = text[start..].char_indices().map(|(at, _)| at).chain([text.len() - start]);
        start + rest.take(number(column)).last().unwrap()
    };
    text[offset("startLine", "startColumn")..offset("endLine", "endColumn")].to_owned()
}

/// All regions of a value, related places and problems among them, with the file's name.
fn regions(value: &Value, found: &mut Vec<(String, Value)>) {
    if let Some(region) = value.get("region") {
        let uri = value["artifactLocation"]["uri"].as_str().unwrap();
        found.push((uri.to_owned(), region.clone()));
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| regions(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| regions(field, found)),
        _ => {}
    }
}

/// Every region of the log of a text, by line and column and by bytes.
fn all(log: &Value, text: impl Fn(&str) -> String) -> usize {
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["newlineSequences"], serde_json::json!(["\r\n", "\n", "\r"]));
    let mut found = Vec::new();
    regions(log, &mut found);
    for (name, region) in &found {
        let text = text(name);
        let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
        let start = number("byteOffset");
        let bytes = &text[start..start + number("byteLength")];
        assert_eq!(cut(&text, region), bytes.trim_start_matches('\u{feff}'), "{name}: {region}");
    }
    found.len()
}

#[test]
fn a_region_is_what_is_meant_in_every_kind_of_text() {
    let expected = [
        ("unknown-capability", "\"sys_🐳\""),
        ("capability-spelling", "sys_admin"),
        ("dangerous-capability", "sys_admin"),
        ("dangerous-capability", "SYS_TIME"),
        ("drop-all-missing", "[CAP_KILL]"),
        ("capability-spelling", "CAP_KILL"),
    ];
    for (kind, text) in [
        ("LF", POD.to_owned()),
        ("CR LF", POD.replace('\n', "\r\n")),
        ("CR", POD.replace('\n', "\r")),
        ("BOM", format!("\u{feff}{POD}")),
        ("BOM and CR LF", format!("\u{feff}{}", POD.replace('\n', "\r\n"))),
        ("behind another document", format!("# 🐳\r\n---\r\n\r{POD}")),
        ("no line feed at the end", POD.trim_end().to_owned()),
    ] {
        let log = log(&[("p.yaml", &text)]);
        let found: Vec<(&str, String)> = results(&log)
            .iter()
            .map(|result| {
                let region = &result["locations"][0]["physicalLocation"]["region"];
                (result["ruleId"].as_str().unwrap(), cut(&text, region))
            })
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(rule, text)| (*rule, &**text)).collect();
        assert_eq!(found, expected, "{kind}");
        assert!(all(&log, |_| text.clone()) >= expected.len(), "{kind}");
    }
}

#[test]
fn every_region_of_the_corpus_is_the_same_by_bytes_and_by_columns() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut loaded = manifest::load([&folder]);
    for (number, manifest) in loaded.manifests.iter_mut().enumerate() {
        let text = manifest.source.text().to_owned();
        *manifest = manifest::parse(&format!("{number}.yaml"), text);
    }
    loaded.failed.clear();
    let log = with(&loaded, super::sarif::document);
    let count = all(&log, |name| {
        let number: usize = name.trim_end_matches(".yaml").parse().unwrap();
        loaded.manifests[number].source.text().to_owned()
    });
    assert!(count > 200, "{count}");
}
