//! The same for programs.

use crate::{EXAMPLE_POD, MIXED, NGINX_POD, piped};

#[test]
fn json_says_the_same() {
    let output = piped(NGINX_POD, &["--json"]).output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["runtimes"], serde_json::json!(["containerd@2.0"]));
    assert_eq!(report["runtimeAssumed"], true);
    let container = &report["containers"][0];
    assert_eq!(container["container"], "nginx-container");
    assert_eq!(container["position"], serde_json::json!({ "line": 7, "column": 11 }));
    assert_eq!(container["user"], "unknown");
    let answers = container["runtimes"][0]["answers"].as_array().unwrap();
    let effective: Vec<_> = answers.iter().map(|a| a["process"]["effective"].clone()).collect();
    assert_eq!(effective, [serde_json::json!(["NET_BIND_SERVICE"]), serde_json::json!([])]);
    let fates = answers[0]["capabilities"].as_array().unwrap();
    assert_eq!(fates.len(), 41);
    let bind = fates.iter().find(|fate| fate["name"] == "NET_BIND_SERVICE").unwrap();
    assert_eq!(bind["effective"], true);
    assert_eq!(bind["reason"]["kind"], "added");
    assert_eq!(bind["reason"]["position"], serde_json::json!({ "line": 14, "column": 11 }));
    let raw = fates.iter().find(|fate| fate["name"] == "NET_RAW").unwrap();
    assert_eq!(raw["reason"]["phrase"], "removed by drop ALL");
    assert_eq!(answers[0]["cannot"].as_array().unwrap().len(), 5);
}

#[test]
fn json_keeps_to_its_schema() {
    let schema =
        serde_json::from_str(include_str!("../../../../docs/schema/show-v1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for manifest in [EXAMPLE_POD, NGINX_POD, MIXED] {
        for runtime in ["containerd@1.7", "all", "containerd+youki", "containerd+crun@1.28"] {
            let output = piped(manifest, &["--json", "--runtime", runtime]).output().unwrap();
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let wrong: Vec<String> = schema
                .iter_errors(&report)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(wrong, [""; 0], "{runtime}");
        }
    }
}
