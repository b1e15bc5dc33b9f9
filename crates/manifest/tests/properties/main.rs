//! For any layout and any edit: what was wanted is read back, a second run changes nothing, every
//! other line is byte for byte as before; and for any text at all: no panic.

mod expected;
mod layout;
mod pairs;
mod writer;

use dropcap_manifest::{Change, ContainerId, Edit, Item, List, apply, parse};
use proptest::prelude::*;

use expected::{expect, lists};
use layout::{change, shape, style};
use writer::manifest;

/// The lines that are none of an edit's business. A list that is removed takes its comments with it.
fn kept(text: &str, removed: bool) -> Vec<&str> {
    let lines = text.split_inclusive('\n').filter(|line| line.contains("keep"));
    lines.filter(|line| !(removed && line.contains("# above"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: testkit::rounds(200, 1000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_say_what_was_wanted_and_touch_nothing_else(
        style in style(),
        shapes in prop::collection::vec(shape(), 1..4),
        changes in prop::collection::vec((0..4usize, change()), 1..5),
    ) {
        let before = manifest(&style, &shapes);
        let read = parse("t", before.as_str());
        prop_assert_eq!(&read.problems, &[], "{}", before);
        prop_assert_eq!(read.containers().count(), shapes.len());
        let mut expected = lists(&before);
        let mut edits = Vec::new();
        for (container, change) in changes {
            if container < shapes.len() {
                expect(&mut expected[container], &change);
                edits.push(Edit { container: ContainerId { workload: 0, container }, change });
            }
        }
        let result = apply(&read, &edits);
        let after = result.source.text();
        prop_assert_eq!(&result.refused, &[], "{}", before);
        prop_assert_eq!(lists(after), expected, "{}\n-----\n{}", before, after);
        // A last line without a line feed gets one where something comes after it.
        let removed = edits.iter().any(|edit| matches!(edit.change, Change::RemoveList(_)));
        let (mut kept_before, mut kept_after) = (kept(&before, removed), kept(after, removed));
        if !style.last_line_feed {
            kept_before = kept_before.iter().map(|line| line.trim_end()).collect();
            kept_after = kept_after.iter().map(|line| line.trim_end()).collect();
        }
        prop_assert_eq!(kept_after, kept_before, "{}", after);
        prop_assert_eq!(after.starts_with('\u{feff}'), style.bom);
        if style.crlf {
            prop_assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
        } else {
            prop_assert!(!after.contains('\r'));
        }
        // Each change by itself is done when it was done; several may undo one another.
        if edits.len() == 1 {
            let again = apply(&parse("t", after), &edits);
            prop_assert_eq!(again.source.text(), after);
            prop_assert_eq!(again.changed, []);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        edit_anything(&text);
    }

    #[test]
    fn no_soup_of_yaml_makes_it_panic(
        pieces in prop::collection::vec(prop::sample::select(SOUP), 0..60)
    ) {
        edit_anything(&pieces.concat());
    }

    #[test]
    fn no_odd_brackets_make_it_panic(choices in prop::collection::vec(any::<u8>(), 0..200)) {
        edit_anything(&pairs::pod(&choices));
    }

    #[test]
    fn no_damage_to_a_manifest_makes_it_panic(
        style in style(),
        shapes in prop::collection::vec(shape(), 1..4),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(SOUP)), 1..4),
    ) {
        let mut text = manifest(&style, &shapes);
        for (at, piece) in cuts {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, piece);
        }
        edit_anything(&text);
    }
}

const SOUP: &[&str] = &[
    "apiVersion: v1\n",
    "kind: Pod\n",
    "kind: List\n",
    "spec:\n",
    "metadata:\n",
    "template:\n",
    "containers:\n",
    "items:\n",
    "- ",
    "  ",
    "    ",
    "name: c\n",
    "securityContext:",
    "capabilities:",
    "add:",
    "drop:",
    " [",
    "]",
    " {",
    "}",
    ",",
    "ALL",
    "\"ALL\"",
    "'",
    "\"",
    "\n",
    "\r\n",
    "\r",
    "\t",
    ": ",
    "? ",
    "# c",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "!!str ",
    "%YAML 1.1\n",
    "{{ x }}",
    "~",
    "\u{feff}",
    "é",
    "\u{2028}",
    "0",
];

/// Reads a text and edits whatever is found; what was not refused must be so afterwards.
fn edit_anything(text: &str) {
    let manifest = parse("t", text);
    for problem in &manifest.problems {
        let _ = (problem.kind.to_string(), manifest.source.locate(problem.span));
        assert!(manifest.source.text().get(problem.span.range()).is_some());
    }
    let mut edits = Vec::new();
    for (workload, found) in manifest.workloads.iter().enumerate() {
        for container in 0..found.pod.containers.len() {
            let container = ContainerId { workload, container };
            let change = Change::Set(List::Drop, vec![Item::new("ALL").comment("x")]);
            edits.push(Edit { container, change });
            edits.push(Edit { container, change: Change::Remove(List::Add, "ALL".into()) });
        }
    }
    let result = apply(&manifest, &edits);
    let after = parse("t", result.source.text());
    assert_eq!(after.workloads.len(), manifest.workloads.len());
    for id in &result.changed {
        let security = &after.workloads[id.workload].pod.containers[id.container].security;
        assert_eq!(security.drop().map(|word| word.value.as_str()).collect::<Vec<_>>(), ["ALL"]);
        assert!(security.add().all(|word| word.value != "ALL"));
    }
    let again = apply(&after, &edits);
    assert_eq!(again.changed, [], "{text:?}\n{:?}\n{:?}", after.source.text(), again.source.text());
}
