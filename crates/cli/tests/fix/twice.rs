//! Whatever is fixed, and by what: a second run changes nothing, and says of the same containers that
//! they could not be edited.

use std::collections::BTreeMap;
use std::fs;

use testkit::folder::{Folder, said, text};

use crate::WATCHED;

#[path = "../../../check/tests/fixes/odd.rs"]
#[expect(dead_code, reason = "the kinds are made by their names, here one after the other")]
mod odd;

/// Of the image that the generator's containers run; nothing of it is proven.
const PROFILE: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: {name: i}
spec:
  target: {image: i}
  capabilities: {needed: [KILL, SETUID], doubtful: [CHOWN]}
  evidence:
  - anyOf: [KILL, SYS_ADMIN]
    stated: needed
    uses:
    - {what: kill 1, by: sh, verdict: needed, count: 1, firstMs: 1, lastMs: 1}
  - anyOf: [SETUID]
    stated: needed
    uses:
    - {what: setuid to 7, by: sh, verdict: needed, count: 1, firstMs: 2, lastMs: 2}
";

/// So many files for each way to fix them; more by hand, with `PROPTEST_CASES`.
fn files() -> Vec<(String, String)> {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let mut random = odd::Random::new(11);
    let file = |number: usize| {
        let kind = odd::Kind::ALL[number % odd::Kind::ALL.len()];
        let length = random.choices(2).iter().map(|byte| usize::from(*byte)).sum();
        let end = if kind == odd::Kind::Json { "json" } else { "yaml" };
        let name = if kind == odd::Kind::Compose { "compose" } else { "pod" };
        (format!("{name}-{number}.{end}"), odd::text(kind, &random.choices(length)))
    };
    (0..cases.unwrap_or(testkit::rounds(12, 36) as usize)).map(file).collect()
}

fn now(folder: &Folder, files: &[(String, String)]) -> Vec<String> {
    let read =
        |(name, _): &(String, String)| fs::read_to_string(folder.path().join("k").join(name));
    files.iter().map(|file| read(file).expect("it is there")).collect()
}

/// How often it is said of each file that something of it could not be done.
fn failures(said: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in said.lines() {
        let starts = ["error: ", "not fixed ", "fixed in part ", "profile not used "];
        let rest = starts.iter().find_map(|start| line.strip_prefix(start));
        if let Some((file, _)) = rest.and_then(|rest| rest.split_once(':')) {
            *found.entry(file.to_owned()).or_default() += 1;
        }
    }
    found
}

#[test]
fn a_second_run_changes_nothing_whatever_is_fixed_and_by_what() {
    let files = files();
    for words in [
        "",
        "--unsafe-fixes",
        "--no-file-caps",
        "--profile i.profile.yaml",
        "--profile i.profile.yaml --explain --unsafe-fixes",
        "--profile i.profile.yaml --allow-widen --no-file-caps",
    ] {
        let profile = format!("{PROFILE}{WATCHED}");
        let folder = Folder::new(&[("i.profile.yaml", &profile)]);
        files.iter().for_each(|(name, text)| folder.put(&format!("k/{name}"), text));
        let words = ["fix", "k"].into_iter().chain(words.split_whitespace()).collect::<Vec<_>>();
        let first = folder.run(&words);
        let fixed = now(&folder, &files);
        let changed = files.iter().zip(&fixed).filter(|((_, before), after)| before != *after);
        assert!(changed.count() * 10 > files.len(), "{words:?}: {}", said(&first));
        let second = folder.run(&words);
        for ((name, before), (after, again)) in
            files.iter().zip(fixed.iter().zip(now(&folder, &files)))
        {
            assert_eq!(*after, again, "{words:?}: {name}, which was\n{before}");
        }
        let (one, two) = (text(&first.stderr), text(&second.stderr));
        assert_eq!(failures(&one), failures(&two), "{words:?}\n{one}\n-----\n{two}");
        assert_eq!(first.status.code(), second.status.code(), "{words:?}");
        assert!(two.contains("0 edits made in 0 files"), "{words:?}: {two}");
    }
}
