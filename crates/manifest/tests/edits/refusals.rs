//! What a refusal says: the place that is shared, who shares it, and what to put there by hand.

use dropcap_manifest::{Change, Edit, Edited, Item, List, Manifest, apply, parse};

use super::{all, drop_all, edited};

fn pod(containers: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n{containers}")
}

/// What is asked of the container with this name.
fn of(manifest: &Manifest, name: &str, changes: &[Change]) -> Vec<Edit> {
    let is_it = |edit: &Edit| {
        let pod = &manifest.workloads[edit.container.workload].pod;
        pod.containers[edit.container.container].name == name
    };
    all(manifest, changes).into_iter().filter(is_it).collect()
}

/// `drop: [ALL]` and nothing added.
fn nothing() -> [Change; 2] {
    [Change::Set(List::Drop, vec![Item::new("ALL")]), Change::RemoveList(List::Add)]
}

/// What is said of each that is refused: why, and what to put there.
fn said(manifest: &Manifest, edited: &Edited) -> Vec<(String, String)> {
    let refused = edited.refused.iter();
    refused.map(|refused| (refused.message(manifest), refused.snippet.clone())).collect()
}

fn because(what: &str, at: &str, how: &str, user: &str) -> String {
    format!(
        "`{what}` ({at}) is written in one place for several ({how}), and {user} reads it too and is \
         not to change like this"
    )
}

/// Behind a reason, where what others come to is written in the container itself.
const FIRST: &str = ": give that one its own first";

const ANCHOR: &str = "an anchor `&…` that is used elsewhere too";

/// `d` is to stay as it is. What is inherited goes with `!reset` only.
#[test]
fn a_list_that_is_to_go_is_in_the_snippet() {
    let text = "services:\n  b:\n    image: x\n    cap_add: [ALL]\n  c:\n    extends: b\n  d:\n    extends: b\n    privileged: true\n";
    let manifest = parse("t", text);
    let edits = [of(&manifest, "b", &nothing()), of(&manifest, "c", &nothing())].concat();
    let result = apply(&manifest, &edits);
    assert_eq!(result.source.text(), text);
    let why = because("cap_add", "t:4:5", "`extends`", "container `d` (t:7:3)");
    assert_eq!(
        said(&manifest, &result),
        [
            (format!("{why}{FIRST}"), "cap_drop: [ALL]\ncap_add: []\n".to_owned()),
            (why, "cap_drop: [ALL]\ncap_add: !reset []\n".to_owned()),
        ]
    );
    // As said, `c` is what it was to be; `b` is, too.
    for (service, snippet) in [("  c:\n", 1), ("  b:\n", 0)] {
        let lines = result.refused[snippet].snippet.trim_end().replace('\n', "\n    ");
        let pasted = text.replace(service, &format!("{service}    {lines}\n"));
        let pasted = if snippet == 0 { pasted.replace("    cap_add: [ALL]\n", "") } else { pasted };
        let after = parse("t", pasted.as_str());
        assert_eq!(after.problems, []);
        let mut containers = after.containers().map(|(_, container)| container);
        let security = &containers.find(|found| service.contains(&found.name)).unwrap().security;
        assert_eq!(security.add().count(), 0, "{pasted}");
        assert_eq!(security.drop().map(|word| word.value.as_str()).collect::<Vec<_>>(), ["ALL"]);
    }
}

/// A list that has the words already is not said again; one that is to lose some is as it should be.
#[test]
fn what_is_there_already_is_not_in_the_snippet() {
    let text = "services:\n  b:\n    image: x\n    cap_add: [SYS_ADMIN, KILL]\n    cap_drop: [ALL]\n  c:\n    extends: b\n";
    let manifest = parse("t", text);
    let remove = [drop_all(), Change::Remove(List::Add, "SYS_ADMIN".into())];
    let snippet = |name| apply(&manifest, &of(&manifest, name, &remove)).refused[0].snippet.clone();
    assert_eq!(snippet("b"), "cap_add: [KILL]\n");
    assert_eq!(snippet("c"), "cap_add: !override [KILL]\n");
    // An item that is inherited is none of the list's own (compose-go: items are unique).
    let text =
        "services:\n  b:\n    image: x\n    cap_drop: [KILL]\n  c: &c\n    extends: b\n  d: *c\n";
    let manifest = parse("t", text);
    let result = apply(&manifest, &of(&manifest, "d", &[drop_all()]));
    assert_eq!(
        said(&manifest, &result),
        [(
            because("c", "t:5:3", ANCHOR, "container `c` (t:5:3)"),
            "<<: *c\ncap_drop: [ALL]\n".to_owned()
        )]
    );
}

#[test]
fn a_capabilities_mapping_with_an_anchor_is_named_by_its_lists() {
    let text = pod(
        "  - name: a\n    securityContext:\n      capabilities: &c\n        add: [ALL]\n  - name: b\n    securityContext:\n      capabilities: *c\n      privileged: true\n",
    );
    let manifest = parse("t", text.as_str());
    let why = |how, user| because("add", "t:8:9", how, user);
    let snippet =
        |kept| format!("securityContext:\n{kept}  capabilities:\n    drop: [ALL]\n    add: []\n");
    let result = apply(&manifest, &of(&manifest, "a", &nothing()));
    let own = format!("{}{FIRST}", why(ANCHOR, "container `b` (t:9:11)"));
    assert_eq!(said(&manifest, &result), [(own, snippet(""))]);
    let result = apply(&manifest, &of(&manifest, "b", &nothing()));
    assert_eq!(
        said(&manifest, &result),
        [(why("an alias `*…`", "container `a` (t:5:11)"), snippet("  privileged: true\n"))]
    );
}

/// `<<` below `services` makes services of them, and nothing else.
#[test]
fn services_that_are_merged_are_edited_where_they_are_written() {
    let text = "x-s: &s\n  a: {image: x, cap_add: [ALL]}\nservices:\n  <<: *s\n";
    assert_eq!(edited(text, &nothing()), text.replace("cap_add", "cap_drop"));
    // Networks of the same names are something else.
    let text = format!("{text}networks: *s\n");
    let manifest = parse("compose.yaml", text.as_str());
    let result = apply(&manifest, &all(&manifest, &nothing()));
    assert_eq!(result.source.text(), text);
    let at = "something that is no container (compose.yaml:5:11)";
    assert_eq!(said(&manifest, &result)[0].0, because("cap_add", "compose.yaml:2:17", ANCHOR, at));
}

/// To take an alias out changes nobody else.
#[test]
fn an_alias_goes_without_what_it_stands_for() {
    let caps = |lists: &str| format!("    securityContext:\n      capabilities:\n{lists}");
    let text = pod(&format!(
        "  - name: a\n{}  - name: c\n{}",
        caps("        drop: &d [NET_RAW]\n"),
        caps("        drop: [ALL]\n        add: *d\n")
    ));
    let manifest = parse("t", text.as_str());
    let gone = [Change::RemoveList(List::Add)];
    let result = apply(&manifest, &of(&manifest, "c", &gone));
    assert_eq!(result.refused, []);
    assert_eq!(result.source.text(), text.replace("        add: *d\n", ""));
    // In one container, too.
    let own =
        pod(&format!("  - name: a\n{}", caps("        drop: &d [NET_RAW]\n        add: *d\n")));
    assert_eq!(
        edited(&own, &[Change::Set(List::Add, vec![])]),
        own.replace("        add: *d\n", "")
    );
    let all_gone = own.replace("        add: *d\n", "").replace("[NET_RAW]", "[ALL]");
    assert_eq!(edited(&own, &nothing()), all_gone);
    // One that is to have it otherwise is refused for what it is itself.
    let manifest = parse("t", own.as_str());
    let result = apply(&manifest, &all(&manifest, &[drop_all()]));
    assert_eq!(
        said(&manifest, &result)[0].0,
        because("drop", "t:8:9", ANCHOR, "another field of the same container")
    );
}
