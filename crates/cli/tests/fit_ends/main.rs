//! Every bad end of `dropcap fit`: of a program that never works, dies, hangs or finds no room, of a test
//! that lies, of an engine that fails, of a search that somebody ends. Each time the exit status and the
//! words say what to do next, no answer is wrong, and nothing is left: counted before and after.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod commands;
mod containers;
mod engine;
mod stopped;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

/// Both streams, for what a person reads.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stderr), text(&output.stdout))
}

/// In one line, as it was before it was made to fit.
fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a profile says of its last search, and its list; `None` if it was not written.
fn profile(file: &Path) -> Option<(String, Vec<String>)> {
    let text = std::fs::read_to_string(file).ok()?;
    let profile: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let found = profile["status"]["searches"][0]["found"].as_str().unwrap().to_owned();
    let add = profile["spec"]["capabilities"]["add"].as_sequence();
    let names = add.into_iter().flatten().map(|name| name.as_str().unwrap().to_owned());
    Some((found, names.collect()))
}

/// An answer that is right, or not called proven: its status, and what the profile on standard output says.
fn is_right_or_open(output: &Output, right: &[&str]) -> bool {
    let said = said(output);
    let read = serde_json::from_slice(&output.stdout);
    let profile: Value = read.unwrap_or_else(|error| panic!("{error}: {said}"));
    let found = profile["status"]["searches"][0]["found"].as_str().unwrap();
    match output.status.code() {
        Some(0) => {
            assert_eq!(found, "proven", "{said}");
            assert_eq!(profile["spec"]["capabilities"]["add"], serde_json::json!(right), "{said}");
            true
        }
        Some(1) => {
            assert_eq!(
                (found, &profile["status"]["proof"]),
                ("flaky", &"unproven".into()),
                "{said}"
            );
            false
        }
        other => panic!("{other:?}: {said}"),
    }
}

/// Options of the engine on a machine that may not raise limits.
const ENGINE: &str = "--network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096";
