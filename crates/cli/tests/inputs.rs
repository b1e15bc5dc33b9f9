//! What `show` and `check` take besides Kubernetes manifests: Compose, OCI, a user's own kinds,
//! standard input; and what they say of what cannot be read.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const COMPOSE: &str = "\
services:
  web:
    image: nginx
    user: \"1000\"
    cap_drop: [ALL]
    cap_add: [SYS_ADMIN]
    security_opt: [no-new-privileges]
";
const OCI: &str = r#"{"ociVersion": "1.2.0", "hostname": "box",
 "process": {"user": {"uid": 1000}, "args": ["x"], "cwd": "/", "capabilities": {
  "bounding": ["CAP_KILL", "CAP_SYS_ADMIN", "CAP_NOTHING"], "effective": ["CAP_KILL"],
  "permitted": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}}}
"#;
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}\n";

/// Runs dropcap in a folder with these files, with something on standard input.
fn run(files: &[(&str, &str)], words: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let mut child = Command::new(testkit::dropcap())
        .args(words)
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap runs");
    // It may have ended over its arguments and read nothing.
    let _ = child.stdin.take().expect("standard input").write_all(input.as_bytes());
    child.wait_with_output().expect("dropcap ends")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", err(output)))
}

#[test]
fn compose_is_dockers_unless_a_runtime_is_named() {
    let files = [("compose.yaml", COMPOSE), ("pod.yaml", POD)];
    let shown = json(&run(&files, &["show", "--json", "."], ""));
    let runtimes: Vec<_> = shown["containers"]
        .as_array()
        .expect("containers")
        .iter()
        .map(|c| (c["kind"].as_str(), c["runtimes"][0]["runtime"].as_str()))
        .collect();
    assert_eq!(
        runtimes,
        [(Some("ComposeService"), Some("docker")), (Some("Pod"), Some("containerd@2.0"))]
    );
    let web = &shown["containers"][0];
    assert_eq!((&web["runAsUser"], &web["noNewPrivs"]), (&Value::from(1000), &Value::from(true)));
    let sets = &web["runtimes"][0]["answers"][0]["process"];
    assert_eq!(sets["bounding"], serde_json::json!(["SYS_ADMIN"]));
    assert_eq!(sets["effective"], serde_json::json!([]));
    let named = json(&run(&files, &["show", "--json", "-r", "crio", "."], ""));
    assert_eq!(named["containers"][0]["runtimes"][0]["runtime"], "crio");
    let text = out(&run(&files, &["show", "."], ""));
    assert!(text.starts_with("For containerd 2.0, Docker for Compose, which is assumed"), "{text}");
    let text = out(&run(&files, &["show", "compose.yaml"], ""));
    assert!(text.starts_with("For Docker, which is assumed"), "{text}");
}

#[test]
fn an_oci_configuration_is_taken_as_it_is_written() {
    let shown = json(&run(&[("config.json", OCI)], &["show", "--json", "config.json"], ""));
    let answer = &shown["containers"][0]["runtimes"][0]["answers"][0];
    let process = &answer["process"];
    assert_eq!(process["bounding"], serde_json::json!(["KILL", "SYS_ADMIN"]));
    for set in ["effective", "permitted", "inheritable", "ambient"] {
        assert_eq!(process[set], serde_json::json!(["KILL"]), "{set}");
    }
    let crun =
        json(&run(&[("c.json", OCI)], &["show", "--json", "-r", "containerd+crun", "c.json"], ""));
    let refused = crun["containers"][0]["runtimes"][0]["refused"].as_str().expect("refused");
    assert!(refused.ends_with("\"CAP_NOTHING\" names no capability"), "{refused}");
    // Nobody asked for `drop: [ALL]` there: only what is held can be wrong.
    let checked = json(&run(&[("c.json", OCI)], &["check", "--format", "json", "c.json"], ""));
    let rules: Vec<_> = checked["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    assert_eq!(rules, ["set-uid-regain", "dangerous-capability", "set-without-effect"]);
    let void = &answer["withoutEffect"][0];
    assert_eq!((&void["name"], &void["kind"]), (&"CAP_NOTHING".into(), &"unread".into()));
    let text = run(&[("c.json", OCI)], &["show", "c.json"], "");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("runc leaves `CAP_NOTHING` out of bounding"), "{text}");
}

#[test]
fn kinds_of_ones_own_are_read_from_a_file() {
    let kinds =
        "[[kinds]]\nkind = \"WebApp\"\ngroup = \"example.com\"\npods = [\"spec.workers[].pod\"]\n";
    let app = "apiVersion: example.com/v1\nkind: WebApp\nmetadata: {name: w}\n\
        spec: {workers: [{name: one, pod: {containers: [{name: c}]}}]}\n";
    let files = [("kinds.toml", kinds), ("app.yaml", app)];
    let without = run(&files, &["show", "app.yaml"], "");
    assert!(err(&without).contains("found no containers"), "{}", err(&without));
    let with = run(&files, &["show", "--json", "--kinds", "kinds.toml", "app.yaml"], "");
    assert_eq!(json(&with)["containers"][0]["workload"], "w/one");
    let checked = run(&files, &["check", "--kinds", "kinds.toml", "app.yaml"], "");
    assert_eq!(checked.status.code(), Some(1));
    let wrong = run(&[("kinds.toml", "kinds = 1")], &["show", "--kinds", "kinds.toml", "-"], "");
    assert!(err(&wrong).contains("kinds.toml: ") && err(&wrong).contains("expected [[kinds]]"));
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn standard_input_is_read_and_everything_that_is_not_is_said() {
    let stream = format!("{POD}---\nkind: {{{{ .Kind }}}}\n---\na: [\n---\n{POD}");
    let shown = run(&[], &["show", "--json", "-"], &stream);
    assert_eq!(shown.status.code(), Some(2));
    let shown_json = json(&shown);
    assert_eq!(shown_json["containers"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown_json["counts"]["templates"], 1);
    assert_eq!(shown_json["counts"]["broken"], 1);
    let said = err(&shown);
    assert!(said.contains("warning: <stdin>:6:7: a Go template"), "{said}");
    assert!(said.contains("error: <stdin>:"), "{said}");
    // A template alone is no failure where there are containers.
    let stream = format!("{POD}---\nkind: {{{{ .Kind }}}}\n");
    assert_eq!(run(&[], &["show", "-"], &stream).status.code(), Some(0));
    assert_eq!(run(&[], &["show", "-"], "kind: {{ .Kind }}\n").status.code(), Some(2));
    assert_eq!(run(&[], &["show", "-"], "").status.code(), Some(2));
}
