//! `dropcap profile`, as a person and as a program see it.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;

const NGINX: &str = "../record/tests/data/nginx.yaml";

const BY_HAND: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: { name: by-hand }
spec:
  target: { image: 'nginx:1.26' }
  capabilities: { needed: [NET_BIND_SERVICE, KILL], doubtful: [CHOWN, SYS_NICE] }
";

fn profile_in(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dropcap"))
        .current_dir(folder)
        .arg("profile")
        .args(args)
        .stdin(Stdio::null())
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

/// A folder with the two profiles in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let nginx = Path::new(env!("CARGO_MANIFEST_DIR")).join(NGINX);
    fs::copy(nginx, folder.path().join("nginx.yaml")).unwrap();
    fs::write(folder.path().join("hand.yaml"), BY_HAND).unwrap();
    folder
}

fn printed(args: &[&str]) -> String {
    let output = profile_in(folder().path(), args);
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of, where it fails as bad input does and prints nothing.
fn complaint(folder: &Path, args: &[&str]) -> String {
    let output = profile_in(folder, args);
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn show_says_what_each_is_for_and_how_to_do_without() {
    assert_snapshot!(printed(&["show", "nginx.yaml"]));
}

#[test]
fn show_of_one_written_by_hand() {
    assert_snapshot!(printed(&["show", "hand.yaml"]));
}

#[test]
fn show_as_json_is_a_list_whatever_the_number() {
    for files in [&["nginx.yaml"][..], &["nginx.yaml", "hand.yaml"]] {
        let text = printed(&[&["show", "--json"], files].concat());
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list["apiVersion"], "dropcap.dev/v1");
        assert_eq!(list["kind"], "CapabilityProfileList");
        assert_eq!(list["items"].as_array().unwrap().len(), files.len());
        assert_eq!(list["items"][0]["spec"]["capabilities"]["needed"][0], "CHOWN");
    }
}

#[test]
fn diff_says_what_came_and_what_went() {
    assert_snapshot!(printed(&["diff", "nginx.yaml", "hand.yaml"]), @"
    + KILL, needed
    + SYS_NICE, doubtful
    - DAC_OVERRIDE, was needed: open /var/log/nginx/access.log for writing by nginx (main), at start, 2 checks
    - SETGID, was needed: setgid to 33 by nginx, at start, 2 checks
    - SETUID, was needed: setuid to 33 by nginx, at start, 2 checks
    ~ CHOWN, was needed, is doubtful
    unchanged: NET_BIND_SERVICE
    ");
    assert_eq!(
        printed(&["diff", "hand.yaml", "hand.yaml"]),
        "the same: CHOWN KILL NET_BIND_SERVICE SYS_NICE\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["diff", "--json", "nginx.yaml", "hand.yaml"])).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["difference"]["added"], serde_json::json!(["KILL", "SYS_NICE"]));
    let code = |args: &[&str]| profile_in(folder().path(), args).status.code();
    assert_eq!(code(&["diff", "--exit-code", "nginx.yaml", "hand.yaml"]), Some(1));
    assert_eq!(code(&["diff", "--exit-code", "nginx.yaml", "nginx.yaml"]), Some(0));
}

#[test]
fn merge_does_not_depend_on_order_and_counts_a_run_once() {
    let once = printed(&["merge", "nginx.yaml"]);
    assert_eq!(printed(&["merge", "nginx.yaml", "nginx.yaml"]), once);
    let folder = folder();
    let merged = |args: &[&str]| {
        let output = profile_in(folder.path(), args);
        let errors = String::from_utf8(output.stderr).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text, errors)
    };
    let (code, one, warning) = merged(&["merge", "nginx.yaml", "hand.yaml"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        warning,
        "warning: different targets: image is docker.io/library/nginx:1.27 in nginx.yaml, \
         nginx:1.26 in hand.yaml\n"
    );
    assert_eq!(merged(&["merge", "hand.yaml", "nginx.yaml"]).1, one);
    assert!(one.contains("- SYS_NICE") && one.contains("- KILL"), "{one}");
}

#[test]
fn merge_writes_whole_or_not_at_all() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let output =
        profile_in(folder.path(), &["merge", "nginx.yaml", "--name", "web", "-o", "out.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"");
    let written = fs::read_to_string(path("out.yaml")).unwrap();
    assert!(written.contains("name: web\n"), "{written}");
    // Over itself, as JSON.
    let args = ["merge", "--json", "out.yaml", "-o", "out.yaml"];
    assert_eq!(profile_in(folder.path(), &args).status.code(), Some(0));
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("out.yaml")).unwrap()).unwrap();
    assert_eq!(json["metadata"]["name"], "web");
    // One bad input leaves the output as it was.
    let before = fs::read(path("hand.yaml")).unwrap();
    fs::write(path("bad.yaml"), "a: [").unwrap();
    complaint(folder.path(), &["merge", "nginx.yaml", "bad.yaml", "-o", "hand.yaml"]);
    assert_eq!(fs::read(path("hand.yaml")).unwrap(), before);
    let nowhere = complaint(folder.path(), &["merge", "nginx.yaml", "-o", "no/such/out.yaml"]);
    assert!(nowhere.starts_with("error: no/such/out.yaml: "), "{nowhere}");
    // Nothing is left lying about.
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bad.yaml", "hand.yaml", "nginx.yaml", "out.yaml"]);
}

#[test]
fn bad_files_are_named_with_what_to_do() {
    let folder = folder();
    let file = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    file("binary", b"\x7fELF\xff\xfe");
    file("empty", b"");
    file("pod.yaml", b"apiVersion: v1\nkind: Pod\n");
    file("future.yaml", BY_HAND.replace("/v1", "/v9").as_bytes());
    file("typo.yaml", BY_HAND.replace("KILL", "KILLL").as_bytes());
    file("broken.yaml", b"apiVersion: [\n");
    file("broken.json", b"{\"apiVersion\": \"dropcap.dev/v1\",");
    let mut all = String::new();
    for name in [
        "missing.yaml",
        "binary",
        "empty",
        "pod.yaml",
        "future.yaml",
        "typo.yaml",
        "broken.yaml",
        "broken.json",
        ".",
    ] {
        let error = complaint(folder.path(), &["show", name]);
        assert!(error.starts_with(&format!("error: {name}: ")), "{error}");
        all.push_str(&error);
    }
    assert_snapshot!(all);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::os::fd::OwnedFd;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_dropcap"))
        .args(["profile", "show", "--json", NGINX])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(OwnedFd::from(writer))
        .output()
        .unwrap();
    assert_eq!(output.stderr, b"");
    assert_eq!(output.status.code(), Some(141));
}
