//! The rules against their specifications in `tests/rules/`, and the registry against itself.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dropcap_check::fix::{Class, Remedy};
use dropcap_check::learnt::{About, Basis, Learnt, Library, MAX_AGE_DAYS};
use dropcap_check::render::text::held;
use dropcap_check::waiver::Policy;
use dropcap_check::waiver::approval::{Commit, History};
use dropcap_check::waiver::file::WaiverFile;
use dropcap_check::waiver::judge::Judged;
use dropcap_check::{
    Consent, Entrypoint, Finding, Fixes, Need, Options, RULES, Report, Rule, Selection, Topic,
    check, repair,
};
use manifest::{Loaded, Source, Span};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/rules")
}

/// A fenced block of a Markdown file.
#[derive(Debug, PartialEq)]
struct Block {
    /// What stands behind the fence.
    info: String,
    /// The text inside.
    body: String,
    /// The bytes of the body in the file.
    at: std::ops::Range<usize>,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut offset = 0;
    for line in markdown.split_inclusive('\n') {
        let next = offset + line.len();
        match (line.trim_end().strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some((info.to_owned(), next)),
            (Some(_), Some((info, start))) => {
                let at = start..offset;
                blocks.push(Block { info, body: markdown[at.clone()].to_owned(), at });
            }
            (None, still) => open = still,
        }
        offset = next;
    }
    assert_eq!(open, None, "a block is not closed");
    blocks
}

/// The options that the words behind `yaml` ask for.
fn options(rule: &Rule, info: &str) -> Options {
    let mut options =
        Options { selection: Selection::new(&[rule.id], &[]).unwrap(), ..Options::default() };
    // Two rules say nothing unless they are told something.
    match rule.id {
        "pod-security" => options.pod_security = Some("restricted@1.30".parse().unwrap()),
        "file-capabilities-outside-bounding" => {
            options.entrypoint = carries("cap_net_bind_service=ep")
        }
        _ => {}
    }
    let profile = match rule.id {
        "profile-ambiguous" => "two",
        "profile-incomplete" => "incomplete",
        "profile-too-old" => "old",
        "profile-of-another-image" => "workload",
        _ if rule.about == Topic::Profile => "traced",
        _ => "none",
    };
    options.learnt = library(profile);
    for word in info.split_whitespace().skip(1) {
        match word.split_once('=') {
            Some(("runtime", name)) => {
                (options.runtime, options.assumed) = (name.parse().unwrap(), false);
            }
            Some(("entrypoint", "plain")) => options.entrypoint = Entrypoint::Plain,
            Some(("file-caps", text)) => options.entrypoint = carries(text),
            Some(("profile", which)) => options.learnt = library(which),
            Some(("pod-security", policy)) => options.pod_security = Some(policy.parse().unwrap()),
            _ => panic!("unknown word {word:?} behind yaml"),
        }
    }
    options
}

/// An entrypoint whose file carries this, as getcap(8) prints it.
fn carries(text: &str) -> Entrypoint {
    let text: caps::LibcapText = text.parse().unwrap();
    Entrypoint::Carries(text.to_file_caps().unwrap())
}

/// What is known of nginx:1.27 as root: it steps down to another user, and may kill that one's.
fn library(which: &str) -> Library {
    let need =
        |capability, what: &str| Need { what: Some(what.to_owned()), ..Need::of(capability) };
    let about = About { image: Some("nginx:1.27".to_owned()), ..About::default() };
    let mut web = Learnt {
        name: "web".to_owned(),
        file: "web.profile.yaml".to_owned(),
        about,
        needs: vec![
            need(caps::Capability::SETGID, "setgid to 101 by nginx"),
            need(caps::Capability::SETUID, "setuid to 101 by nginx"),
        ],
        age: Some(3),
        ..Learnt::default()
    };
    match which {
        "none" => return Library::default(),
        "traced" => {}
        "proven" => web.basis = Basis::Proven { test: "curl -fs localhost".to_owned() },
        "incomplete" => web.incomplete = vec!["start not seen".to_owned()],
        "old" => web.age = Some(400),
        "workload" => web.about.workload = Some("Deployment/web".to_owned()),
        "digest" => web.about.image_digest = Some("sha256:0123456789abcdef".to_owned()),
        "container" => web.in_container = true,
        "doubtful" => {
            let kill = need(caps::Capability::KILL, "kill a process of 101 by nginx");
            web.needs.push(Need { doubtful: true, ..kill });
        }
        "port" => {
            let bind = need(caps::Capability::NET_BIND_SERVICE, "bind 0.0.0.0:80 by nginx (main)");
            web.needs = vec![Need { port: Some(80), ..bind }];
        }
        "either" => {
            let read = need(caps::Capability::DAC_OVERRIDE, "open /etc/shadow by nginx");
            let alternatives = vec![caps::Capability::DAC_READ_SEARCH];
            web.needs = vec![Need { alternatives, ..read }];
        }
        "two" => {
            let other = Learnt { file: "web-2.profile.yaml".to_owned(), ..web.clone() };
            return Library::new(vec![web, other], MAX_AGE_DAYS);
        }
        _ => panic!("unknown profile {which:?}"),
    }
    Library::new(vec![web], MAX_AGE_DAYS)
}

/// A finding as a specification writes it.
fn written(source: &Source, finding: &Finding) -> String {
    let place = |span: Span| {
        let last = Span { start: span.end.max(span.start + 1) - 1, end: span.end };
        format!("{}-{}", source.position(span.start), source.position(last.start))
    };
    let mut text = String::new();
    let _ =
        writeln!(text, "{} {}: {}", place(finding.primary.span), finding.severity, finding.message);
    for label in &finding.related {
        let _ = writeln!(text, "    see {}: {}", place(label.span), label.text);
    }
    let before = held(&finding.before);
    match &finding.remedy {
        Remedy::Edit(fix) => {
            let _ = writeln!(text, "    held: {before} -> {}", held(&fix.after));
            let costs: String = fix.costs.iter().map(|cost| format!("; {cost}")).collect();
            let _ = writeln!(text, "    fix: {}: {}{costs}", fix.class, fix.title);
            assert_eq!(fix.class == Class::Safe, fix.costs.is_empty(), "{}", fix.title);
        }
        Remedy::None { why } => {
            assert!(!why.is_empty(), "no edit, and no reason: {}", finding.message);
            if finding.container.is_some() {
                let _ = writeln!(text, "    held: {before}");
            }
            let _ = writeln!(text, "    fix: none: {why}");
        }
    }
    text
}

/// What a rule about waivers finds in a waiver file, written behind `toml`: on the day `today`, when
/// the addresses of `approved` have approved all of it and nothing else was found.
fn found_in_waivers(rule: &Rule, info: &str, text: &str, yaml: &str) -> String {
    let source = Source::new("dropcap-waivers.toml", text);
    let file = WaiverFile::parse(source.clone()).unwrap();
    let (mut approved, mut today) = (Vec::new(), "2026-06-01");
    for word in info.split_whitespace().skip(1) {
        match word.split_once('=') {
            Some(("approved", by)) => approved.extend(by.split(',').map(str::to_owned)),
            Some(("today", day)) => today = day,
            _ => panic!("unknown word {word:?} behind toml"),
        }
    }
    let waivers = Some(Rc::new(file.waivers.clone()));
    let head = Commit { signed_off: approved, waivers, ..Commit::default() };
    let history = Ok(History { commits: vec![head] });
    let mut judged = Judged::new(file, &history, &Policy::default(), today.parse().unwrap());
    judged.whole = true;
    let mut loaded = Loaded::default();
    loaded.manifests.push(manifest::parse("spec.yaml", yaml));
    assert!(loaded.counts().containers > 0);
    let options = Options::default();
    let mut report = Report::new(&loaded, &options, true);
    report.waive(&mut [judged], &[Some(0)]);
    let findings = report.about.iter().flat_map(|about| &about.findings);
    let findings = findings.filter(|finding| finding.rule == rule);
    findings.map(|finding| written(&source, finding)).collect::<Vec<_>>().join("\n")
}

fn found(rule: &Rule, info: &str, yaml: &str) -> String {
    let manifest = manifest::parse("spec.yaml", yaml);
    assert_eq!(manifest.problems, [], "{}", rule.id);
    if rule.id == "inline-ignore" {
        let checked = check(&manifest, &Options::default());
        let all = checked.findings.iter().filter(|finding| finding.rule == rule);
        return all.map(|f| written(&manifest.source, f)).collect::<Vec<_>>().join("\n");
    }
    let checked = check(&manifest, &options(rule, info));
    assert!(!checked.containers.is_empty());
    assert!(checked.findings.iter().all(|finding| finding.rule == rule));
    let all: Vec<String> = checked.findings.iter().map(|f| written(&manifest.source, f)).collect();
    all.join("\n")
}

/// The text after all edits of the rule, unsafe ones too; empty if nothing is edited.
fn fixed(rule: &Rule, info: &str, yaml: &str) -> String {
    let manifest = manifest::parse("spec.yaml", yaml);
    let options = options(rule, info);
    let repaired = repair(&manifest, &options, Consent::Unsafe);
    assert_eq!(repaired.refused, []);
    let left = repaired.checked.findings.iter().filter(|f| f.remedy.fix().is_some()).count();
    assert_eq!(left, 0, "an edit is left: {}", repaired.source.text());
    if repaired.source.text() == yaml { String::new() } else { repaired.source.text().to_owned() }
}

#[test]
fn rules_find_what_their_specifications_say() {
    let update = std::env::var_os("DROPCAP_UPDATE").is_some();
    let mut examples = 0;
    for rule in RULES {
        let path = folder().join(format!("{}.md", rule.id));
        let markdown =
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let blocks = blocks(&markdown);
        let mut waivers: Option<&Block> = None;
        let mut changes = Vec::new();
        let (mut clean, mut dirty) = (0, 0);
        for (index, block) in blocks.iter().enumerate() {
            if block.info.starts_with("toml") {
                waivers = Some(block);
                continue;
            }
            if block.info == "findings" || block.info == "yaml fixed" {
                continue;
            }
            assert!(block.info.starts_with("yaml"), "{}: {}", path.display(), block.info);
            let next = |offset: usize, info| blocks.get(index + offset).filter(|b| b.info == info);
            let line = markdown[..block.at.start].lines().count() + 1;
            let place = format!("{}:{line}", path.display());
            let expected = next(1, "findings").unwrap_or_else(|| panic!("{place}: no findings"));
            let got = match waivers.take() {
                Some(toml) => found_in_waivers(rule, &toml.info, &toml.body, &block.body),
                None => found(rule, &block.info, &block.body),
            };
            let edited = fixed(rule, &block.info, &block.body);
            *(if got.is_empty() { &mut clean } else { &mut dirty }) += 1;
            examples += 1;
            if update {
                changes.push((expected.at.clone(), got));
            } else {
                assert_eq!(got, expected.body, "{place}");
            }
            match next(2, "yaml fixed") {
                Some(block) if update => changes.push((block.at.clone(), edited)),
                Some(block) => assert_eq!(edited, block.body, "{place}: fixed"),
                None if update && !edited.is_empty() => {
                    let end = expected.at.end + "```\n".len();
                    changes.push((end..end, format!("```yaml fixed\n{edited}```\n")));
                }
                None => assert_eq!(edited, "", "{place}: edits without a block that shows them"),
            }
        }
        assert!(clean > 0 && dirty > 0, "{}: examples of both kinds are needed", rule.id);
        let mut updated = markdown.clone();
        for (at, text) in changes.into_iter().rev() {
            updated.replace_range(at, &text);
        }
        if updated != markdown {
            fs::write(&path, updated).unwrap();
        }
    }
    assert!(examples >= 40, "{examples} examples");
}

#[test]
fn every_rule_has_a_specification_and_nothing_else_has() {
    let rules: BTreeSet<String> = RULES.iter().map(|rule| format!("{}.md", rule.id)).collect();
    assert_eq!(rules.len(), RULES.len(), "a name is used twice");
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(files, rules);
}

#[test]
fn every_rule_has_a_file_a_page_and_a_decision_about_edits() {
    for rule in RULES {
        let file = format!("src/rules/{}.rs", rule.id.replace('-', "_"));
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists(), "{file}");
        let headings: Vec<&str> =
            rule.page.lines().filter_map(|line| line.trim().strip_prefix("## ")).collect();
        assert_eq!(
            headings,
            ["What it does", "Why is this bad?", "Example", "Use instead", "Fix"],
            "{}",
            rule.id
        );
        assert!(rule.summary().ends_with('.') && rule.summary().len() < 160, "{}", rule.summary());
        let (Fixes::Offered(why) | Fixes::Never(why)) = rule.fixes;
        assert!(!why.is_empty(), "{}", rule.id);
    }
}

/// What the waivers on the pages are about.
const AGENT: &str = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: { name: agent }\nspec:\n  template:\n    spec:\n      containers:\n        - name: agent\n          securityContext: { capabilities: { drop: [ALL], add: [SYS_ADMIN] } }\n";

/// What a page shows as bad is found, and what it says to use instead is clean for all rules.
#[test]
fn the_examples_of_the_pages_are_true() {
    for rule in RULES {
        let all = blocks(&(rule.markdown() + "\n"));
        let [bad, good] = all.as_slice() else { panic!("{}: two blocks", rule.id) };
        if rule.id.starts_with("waiver-") {
            let approved = "toml approved=alice@example.com,bob@example.com";
            let found = |rule, text: &Block| found_in_waivers(rule, approved, &text.body, AGENT);
            assert_ne!(found(rule, bad), "", "{}", rule.id);
            let others = RULES.iter().filter(|rule| rule.id.starts_with("waiver-"));
            assert_eq!(others.map(|rule| found(rule, good)).collect::<String>(), "", "{}", rule.id);
            continue;
        }
        assert_ne!(found(rule, "yaml", &bad.body), "", "{}", rule.id);
        let manifest = manifest::parse("page.yaml", good.body.as_str());
        assert_eq!(manifest.problems, []);
        let mut options = Options { selection: Selection::default(), ..options(rule, "yaml") };
        if rule.id.starts_with("profile-") {
            // What is to be mended is the profile.
            options.learnt = library("traced");
        }
        let checked = check(&manifest, &options);
        assert_eq!(checked.containers.len(), 1);
        let open = checked.findings.iter().filter(|finding| finding.standing.is_open());
        let left: Vec<&str> = open.map(|f| f.rule.id).collect();
        assert_eq!(left, [""; 0], "{}", rule.id);
    }
}
