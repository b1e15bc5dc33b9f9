//! SARIF, JUnit and GitHub annotations: of their form, at the right place, nothing let through raw.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod columns;
mod junit_form;

use std::path::Path;

use dropcap_check::render::{github, junit, sarif};
use dropcap_check::{Options, RULES, Report};
use manifest::Loaded;
use serde_json::Value;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  template:
    spec:
      containers:
        - name: wéb
          securityContext:
            runAsUser: 0
            capabilities: { drop: [ALL], add: [\"äöü\", sys_admin, SYS_TIME] }
        - name: clean
          securityContext: { capabilities: { drop: [ALL] } }
";

fn loaded(files: &[(&str, &str)]) -> Loaded {
    let mut loaded = Loaded::default();
    loaded.manifests.extend(files.iter().map(|(name, text)| manifest::parse(name, *text)));
    loaded
}

fn with<T>(loaded: &Loaded, render: impl Fn(&Report<'_>) -> T) -> T {
    let options = Options::default();
    render(&Report::new(loaded, &options, true))
}

fn log(files: &[(&str, &str)]) -> Value {
    with(&loaded(files), sarif::document)
}

fn results(log: &Value) -> &Vec<Value> {
    log["runs"][0]["results"].as_array().unwrap()
}

#[test]
fn sarif_is_of_its_form() {
    let schema = serde_json::from_str(include_str!("sarif-part.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    // Every example of every rule, a template, what is broken, and nothing.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/rules");
    let mut all = loaded(&[("a dir/wéb.yaml", WEB), ("<stdin>", "kind: {{ .Kind }}\n")]);
    for entry in std::fs::read_dir(folder).unwrap() {
        let markdown = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for block in markdown.split("```yaml").skip(1) {
            let yaml = block.split_once('\n').unwrap().1.split("```").next().unwrap();
            all.manifests.push(manifest::parse("spec.yaml", yaml));
        }
    }
    all.manifests.push(manifest::parse("flat.yaml", "apiVersion: v1\nkind: Pod\nspec:\n"));
    all.failed.push(manifest::Source::read(Path::new("/no/such/file")).unwrap_err());
    for (loaded, whole) in [(all, false), (Loaded::default(), true)] {
        let log = with(&loaded, sarif::document);
        let errors: Vec<String> = validator.iter_errors(&log).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        let run = &log["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], whole);
        assert_eq!(results(&log).len() > 60, !whole);
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), RULES.len());
        for result in results(&log) {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
    }
    assert!(!validator.is_valid(&serde_json::json!({ "version": "2.1.0", "runs": [] })));
}

/// A region, read as SARIF says columns are counted here, is the word that the finding is about.
#[test]
fn sarif_columns_are_exact() {
    let log = log(&[("web.yaml", WEB)]);
    let found: Vec<(String, String)> = results(&log)
        .iter()
        .map(|result| {
            let region = &result["locations"][0]["physicalLocation"]["region"];
            let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
            assert_eq!(number("startLine"), number("endLine"));
            let line = WEB.lines().nth(number("startLine") - 1).unwrap();
            let (start, end) = (number("startColumn") - 1, number("endColumn") - 1);
            let text: String = line.chars().skip(start).take(end - start).collect();
            let bytes = number("byteOffset")..number("byteOffset") + number("byteLength");
            assert_eq!(WEB[bytes], text);
            (result["ruleId"].as_str().unwrap().to_owned(), text)
        })
        .collect();
    let expected = [
        ("unknown-capability", "\"äöü\""),
        ("capability-spelling", "sys_admin"),
        ("dangerous-capability", "sys_admin"),
        ("dangerous-capability", "SYS_TIME"),
    ];
    assert_eq!(found, expected.map(|(rule, text)| (rule.to_owned(), text.to_owned())));
    assert_eq!(
        results(&log)[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        "shop/Deployment/web/containers/wéb"
    );
}

#[test]
fn sarif_fingerprints_stay_and_differ() {
    let prints = |log: &Value| -> Vec<String> {
        let print = |result: &Value| {
            result["partialFingerprints"]["dropcap/v1"].as_str().unwrap().to_owned()
        };
        results(log).iter().map(print).collect()
    };
    let before = prints(&log(&[("web.yaml", WEB)]));
    assert_eq!(before.len(), 4);
    let moved = format!(
        "# a comment\n\n---\n{}",
        WEB.replace("runAsUser: 0", "runAsUser: 0\n            # more")
    );
    assert_eq!(prints(&log(&[("web.yaml", &moved)])), before);
    // What is written twice is told apart.
    let twice = format!("{WEB}---\n{WEB}");
    let mut all = prints(&log(&[("web.yaml", &twice)]));
    assert_eq!(all[..4], before[..]);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8);
    // Known for good: another release of this program says the same.
    assert_eq!(before[3], "accee8bb80e33222:1");
}

/// Names of the tags and their attributes, in order; panics where it is no XML.
fn tags(xml: &str) -> Vec<String> {
    let (mut open, mut names) = (Vec::new(), Vec::new());
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>'), "{text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{xml}");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        names.push(name);
    }
    assert_eq!(open, Vec::<String>::new());
    names
}

#[test]
fn junit_has_a_test_for_each_container() {
    let hostile = WEB.replace("wéb", "\"<w>&\\e\\\"b\"");
    let broken = "apiVersion: v1\nkind: Pod\nspec:\n";
    let xml = with(
        &loaded(&[("web.yaml", WEB), ("hostile.yaml", &hostile), ("b.yaml", broken)]),
        junit::document,
    );
    let count = |name: &str| tags(&xml).iter().filter(|tag| *tag == name).count();
    assert_eq!((count("testsuite"), count("testcase")), (3, 5));
    assert_eq!((count("failure"), count("error"), count("system-out")), (2, 1, 2));
    assert!(
        xml.contains("<testsuites name=\"dropcap check\" tests=\"5\" failures=\"2\" errors=\"1\">"),
        "{xml}"
    );
    assert!(xml.contains("name=\"containers/&lt;w&gt;&amp;\u{fffd}&quot;b\""), "{xml}");
    assert!(
        xml.contains(
            "<failure type=\"dangerous-capability\" message=\"container `wéb` adds SYS_ADMIN"
        ),
        "{xml}"
    );
}

#[test]
fn github_annotations_stand_where_the_words_are() {
    let lines = with(&loaded(&[("a,b:c%.yaml", WEB)]), github::lines);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[3],
        "::warning file=a%2Cb%3Ac%25.yaml,line=11,col=66,endColumn=74,title=dangerous-capability::container \
         `wéb` adds SYS_TIME, power over the node"
    );
    assert!(lines[1].starts_with("::notice file="), "{}", lines[1]);
    // No name can start a command of its own.
    let hostile = WEB.replace("wéb", "\"x\\n::error::y%0A\"");
    let lines = with(&loaded(&[("web.yaml", &hostile)]), github::lines);
    assert_eq!(lines.lines().count(), 4);
    assert!(lines.contains("x%0A::error::y%250A"), "{lines}");
}
