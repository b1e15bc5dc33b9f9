//! `dropcap fix`, whatever the YAML: what is intended is what is read again, everything else stays
//! byte for byte, no set is wider on any runtime, and there is nothing left to do.

extern crate dropcap_check as check;

use std::path::{Path, PathBuf};

use check::{Checker, Consent, Options};
use proptest::prelude::*;

#[path = "fixes/holds.rs"]
mod holds;
#[path = "fixes/lines.rs"]
mod lines;
#[path = "fixes/measure.rs"]
mod measure;
#[path = "fixes/minimal.rs"]
mod minimal;
#[path = "fixes/odd.rs"]
mod odd;
#[path = "fixes/reading.rs"]
mod reading;
#[path = "fixes/sets.rs"]
mod sets;

use holds::Tried;
use measure::Figures;
use odd::Kind;

/// So many texts for each property; more by hand, with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or_else(|| testkit::rounds(24, 64))
}

fn consents() -> impl Strategy<Value = Consent> {
    prop::sample::select(vec![Consent::Safe, Consent::Unsafe])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_files_are_fixed_as_they_should(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        choices in prop::collection::vec(any::<u8>(), 0..400),
        consent in consents(),
        plain in any::<bool>(),
    ) {
        holds::fixed(kind.name(), &odd::text(kind, &choices), consent, plain);
    }
}

/// The generator makes what it says: nearly all of it can be read, and most of it is edited; and that
/// takes no line more than it must.
fn mostly_edited_and_with_the_least_lines(kind: Kind, least: usize) {
    let checker = Checker::new(Options::default());
    let mut random = odd::Random::new(1);
    let (mut texts, mut read, mut compared, mut sum) = (0_usize, 0, 0, Tried::default());
    let (mut lines, mut without) = (0, 0_usize);
    let step = if std::env::var_os("PROPTEST_CASES").is_some() { 1 } else { 8 };
    for length in (0..800).step_by(step).map(|length| length / 2) {
        let text = odd::text(kind, &random.choices(length));
        let tried = holds::fixed(kind.name(), &text, Consent::Unsafe, false);
        texts += 1;
        read += usize::from(tried.containers > 0);
        compared += usize::from(tried.compared);
        sum = Tried {
            containers: sum.containers + tried.containers,
            edits: sum.edits + tried.edits,
            refused: sum.refused + tried.refused,
            alone: sum.alone + tried.alone,
            compared: true,
        };
        let before = manifest::parse(kind.name(), text.as_str());
        let figures = measure::text(&checker, kind.name(), &before, Consent::Unsafe);
        assert_eq!(figures.other, Vec::<String>::new(), "{text}");
        lines += figures.lines;
        without += figures.no_rule;
    }
    assert!(read * 10 > texts * 7, "{read} of {texts} are read");
    assert!(compared * 10 > read * 8, "{compared} of {read} are compared");
    assert!(sum.edits > least && sum.alone > least && lines > least, "{sum:?}");
    assert!(without * 2 < texts, "the rule says nothing of {without} documents");
}

#[test]
fn odd_yaml_is_mostly_edited_and_with_the_least_lines() {
    mostly_edited_and_with_the_least_lines(Kind::Yaml, 100);
}

#[test]
fn odd_json_is_mostly_edited_and_with_the_least_lines() {
    mostly_edited_and_with_the_least_lines(Kind::Json, 50);
}

#[test]
fn odd_services_are_mostly_edited_and_with_the_least_lines() {
    mostly_edited_and_with_the_least_lines(Kind::Compose, 50);
}

/// A tag that says of a list that it is nothing goes with that, and so its line changes; an anchor stays.
#[test]
fn a_tag_of_nothing_costs_its_line() {
    let checker = Checker::new(Options::default());
    let lines = |list: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers:\n  - name: p\n    \
             image: i\n    securityContext:\n      capabilities:\n        add:\n\n        - \
             NET_BIND_SERVICE\n        # none\n        drop:{list}\n"
        );
        assert_eq!(holds::fixed("p.yaml", &text, Consent::Unsafe, false).edits, 1, "{text}");
        let before = manifest::parse("p.yaml", text.as_str());
        let figures = measure::text(&checker, "p.yaml", &before, Consent::Unsafe);
        assert_eq!((figures.lines, figures.other), (figures.least, Vec::new()), "{text}");
        figures.least
    };
    let lists =
        ["", " &none", " # none", " ~", " null", " !!null", " !!null null", " !!null # none"];
    assert_eq!(lists.map(lines), [1, 1, 1, 3, 3, 3, 3, 3]);
}

/// What a runtime is given has its sets written out; a word goes from all of them, or from one.
#[test]
fn bundles_are_fixed_as_they_should() {
    for (bounding, permitted) in
        [("\"CAP_KILL\",\"CAP_CHOWN\"", "\"CAP_CHOWN\""), ("", "\"CAP_CHOWN\"")]
    {
        let text = format!(
            r#"{{"ociVersion":"1.2.0","process":{{"args":["/bin/sh"],"cwd":"/","noNewPrivileges":true,
"capabilities":{{"bounding":[{bounding}],"effective":[],"permitted":[{permitted}]}}}}}}"#
        );
        let tried = holds::fixed("config.json", &text, Consent::Unsafe, false);
        assert_eq!((tried.containers, tried.compared), (1, true));
        assert_eq!(tried.edits, 1, "{text}");
    }
}

/// Nothing, written in every way, where more is put.
#[test]
fn what_is_nothing_is_fixed_as_it_should() {
    for nothing in [
        "{\n    }",
        "{ # c\n    }",
        "\n      {\n        # c\n      }",
        "!!null",
        "!!null null # c",
        "&a ~",
        "!<tag:yaml.org,2002:null> ~",
        "{capabilities: {\n     }}",
        "{capabilities: {drop: [ # c\n     ]}}",
        "{\n    capabilities: !!null , }",
        "\n      capabilities: {\n\n      } # c",
        "\n      capabilities:\n        drop: [\n        ]\n        add: [ # c\n        ]",
    ] {
        for end in ["", "\n", "\n...\n", "\n    image: i\n"] {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext: {nothing}{end}"
            );
            let tried = holds::fixed("t", &text, Consent::Unsafe, false);
            assert_eq!((tried.containers, tried.refused, tried.edits > 0), (1, 0, true), "{text}");
        }
    }
}

/// Names with dots, as Compose allows them.
#[test]
fn services_of_any_name_are_fixed_as_they_should() {
    let text = "services:\n  a.b:\n    image: x\n  c`d: {image: x}\n";
    let tried = holds::fixed("compose.yaml", text, Consent::Unsafe, false);
    assert_eq!((tried.containers, tried.edits, tried.compared), (2, 2, true));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const PAGE: &str = "docs/edits.md";

/// The page with this part in the place of the one of that name.
fn with_part(page: &str, name: &str, part: &str) -> String {
    let (start, end) = (format!("<!-- {name} -->\n```\n"), "```\n<!-- end -->");
    let at = page.find(&start).unwrap_or_else(|| panic!("{PAGE} has no {start}")) + start.len();
    let behind = page[at..].find(end).unwrap_or_else(|| panic!("{PAGE}: {name} has no end")) + at;
    format!("{}{part}{}", &page[..at], &page[behind..])
}

/// `cargo xtask edits` writes docs/edits.md, what a given corpus comes to among it; here our own files
/// are measured again.
#[test]
fn the_page_says_what_edits_of_a_corpus_take() {
    let path = folder().join(PAGE);
    let mut page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
    let checker = Checker::new(Options::default());
    let measured = |folder: &Path| -> [Figures; 2] {
        [Consent::Safe, Consent::Unsafe].map(|consent| {
            let (all, each) = measure::folder(&checker, folder, consent);
            println!("{consent:?}\n fixable   refused     lines     least  file\n{each}");
            all.other.iter().for_each(|other| println!("more than the least: {other}"));
            all
        })
    };
    let [safe, both] = measured(&folder().join("tests/corpus"));
    assert!(both.files > 100 && both.edited > 50 && safe.edited > 0);
    assert_eq!((both.lines, safe.lines), (both.least, safe.least));
    // Compose files, and what containers share.
    assert_eq!((&both.other, both.no_rule), (&Vec::new(), 6));
    let own = measure::table(&safe, &both);
    if let Some(given) = std::env::var_os("DROPCAP_CORPUS") {
        let [safe, both] = measured(Path::new(&given));
        let given = measure::table(&safe, &both);
        println!("{given}");
        page = with_part(&page, "given", &given);
    }
    page = with_part(&page, "own", &own);
    if std::env::var_os("DROPCAP_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
    } else if std::env::var_os("DROPCAP_CORPUS").is_none() {
        assert_eq!(
            std::fs::read_to_string(&path).ok(),
            Some(page),
            "`cargo xtask edits` writes it"
        );
    }
}
