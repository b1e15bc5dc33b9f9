//! What is printed for other programs holds to the published schemas, over the whole corpus.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const CORPUS: &str = "tests/corpus";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// OASIS's schema of SARIF 2.1.0, out of a crate that carries it; it is not ours to keep here.
fn sarif_schema() -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(root().join("tests/schema/Cargo.toml"))
        .output()
        .map_err(|error| format!("needs cargo: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("needs the crate serde-sarif, for its schema: {}", said.trim())
    })?;
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let schema = std::fs::read(manifest.with_file_name("src").join("schema.json")).unwrap();
    let mut schema: Value = serde_json::from_slice(&schema).unwrap();
    let title = "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema";
    assert_eq!(schema["title"], title);
    let patterns = without_language_patterns(&mut schema);
    assert_eq!(patterns, 2, "language of run and toolComponent");
    Ok(schema)
}

/// The schema's pattern of languages has a `]` too many, and is no regular expression.
fn without_language_patterns(schema: &mut Value) -> usize {
    match schema {
        Value::Array(items) => items.iter_mut().map(without_language_patterns).sum(),
        Value::Object(fields) => {
            let language = fields.get_mut("language").and_then(Value::as_object_mut);
            let removed = language.and_then(|language| language.remove("pattern"));
            let below: usize = fields.values_mut().map(without_language_patterns).sum();
            below + usize::from(removed.is_some())
        }
        _ => 0,
    }
}

fn own_schema(name: &str) -> Value {
    let text = std::fs::read(root().join("docs/schema").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// What the command prints of the corpus, of every rule's examples and of what cannot be read.
fn printed(words: &[&str], corpus: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_dropcap"))
        .current_dir(root())
        .args(words)
        .args([corpus, "crates/cli/tests/check", "no/such.yaml"])
        .output()
        .unwrap();
    // Something of it cannot be read.
    assert_eq!(output.status.code(), Some(2), "{words:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn sarif_holds_to_the_schema_of_oasis() {
    let schema = match sarif_schema() {
        Ok(schema) => schema,
        Err(why) => return testkit::skip(&why),
    };
    let log = printed(&["check", "--format", "sarif"], CORPUS);
    assert_eq!(faults(&schema, &log), Vec::<String>::new());
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.len() > 100);
    // The edits among it.
    let fixes = results.iter().filter_map(|result| result["fixes"].as_array());
    assert!(fixes.count() > 50);
    // It does refuse.
    let mut wrong = log;
    wrong["runs"][0]["results"][0]["level"] = "bad".into();
    assert_eq!(faults(&schema, &wrong).len(), 1);
}

#[test]
fn json_holds_to_its_own_schemas() {
    // Of all runtimes it is 48 MB.
    let some = if testkit::is_all_tried() { CORPUS } else { "tests/corpus/kinds" };
    for (schema, words, corpus) in [
        ("check-v1.json", &["check", "--format", "json"][..], CORPUS),
        ("show-v1.json", &["show", "--json"], CORPUS),
        ("show-v1.json", &["show", "--json", "--runtime", "all"], some),
    ] {
        let document = printed(words, corpus);
        assert_eq!(document["version"], 1, "{words:?}");
        assert_eq!(faults(&own_schema(schema), &document), Vec::<String>::new(), "{words:?}");
    }
}
