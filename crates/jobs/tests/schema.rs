//! What `ps --json` and `doctor --json` print is what the published schemas say.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::path::Path;

use dropcap_jobs::{doctor, ps, why};
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
    is_up_to_date("doctor-v2.json", &doctor::schema());
    let value = serde_json::to_value(doctor::examine("0.0.0")).expect("JSON");
    let nonsense = [
        ("/facts/0/status", "fine".into()),
        ("/backends/0/needs", ["NONSENSE"].as_slice().into()),
        ("/commands/0/usage", Value::Null),
    ];
    is_valid(&doctor::schema(), &value, &nonsense);
}

#[test]
fn the_answer_to_why_is_as_published() {
    is_up_to_date("why-v1.json", &why::schema());
    let call = judge::why::Call {
        what: "chown /x to 33".to_owned(),
        by: "nginx (main)".to_owned(),
        returned: "EPERM".to_owned(),
        uid: Some(0),
        path: Some("/x".to_owned()),
        process: 1,
        count: 1,
        first_ns: 0,
        last_ns: 0,
    };
    let finding = judge::why::Finding {
        cause: judge::why::Cause::Capability {
            any_of: vec![caps::Capability::CHOWN],
            lack: judge::why::Lack::Missing,
        },
        likelihood: judge::why::Likelihood::Sure,
        calls: vec![call],
        remedies: Vec::new(),
    };
    let diagnosis = judge::why::Diagnosis {
        end: judge::why::End::Running,
        findings: vec![finding],
        went_on: Vec::new(),
        unseen: 0,
        incomplete: Vec::new(),
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    securityContext:\n      capabilities:\n        drop: [ALL]\n";
    let manifest = manifest::parse("p.yaml", pod);
    let target = record::observation::Target::Process { pid: 7 };
    let tie = why::Tie::new(&manifest, None, &target, None).expect("a container");
    let report = why::Report::new(vec![why::answer(target, &[diagnosis], Some(&tie))]);
    let value = serde_json::to_value(&report).expect("JSON");
    let nonsense = [
        ("/targets/0/end", "NONSENSE".into()),
        ("/targets/0/causes/0/capabilities/0", "NONSENSE".into()),
        ("/targets/0/causes/0/edit/gives", "NONSENSE".into()),
        ("/targets/0/causes/0/takenBy/words", Value::Null),
    ];
    is_valid(&why::schema(), &value, &nonsense);
}
