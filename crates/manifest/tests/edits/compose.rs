//! Compose: `cap_drop` and `cap_add` in the file's own style.

use dropcap_manifest::{
    Change, ContainerId, Edit, Item, List, Refusal, SharedWith, Sharing, apply, parse,
};

use crate::{all, drop_all, edit, edited, exact};

/// A file with one service of these lines.
fn service(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("services:\n  web:\n{lines}")
}

/// The text with these changes of its first service only, none of them refused.
fn first_edited(before: &str, changes: &[Change]) -> String {
    let manifest = parse("t", before);
    let result = apply(&manifest, &all(&manifest, changes)[..1]);
    assert_eq!(result.refused, []);
    result.source.text().to_owned()
}

#[test]
fn new_keys_stand_where_a_colleague_would_put_them() {
    for (before, after) in [
        // At the end of the service.
        (
            "image: nginx\nports:\n  - \"80:80\"\nrestart: always",
            "image: nginx\nports:\n  - \"80:80\"\nrestart: always\ncap_drop:\n  - ALL",
        ),
        // Beside other security keys, the likest first.
        (
            "image: nginx\nsecurity_opt:\n  - no-new-privileges:true\nuser: \"0\"\nrestart: always",
            "image: nginx\nsecurity_opt:\n  - no-new-privileges:true\ncap_drop:\n  - ALL\nuser: \"0\"\nrestart: always",
        ),
        ("user: root # why\nimage: nginx", "user: root # why\ncap_drop:\n- ALL\nimage: nginx"),
        (
            "privileged: false\nuser: root\nimage: nginx",
            "privileged: false\ncap_drop:\n- ALL\nuser: root\nimage: nginx",
        ),
        (
            "cap_add:\n  - NET_ADMIN # vpn\n  # and\n  - NET_RAW\n\nimage: nginx",
            "cap_add:\n  - NET_ADMIN # vpn\n  # and\n  - NET_RAW\ncap_drop:\n  - ALL\n\nimage: nginx",
        ),
        // In brackets.
        ("image: nginx\ncap_add: [KILL]", "image: nginx\ncap_add: [KILL]\ncap_drop: [ALL]"),
        (
            "image: nginx\ncap_add: [ 'KILL' ]",
            "image: nginx\ncap_add: [ 'KILL' ]\ncap_drop: ['ALL']",
        ),
    ] {
        assert_eq!(edited(&service(before), &[drop_all()]), service(after), "{before}");
    }
}

#[test]
fn lists_that_are_there_keep_their_style() {
    for (before, after) in [
        ("image: a\ncap_drop: [NET_RAW]", "image: a\ncap_drop: [NET_RAW, ALL]"),
        ("image: a\ncap_drop: [\"NET_RAW\"]", "image: a\ncap_drop: [\"NET_RAW\", \"ALL\"]"),
        ("image: a\ncap_drop: []", "image: a\ncap_drop: [ALL]"),
        ("image: a\ncap_drop:\nuser: root", "image: a\ncap_drop:\n- ALL\nuser: root"),
        (
            "image: a\ncap_drop:\n- NET_RAW # r\nuser: root",
            "image: a\ncap_drop:\n- NET_RAW # r\n- ALL\nuser: root",
        ),
        (
            "image: a\ncap_drop:\n    - \"NET_RAW\"\nuser: root",
            "image: a\ncap_drop:\n    - \"NET_RAW\"\n    - \"ALL\"\nuser: root",
        ),
        ("image: a\ncap_drop: !override [KILL]", "image: a\ncap_drop: !override [KILL, ALL]"),
        ("image: a\ncap_drop: !override []", "image: a\ncap_drop: !override [ALL]"),
        (
            "image: a\ncap_drop: !override # o\n  - KILL",
            "image: a\ncap_drop: !override # o\n  - KILL\n  - ALL",
        ),
    ] {
        assert_eq!(edited(&service(before), &[drop_all()]), service(after), "{before}");
    }
}

#[test]
fn words_go_and_change() {
    let remove = |word: &str| vec![Change::Remove(List::Add, word.into())];
    let respell = |from: &str, to: &str| vec![Change::Replace(List::Drop, from.into(), to.into())];
    for (before, changes, after) in [
        ("cap_add: [A, B]\nimage: a", remove("A"), "cap_add: [B]\nimage: a"),
        ("cap_add:\n  - A\n  - B # b\nimage: a", remove("B"), "cap_add:\n  - A\nimage: a"),
        ("cap_add:\n  - A # only\nimage: a", remove("A"), "cap_add: []\nimage: a"),
        (
            "cap_add:\n  - A # only\nimage: a",
            [remove("A"), vec![Change::RemoveList(List::Add)]].concat(),
            "image: a",
        ),
        ("cap_drop: [all] # x\nimage: a", respell("all", "ALL"), "cap_drop: [ALL] # x\nimage: a"),
        ("cap_drop: ['all']\nimage: a", respell("all", "ALL"), "cap_drop: ['ALL']\nimage: a"),
    ] {
        assert_eq!(edited(&service(before), &changes), service(after), "{before}");
    }
    assert_eq!(
        edited(&service("image: a\ncap_add: [KILL, SYS_TIME]"), &exact()),
        service("image: a\ncap_add: [NET_BIND_SERVICE, CHOWN]  # bind 0.0.0.0:80\ncap_drop: [ALL]")
            .replace("# bind", "# NET_BIND_SERVICE: bind")
    );
}

#[test]
fn services_in_brackets_and_other_line_endings() {
    assert_eq!(
        edited("services: {web: {image: a, user: root, tty: true}}\n", &[drop_all()]),
        "services: {web: {image: a, user: root, cap_drop: [ALL], tty: true}}\n"
    );
    assert_eq!(
        edited("services:\n  web: { image: a }\n", &[drop_all()]),
        "services:\n  web: { image: a, cap_drop: [ALL] }\n"
    );
    let plain = service("image: a\nuser: root\nrestart: always");
    let windows = plain.replace('\n', "\r\n");
    let expected = edited(&plain, &[drop_all()]).replace('\n', "\r\n");
    assert_eq!(edited(&windows, &[drop_all()]), expected);
}

/// A template that all services merge has the list, and all of them want the same.
#[test]
fn a_template_is_edited_if_all_of_its_users_want_that() {
    let before = "\
x-defaults: &defaults
  restart: always
  cap_drop: [all] # everything
services:
  web:
    <<: *defaults
    image: a
  db:
    <<: [*defaults]
    image: b
";
    let respell = [Change::Replace(List::Drop, "all".into(), "ALL".into())];
    assert_eq!(edited(before, &respell), before.replace("[all]", "[ALL]"));
    // One of two: it gets its own key, which goes before the merged one.
    let own = before.replace("    image: a\n", "    image: a\n    cap_drop: [ALL]\n");
    assert_eq!(first_edited(before, &respell), own);
    // Nothing there: each service gets its own.
    let bare = before.replace("  cap_drop: [all] # everything\n", "");
    let both = bare.replace("image: a\n", "image: a\n    cap_drop:\n    - ALL\n");
    let both = both.replace("image: b\n", "image: b\n    cap_drop:\n    - ALL\n");
    assert_eq!(edited(&bare, &[drop_all()]), both);
}

/// As in a service itself: no list and an empty one are the same.
#[test]
fn an_empty_list_of_a_template_goes_unless_it_hides_another() {
    let before = "\
x-other: &other
  tty: true
  cap_add: [KILL]
x-defaults: &defaults
  restart: always
  cap_add: [CHOWN] # why
services:
  web:
    <<: *defaults
    image: a
  db:
    <<: [*defaults]
    image: b
";
    let none = [Change::RemoveList(List::Add)];
    assert_eq!(edited(before, &none), before.replace("  cap_add: [CHOWN] # why\n", ""));
    let hides = before.replace("[*defaults]", "[*defaults, *other]");
    assert_eq!(edited(&hides, &none), hides.replace("[CHOWN]", "[]"));
    // A mapping with nothing in it is another thing.
    let only = before.replace("  restart: always\n", "");
    assert_eq!(edited(&only, &none), only.replace("[CHOWN]", "[]"));
    // One of two: it gets its own key.
    let own = before.replace("    image: a\n", "    image: a\n    cap_add: []\n");
    assert_eq!(first_edited(before, &none), own);
}

#[test]
fn what_is_extended_is_edited_where_it_is_written() {
    let before = "\
services:
  base:
    image: a
    cap_add:
      - SYS_ADMIN
      - KILL
  web:
    extends: base
    cap_add: [SYS_ADMIN]
  own:
    extends: {service: base}
";
    let remove = [Change::Remove(List::Add, "SYS_ADMIN".into())];
    // A list of its own that becomes empty says nothing beside the other.
    assert_eq!(
        edited(before, &remove),
        before.replace("      - SYS_ADMIN\n", "").replace("    cap_add: [SYS_ADMIN]\n", "")
    );
    // One that is empty because somebody wrote it so stays, and so does one that is all there is.
    let empty = before.replace("[SYS_ADMIN]", "[]");
    assert_eq!(edited(&empty, &remove), empty.replace("      - SYS_ADMIN\n", ""));
    let kill = before.replace("[SYS_ADMIN]", "!override [SYS_ADMIN]");
    assert_eq!(
        edited(&kill, &remove),
        kill.replace("      - SYS_ADMIN\n", "").replace("[SYS_ADMIN]", "[]")
    );
    // An empty list keeps away what a merge key brings in.
    let merged = "x-c: &c\n  cap_add: [KILL]\nservices:\n  a:\n    <<: *c\n    image: i\n    cap_add: [CHOWN]\n";
    let manifest = parse("compose.yaml", merged);
    let edits = [Change::RemoveList(List::Add)]
        .map(|change| Edit { container: ContainerId { workload: 0, container: 0 }, change });
    let outcome = apply(&manifest, &edits);
    assert_eq!(outcome.refused, []);
    assert_eq!(outcome.source.text(), merged.replace("[CHOWN]", "[]"));
    // What is new is put where all have it from.
    assert_eq!(
        edited(before, &[drop_all()]),
        before.replace("      - KILL\n", "      - KILL\n    cap_drop:\n      - ALL\n")
    );
    // `own` keeps it, and so does what it extends.
    let manifest = parse("t", before);
    let edits = &all(&manifest, &remove)[..2];
    let result = apply(&manifest, edits);
    assert_eq!(result.source.text(), before);
    let reasons: Vec<_> = result.refused.iter().map(|r| r.message(&manifest)).collect();
    assert_eq!(
        reasons,
        [
            "`cap_add` (t:4:5) is written in one place for several (`extends`), and container `own` \
             (t:10:3) reads it too and is not to change like this: give that one its own first",
            "`cap_add` (t:4:5) is written in one place for several (`extends`), and container `own` \
             (t:10:3) reads it too and is not to change like this",
        ]
    );
    assert_eq!(result.refused[1].snippet, "cap_add: !override [KILL]\n");
    let Refusal::Shared { how, user, .. } = &result.refused[1].reason else { panic!() };
    assert_eq!(*how, Sharing::Extends);
    assert!(matches!(user, SharedWith::Container(id) if id.workload == 2));
    // One that extends may have more without the others.
    let edits: Vec<_> = all(&manifest, &[drop_all()]).into_iter().skip(2).collect();
    assert_eq!(
        apply(&manifest, &edits).source.text(),
        before.replace("{service: base}\n", "{service: base}\n    cap_drop:\n      - ALL\n")
    );
}

#[test]
fn a_key_that_counts_for_nothing_is_not_filled() {
    let result = edit(&service("image: a\ncap_drop: !reset []"), &[drop_all()]);
    assert_eq!(result.refused.len(), 1);
    assert_eq!(result.refused[0].reason, Refusal::Marked { what: "cap_drop" });
    assert_eq!(result.refused[0].snippet, "cap_drop: [ALL]\n");
}

#[test]
fn a_list_that_something_else_reads_too_is_left_alone() {
    let before = "\
services:
  web: {image: a, cap_drop: &list [NET_RAW]}
networks:
  n: {labels: *list}
";
    let manifest = parse("t", before);
    let result = apply(&manifest, &all(&manifest, &[drop_all()]));
    assert_eq!(result.source.text(), before);
    assert_eq!(
        result.refused[0].message(&manifest),
        "`cap_drop` (t:2:19) is written in one place for several (an anchor `&…` that is used elsewhere \
         too), and something that is no container (t:4:15) reads it too and is not to change like \
         this"
    );
    // Under a key of its own it is nobody's.
    let before = "\
x-lists: {hard: &list [NET_RAW]}
services:
  web: {image: a, cap_drop: *list}
";
    assert_eq!(
        edited(before, &[Change::Include(List::Drop, Item::new("ALL"))]),
        before.replace("[NET_RAW]", "[NET_RAW, ALL]")
    );
}

fn of(workload: usize, change: Change) -> Edit {
    Edit { container: ContainerId { workload, container: 0 }, change }
}

#[test]
fn an_empty_list_of_what_is_extended_is_none_already() {
    let text =
        "services:\n  a:\n    image: i\n    cap_add: []\n  b:\n    image: i\n    extends: a\n";
    let edited = apply(&parse("compose.yaml", text), &[of(1, Change::RemoveList(List::Add))]);
    assert_eq!(edited.source.text(), text);
    assert_eq!((edited.changed, edited.refused), (vec![], vec![]));
}

/// Another list of theirs is shared, too, and in another way.
#[test]
fn the_list_that_they_do_not_agree_on_is_named() {
    let text = "x-caps: &caps [KILL]\nservices:\n  a:\n    image: i\n    cap_add: *caps\n    cap_drop: [all]\n  \
                b:\n    image: i\n    extends: a\n    cap_drop: [ALL]\n";
    let manifest = parse("compose.yaml", text);
    let respelt = |word: &str| Change::Replace(List::Drop, "all".to_owned(), word.to_owned());
    let edits = [of(0, respelt("NET_RAW")), of(1, respelt("ALL"))];
    let whose = |place: usize| {
        let refused = apply(&manifest, &edits).refused[place].clone();
        refused.message(&manifest)
    };
    let said = |other: &str, first: &str| {
        format!(
            "`cap_drop` (compose.yaml:6:5) is written in one place for several (`extends`), and container {other} reads it \
             too and is not to change like this{first}"
        )
    };
    assert_eq!(whose(0), said("`b` (compose.yaml:7:3)", ": give that one its own first"));
    assert_eq!(whose(1), said("`a` (compose.yaml:3:3)", ""));
}

#[test]
fn a_list_that_goes_goes_for_what_extends_it_too() {
    let text = "services:\n  a:\n    image: i\n    cap_add: [NET_ADMIN]\n    cap_drop: [ALL]\n  b:\n    \
                extends: a\n";
    let gone = |place| {
        [Change::Remove(List::Add, "NET_ADMIN".to_owned()), Change::RemoveList(List::Add)]
            .map(|change| of(place, change))
    };
    let edited = apply(&parse("compose.yaml", text), &[gone(0), gone(1)].concat());
    assert_eq!(edited.source.text(), text.replace("    cap_add: [NET_ADMIN]\n", ""));
    assert_eq!((edited.changed.len(), edited.refused), (2, vec![]));
    // Not where that one is to keep it.
    let alone = apply(&parse("compose.yaml", text), &gone(0));
    assert_eq!((alone.source.text(), alone.refused.len()), (text, 1));
}

/// `b` has ALL in front of its own word then, which is the same to every engine.
#[test]
fn what_is_extended_brings_a_word_in_front() {
    let text = "services:\n  a:\n    image: i\n  b:\n    extends: a\n    cap_drop: [NET_RAW]\n";
    let edited = apply(&parse("compose.yaml", text), &[of(0, drop_all()), of(1, drop_all())]);
    let expected = text.replace("image: i\n", "image: i\n    cap_drop: [ALL]\n");
    assert_eq!(edited.source.text(), expected);
    assert_eq!((edited.changed.len(), edited.refused), (2, vec![]));
}

/// Long mappings are looked up by an index, of each document anew.
#[test]
fn each_of_many_services_gets_what_it_extends() {
    let file = |word: &str| {
        let services = (1..40).map(|n| format!("  s{n}:\n    extends: s{}\n", n - 1));
        let services: String = services.collect();
        format!("services:\n  s0:\n    image: i\n    cap_add: [{word}]\n{services}")
    };
    let text = format!("{}---\n{}", file("KILL"), file("CHOWN"));
    let manifest = parse("compose.yaml", text.as_str());
    assert_eq!((manifest.problems.len(), manifest.workloads.len()), (0, 80));
    for (at, workload) in manifest.workloads.iter().enumerate() {
        let words = workload.pod.containers[0].security.add().map(|word| word.value.as_str());
        assert_eq!(words.collect::<Vec<_>>(), [if at < 40 { "KILL" } else { "CHOWN" }]);
    }
}
