//! What `ps --json` and `doctor --json` print is what the published schemas say.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::path::Path;

use dropcap_jobs::{doctor, ps};
use serde_json::Value;
use sys::procfs::Procfs;

fn is_up_to_date(name: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(name);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, now).expect("the schema is written");
    }
    let published = std::fs::read_to_string(&file).expect("the schema is published");
    assert_eq!(published, now, "run the test with UPDATE_SCHEMA=1 and review the change");
}

/// Valid as it is, and not with nonsense in these places.
fn is_valid(schema: &str, value: &Value, nonsense: &[(&str, Value)]) {
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    for (path, nonsense) in nonsense {
        let mut wrong = value.clone();
        *wrong.pointer_mut(path).expect("it is there") = nonsense.clone();
        assert!(!validator.is_valid(&wrong), "{path}");
    }
}

#[test]
fn the_listing_is_as_published() {
    is_up_to_date("ps-v1.json", &ps::schema());
    let query = ps::Query { all: true, ..ps::Query::default() };
    let listing = ps::list(&Procfs::new(), &query).expect("procfs");
    let value = serde_json::to_value(&listing).expect("JSON");
    let nonsense = [
        ("/lastCapability", "NONSENSE".into()),
        ("/host/0/pid", "one".into()),
        ("/host/0/holds", ["NONSENSE"].as_slice().into()),
        ("/host/0/sets/ambient", Value::Null),
        ("/host/0/userNamespace", "elsewhere".into()),
    ];
    is_valid(&ps::schema(), &value, &nonsense);
}

#[test]
fn the_report_is_as_published() {
    is_up_to_date("doctor-v1.json", &doctor::schema());
    let value = serde_json::to_value(doctor::examine("0.0.0")).expect("JSON");
    let nonsense = [("/facts/0/status", "fine".into()), ("/abilities/0/commands", Value::Null)];
    is_valid(&doctor::schema(), &value, &nonsense);
}
