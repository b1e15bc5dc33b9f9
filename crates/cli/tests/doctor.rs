//! `dropcap doctor`: what it says is so, for root and for an ordinary user.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(mut command: Command) -> (Value, Output) {
    let output = command.args(["doctor", "--json"]).output().expect("dropcap runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing to complain about");
    (serde_json::from_slice(&output.stdout).expect("JSON"), output)
}

/// A command's state, by its id.
fn command<'a>(report: &'a Value, id: &str) -> &'a Value {
    let commands = report["commands"].as_array().expect("commands");
    commands.iter().find(|command| command["id"] == id).expect("every command has one")
}

fn status<'a>(report: &'a Value, id: &str) -> &'a str {
    command(report, id)["status"].as_str().expect("a word")
}

fn fact<'a>(report: &'a Value, id: &str) -> Option<&'a Value> {
    report["facts"].as_array().expect("facts").iter().find(|fact| fact["id"] == id)
}

#[test]
fn every_command_has_its_say() {
    let (report, _) = doctor(Command::new(testkit::dropcap()));
    assert_eq!(report["version"], 2);
    // Of every usage the first word is a command.
    let usages = report["commands"].as_array().expect("commands").iter();
    let usages = usages.flat_map(|command| command["usage"].as_array().expect("usages"));
    let words = usages.filter_map(|usage| usage.as_str()?.split([' ', ',']).next());
    let mut names: Vec<&str> = words.filter(|word| *word != "…").collect();
    names.sort_unstable();
    names.dedup();
    let help = Command::new(testkit::dropcap()).arg("--help").output().expect("dropcap runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let mut commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    commands.sort_unstable();
    assert_eq!(names, commands);
}

#[test]
fn every_backend_is_told_of_with_its_reason() {
    let (report, _) = doctor(Command::new(testkit::dropcap()));
    let backends = report["backends"].as_array().expect("backends").iter();
    let told: BTreeSet<_> = backends.clone().map(|b| b["name"].as_str().expect("a name")).collect();
    assert_eq!(told, trace::Backend::ALL.map(trace::Backend::name).into());
    for backend in backends {
        let works = backend["status"] == "works";
        let says = backend["says"].as_str().expect("words");
        assert_eq!(says == "works" || says.starts_with("works; "), works, "{backend}");
        assert!(!backend["needs"].as_array().expect("names").is_empty(), "{backend}");
    }
}

#[test]
fn root_with_bpf_can_do_everything() {
    testkit::needs!(root, bpf);
    let (report, output) = doctor(Command::new(testkit::dropcap()));
    let backends = report["backends"].as_array().expect("backends");
    if !backends.iter().any(|backend| backend["status"] == "works") {
        return testkit::skip("needs a kernel that shows capability checks");
    }
    assert_eq!(output.status.code(), Some(0));
    for id in ["trace.command", "trace.container", "ps", "demo.whole"] {
        assert_eq!(status(&report, id), "works", "{}", command(&report, id));
    }
    let bounding = fact(&report, "privilege.bounding").expect("a fact");
    let whole = bounding["status"] == "works";
    assert_eq!(status(&report, "run"), if whole { "works" } else { "limited" });
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
fn its_text_fits_into_eighty_columns_but_for_what_is_to_be_typed() {
    let output = Command::new(testkit::dropcap()).arg("doctor").output().expect("dropcap runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.lines().count() > 20, "{text}");
    for line in text.lines().filter(|line| line.chars().count() > 80) {
        let typed = ["sudo ", "docker run "].iter().any(|word| line.trim().starts_with(word));
        // A word of its own, such as a path, is not broken.
        assert!(typed || line.trim().split(' ').count() == 1, "{line}");
    }
}

#[test]
fn an_ordinary_user_is_told_what_is_missing_and_how_to_get_it() {
    testkit::needs!(root, program("setpriv"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let program = folder.path().join("dropcap");
    testkit::programs::copy(&testkit::dropcap(), &program);
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]).arg(&program);
        command
    };
    let (report, output) = doctor(as_user());
    assert_eq!(output.status.code(), Some(1), "a command cannot do its work");
    assert_eq!(status(&report, "static"), "works");
    assert_eq!(status(&report, "ps"), "limited");
    assert_eq!(status(&report, "run"), "missing");
    assert_eq!(command(&report, "run")["lacks"], serde_json::json!(["SETPCAP"]));
    let trace = command(&report, "trace.command");
    assert_eq!(trace["status"], "missing");
    assert_eq!(trace["lacks"], trace["needs"]);
    for command in report["commands"].as_array().expect("commands") {
        let lacks = command["lacks"].as_array().expect("names");
        let get = command["get"].as_array().expect("lines");
        assert_eq!(get.is_empty(), lacks.is_empty(), "{command}");
        // The first line gives each of them.
        for name in lacks {
            let add = format!("--cap-add {} ", name.as_str().expect("a name"));
            assert!(get[0].as_str().expect("a line").contains(&add), "{command}");
        }
    }

    let mut ps = as_user();
    let output = ps.args(["ps", "-a"]).output().expect("dropcap runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}
