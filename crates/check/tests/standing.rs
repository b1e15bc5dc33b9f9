//! What answers for a finding never adds one, but those about itself, and touches no other container.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::Path;
use std::rc::Rc;

use dropcap_check::baseline::Baseline;
use dropcap_check::waiver::Policy;
use dropcap_check::waiver::approval::{Commit, History};
use dropcap_check::waiver::file::WaiverFile;
use dropcap_check::waiver::judge::Judged;
use dropcap_check::{Options, RULES, Report, Severity, Standing, render};
use manifest::{Loaded, Source};
use proptest::prelude::*;

const ABOUT: [&str; 5] =
    ["inline-ignore", "waiver-expired", "waiver-too-wide", "waiver-unapproved", "waiver-unused"];

/// A Deployment with two containers; `ignore` is a comment above the second one's lists.
fn deployment(lists: [&str; 2], ignore: &str) -> String {
    let container = |name: &str, lists: &str, comment: &str| {
        format!(
            "        - name: {name}\n          securityContext:\n            runAsUser: 0\n{comment}            \
             capabilities: {lists}\n"
        )
    };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  template:\n    spec:\n      \
         containers:\n{}{}",
        container("first", lists[0], ""),
        container("second", lists[1], ignore)
    )
}

fn loaded(text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    loaded.manifests.push(manifest::parse("web.yaml", text));
    assert_eq!(loaded.manifests[0].problems, []);
    assert_eq!(loaded.counts().containers, 2);
    loaded
}

/// Rule, container, severity and message of each finding that counts.
type Open = Vec<(&'static str, Option<usize>, Severity, String)>;

fn open(report: &Report<'_>) -> Open {
    let all = report.findings().map(|found| found.finding);
    let open = all.filter(|finding| finding.standing.is_open());
    open.map(|f| (f.rule.id, f.container, f.severity, f.message.clone())).collect()
}

fn without_those_about_itself(open: Open) -> Open {
    open.into_iter().filter(|(rule, ..)| !ABOUT.contains(rule)).collect()
}

fn waiver(container: &str, capabilities: &[&str], expires: &str, wide: bool) -> String {
    let name = if wide { "*" } else { "web" };
    format!(
        "[[waiver]]\nkind = \"Deployment\"\nname = \"{name}\"\ncontainer = \"{container}\"\ncapabilities = \
         {capabilities:?}\nreason = \"it has to\"\napprovers = [\"a@x\", \"b@x\"]\nexpires = {expires}\n"
    )
}

fn judged(text: &str, approved: bool) -> Judged {
    let text = format!("version = 1\n{text}");
    let file = WaiverFile::parse(Source::new("dropcap-waivers.toml", text)).unwrap();
    let signed_off = if approved { vec!["a@x".into(), "b@x".into()] } else { Vec::new() };
    let waivers = Some(Rc::new(file.waivers.clone()));
    let history = History { commits: vec![Commit { signed_off, waivers, ..Commit::default() }] };
    let today = "2026-06-01".parse().unwrap();
    let mut judged = Judged::new(file, &Ok(history), &Policy::default(), today);
    judged.whole = true;
    judged
}

const NAMES: [&str; 8] =
    ["SYS_ADMIN", "SYS_TIME", "CHOWN", "NET_ADMIN", "SYS_PTRACE", "BPF", "KILL", "NET_RAW"];

fn lists() -> impl Strategy<Value = String> {
    let add = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 0..4);
    (add, any::<bool>()).prop_map(|(add, all)| {
        let drop = if all { "ALL" } else { "NET_RAW" };
        format!("{{ drop: [{drop}], add: [{}] }}", add.join(", "))
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or_else(|| testkit::rounds(32, 96))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_waiver_takes_away_only_what_it_is_about(
        first in lists(), second in lists(),
        names in prop::collection::vec(prop::sample::select(NAMES.to_vec()), 1..4),
        expired in any::<bool>(), wide in any::<bool>(), approved in any::<bool>(),
    ) {
        let loaded = loaded(&deployment([&first, &second], ""));
        let options = Options::default();
        let before = Report::new(&loaded, &options, true);
        let mut after = Report::new(&loaded, &options, true);
        let expires = if expired { "2026-05-31" } else { "2026-06-01" };
        after.waive(&mut [judged(&waiver("second", &names, expires, wide), approved)], &[Some(0)]);
        let (was, is) = (open(&before), open(&after));
        let mut left = without_those_about_itself(is.clone());
        prop_assert!(left.iter().all(|finding| was.contains(finding)));
        let of = |open: &Open, at| open.iter().filter(|f| f.1 == Some(at)).cloned().collect::<Open>();
        prop_assert_eq!(of(&was, 0), of(&left, 0));
        let in_order = !expired && !wide && approved;
        // Exactly those go of which every capability is covered, and none where it is not in order.
        let covered = before.findings().map(|found| found.finding).filter(|finding| {
            in_order && finding.container == Some(1) && !finding.capabilities.is_empty()
                && finding.rule.waivable
                && finding.capabilities.iter().all(|c| names.contains(&c.to_string().as_str()))
        });
        let covered = covered.count();
        prop_assert_eq!(was.len() - left.len(), covered);
        prop_assert_eq!(after.totals().waived, covered);
        let about = is.iter().filter(|(rule, ..)| ABOUT.contains(rule) && *rule != "waiver-unused");
        prop_assert_eq!(about.count() > 0, !in_order);
        left.clear();
    }

    #[test]
    fn a_comment_takes_away_only_what_it_is_about(
        first in lists(), second in lists(),
        rule in prop::sample::select(RULES.iter().map(|rule| rule.id).collect::<Vec<_>>()),
        reason in any::<bool>(),
    ) {
        let options = Options::default();
        let plain = loaded(&deployment([&first, &second], ""));
        let before = Report::new(&plain, &options, true);
        let reason = if reason { "it has to" } else { "" };
        let comment = format!("            # dropcap: ignore[{rule}] {reason}\n");
        let text = deployment([&first, &second], &comment);
        let commented = loaded(&text);
        let after = Report::new(&commented, &options, true);
        let (was, is) = (open(&before), without_those_about_itself(open(&after)));
        prop_assert!(is.iter().all(|finding| was.contains(finding)), "{was:?} {is:?}");
        let gone: Open = was.iter().filter(|finding| !is.contains(finding)).cloned().collect();
        prop_assert!(gone.iter().all(|(id, at, ..)| *id == rule && *at == Some(1)), "{gone:?}");
        prop_assert!(reason.is_empty() <= gone.is_empty());
        for found in after.findings() {
            if let Standing::Ignored { .. } = found.finding.standing {
                prop_assert!(found.finding.demands_waiver().is_empty());
            }
        }
    }

    #[test]
    fn a_baseline_keeps_what_was_and_nothing_more(
        first in lists(), second in lists(), other in lists(), less in any::<prop::sample::Index>(),
    ) {
        let path = Path::new("known.json");
        let options = Options::default();
        let old = loaded(&deployment([&first, &second], ""));
        let baseline = Baseline::of(&Report::new(&old, &options, true), path);
        let baseline = Baseline::parse("known.json", &baseline.text()).unwrap();
        // The same, moved, quoted and broken into lines: nothing is new, nothing is mended.
        let spread = |lists: &str| lists.replace("add: [", "add: [ \n                ")
            .replace("drop: [ALL]", "drop: [\"ALL\"]").replace(", ", ",\n                ");
        let text = format!("# moved\n---\n{}", deployment([&spread(&first), &spread(&second)], ""));
        let same = loaded(&text);
        let mut report = Report::new(&same, &options, true);
        let compared = report.compare(&baseline, path);
        prop_assert_eq!(open(&report), Open::new(), "{}", text);
        prop_assert_eq!(compared.fixed, vec![]);
        // Something else in the second container: what counts is of that one, and no more than without.
        let changed = loaded(&deployment([&first, &other], ""));
        let without = open(&Report::new(&changed, &options, true));
        let mut report = Report::new(&changed, &options, true);
        report.compare(&baseline, path);
        let is = open(&report);
        prop_assert!(is.iter().all(|finding| without.contains(finding) && finding.1 == Some(1)));
        // One word less is never new.
        let words: Vec<&str> = second.split(", ").collect();
        let fewer: Vec<&str> = second
            .trim_end_matches("] }").split("add: [").nth(1).unwrap().split(", ").collect();
        if words.len() > 1 && !fewer[0].is_empty() {
            let mut fewer = fewer;
            fewer.remove(less.index(fewer.len()));
            let drop = second.split(", add").next().unwrap();
            let smaller = format!("{drop}, add: [{}] }}", fewer.join(", "));
            let smaller = loaded(&deployment([&first, &smaller], ""));
            let mut report = Report::new(&smaller, &options, true);
            report.compare(&baseline, path);
            let worse: Open = open(&report).into_iter().filter(|f| f.2 > Severity::Note).collect();
            prop_assert_eq!(worse, Open::new());
        }
    }
}

#[test]
fn a_baseline_of_one_capability_is_none_of_another_and_says_what_is_mended() {
    let path = Path::new("known.json");
    let options = Options::default();
    let old =
        loaded(&deployment(["{ drop: [ALL] }", "{ drop: [ALL], add: [SYS_TIME, kill] }"], ""));
    let baseline = Baseline::of(&Report::new(&old, &options, true), path);
    assert_eq!(baseline.findings.len(), 2);
    let new = loaded(&deployment(["{ drop: [ALL] }", "{ drop: [ALL], add: [SYS_ADMIN] }"], ""));
    let mut report = Report::new(&new, &options, true);
    let compared = report.compare(&baseline, path);
    let rules: Vec<&str> = open(&report).iter().map(|finding| finding.0).collect();
    assert_eq!(rules, ["dangerous-capability"]);
    let fixed: Vec<&str> = compared.fixed.iter().map(|entry| entry.rule.as_str()).collect();
    assert_eq!(fixed, ["capability-spelling", "dangerous-capability"]);
    for (text, part) in [
        ("{}", "no baseline: missing field `version`"),
        ("{\"version\": 2}", "version 2 of baselines"),
        ("[[", "no baseline"),
        ("{\"version\": 1, \"runtime\": \"x\", \"findings\": [], \"more\": 1}", "unknown field"),
    ] {
        let error = Baseline::parse("known.json", text).unwrap_err().to_string();
        assert!(error.starts_with("known.json: ") && error.contains(part), "{error}");
    }
    let schema = serde_json::from_str(&dropcap_check::baseline::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&baseline.text()).unwrap()));
    assert!(!validator.is_valid(&serde_json::json!({ "version": 1 })));
}

#[test]
fn what_does_not_count_is_in_every_format_as_its_schema_says() {
    let comment = "            # dropcap: ignore[capability-spelling] as the others write it\n";
    let lists = ["{ drop: [ALL], add: [SYS_TIME] }", "{ drop: [ALL], add: [sys_admin] }"];
    let path = Path::new("known.json");
    let options = Options::default();
    let old = loaded(&deployment([lists[0], "{ drop: [ALL] }"], ""));
    let baseline = Baseline::of(&Report::new(&old, &options, true), path);
    let new = loaded(&deployment(lists, comment));
    let mut report = Report::new(&new, &options, true);
    let waivers = waiver("second", &["SYS_ADMIN"], "2026-06-01", false)
        + &waiver("gone", &["SYS_ADMIN"], "2026-05-01", false);
    report.waive(&mut [judged(&waivers, true)], &[Some(0)]);
    report.compare(&baseline, path);
    let totals = report.totals();
    assert_eq!((totals.waived, totals.ignored, totals.baseline), (1, 1, 1));
    // That one of the waivers has expired.
    assert_eq!((totals.errors, totals.warnings, totals.notes), (0, 1, 0));
    assert_eq!(report.worst(), Some(Severity::Warning));

    let valid = |schema: &str, document: &serde_json::Value| {
        let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    };
    let json = serde_json::to_value(render::json::document(&report)).unwrap();
    valid(&render::json::schema(), &json);
    let kinds = |key: &str, of: &serde_json::Value, all: &str| -> Vec<String> {
        of[all].as_array().unwrap().iter().map(|one| one[key].to_string()).collect()
    };
    let standing: Vec<String> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["standing"]["kind"].to_string().replace('"', ""))
        .collect();
    assert_eq!(standing, ["baseline", "ignored", "waived", "open"]);
    assert_eq!(json["findings"][3]["container"], serde_json::Value::Null);
    let sarif = render::sarif::document(&report);
    valid(include_str!("formats/sarif-part.json"), &sarif);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let suppressions: Vec<Vec<String>> =
        results.iter().map(|result| kinds("kind", result, "suppressions")).collect();
    let [external, in_source] = ["\"external\"", "\"inSource\""].map(|kind| vec![kind.to_owned()]);
    assert_eq!(suppressions, [external.clone(), in_source, external, vec![]]);
    let github = render::github::lines(&report);
    assert_eq!(github.lines().count(), 1, "{github}");
    assert!(github.starts_with("::warning file=dropcap-waivers.toml,line="), "{github}");
    let junit = render::junit::document(&report);
    assert!(junit.contains("tests=\"3\" failures=\"1\" errors=\"0\">"), "{junit}");
    assert!(junit.contains("failures=\"0\" errors=\"0\" skipped=\"2\">"), "{junit}");
}
