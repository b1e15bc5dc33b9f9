//! Waiver files that are none, and histories that a repository is seldom made for.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::rc::Rc;

use dropcap_check::waiver::Policy;
use dropcap_check::waiver::approval::{Commit, History};
use dropcap_check::waiver::file::{Waiver, WaiverFile, schema};
use manifest::Source;

const GOOD: &str = "\
version = 1
[[waiver]]
kind = \"Pod\"
name = \"a\"
container = \"b\"
capabilities = [\"SYS_ADMIN\"]
reason = \"it has to\"
approvers = [\"a@x\", \"b@x\", \"c@x\"]
expires = 2030-01-01
";

fn parse(text: &str) -> Result<WaiverFile, String> {
    WaiverFile::parse(Source::new("w.toml", text)).map_err(|error| error.to_string())
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    assert_eq!(parse(GOOD).unwrap().waivers.len(), 1);
    for (from, to, expected) in [
        (
            "version = 1",
            "version = 2",
            "w.toml:1:11: version 2 of waivers; this dropcap understands 1 only",
        ),
        ("version = 1", "", "w.toml:1:1: missing field `version`"),
        ("reason", "raeson", "w.toml:7:1: unknown field `raeson`, expected one of `kind`"),
        ("\"it has to\"", "\" \"", "w.toml:7:10: `reason` is empty"),
        ("reason = \"it has to\"\n", "", "w.toml:2:1: missing field `reason`"),
        ("expires = 2030-01-01\n", "", "w.toml:2:1: missing field `expires`"),
        ("2030-01-01", "\"2030-01-01\"", "w.toml:9:11: "),
        ("2030-01-01", "2030-01-01T00:00:00Z", "w.toml:9:11: expected a day without a time"),
        ("2030-01-01", "2030-02-30", "w.toml:9:"),
        (
            "SYS_ADMIN",
            "SYS_ADMN",
            "w.toml:6:17: unknown capability \"SYS_ADMN\", did you mean SYS_ADMIN?",
        ),
        (
            "[\"SYS_ADMIN\"]",
            "[\"ALL\", \"KILL\"]",
            "w.toml:6:17: unknown capability \"ALL\"; `ALL` stands alone",
        ),
        ("[\"SYS_ADMIN\"]", "[]", "w.toml:2:1: `capabilities` is empty"),
        ("\"a@x\"", "\"Alice\"", "w.toml:8:14: `Alice` is no mail address"),
        ("\"a@x\"", "\"Alice <a@x>\"", "w.toml:8:14: `Alice <a@x>` is no mail address"),
        ("kind = \"Pod\"", "kind = \"\"", "w.toml:2:1: `kind` is empty"),
        ("container = \"b\"\n", "", "w.toml:2:1: missing field `container`"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.starts_with(expected), "{expected}\n{error}");
    }
}

#[test]
fn the_schema_takes_what_is_read() {
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap();
    let waiver = serde_json::json!({
        "kind": "Pod", "name": "a", "container": "b", "capabilities": ["SYS_ADMIN"],
        "reason": "it has to", "approvers": ["a@x"], "expires": "2030-01-01",
    });
    let file = |waiver: &serde_json::Value| serde_json::json!({ "version": 1, "waiver": [waiver] });
    assert!(validator.is_valid(&file(&waiver)));
    for key in ["kind", "name", "container", "capabilities", "reason", "approvers", "expires"] {
        let mut without = waiver.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&file(&without)), "{key}");
    }
    assert!(!validator.is_valid(&serde_json::json!({ "version": 2 })));
}

/// A commit by one letter at x, with these before it; `text` is the file in it.
fn commit(author: &str, parents: &[usize], text: Option<&str>) -> Commit {
    Commit {
        author: format!("{author}@x"),
        parents: parents.to_vec(),
        waivers: text.map(|text| Rc::new(parse(text).unwrap().waivers)),
        ..Commit::default()
    }
}

fn approved(commits: Vec<Commit>) -> String {
    let waiver: Waiver = parse(GOOD).unwrap().waivers.remove(0);
    let approvals = History { commits }.approvals(&waiver, &Policy::default());
    assert_eq!(approvals.confirmed.len() + approvals.missing.len(), 3);
    approvals.confirmed.iter().map(|address| address.replace("@x", "")).collect()
}

#[test]
fn approvals_follow_every_line_of_descent_on_which_the_waiver_stood() {
    let good = Some(GOOD);
    let empty = Some("version = 1\n");
    let other = GOOD.replace("2030", "2031");
    let fewer = GOOD.replace(", \"c@x\"", "");
    // Both sides of a merge brought it.
    let both = |left, right| {
        vec![
            commit("c", &[1, 2], good),
            commit("a", &[3], left),
            commit("b", &[3], right),
            commit("c", &[], empty),
        ]
    };
    assert_eq!(approved(both(good, good)), "ab");
    assert_eq!(approved(both(good, empty)), "a");
    assert_eq!(approved(both(good, Some(&other))), "a");
    // A merge that is neither side's is its author's own work.
    assert_eq!(approved(both(empty, Some(&other))), "c");
    // It was gone, or something else, in between.
    for between in [empty, Some(other.as_str()), None] {
        let line =
            vec![commit("a", &[1], good), commit("b", &[2], between), commit("c", &[], good)];
        assert_eq!(approved(line), "a");
    }
    // Another address in the list is a change by its author, and takes nothing away.
    let line =
        vec![commit("b", &[1], good), commit("a", &[2], Some(&fewer)), commit("c", &[], empty)];
    assert_eq!(approved(line), "ab");
    // Beyond a cut nothing is known; at it, neither.
    let mut cut = vec![commit("b", &[1], good), commit("a", &[], Some(&fewer))];
    cut[1].cut = true;
    assert_eq!(approved(cut), "b");
    // Not as it stands at the end, and nothing at all.
    assert_eq!(approved(vec![commit("a", &[1], Some(&other)), commit("b", &[], good)]), "");
    assert_eq!(approved(Vec::new()), "");
    // A history that goes round in circles ends.
    assert_eq!(approved(vec![commit("a", &[0, 7], good)]), "");
}
