//! `dropcap explain`, as a person and as a program see it.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;

fn explain(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dropcap"))
        .arg("explain")
        .args(args)
        .stdin(Stdio::null())
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

/// What it prints, where it succeeds and says nothing else.
fn printed(args: &[&str]) -> String {
    let output = explain(args);
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of, where it fails as bad input does and prints nothing.
fn complaint(args: &[&str]) -> String {
    let output = explain(args);
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The names of the table, in its order.
fn names_in_table() -> Vec<String> {
    let table = printed(&[]);
    let rows = table.lines().filter_map(|line| line.strip_prefix("   "));
    rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn all_of_them_by_danger() {
    assert_snapshot!(printed(&[]));
}

#[test]
fn the_table_has_every_capability_once() {
    let mut names = names_in_table();
    names.sort();
    let mut known: Vec<String> = caps::Capability::known().map(|c| c.to_string()).collect();
    known.sort();
    assert_eq!(names, known);
}

#[test]
fn net_raw() {
    assert_snapshot!(printed(&["NET_RAW"]));
}

#[test]
fn sys_module_is_in_no_containers_default_set() {
    let text = printed(&["SYS_MODULE"]);
    let line = "  no                any container: containerd, CRI-O, Docker, Podman, nerdctl\n";
    assert!(text.contains(line), "{text}");
    assert_snapshot!(text);
}

#[test]
fn two_at_once_in_other_spellings_with_sources_of_the_defaults() {
    assert_snapshot!(printed(&["-v", "cap_sys_chroot,35"]));
}

#[test]
fn every_spelling_is_the_same() {
    let expected = printed(&["NET_BIND_SERVICE"]);
    for word in ["net_bind_service", "CAP_NET_BIND_SERVICE", "Cap_Net_Bind_Service", "10"] {
        assert_eq!(printed(&[word]), expected, "{word}");
    }
}

#[test]
fn every_card_fits_and_says_how_to_live_without() {
    for name in names_in_table() {
        let card = printed(&[&name]);
        assert!(card.starts_with(&format!("{name}  capability ")), "{card}");
        for heading in [
            "\nAllows\n",
            "\nDanger: ",
            "\nHeld by default\n",
            "\nLive without it\n",
            "\nSources: ",
        ] {
            assert_eq!(card.matches(heading).count(), 1, "{name}: {heading}");
        }
        // Wide lines hold one word that is not to be broken, such as a command.
        let wide: Vec<_> = card.lines().filter(|line| line.chars().count() > 80).collect();
        assert_eq!(wide, Vec::<&str>::new(), "{name}");
        assert!(card.lines().count() <= 60, "{name}: {} lines", card.lines().count());
        assert!(!card.contains('\u{a0}') && !card.contains(" \n"), "{name}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_one_meant() {
    assert_eq!(
        complaint(&["NET_RWA"]),
        "error: unknown capability \"NET_RWA\", did you mean NET_RAW?\n"
    );
    let message = complaint(&["CHOWN", "xyz"]);
    assert!(message.starts_with("error: unknown capability \"xyz\"\n  help: "), "{message}");
    assert!(message.contains("`dropcap explain` lists all") && message.contains("add-all"));
    assert_eq!(
        complaint(&["41"]),
        "error: capability 41 is newer than this program, which knows 0 to 40\n"
    );
}

#[test]
fn the_json_form_follows_its_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/schema/explain-v1.json")).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let all: serde_json::Value = serde_json::from_str(&printed(&["--json"])).unwrap();
    let errors: Vec<String> = schema.iter_errors(&all).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(all["capabilities"].as_array().map(Vec::len), Some(41));
}

#[test]
fn a_rule_is_explained_by_its_page() {
    for rule in check::RULES {
        let page = printed(&[rule.id]);
        assert!(page.starts_with(&format!("{}  ", rule.id)), "{page}");
        assert!(page.contains("\nWhy is this bad?\n") && !page.contains("```"), "{page}");
        let json: serde_json::Value = serde_json::from_str(&printed(&["--json", rule.id])).unwrap();
        assert_eq!(json["rules"][0]["name"], rule.id);
        assert_eq!(json["capabilities"], serde_json::json!([]));
    }
}

#[test]
fn the_json_of_one() {
    assert_snapshot!(printed(&["--json", "PERFMON"]));
}

#[test]
fn colour_only_where_it_is_wanted() {
    let run = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropcap"));
        command.args(["explain", "KILL"]).env_remove("NO_COLOR").env(key, "1");
        command.output().unwrap().stdout
    };
    let (forced, plain) = (run("CLICOLOR_FORCE"), run("NO_COLOR"));
    assert!(forced.contains(&0x1b) && !plain.contains(&0x1b));
}
