//! Lists in brackets over several lines, with comments and tags.

use dropcap_manifest::{Change, Item, List, Refusal};

use crate::{drop_all, edit, edited};

/// A container with these lines below `capabilities`.
fn pod(lines: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext:\n      capabilities:\n{lines}"
    )
}

fn without(words: &[&str]) -> Vec<Change> {
    words.iter().map(|word| Change::Remove(List::Add, (*word).into())).collect()
}

#[test]
fn each_word_keeps_its_own_comment() {
    let text = pod(
        "        add: [\n          # first\n          CHOWN, # owner\n          SYS_ADMIN, # admin\n          KILL # kill\n        ]\n",
    );
    for (gone, left) in [
        (&["CHOWN"][..], "          SYS_ADMIN, # admin\n          KILL # kill\n"),
        (&["SYS_ADMIN"], "          CHOWN, # owner\n          KILL # kill\n"),
        (&["KILL"], "          CHOWN, # owner\n          SYS_ADMIN # admin\n"),
        (&["CHOWN", "KILL"], "          SYS_ADMIN # admin\n"),
    ] {
        let wanted = pod(&format!("        add: [\n          # first\n{left}        ]\n"));
        assert_eq!(edited(&text, &without(gone)), wanted, "{gone:?}");
    }
}

#[test]
fn a_new_word_stands_behind_the_comment_of_the_last_one() {
    for (now, wanted) in [
        ("KILL # kill\n", "KILL, # kill\n          ALL\n"),
        ("KILL, # kill\n", "KILL, # kill\n          ALL,\n"),
        ("!!str KILL, # kill\n", "!!str KILL, # kill\n          ALL,\n"),
        ("'KILL' # kill\r\n", "'KILL', # kill\r\n          'ALL'\r\n"),
    ] {
        let around = |words: &str| {
            let lines = pod(&format!("        drop: [\n          {words}        ]\n"));
            if words.contains('\r') {
                lines.replace("\r\n", "\n").replace('\n', "\r\n")
            } else {
                lines
            }
        };
        assert_eq!(edited(&around(now), &[drop_all()]), around(wanted));
    }
    // With a comma in front of each line there is no line of its own.
    let text = pod("        drop: [\n          KILL\n          , CHOWN\n        ]\n");
    let wanted =
        pod("        drop: [\n          KILL\n          , CHOWN\n          , ALL\n        ]\n");
    assert_eq!(edited(&text, &[drop_all()]), wanted);
}

/// Of a list that is broken over lines in another way.
#[test]
fn the_comment_of_a_word_that_stays_stays() {
    let list = |words: &str| pod(&format!("        add: [{words}]\n"));
    for (before, gone, after) in [
        ("A, # a\n          B", &["B"][..], "A, # a\n          "),
        ("A, # a\n          B, C", &["B"], "A, # a\n          C"),
        ("A, # a\n          B, C, D", &["B", "D"], "A, # a\n          C"),
        ("A, # a\n          B, # b\n          C", &["B", "C"], "A, # a\n          "),
        ("A, # a\n          B, # b\n          C", &["A"], "B, # b\n          C"),
    ] {
        assert_eq!(edited(&list(before), &without(gone)), list(after));
    }
    let more = [without(&["B", "C"]), vec![Change::Include(List::Add, Item::new("D"))]].concat();
    assert_eq!(
        edited(&list("A, # a\n          B, # b\n          C"), &more),
        list("A, # a\n          D")
    );
}

#[test]
fn a_comment_between_empty_brackets_stays() {
    let container = |rest: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext:\n      capabilities:{rest}"
        )
    };
    let list = "        drop:\n        - ALL\n";
    for (before, after) in [
        (" { # x\n      }\n", format!(" # x\n{list}")),
        (" { # x\n      }", format!(" # x\n{}", list.trim_end())),
        (" { # x\n        # y\n      } # z\n", format!(" # x\n        # y\n       # z\n{list}")),
        (" &c { # x\n      }\n# w\n", format!(" &c # x\n{list}# w\n")),
        (" {drop: [ # x\n      ]}\n", " {drop: [ # x\n      ALL]}\n".to_owned()),
        ("\n        drop: [ # x\n        ]\n", "\n        drop: [ # x\n        ALL]\n".to_owned()),
    ] {
        assert_eq!(edited(&container(before), &[drop_all()]), container(&after));
    }
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {name: a, securityContext: { # x\n     }}\n";
    let filled = "{ # x\n     capabilities: {drop: [ALL]}}";
    assert_eq!(edited(text, &[drop_all()]), text.replace("{ # x\n     }", filled));
}

/// Go's readers refuse a list or a mapping with the tag of nothing: the tag goes with it.
#[test]
fn what_is_tagged_as_nothing_is_filled_without_the_tag() {
    let container = |security: &str| {
        let lines = security.replace('\n', "\n    ");
        format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    {lines}\n")
    };
    let block = "\n  capabilities:\n    drop:\n    - ALL";
    for (before, after) in [
        (pod("        drop: !!null\n"), pod("        drop:\n        - ALL\n")),
        (pod("        drop: !!null ~ # none\n"), pod("        drop: # none\n        - ALL\n")),
        (container("securityContext: !!null"), container(&format!("securityContext:{block}"))),
        (
            container("securityContext: !<tag:yaml.org,2002:null> null"),
            container(&format!("securityContext:{block}")),
        ),
        (
            container("securityContext: !!null &a null"),
            container(&format!("securityContext: &a{block}")),
        ),
        (
            container("securityContext: &a !!null null"),
            container(&format!("securityContext: &a{block}")),
        ),
        (
            container("securityContext: # why\n  !!null\n# more"),
            container(&format!("securityContext: # why{block}\n# more")),
        ),
        (
            container("securityContext: {capabilities: !!null}"),
            container("securityContext: {capabilities: {drop: [ALL]}}"),
        ),
        (
            container("securityContext: {capabilities: !!null null}"),
            container("securityContext: {capabilities: {drop: [ALL]}}"),
        ),
    ] {
        assert_eq!(edited(&before, &[drop_all()]), after);
    }
    let text = pod("        drop: !!seq []\n");
    assert_eq!(edited(&text, &[drop_all()]), pod("        drop: !!seq [ALL]\n"));
}

/// A second key of the pair in `[name: a]` would be a second item of the list.
#[test]
fn a_pair_without_braces_is_refused() {
    for (containers, refused) in [
        ("[name: a]", 1),
        ("[ \"name\":\u{e9}, {name: b} ]", 1),
        ("[? name : a, ? name : b, {name: c}]", 2),
        ("[securityContext: {capabilities: {}}]", 0),
        ("[&a name: a]", 1),
    ] {
        let text = format!(
            "\u{feff}apiVersion: v1\r\nkind: Pod\r\nspec: {{containers: {containers}}}\r\n"
        );
        let result = edit(&text, &[drop_all()]);
        let reasons: Vec<_> = result.refused.iter().map(|refused| &refused.reason).collect();
        assert_eq!(reasons, vec![&Refusal::Unsupported; refused], "{containers}");
        if result.changed.is_empty() {
            assert_eq!(result.source.text(), text);
        }
    }
}

/// A plain word with a tab at the start of the next line is not YAML.
#[test]
fn no_plain_word_stands_in_front_of_a_tab() {
    let text = |new: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: 'a',\n\t{new}image: 'a'\n\t}}]}}\n"
        )
    };
    let new = "securityContext: {\n\t  capabilities: {\n\t    drop: [ALL]\n\t  }\n\t},\n\t";
    assert_eq!(edited(&text(""), &[drop_all()]), text(new));
}
