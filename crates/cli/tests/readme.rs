//! What the README shows is what is printed, in the folder of a clone.

#![cfg(target_os = "linux")]

use std::process::Command;

const README: &str = include_str!("../../../README.md");
/// Of what hangs on a machine (a container, a trace) the README shows one run.
const SHOWN: [&str; 3] = ["show", "explain", "run"];

#[test]
fn what_the_readme_shows_is_printed() {
    testkit::needs!(root);
    let clone = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut shown = Vec::new();
    for block in README.split("\n```\n$ dropcap ").skip(1) {
        let (line, rest) = block.split_once('\n').expect("a command and what it prints");
        let (expected, _) = rest.split_once("```").expect("the end of the block");
        let words: Vec<&str> = line.split(' ').collect();
        if !SHOWN.contains(&words[0]) {
            continue;
        }
        let mut dropcap = Command::new(testkit::dropcap());
        let output = dropcap.args(&words).current_dir(clone).env("NO_COLOR", "1").output();
        let output = output.expect("dropcap runs");
        // As a terminal has them: what is said of the assumption comes first.
        let printed = [output.stderr, output.stdout].concat();
        assert_eq!(String::from_utf8_lossy(&printed), expected, "{line}");
        shown.push(words[0]);
    }
    assert_eq!(shown, SHOWN);
}
