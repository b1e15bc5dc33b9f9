//! Edits of text: what changes, what does not, and what is refused.

#[path = "edits/anchors.rs"]
mod anchors;
#[path = "edits/compose.rs"]
mod compose;
#[path = "edits/flow.rs"]
mod flow;
#[path = "edits/json.rs"]
mod json;
#[path = "edits/oci.rs"]
mod oci;
#[path = "edits/refusals.rs"]
mod refusals;

use dropcap_manifest::{
    Change, ContainerId, Edit, Edited, Item, List, Manifest, Refusal, apply, parse,
};

/// The same changes for every container.
fn all(manifest: &Manifest, changes: &[Change]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (workload, found) in manifest.workloads.iter().enumerate() {
        for container in 0..found.pod.containers.len() {
            let container = ContainerId { workload, container };
            edits.extend(changes.iter().cloned().map(|change| Edit { container, change }));
        }
    }
    edits
}

/// Applies the changes to every container, and again, which must change nothing more.
fn edit(text: &str, changes: &[Change]) -> Edited {
    let manifest = parse("t", text);
    assert_eq!(manifest.errors().count(), 0, "{:?}", manifest.problems);
    assert_ne!(manifest.workloads, []);
    let edited = apply(&manifest, &all(&manifest, changes));
    let again = parse("t", edited.source.text());
    assert_eq!(apply(&again, &all(&again, changes)).source.text(), edited.source.text());
    edited
}

fn edited(text: &str, changes: &[Change]) -> String {
    let edited = edit(text, changes);
    assert_eq!(edited.refused, []);
    edited.source.text().to_owned()
}

fn drop_all() -> Change {
    Change::Include(List::Drop, Item::new("ALL"))
}

fn exact() -> Vec<Change> {
    let bind = Item::new("NET_BIND_SERVICE").comment("bind 0.0.0.0:80");
    vec![
        Change::Set(List::Drop, vec![Item::new("ALL")]),
        Change::Set(List::Add, vec![bind, Item::new("CHOWN")]),
    ]
}

fn spelling() -> Vec<Change> {
    vec![
        Change::Remove(List::Add, "SYS_TIME".into()),
        Change::Replace(List::Add, "CAP_NET_RAW".into(), "NET_RAW".into()),
        Change::Replace(List::Add, "NET_ADMIN".into(), "KILL".into()),
    ]
}

/// `BLESS=1 cargo test` writes the expected files; read them before they are committed.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some()
        && let Err(error) = std::fs::write(&path, text)
    {
        panic!("{path}: {error}");
    }
    assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some(text), "{name}");
}

#[test]
fn files_change_only_where_they_must() {
    let block = include_str!("fixtures/block.yaml");
    let pretty = include_str!("fixtures/pretty.json");
    let tabs = include_str!("fixtures/tabs.json");
    for (name, text) in [("block.yaml", block), ("pretty.json", pretty), ("tabs.json", tabs)] {
        golden(&format!("include/{name}"), &edited(text, &[drop_all()]));
        golden(&format!("exact/{name}"), &edited(text, &exact()));
        golden(&format!("spelling/{name}"), &edited(text, &spelling()));
        let clear = [Change::Set(List::Add, vec![]), Change::Set(List::Drop, vec![])];
        golden(&format!("clear/{name}"), &edited(text, &clear));
        golden(&format!("remove/{name}"), &edited(text, &[Change::RemoveList(List::Add)]));
    }
}

#[test]
fn json_stays_json() {
    for text in [include_str!("fixtures/pretty.json"), include_str!("fixtures/tabs.json")] {
        for changes in [vec![drop_all()], exact(), spelling()] {
            let text = edited(text, &changes);
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}

#[test]
fn line_endings_and_byte_order_mark_are_kept() {
    let block = include_str!("fixtures/block.yaml");
    for changes in [vec![drop_all()], exact(), spelling()] {
        let plain = edited(block, &changes);
        let windows = format!("\u{feff}{}", block.replace('\n', "\r\n"));
        assert_eq!(edited(&windows, &changes), format!("\u{feff}{}", plain.replace('\n', "\r\n")));
    }
}

/// `spec.containers` of a Pod with one container of these lines.
fn pod(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(|line| format!("    {line}")).collect();
    let lines = lines.join("\n");
    format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {}", lines.trim_start())
}

#[test]
fn a_missing_last_line_feed_stays_missing() {
    for (before, changes, after) in [
        (
            "name: c\nimage: i",
            vec![drop_all()],
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL\nimage: i",
        ),
        // The comment above belongs to what stands below.
        (
            "name: c\n# own\n\n# which\nimage: i",
            vec![drop_all()],
            "name: c\n# own\n\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL\n# which\nimage: i",
        ),
        (
            "name: c",
            vec![drop_all()],
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL",
        ),
        (
            "name: c\nsecurityContext:",
            vec![drop_all()],
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL",
        ),
        (
            "name: c\nsecurityContext:\n  capabilities:\n    add:\n    - KILL",
            exact(),
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL\n    add:\n    - NET_BIND_SERVICE  # bind 0.0.0.0:80\n    - CHOWN",
        ),
        (
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - KILL\n    add:\n    - KILL",
            vec![Change::Set(List::Add, vec![])],
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    - KILL\n    add: []\n",
        ),
        // A line feed in front of the new lines would become part of the scalar.
        (
            "name: c\nimage: i\nargs:\n- |\n  x",
            vec![drop_all()],
            "name: c\nimage: i\nsecurityContext:\n  capabilities:\n    drop:\n    - ALL\nargs:\n- |\n  x",
        ),
    ] {
        assert_eq!(
            edited(&pod(before), &changes),
            pod(after) + &"\n".repeat(after.ends_with('\n').into())
        );
    }
}

#[test]
fn block_scalars_keep_their_blank_lines() {
    for (header, insert_after) in
        [("|", "  x\n"), ("|-", "  x\n"), ("|+", "  x\n\n\n"), (">+2", "  x\n\n\n")]
    {
        let before =
            format!("{}\n\n\n  volumes: []\n", pod(&format!("name: c\nargs:\n- {header}\n  x")));
        let text = edited(&before, &[drop_all()]);
        let added = "    securityContext:\n      capabilities:\n        drop:\n        - ALL\n";
        assert_eq!(text.replacen(added, "", 1), before, "{header}");
        assert!(
            text.contains(&format!("  {insert_after}{added}").replace("  x", "    x")),
            "{header}:\n{text}"
        );
    }
}

#[test]
fn the_files_own_style_is_followed() {
    for (before, after) in [
        // Flow lists with double quotes elsewhere in the container.
        (
            "name: c\ncommand: [\"sh\"]\n",
            "name: c\ncommand: [\"sh\"]\nsecurityContext:\n  capabilities:\n    drop: [\"ALL\"]\n",
        ),
        // Deeper indentation, dashes under their key.
        (
            "name: c\nresources:\n    limits:\n        cpu: 1\nargs:\n    - 'x'\n",
            "name: c\nresources:\n    limits:\n        cpu: 1\nargs:\n    - 'x'\nsecurityContext:\n    capabilities:\n        drop:\n            - 'ALL'\n",
        ),
        // A capability list says more than any other.
        (
            "name: c\nargs: [x]\nsecurityContext:\n  capabilities:\n    add:\n      - \"KILL\"\n",
            "name: c\nargs: [x]\nsecurityContext:\n  capabilities:\n    add:\n      - \"KILL\"\n    drop:\n      - \"ALL\"\n",
        ),
        (
            "name: c\nsecurityContext: {privileged: false}\n",
            "name: c\nsecurityContext: {privileged: false, capabilities: {drop: [ALL]}}\n",
        ),
        (
            "name: c\nsecurityContext: ~  # x\n",
            "name: c\nsecurityContext:  # x\n  capabilities:\n    drop:\n    - ALL\n",
        ),
        (
            "name: c\nsecurityContext:\n  capabilities:\n    drop: []  # x\n",
            "name: c\nsecurityContext:\n  capabilities:\n    drop: [ALL]  # x\n",
        ),
        (
            "name: c\nsecurityContext:\n  capabilities: {drop: }\n",
            "name: c\nsecurityContext:\n  capabilities: {drop: [ALL] }\n",
        ),
        // Over several lines.
        (
            "name: c\nsecurityContext:\n  capabilities:\n    drop: [\n      KILL, # k\n      CHOWN  # c\n    ]\n",
            "name: c\nsecurityContext:\n  capabilities:\n    drop: [\n      KILL, # k\n      CHOWN,  # c\n      ALL\n    ]\n",
        ),
        (
            "name: c\nsecurityContext:\n  capabilities:\n    drop: [\n      KILL\n    ]\n",
            "name: c\nsecurityContext:\n  capabilities:\n    drop: [\n      KILL,\n      ALL\n    ]\n",
        ),
        // Dash and item apart, a tag, a comment line between.
        (
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    -\n      KILL\n    # more\n    - !!str CHOWN # c\n",
            "name: c\nsecurityContext:\n  capabilities:\n    drop:\n    -\n      KILL\n    # more\n    - !!str CHOWN # c\n    - ALL\n",
        ),
    ] {
        assert_eq!(edited(&(pod(before) + "\n"), &[drop_all()]), pod(after) + "\n");
    }
}

#[test]
fn items_go_and_change_one_by_one() {
    let lists = |list: &str| {
        format!(
            "{}\n",
            pod(&format!(
                "name: c\nsecurityContext:\n  capabilities:\n    add: {list}\n    drop: [ALL]"
            ))
        )
    };
    let remove = |word: &str| Change::Remove(List::Add, word.into());
    let replace = |from: &str, to: &str| Change::Replace(List::Add, from.into(), to.into());
    for (before, change, after) in [
        ("[A, B, C]", vec![remove("A")], "[B, C]"),
        ("[A, B, C]", vec![remove("B")], "[A, C]"),
        ("[A, B, C]", vec![remove("C")], "[A, B]"),
        ("[A, B, C]", vec![remove("A"), remove("B")], "[C]"),
        ("[A, B, C]", vec![remove("A"), remove("C")], "[B]"),
        ("[ A, B, A, ]", vec![remove("A")], "[ B, ]"),
        // What stands before an item belongs to it.
        ("[A, !!str 13, B]", vec![remove("A")], "[!!str 13, B]"),
        ("[!!str A, &b B]", vec![remove("A")], "[&b B]"),
        ("[A, # a\n      B]", vec![remove("A")], "[B]"),
        ("[ A ]", vec![remove("A")], "[]"),
        (
            "[A, 'B', \"C\"]",
            vec![replace("A", "X"), replace("B", "Y"), replace("C", "Z")],
            "[X, 'Y', \"Z\"]",
        ),
        ("[A, B]", vec![replace("A", "B")], "[B]"),
        ("[A, B, A]", vec![replace("A", "X")], "[X, B]"),
        // Words that would not be text.
        ("[A]", vec![replace("A", "NO")], "[\"NO\"]"),
        ("[A]", vec![replace("A", "13")], "[\"13\"]"),
        ("['A']", vec![replace("A", "it's")], "['it''s']"),
        ("[A]", vec![replace("A", "a: \"b\"\n")], "[\"a: \\\"b\\\"\\u000a\"]"),
        ("\n    - A\n    - B", vec![remove("A")], "\n    - B"),
        (
            "\n    # a\n    - A # a\n    # b\n    - B",
            vec![remove("B")],
            "\n    # a\n    - A # a\n    # b",
        ),
        ("# why\n    - A", vec![remove("A")], "[]# why"),
        (
            "\n    - A\n    - B",
            vec![replace("B", "C"), Change::Include(List::Add, Item::new("D").comment("a\nb"))],
            "\n    - A\n    - C\n    - D  # a b",
        ),
        ("[A]", vec![Change::Include(List::Add, Item::new("D").comment("why"))], "[A, D]  # why"),
        (
            "[A]",
            vec![
                Change::Include(List::Add, Item::new("D").comment("why")),
                Change::Include(List::Add, Item::new("E").comment("too")),
            ],
            "[A, D, E]  # D: why; E: too",
        ),
        (
            "[A] # own",
            vec![Change::Include(List::Add, Item::new("D").comment("why"))],
            "[A, D] # own",
        ),
    ] {
        let after = match after {
            // The comment behind the key stays on the key's line.
            "[]# why" => lists("[] # why"),
            after => lists(after),
        };
        let before = lists(before).replace("add: \n", "add:\n");
        assert_eq!(edited(&before, &change), after.replace("add: \n", "add:\n"));
    }
}

#[test]
fn one_that_cannot_be_edited_hinders_no_other() {
    // An explicit key with its value on the next line is not edited.
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n  - name: b\n    ? securityContext\n    : privileged: true\n      capabilities:\n        ? drop\n        : - KILL\n  - name: c\n";
    let result = edit(text, &exact());
    assert_eq!(result.changed.iter().map(|id| id.container).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(result.refused.len(), 1);
    assert_eq!(result.refused[0].reason, Refusal::Unsupported);
    let missing = ContainerId { workload: 7, container: 0 };
    let manifest = parse("t", text);
    let result = apply(&manifest, &[Edit { container: missing, change: drop_all() }]);
    assert_eq!(result.refused[0].reason, Refusal::NoSuchContainer);
    assert_eq!(result.source, manifest.source);
}
