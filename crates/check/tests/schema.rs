//! The published schema of `check --format json`, and real documents against it.

use std::path::Path;

use dropcap_check::render::json::{document, schema};
use dropcap_check::{Options, Report};
use manifest::Loaded;

fn published(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(name)
}

#[test]
fn the_published_schema_is_the_one_of_the_code() {
    for (name, schema) in [
        ("check-v1.json", schema()),
        ("waivers-v1.json", dropcap_check::waiver::file::schema()),
        ("baseline-v1.json", dropcap_check::baseline::schema()),
    ] {
        if std::env::var_os("DROPCAP_UPDATE").is_some() {
            std::fs::write(published(name), &schema).unwrap();
        }
        assert_eq!(std::fs::read_to_string(published(name)).unwrap(), schema, "{name}");
    }
}

#[test]
fn documents_are_as_the_schema_says() {
    let schema = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    // Every example of every rule, a document that cannot be read, a template, and nothing.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/rules");
    let mut loaded = Loaded::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let markdown = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for block in markdown.split("```yaml\n").skip(1) {
            let yaml = block.split("```").next().unwrap();
            loaded.manifests.push(manifest::parse("spec.yaml", yaml));
        }
    }
    loaded.manifests.push(manifest::parse("flat.yaml", "apiVersion: v1\nkind: Pod\nspec:\n"));
    loaded.manifests.push(manifest::parse("chart.yaml", "kind: {{ .Kind }}\n"));
    loaded.failed.push(manifest::Source::read(Path::new("/no/such/file")).unwrap_err());
    assert!(loaded.counts().containers > 20);
    for loaded in [loaded, Loaded::default()] {
        let options = Options::default();
        let report = Report::new(&loaded, &options, true);
        let json = serde_json::to_value(document(&report)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(json["version"], 1);
        let findings = json["findings"].as_array().unwrap().len();
        assert_eq!(findings > 0, loaded.counts().containers > 0);
    }
}

#[test]
fn the_schema_refuses_another_document() {
    let schema = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({ "version": 1 })));
}
