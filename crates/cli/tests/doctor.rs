//! `dropcap doctor`: what it says is so, for root and for an ordinary user.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(mut command: Command) -> (Value, Output) {
    let output = command.args(["doctor", "--json"]).output().expect("dropcap runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing to complain about");
    (serde_json::from_slice(&output.stdout).expect("JSON"), output)
}

/// The state of the commands, by their names.
fn ability<'a>(report: &'a Value, command: &str) -> &'a str {
    let abilities = report["abilities"].as_array().expect("abilities");
    let names = |ability: &'a Value| ability["commands"].as_array().expect("names");
    let ability = abilities.iter().find(|a| names(a).contains(&Value::from(command)));
    ability.expect("every command has one")["status"].as_str().expect("a word")
}

fn fact<'a>(report: &'a Value, id: &str) -> Option<&'a Value> {
    report["facts"].as_array().expect("facts").iter().find(|fact| fact["id"] == id)
}

#[test]
fn every_command_has_its_say() {
    let (report, _) = doctor(Command::new(testkit::dropcap()));
    assert_eq!(report["version"], 1);
    let mut names: Vec<&str> = report["abilities"]
        .as_array()
        .expect("abilities")
        .iter()
        .flat_map(|ability| ability["commands"].as_array().expect("names"))
        .map(|name| name.as_str().expect("text"))
        .collect();
    names.sort_unstable();
    let help = Command::new(testkit::dropcap()).arg("--help").output().expect("dropcap runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let mut commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !matches!(*name, "help" | "doctor" | "completions" | "man"))
        .collect();
    commands.sort_unstable();
    assert_eq!(names, commands);
}

#[test]
fn root_with_bpf_can_do_everything() {
    testkit::needs!(root, bpf);
    let (report, output) = doctor(Command::new(testkit::dropcap()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(ability(&report, "trace"), "works");
    assert_eq!(ability(&report, "ps"), "works");
    assert_eq!(ability(&report, "demo"), "works");
    let bounding = fact(&report, "privilege.bounding").expect("a fact");
    let whole = bounding["status"] == "works";
    assert_eq!(ability(&report, "run"), if whole { "works" } else { "limited" });
    // On a whole machine every set can be given; what cannot is named.
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let mask = status.lines().find_map(|l| l.strip_prefix("CapBnd:\t")).expect("a mask");
    let mask = u64::from_str_radix(mask, 16).expect("a mask");
    let last: u32 = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .expect("procfs")
        .trim()
        .parse()
        .expect("a number");
    assert_eq!(whole, mask == u64::MAX >> (63 - last));
}

#[test]
fn an_ordinary_user_is_told_what_is_missing_and_how_to_get_it() {
    testkit::needs!(root, program("setpriv"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = folder.path().join("dropcap");
    fs::copy(testkit::dropcap(), &program).expect("a copy everybody may run");
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]).arg(&program);
        command
    };
    let (report, output) = doctor(as_user());
    assert_eq!(output.status.code(), Some(1), "a command cannot do its work");
    assert_eq!(ability(&report, "trace"), "missing");
    assert_eq!(ability(&report, "run"), "missing");
    assert_eq!(ability(&report, "check"), "works");
    assert_eq!(ability(&report, "ps"), "limited");
    for ability in report["abilities"].as_array().expect("abilities") {
        let works = ability["status"] == "works";
        assert_eq!(ability["help"].is_string(), !works, "{ability}");
    }

    let mut ps = as_user();
    let output = ps.args(["ps", "-a"]).output().expect("dropcap runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}
