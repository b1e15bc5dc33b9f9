//! `docs/rules/` is the rules' own pages, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dropcap_check::{Fixes, RULES, Rule};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules")
}

const HEAD: &str = "<!-- From the rule's doc comment, by `cargo xtask pages`. -->\n";

/// What the files of the folder have to hold.
fn pages() -> BTreeMap<String, String> {
    let mut rules: Vec<&Rule> = RULES.to_vec();
    rules.sort_by_key(|rule| rule.id);
    let mut pages = BTreeMap::new();
    let mut index = format!(
        "{HEAD}# The rules of `dropcap check`\n`dropcap explain RULE` prints the same page. Examples of \
         each, with what is found in them, are in [tests/rules](../../tests/rules/).\n\n\
         | rule | what | fix |\n|---|---|---|\n"
    );
    for rule in rules {
        let (offered, why) = match rule.fixes {
            Fixes::Offered(why) => ("", why),
            Fixes::Never(why) => ("none: ", why),
        };
        let summary = rule.summary().replace(['\n'], " ");
        let id = rule.id;
        let _ = writeln!(index, "| [{id}]({id}.md) | {} | {offered}{why} |", summary.trim());
        let mut page = linked(rule);
        if !page.ends_with('\n') {
            page.push('\n');
        }
        pages.insert(format!("{id}.md"), format!("{HEAD}# {id}\n{page}"));
    }
    pages.insert("README.md".to_owned(), index);
    pages
}

/// The page, other rules that it names linked. A name without a hyphen is a field of Kubernetes.
fn linked(rule: &Rule) -> String {
    let others = RULES.iter().filter(|other| other.id != rule.id && other.id.contains('-'));
    others.fold(rule.markdown(), |page, other| {
        let id = other.id;
        page.replace(&format!("`{id}`"), &format!("[{id}]({id}.md)"))
    })
}

#[test]
fn the_published_pages_are_those_of_the_rules() {
    let pages = pages();
    assert_eq!(pages.len(), RULES.len() + 1);
    if std::env::var_os("DROPCAP_UPDATE").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).unwrap();
        for (name, text) in &pages {
            fs::write(folder().join(name), text).unwrap();
        }
    }
    let published: BTreeMap<String, String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    for (name, text) in &pages {
        assert_eq!(published.get(name), Some(text), "{name}: `cargo xtask pages` writes it");
    }
    assert_eq!(published.len(), pages.len(), "a page of no rule");
}
