//! `dropcap check` as a user meets it.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use testkit::folder::{Folder, said, text};

const DEPLOYMENT: &str = include_str!("check/deployment.yaml");
const CLEAN: &str = include_str!("check/clean.yaml");

#[test]
fn findings_are_shown_where_they_are() {
    let place = Folder::new(&[("web.yaml", DEPLOYMENT)]);
    insta::assert_snapshot!("check_deployment", said(&place.run(&["check", "web.yaml"])));
    let crio = said(&place.run(&["check", "--runtime", "crio", "web.yaml"]));
    insta::assert_snapshot!("check_deployment_crio", crio);
}

#[test]
fn a_clean_manifest_is_quiet() {
    let place = Folder::new(&[("clean.yaml", CLEAN)]);
    let output = place.run(&["check", "clean.yaml"]);
    assert_eq!(
        said(&output),
        "status Some(0)\n--- stdout\n--- stderr\nclean: 1 container in 1 file for containerd 2.0 \
         (assumed, see --runtime)\n"
    );
    let output = place.run(&["check", "-q", "--runtime", "crio", "clean.yaml"]);
    assert_eq!(said(&output), "status Some(0)\n--- stdout\n--- stderr\n");
}

#[test]
fn the_status_tells_from_which_severity_on() {
    let warning = CLEAN.replace("drop: [ALL]", "drop: [ALL]\n          add: [SYS_TIME]");
    let note = CLEAN.replace("ALL", "all");
    let place = Folder::new(&[
        ("error.yaml", DEPLOYMENT),
        ("warning.yaml", &warning),
        ("note.yaml", &note),
        ("clean.yaml", CLEAN),
    ]);
    for (file, expected) in [
        ("error.yaml", [1, 1, 1, 0]),
        ("warning.yaml", [0, 1, 1, 0]),
        ("note.yaml", [0, 0, 1, 0]),
        ("clean.yaml", [0, 0, 0, 0]),
    ] {
        for (from, status) in ["error", "warning", "note", "never"].into_iter().zip(expected) {
            let output = place.run(&["check", "--fail-on", from, file]);
            assert_eq!(output.status.code(), Some(status), "{file} {from}: {}", said(&output));
        }
        let output = place.run(&["check", file]);
        assert_eq!(output.status.code(), Some(expected[1]), "{file}: the default is warning");
    }
}

#[test]
fn rules_can_be_selected() {
    let place = Folder::new(&[("web.yaml", DEPLOYMENT)]);
    let rules = |words: &[&str]| {
        let mut all = vec!["check", "--format", "json", "web.yaml"];
        all.extend(words);
        let json: serde_json::Value =
            serde_json::from_slice(&place.run(&all).stdout).expect("JSON");
        let findings = json["findings"].as_array().expect("findings");
        findings.iter().map(|f| f["rule"].as_str().expect("a rule").to_owned()).collect::<Vec<_>>()
    };
    let all = rules(&[]);
    assert_eq!(all.len(), 7, "{all:?}");
    assert_eq!(rules(&["--select", "drop-all-missing"]), ["drop-all-missing"]);
    assert_eq!(
        rules(&["--ignore", "capability-spelling,ineffective-add"]),
        ["drop-all-missing", "sys-admin-without-escalation", "unknown-capability"]
    );
    let output = place.run(&["check", "--select", "drop-al", "web.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let message = "error: unknown rule \"drop-al\"; expected one of add-all, ";
    assert!(text(&output.stderr).starts_with(message), "{}", said(&output));
}

#[test]
fn standard_input_is_read() {
    let place = Folder::new(&[]);
    let mut child = place
        .command(&["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap starts");
    child.stdin.take().expect("piped").write_all(DEPLOYMENT.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\n  --> <stdin>:13:17\n"), "{}", said(&output));
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_checked() {
    let place = Folder::new(&[
        ("k8s/chart.yaml", "kind: Pod\nspec: {{ .Values.spec }}\n"),
        ("k8s/broken.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n"),
        ("k8s/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"),
        ("k8s/web.yaml", CLEAN),
    ]);
    insta::assert_snapshot!("check_folder", said(&place.run(&["check", "k8s"])));
}

#[test]
fn nothing_to_check_is_no_pass() {
    let place =
        Folder::new(&[("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n")]);
    for format in ["text", "json"] {
        let output = place.run(&["check", "--format", format, "service.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(
            text(&output.stderr).starts_with("error: found no containers"),
            "{}",
            said(&output)
        );
    }
    let output = place.run(&["check", "no-such-file.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        text(&output.stderr).contains("no-such-file.yaml: cannot read it"),
        "{}",
        said(&output)
    );
    assert!(place.path().exists());
}

#[test]
fn an_unrendered_template_does_not_fail_the_rest() {
    let place = Folder::new(&[
        ("k8s/chart.yaml", "kind: Pod\nspec: {{ .Values.spec }}\n"),
        ("k8s/web.yaml", CLEAN),
    ]);
    let output = place.run(&["check", "k8s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let end = "(assumed, see --runtime); 1 template not rendered, left out\n";
    assert!(text(&output.stderr).ends_with(end), "{}", said(&output));
}

#[test]
fn json_is_one_versioned_document() {
    let place = Folder::new(&[("web.yaml", DEPLOYMENT)]);
    let output = place.run(&["check", "--format", "json", "web.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("check_json", text(&output.stdout));
}

#[test]
fn one_long_line_is_shown_in_part() {
    let filler = format!("\"{}\"", "x".repeat(5000));
    let json = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"a\",\"annotations\":{{\"é\":{filler}}}}},\
         \"spec\":{{\"containers\":[{{\"name\":\"web\",\"securityContext\":{{\"capabilities\":{{\"drop\":[\"ALL\"],\
         \"add\":[\"SYS_TIME\"]}}}}}}],\"x\":{filler}}}}}"
    );
    let place = Folder::new(&[("pod.json", &json)]);
    let output = place.run(&["check", "pod.json"]);
    let column = json[..json.find("\"SYS_TIME\"").expect("it is there")].chars().count() + 1;
    let out = text(&output.stdout);
    assert!(out.contains(&format!("\n --> pod.json:1:{column}\n")), "{out}");
    assert!(out.contains("^^^^^^^^^^"), "{out}");
    assert!(out.len() < 3000, "{}", out.len());
}

#[test]
fn what_a_manifest_says_does_not_reach_the_terminal_raw() {
    let hostile = CLEAN
        .replace("name: web", "name: \"we\\e[31mb\\x9b\"")
        .replace("[ALL]", "[\"al\\e]0;title\\al\", NET_RAW]");
    let place = Folder::new(&[("web.yaml", &hostile)]);
    for words in [["check", "web.yaml"].as_slice(), &["fix", "--diff", "web.yaml"]] {
        let output = place.run(words);
        let all = said(&output);
        assert!(all.contains("we␛[31mb·"), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{all:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // Half a megabyte of findings: a pipe holds 64 KiB.
    let many = format!("{DEPLOYMENT}---\n").repeat(100);
    let place = Folder::new(&[("many.yaml", &many)]);
    let mut child = place
        .command(&["check", "many.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dropcap starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn other_formats_are_printed_and_sarif_is_written_beside_the_text() {
    let place = Folder::new(&[("web.yaml", DEPLOYMENT)]);
    let sarif = |output: &[u8]| -> usize {
        let log: serde_json::Value = serde_json::from_slice(output).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        log["runs"][0]["results"].as_array().expect("results").len()
    };
    let printed = place.run(&["check", "--format", "sarif", "web.yaml"]);
    assert_eq!((printed.status.code(), sarif(&printed.stdout)), (Some(1), 7));
    let beside = place.run(&["check", "--sarif", "found.sarif", "web.yaml"]);
    assert_eq!(said(&beside), said(&place.run(&["check", "web.yaml"])));
    assert_eq!(fs::read(place.path().join("found.sarif")).expect("written"), printed.stdout);
    let junit = place.run(&["check", "--format", "junit", "web.yaml"]);
    assert!(
        text(&junit.stdout).contains("<testsuite name=\"web.yaml\" tests=\"2\" failures=\"2\"")
    );
    let github = place.run(&["check", "--format", "github", "web.yaml"]);
    assert_eq!(text(&github.stdout).lines().filter(|line| line.starts_with("::")).count(), 7);
    let output = place.run(&["check", "--sarif", "no/such/folder.sarif", "web.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn pod_security_is_asked_when_it_is_named() {
    let lower = CLEAN.replace("ALL", "all");
    let place = Folder::new(&[("clean.yaml", CLEAN), ("lower.yaml", &lower)]);
    let check = |policy: &str, file: &str| place.run(&["check", "--pod-security", policy, file]);
    assert_eq!(check("restricted@1.30", "clean.yaml").status.code(), Some(0));
    let output = check("restricted@1.30", "lower.yaml");
    assert_eq!(output.status.code(), Some(1));
    let said = "violates PodSecurity \"restricted:v1.30\": unrestricted capabilities (container \"web\" \
                must set securityContext.capabilities.drop=[\"ALL\"])";
    // In the text it is broken into lines.
    let printed = text(&output.stdout);
    let words: Vec<&str> = printed.split_whitespace().collect();
    assert!(words.join(" ").contains(said), "{printed}");
    assert_eq!(check("restricted@1.21", "lower.yaml").status.code(), Some(0));
    let output = check("strict", "clean.yaml");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected baseline or restricted"));
}

#[test]
fn a_file_that_needs_what_is_dropped_is_told() {
    let place = Folder::new(&[("clean.yaml", CLEAN)]);
    let output = place.run(&["check", "--file-caps", "cap_net_raw=ep", "clean.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("warning[file-capabilities-outside-bounding]:"));
    let output = place.run(&["check", "--file-caps", "net_raw", "clean.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}
