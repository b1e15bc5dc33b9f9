//! JSON stays JSON, in the file's own style.

use dropcap_manifest::{Change, List, apply, parse};

use crate::{all, drop_all, edited, exact};

fn is_json(text: &str) {
    let read: Result<serde_json::Value, _> = serde_json::from_str(text);
    assert!(read.is_ok(), "{read:?} in\n{text}");
}

#[test]
fn json_on_one_line() {
    for (before, after) in [
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c"}]}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"drop":["ALL"]}}}]}}"#,
        ),
        (
            r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "i"}]}}"#,
            r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "i", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]}}"#,
        ),
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"drop":["KILL"]}}}]}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"drop":["KILL","ALL"]}}}]}}"#,
        ),
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{}}]}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"drop":["ALL"]}}}]}}"#,
        ),
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":null}]}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"drop":["ALL"]}}}]}}"#,
        ),
        (
            r#"{"apiVersion" : "v1", "kind" : "Pod", "spec" : {"containers" : [{"name" : "c"}]}}"#,
            r#"{"apiVersion" : "v1", "kind" : "Pod", "spec" : {"containers" : [{"name" : "c", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]}}"#,
        ),
        (
            r#"{ "services": { "web": { "image": "a", "user": "0" } } }"#,
            r#"{ "services": { "web": { "image": "a", "user": "0", "cap_drop": ["ALL"] } } }"#,
        ),
        (
            r#"{"services":{"web":{"user":"0","image":"a","cap_add":["A","B"]}}}"#,
            r#"{"services":{"web":{"user":"0","image":"a","cap_add":["A","B"],"cap_drop":["ALL"]}}}"#,
        ),
    ] {
        let text = edited(before, &[drop_all()]);
        assert_eq!(text, after);
        is_json(&text);
    }
}

#[test]
fn json_on_many_lines_in_any_indentation() {
    for step in ["  ", "    ", "\t"] {
        for newline in ["\n", "\r\n"] {
            let text = |lines: &[(usize, &str)]| {
                let lines: Vec<_> =
                    lines.iter().map(|(depth, line)| step.repeat(*depth) + line).collect();
                lines.join(newline) + newline
            };
            let before = text(&[
                (0, "{"),
                (1, "\"apiVersion\": \"v1\","),
                (1, "\"items\": ["),
                (2, "{"),
                (3, "\"apiVersion\": \"v1\","),
                (3, "\"kind\": \"Pod\","),
                (3, "\"spec\": {"),
                (4, "\"containers\": ["),
                (5, "{"),
                (6, "\"image\": \"i\","),
                (6, "\"name\": \"c\""),
                (5, "}"),
                (4, "]"),
                (3, "}"),
                (2, "}"),
                (1, "],"),
                (1, "\"kind\": \"List\""),
                (0, "}"),
            ]);
            let after = before.replace(
                &text(&[(6, "\"name\": \"c\"")]),
                &text(&[
                    (6, "\"securityContext\": {"),
                    (7, "\"capabilities\": {"),
                    (8, "\"drop\": ["),
                    (9, "\"ALL\""),
                    (8, "],"),
                    (8, "\"add\": ["),
                    (9, "\"NET_BIND_SERVICE\","),
                    (9, "\"CHOWN\""),
                    (8, "]"),
                    (7, "}"),
                    (6, "},"),
                    (6, "\"name\": \"c\""),
                ]),
            );
            let written = edited(&before, &exact());
            assert_eq!(written, after);
            is_json(&written);
            assert_eq!(
                edited(&after, &[Change::RemoveList(List::Add)]),
                after.replace(
                    &format!(
                        ",{newline}{a}\"add\": [{newline}{b}\"NET_BIND_SERVICE\",{newline}{b}\"CHOWN\"{newline}{a}]",
                        a = step.repeat(8),
                        b = step.repeat(9)
                    ),
                    ""
                )
            );
        }
    }
}

#[test]
fn compose_in_json_on_many_lines() {
    let before = "\
{
  \"services\": {
    \"web\": {
      \"image\": \"a\",
      \"security_opt\": [
        \"no-new-privileges:true\"
      ],
      \"restart\": \"always\"
    }
  }
}
";
    let after = before
        .replace("      ],\n", "      ],\n      \"cap_drop\": [\n        \"ALL\"\n      ],\n");
    assert_eq!(edited(before, &[drop_all()]), after);
}

#[test]
fn a_snippet_for_json_is_json() {
    // An alias has no place in JSON, but the parser takes it.
    let text = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"securityContext": &a {"runAsUser": 1}, "containers": [{"name": "c", "securityContext": *a}]}}"#;
    let manifest = parse("t", text);
    let result = apply(&manifest, &all(&manifest, &[drop_all()]));
    assert_eq!(
        result.refused[0].snippet,
        "\"securityContext\": {\n  \"capabilities\": {\n    \"drop\": [\"ALL\"]\n  }\n}\n"
    );
}

/// What goes and what comes, where each has a line: the last, the first, and one in between.
#[test]
fn a_key_takes_the_place_of_another() {
    let go = [Change::Remove(List::Add, "all".into()), drop_all(), Change::RemoveList(List::Add)];
    for keys in [
        ["\"image\": \"x\"", ADD, ""],
        [ADD, "\"image\": \"x\"", ""],
        ["\"image\": \"x\"", ADD, "\"user\": \"0\""],
    ] {
        let keys: Vec<String> =
            keys.iter().filter(|key| !key.is_empty()).map(|key| format!("\t\t\t{key}")).collect();
        let before = format!(
            "{{\n\t\"services\": {{\n\t\t\"a\": {{\n{}\n\t\t}}\n\t}}\n}}\n",
            keys.join(",\n")
        );
        let after = before.replace("\"cap_add\": [\"all\"]", "\"cap_drop\": [\"ALL\"]");
        assert_eq!(edited(&before, &go), after);
    }
}

const ADD: &str = "\"cap_add\": [\"all\"]";
