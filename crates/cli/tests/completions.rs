//! `dropcap completions` and `dropcap man`, held against bash and groff.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::needs;

fn printed(args: &[&str]) -> String {
    let output = Command::new(testkit::dropcap()).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `--help` names.
fn commands(help: &str) -> BTreeSet<String> {
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // Continued descriptions stand further in.
    let first = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    list.lines().filter_map(first).filter(|word| !word.is_empty()).collect()
}

/// What bash offers at the end of these words, as its `complete` asks: `$1` the command, `$2` the
/// word, `$3` the one before (bash(1), Programmable Completion).
fn offered(script: &Path, words: &[&str]) -> BTreeSet<String> {
    let ask = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        f=$(complete -p dropcap | sed 's/.*-F \([^ ]*\).*/\1/')
        "$f" dropcap "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash")
        .args(["--norc", "-c", ask, "bash"])
        .arg(script)
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.is_empty(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    needs!(program("bash"));
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("dropcap.bash");
    fs::write(&script, printed(&["completions", "bash"])).unwrap();
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let told = commands(&printed(&["--help"]));
    assert!(told.len() > 10, "{told:?}");
    let all: BTreeSet<String> =
        offered(&script, &["dropcap", ""]).into_iter().filter(|w| !w.starts_with('-')).collect();
    assert_eq!(all, told, "every command of --help, and no other");
    let formats: BTreeSet<String> = set(&["text", "json", "sarif", "junit", "github"]);
    assert_eq!(offered(&script, &["dropcap", "check", "--format", ""]), formats);
    assert_eq!(offered(&script, &["dropcap", "waiver", "v"]), set(&["verify"]));
    assert_eq!(offered(&script, &["dropcap", "fix", "--unsafe"]), set(&["--unsafe-fixes"]));
}

#[test]
fn other_shells_get_a_script_each() {
    let scripts: BTreeSet<String> = ["bash", "zsh", "fish", "elvish", "powershell"]
        .iter()
        .map(|shell| printed(&["completions", shell]))
        .collect();
    assert_eq!(scripts.len(), 5);
    assert!(scripts.iter().all(|script| script.contains("--unsafe-fixes")));
    assert!(scripts.iter().all(|script| !script.contains("demo-service")));
}

#[test]
fn every_command_has_a_manual_page_that_groff_takes() {
    needs!(program("groff"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    printed(&["man", "-o", pages.to_str().unwrap()]);
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        let output = Command::new("groff")
            .args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // That a line cannot be stretched to the margin is no mistake in a page.
        let wrong: Vec<_> = said.lines().filter(|line| !line.contains("adjust line")).collect();
        assert!(output.status.success() && wrong.is_empty(), "{}: {wrong:?}", path.display());
        there.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    let mut wanted: BTreeSet<String> = commands(&printed(&["--help"]))
        .iter()
        .map(|command| format!("dropcap-{command}"))
        .collect();
    wanted.remove("dropcap-help");
    wanted.insert("dropcap".to_owned());
    assert!(wanted.is_subset(&there), "{:?}", wanted.difference(&there));
    // The rest are commands of commands.
    for page in there.difference(&wanted) {
        assert!(wanted.iter().any(|above| page.starts_with(&format!("{above}-"))), "{page}");
    }
    let printed = printed(&["man", "waiver", "verify"]);
    assert_eq!(printed, fs::read_to_string(pages.join("dropcap-waiver-verify.1")).unwrap());
}

#[test]
fn a_page_of_no_command_is_an_error_that_names_those_there_are() {
    let output = Command::new(testkit::dropcap()).args(["man", "waiver", "nix"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: dropcap waiver has no command nix\n  help: expected one of its commands: new, \
         list, verify\n"
    );
}
