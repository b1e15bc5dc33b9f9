//! `action.yml` and `.pre-commit-hooks.yaml`: read, and what they run is run.

use std::fs;
use std::process::Command;

use serde_yaml_ng::Value;

use crate::{POD, root, texts};

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

fn texts_of<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_sequence().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn no_input_is_put_into_the_text_of_a_shell() {
    let action = yaml("action.yml");
    let steps = &action["runs"]["steps"];
    assert_eq!(action["runs"]["using"], Value::from("composite"));
    assert_eq!(texts_of(steps, "id"), ["install", "check"]);
    for run in texts_of(steps, "run") {
        assert!(!run.contains("${{"), "{run}");
    }
    assert_eq!(texts_of(steps, "shell"), ["bash", "bash"]);
}

/// What the step that checks does with these inputs: its status, what it prints, its outputs.
fn step(inputs: [&str; 3]) -> (Option<i32>, String, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("k8s files")).unwrap();
    fs::write(folder.path().join("k8s files/web.yaml"), POD).unwrap();
    fs::write(folder.path().join("clean.yaml"), POD.replace("[SYS_ADMIN]", "[]")).unwrap();
    let action = yaml("action.yml");
    let text = action["runs"]["steps"][1]["run"].as_str().unwrap().to_owned();
    let dropcap = testkit::dropcap();
    let path = dropcap.parent().unwrap().display().to_string();
    let outputs = folder.path().join("outputs");
    // As the runner calls `shell: bash`.
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", &text])
        .current_dir(folder.path())
        .env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()))
        .env("GITHUB_OUTPUT", &outputs)
        .envs(["PATHS", "ARGS", "SARIF"].into_iter().zip(inputs))
        .output()
        .unwrap();
    let (code, out, error) = texts(&output);
    (code, out + &error, fs::read_to_string(outputs).unwrap(), folder)
}

#[test]
fn the_step_annotates_writes_sarif_and_tells_its_status() {
    let (code, out, outputs, folder) = step(["k8s files\n", "--fail-on  error", "found.sarif"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with("::error file=k8s files/web.yaml,line=8,"), "{out}");
    assert_eq!(outputs, "status=1\nsarif=found.sarif\n");
    let sarif = fs::read(folder.path().join("found.sarif")).unwrap();
    let sarif: serde_json::Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let (code, out, outputs, _) = step(["clean.yaml", "", ""]);
    assert_eq!((code, outputs.as_str()), (Some(0), "status=0\n"), "{out}");
    let (code, out, outputs, _) = step(["missing.yaml\nclean.yaml", "", ""]);
    assert_eq!((code, outputs.as_str()), (Some(2), "status=2\n"), "{out}");
}

#[test]
fn an_input_is_no_command() {
    let (code, out, _, folder) = step(["$(touch made)", "--select `touch made` ; touch made", ""]);
    assert_eq!(code, Some(2), "{out}");
    assert!(!folder.path().join("made").exists());
}

#[test]
fn hooks_are_those_that_there_are() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    assert_eq!(texts_of(&hooks, "id"), ["dropcap-check", "dropcap-fix"]);
    for (hook, entry) in hooks.as_sequence().unwrap().iter().zip(["check", "fix"]) {
        assert_eq!(hook["entry"], Value::from(format!("dropcap {entry}")));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("web.yaml"), POD.replace("[ALL]", "[all]")).unwrap();
        let mut words = hook["entry"].as_str().unwrap().split(' ').skip(1).collect::<Vec<_>>();
        words.extend(hook["args"].as_sequence().unwrap().iter().map(|arg| arg.as_str().unwrap()));
        let output =
            Command::new(testkit::dropcap()).args(words).current_dir(folder.path()).output();
        let text = fs::read_to_string(folder.path().join("web.yaml")).unwrap();
        // The one finds SYS_ADMIN, the other one writes what is safe.
        assert_eq!(output.unwrap().status.code(), Some(if entry == "check" { 1 } else { 0 }));
        assert_eq!(text.contains("[ALL]"), entry == "fix", "{text}");
    }
}
