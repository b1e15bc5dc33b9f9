//! What several containers share by anchors, aliases and merge keys.

use dropcap_manifest::{Change, ContainerId, Edit, List, apply, parse};

use crate::{all, drop_all, edit, edited, golden};

fn pod(containers: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n{containers}")
}

/// Edits of the container at this index only.
fn only(text: &str, index: usize, changes: &[Change]) -> (String, Vec<String>) {
    let manifest = parse("t", text);
    let container = ContainerId { workload: 0, container: index };
    let edits: Vec<_> = changes.iter().cloned().map(|change| Edit { container, change }).collect();
    let result = apply(&manifest, &edits);
    let refused = result.refused.iter().map(|refused| refused.message(&manifest)).collect();
    (result.source.text().to_owned(), refused)
}

#[test]
fn one_edit_serves_all_that_read_it() {
    let text = include_str!("../fixtures/shared.yaml");
    let result = edit(text, &[drop_all()]);
    assert_eq!(result.refused, []);
    let changed: Vec<_> = result.changed.iter().map(|id| id.container).collect();
    assert_eq!(changed, [0, 1, 2, 3, 4, 5, 6]);
    golden("include/shared.yaml", result.source.text());
}

#[test]
fn an_anchor_is_edited_if_all_of_its_users_want_that() {
    let before = pod(
        "  - name: one\n    securityContext: &hard\n      runAsUser: 1\n      capabilities:\n        drop: [all]\n  - name: two\n    securityContext: *hard\n",
    );
    let respell = [Change::Replace(List::Drop, "all".into(), "ALL".into())];
    assert_eq!(edited(&before, &respell), before.replace("[all]", "[ALL]"));
    let shared = |how: &str, name: &str, at: &str| {
        let first = if name == "two" { ": give that one its own first" } else { "" };
        format!(
            "`drop` (t:9:9) is written in one place for several ({how}), and container `{name}` \
             (t:{at}) reads it too and is not to change like this{first}"
        )
    };
    assert_eq!(
        only(&before, 0, &respell),
        (before.clone(), vec![shared("an anchor `&…` that is used elsewhere too", "two", "10:11")])
    );
    assert_eq!(
        only(&before, 1, &respell),
        (before.clone(), vec![shared("an alias `*…`", "one", "5:11")])
    );
    // A mapping, a list, and nothing at all.
    let aliased = pod(
        "  - name: one\n    securityContext: &hard {runAsUser: 1}\n  - name: two\n    securityContext: *hard\n",
    );
    assert_eq!(
        edited(&aliased, &[drop_all()]),
        aliased.replace("{runAsUser: 1}", "{runAsUser: 1, capabilities: {drop: [ALL]}}")
    );
    let aliased = pod(
        "  - name: one\n    securityContext: {capabilities: {drop: &d [A]}}\n  - name: two\n    securityContext: {capabilities: {drop: *d}}\n",
    );
    assert_eq!(edited(&aliased, &[drop_all()]), aliased.replace("[A]", "[A, ALL]"));
    let aliased = pod(
        "  - name: one\n    securityContext: &none {}\n  - name: two\n    securityContext: *none\n",
    );
    assert_eq!(
        edited(&aliased, &[drop_all()]),
        aliased.replace("&none {}", "&none\n      capabilities:\n        drop:\n        - ALL")
    );
}

#[test]
fn a_whole_container_may_be_an_alias() {
    let before = pod("  - &c\n    name: one\n  - *c\n");
    assert_eq!(
        edited(&before, &[drop_all()]),
        pod(
            "  - &c\n    name: one\n    securityContext:\n      capabilities:\n        drop:\n        - ALL\n  - *c\n"
        )
    );
    let (text, refused) = only(&before, 1, &[drop_all()]);
    assert_eq!((text, refused.len()), (before.clone(), 1));
    assert!(refused[0].contains("container `one`"), "{refused:?}");
    // The same list of containers in two pods.
    let twice = "\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, spec: &spec {containers: [{name: a}]}}
- {apiVersion: v1, kind: Pod, spec: *spec}
";
    let hard = "{name: a, securityContext: {capabilities: {drop: [ALL]}}}";
    assert_eq!(edited(twice, &[drop_all()]), twice.replace("{name: a}", hard));
    let (text, refused) = only(twice, 0, &[drop_all()]);
    assert_eq!((text.as_str(), refused.len()), (twice, 1));
    // Once more, and by a merge key of the object around it.
    let thrice = "\
apiVersion: v1
kind: List
items:
- &pod
  apiVersion: v1
  kind: Pod
  spec: &spec {containers: [{name: a}]}
- {<<: *pod, metadata: {name: b}}
- {apiVersion: v1, kind: Pod, spec: *spec}
";
    assert_eq!(edited(thrice, &[drop_all()]), thrice.replace("{name: a}", hard));
    let (text, refused) = only(thrice, 0, &[drop_all()]);
    assert_eq!((text.as_str(), refused.len()), (thrice, 1));
    // An object that takes another pod spec is none of them.
    let other = thrice.replace("metadata: {name: b}", "spec: {containers: [{name: b}]}");
    let (text, refused) = only(&other, 0, &[drop_all()]);
    assert_eq!((text.as_str(), refused.len()), (other.as_str(), 1));
}

#[test]
fn merge_keys_are_followed_or_overridden() {
    let before = pod(
        "  - &base\n    name: base\n    securityContext:\n      capabilities:\n        add: [SYS_TIME]\n  - <<: *base\n    name: two\n",
    );
    let remove = [Change::Remove(List::Add, "SYS_TIME".into())];
    assert_eq!(edited(&before, &remove), before.replace("[SYS_TIME]", "[]"));
    // The one that merges can have its own: nothing else of the securityContext is lost.
    let own =
        "    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [SYS_TIME]\n";
    assert_eq!(only(&before, 1, &[drop_all()]), (format!("{before}{own}"), vec![]));
    // The other cannot without it.
    let (text, refused) = only(&before, 0, &remove);
    assert_eq!((&text, refused.len()), (&before, 1));
    assert!(refused[0].contains("container `two` (t:11:11)"), "{refused:?}");
    // Its own would lose the user.
    let before = before.replace("      capabilities:", "      runAsUser: 1\n      capabilities:");
    let (text, refused) = only(&before, 1, &remove);
    assert_eq!((&text, refused.len()), (&before, 1));
    assert!(refused[0].contains("(a merge key `<<`), and container `base`"), "{refused:?}");
    // What is put into what they all merge is put there once.
    let before = pod("  - &base\n    name: base\n    image: a\n  - <<: *base\n    name: two\n");
    let once = before.replace(
        "image: a\n",
        "image: a\n    securityContext:\n      capabilities:\n        drop:\n        - ALL\n",
    );
    assert_eq!(edited(&before, &[drop_all()]), once);
    // What goes where it is written is gone where it is merged: nothing is put against it.
    let before = pod(
        "  - name: base\n    securityContext:\n      capabilities: &c\n        add: [SYS_TIME]\n  - name: two\n    securityContext:\n      capabilities:\n        <<: *c\n        drop: [ALL]\n",
    );
    let both = [drop_all(), remove[0].clone(), Change::RemoveList(List::Add)];
    assert_eq!(edited(&before, &both), before.replace("add: [SYS_TIME]", "drop: [ALL]"));
    assert_eq!(only(&before, 1, &both), (format!("{before}        add: []\n"), vec![]));
    // Deeper merges, from a key that nothing else is read from.
    let before = "\
apiVersion: v1
kind: Pod
x: &x {image: i}
y: &caps {drop: [A]}
spec:
  containers:
  - <<: *x
    name: c
    securityContext: {capabilities: {<<: *caps}}
  - name: d
    securityContext: {capabilities: {<<: *caps, add: [B]}}
";
    assert_eq!(edited(before, &[drop_all()]), before.replace("[A]", "[A, ALL]"));
    assert_eq!(
        only(before, 1, &[drop_all()]),
        (before.replace("add: [B]", "add: [B], drop: [A, ALL]"), vec![])
    );
}

#[test]
fn what_is_no_container_is_not_changed() {
    let before = "\
apiVersion: v1
kind: Pod
spec:
  securityContext: &user {runAsUser: 1}
  containers:
  - name: c
    securityContext: *user
";
    let result = edit(before, &[drop_all()]);
    assert_eq!(result.source.text(), before);
    let manifest = parse("t", before);
    assert_eq!(
        result.refused[0].message(&manifest),
        "`securityContext` (t:4:3) is written in one place for several (an alias `*…`), and something \
         that is no container (t:4:26) reads it too and is not to change like this"
    );
    assert_eq!(
        result.refused[0].snippet,
        "securityContext:\n  <<: *user\n  capabilities:\n    drop: [ALL]\n"
    );
    let before = pod("  - name: c\n    env: [{name: A, value: &v x}]\n    args: [*v]\n");
    assert_eq!(
        edited(&before, &[drop_all()]).replacen(
            "    securityContext:\n      capabilities:\n        drop:\n        - ALL\n",
            "",
            1
        ),
        before
    );
}

/// What one container reads as its `securityContext` is merged into another as its own keys.
#[test]
fn what_is_read_at_two_depths_is_left_alone() {
    for (shared, other) in [
        ("securityContext: *sc", "<<: *sc"),
        ("securityContext: {<<: *sc}", "<<: [*sc]"),
        ("securityContext: {capabilities: *sc}", "securityContext: *sc"),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nx-sc: &sc {{note: x}}\nspec:\n  containers:\n  - name: a\n    {shared}\n  - name: b\n    {other}\n"
        );
        let manifest = parse("t", text.as_str());
        let result = apply(&manifest, &all(&manifest, &[drop_all()])[..1]);
        let wanted = match shared {
            "securityContext: {<<: *sc}" => {
                text.replace("{<<: *sc}", "{<<: *sc, capabilities: {drop: [ALL]}}")
            }
            _ => text,
        };
        assert_eq!(result.source.text(), wanted);
    }
}

#[test]
fn what_is_merged_behind_a_key_counts() {
    let text = "apiVersion: v1\nkind: Pod\nx: &x {securityContext: {runAsUser: 1}}\nspec:\n  containers:\n  - name: c\n    securityContext: {runAsUser: 2}\n    <<: *x\n";
    // The reader warns of such a file; what counts is the merged one, and that is what is edited.
    let manifest = parse("t", text);
    let result = apply(&manifest, &all(&manifest, &[drop_all()]));
    let merged = "{runAsUser: 1, capabilities: {drop: [ALL]}}";
    assert_eq!(result.source.text(), text.replace("{runAsUser: 1}", merged));
    assert_eq!(result.refused, []);
}

/// The lists of each container, as read.
fn lists(text: &str) -> Vec<[Vec<String>; 2]> {
    let manifest = parse("t", text);
    let of = |container: &dropcap_manifest::Container| {
        let security = &container.security;
        let add = security.add().map(|word| word.value.clone()).collect();
        [add, security.drop().map(|word| word.value.clone()).collect()]
    };
    manifest.containers().map(|(_, container)| of(container)).collect()
}

/// Whoever asks: who is edited has what was asked for, who is not, and who did not ask, what they had.
#[test]
fn no_edit_reaches_anybody_who_did_not_ask_for_it() {
    let shared = include_str!("../fixtures/shared.yaml");
    let compose = "\
x-app: &app {restart: always, cap_add: [SYS_TIME, KILL]}
x-more: &more {<<: *app, cap_drop: &drop [SYS_TIME]}
services:
  a: {<<: *app, image: a}
  b: {<<: *more, image: b}
  c: {extends: a, cap_add: [KILL]}
  d: {extends: {service: b}, cap_drop: *drop}
  e: {<<: [*more, *app], image: e, cap_drop: !override [KILL]}
  f: &f {image: f, cap_add: [SYS_TIME]}
  g: *f
";
    let (mut edited, mut refused) = (0, 0);
    for text in [shared, compose] {
        let manifest = parse("t", text);
        assert_eq!((manifest.containers().count(), manifest.problems.len()), (7, 0));
        let before = lists(text);
        for changes in [
            vec![drop_all()],
            vec![Change::Remove(List::Add, "SYS_TIME".into())],
            vec![drop_all(), Change::Remove(List::Add, "SYS_TIME".into())],
        ] {
            for who in 1..1_u32 << before.len() {
                let asks = |at: usize| who >> at & 1 == 1;
                let edits: Vec<Edit> = all(&manifest, &changes)
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| asks(at / changes.len()))
                    .map(|(_, edit)| edit)
                    .collect();
                let result = apply(&manifest, &edits);
                let after = lists(result.source.text());
                let place = |id: &ContainerId| id.workload + id.container;
                let changed: Vec<usize> = result.changed.iter().map(place).collect();
                let refuses: Vec<usize> =
                    result.refused.iter().map(|refused| place(&refused.container)).collect();
                edited += changed.len();
                refused += refuses.len();
                for (at, (was, is)) in before.iter().zip(&after).enumerate() {
                    let [mut add, mut drop] = was.clone();
                    for change in &changes {
                        match change {
                            Change::Remove(..) => add.retain(|word| word != "SYS_TIME"),
                            _ if drop.iter().any(|word| word == "ALL") => {}
                            _ => drop.push("ALL".to_owned()),
                        }
                    }
                    let wanted = [add, drop];
                    let case = format!("{who:b} {changes:?} {at}\n{}", result.source.text());
                    if changed.contains(&at) {
                        assert!(asks(at), "{case}");
                        assert_eq!(*is, wanted, "{case}");
                    } else {
                        assert_eq!(is, was, "{case}");
                        assert!(!asks(at) || refuses.contains(&at) || wanted == *was, "{case}");
                    }
                }
            }
        }
    }
    // With all that is shared there, both happen.
    assert!(edited > 500 && refused > 500, "{edited} edited, {refused} refused");
}

/// What is pasted takes the place of what is there: it says that, too.
#[test]
fn a_snippet_keeps_what_stands_beside_the_lists() {
    for (security, kept) in [
        ("*sc", "<<: *sc"),
        ("{<<: *sc, runAsGroup: 2, capabilities: *caps}", "<<: *sc\n  runAsGroup: 2"),
        (
            "{capabilities: *caps, seLinuxOptions: {level: 's0:c1'}, runAsUser: 007}",
            "seLinuxOptions: {level: \"s0:c1\"}\n  runAsUser: 007",
        ),
    ] {
        let before = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations: {{a: &sc {{runAsUser: 1, capabilities: &caps \
             {{drop: [A]}}}}}}\nspec:\n  containers:\n  - name: c\n    securityContext: {security}\n"
        );
        let result = edit(&before, &[drop_all()]);
        assert_eq!(result.source.text(), before);
        assert_eq!(
            result.refused[0].snippet,
            format!("securityContext:\n  {kept}\n  capabilities:\n    drop: [A, ALL]\n")
        );
    }
}

/// The commonest style: the dashes stand below the key itself, so that the anchor or the tag behind the
/// key is not in front of the list's first column.
#[test]
fn a_list_below_its_key_may_have_an_anchor_or_a_tag() {
    let list = |head: &str, items: &str| {
        pod(&format!(
            "  - name: a\n    securityContext:\n      capabilities:\n        drop:{head}\n{items}"
        ))
    };
    let (own, deeper) = ("        - NET_RAW\n", "          - NET_RAW\n");
    for head in [
        " &d",
        " !!seq",
        " &d !!seq",
        " !!seq &d # why",
        " # why\n          &d",
        "\n          !!seq",
    ] {
        for items in [own, deeper] {
            let text = list(head, items);
            let all = items.replace("NET_RAW", "ALL");
            assert_eq!(edited(&text, &[drop_all()]), format!("{text}{all}"), "{text}");
            let none = edited(&text, &[Change::Set(List::Drop, vec![])]);
            let open = head.find(" # why").filter(|_| head.ends_with("why"));
            let empty = match open {
                Some(at) => format!("{} []{}", &head[..at], &head[at..]),
                None => format!("{head} []"),
            };
            assert_eq!(none, list(&empty, ""), "{text}");
        }
    }
    // Another container reads the same list and wants the same.
    let other = "  - name: b\n    securityContext: {capabilities: {drop: *d}}\n";
    let text = list(" &d", own) + other;
    let wanted = list(" &d", &own.replace("NET_RAW\n", "NET_RAW\n        - ALL\n")) + other;
    assert_eq!(edited(&text, &[drop_all()]), wanted);
}

/// What another word says already goes where nobody else reads it, and stays where somebody does.
#[test]
fn words_are_absorbed_where_nobody_else_reads_them() {
    let absorb = [drop_all(), Change::Absorb(List::Drop, vec!["A".into(), "B".into()])];
    let before = pod(
        "  - name: one\n    securityContext: {capabilities: {drop: &d [A, C, B]}}\n  - name: two\n    securityContext: {capabilities: {drop: *d}}\n  - name: three\n    securityContext: {capabilities: {drop: [B]}}\n",
    );
    let both = before.replace("[A, C, B]", "[C, ALL]").replace("[B]", "[ALL]");
    assert_eq!(edited(&before, &absorb), both);
    // One wants it and the other does not know of it.
    let manifest = parse("t", before.as_str());
    let of = |container: usize, change: &Change| Edit {
        container: ContainerId { workload: 0, container },
        change: change.clone(),
    };
    let edits = [
        of(0, &absorb[0]),
        of(0, &absorb[1]),
        of(1, &absorb[0]),
        of(2, &absorb[0]),
        of(2, &absorb[1]),
    ];
    let result = apply(&manifest, &edits);
    assert_eq!(result.refused, []);
    let text = before.replace("[A, C, B]", "[A, C, B, ALL]").replace("[B]", "[ALL]");
    assert_eq!(result.source.text(), text);
    assert_eq!(result.changed.iter().map(|id| id.container).collect::<Vec<_>>(), [0, 1, 2]);
    // What was put in place of the old text makes the new one.
    let mut made = before.clone();
    for one in result.replacements.iter().rev() {
        made.replace_range(one.span.range(), &one.text);
    }
    assert_eq!(made, text);
    // Refused for good: once, and why.
    let result = apply(&manifest, &edits[..2]);
    assert_eq!((result.source.text(), result.refused.len()), (before.as_str(), 1));
}

/// A word with an anchor goes if each that is written by its name goes, too.
#[test]
fn a_word_with_an_anchor_goes_with_its_aliases() {
    let before = pod(
        "  - name: one\n    securityContext: {capabilities: {add: [&t SYS_TIME, KILL]}}\n  - name: two\n    securityContext: {capabilities: {add: [*t, CHOWN]}}\n",
    );
    let remove = [Change::Remove(List::Add, "SYS_TIME".into())];
    let both = before.replace("[&t SYS_TIME, KILL]", "[KILL]").replace("[*t, CHOWN]", "[CHOWN]");
    assert_eq!(edited(&before, &remove), both);
    let respell = [Change::Replace(List::Add, "SYS_TIME".into(), "X".into())];
    let both = before.replace("&t SYS_TIME", "&t X").replace("*t", "X");
    assert_eq!(edited(&before, &respell), both);
    assert_eq!(
        only(&before, 0, &remove),
        (
            before.clone(),
            vec![
                "`SYS_TIME` (t:6:47) is written in one place for several (an anchor `&…` that is used elsewhere \
                 too), and container `two` (t:7:11) reads it too and is not to change like this: \
                 give that one its own first"
                    .to_owned()
            ]
        )
    );
    assert_eq!(only(&before, 1, &remove), (before.replace("[*t, CHOWN]", "[CHOWN]"), vec![]));
}
