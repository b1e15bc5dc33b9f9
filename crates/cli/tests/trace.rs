//! `dropcap trace` as a person uses it on a command.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::process::{Command, Output};

fn trace(folder: &tempfile::TempDir, words: &[&str]) -> Output {
    let mut dropcap = Command::new(testkit::dropcap());
    dropcap.arg("trace").args(words).current_dir(folder.path()).env("NO_COLOR", "1");
    dropcap.output().expect("dropcap runs")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: one\n    image: x\n";
    fs::write(folder.path().join("pod.yaml"), pod).expect("the manifest is written");
    folder
}

/// What a trace prints to standard output as JSON: what is needed, and why it is incomplete.
fn judged(output: &Output) -> (serde_json::Value, serde_json::Value) {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let target = &report["targets"][0];
    (target["needed"].clone(), target["judgement"]["incomplete"].clone())
}

#[test]
fn what_a_daemon_does_after_the_command_has_ended_counts() {
    testkit::needs!(root, bpf, program("setsid"));
    let script = "(setsid sh -c 'sleep 0.5; chown 5 pod.yaml' &); exit 0";
    let output = trace(&folder(), &["--json", "--", "sh", "-c", script]);
    assert_eq!(judged(&output), (serde_json::json!(["CHOWN"]), serde_json::json!([])));
}

#[test]
fn a_time_limit_ends_all_that_the_command_started() {
    testkit::needs!(root, bpf, program("setsid"));
    let marker = format!("{}", 600_000 + std::process::id());
    let script = format!("(setsid sleep {marker} &); exit 0");
    let output = trace(&folder(), &["--json", "--for", "1s", "--", "sh", "-c", &script]);
    assert!(output.status.success(), "{output:?}");
    let look = format!("grep -lz '^{marker}$' /proc/[0-9]*/cmdline 2>/dev/null");
    let left = Command::new("sh").args(["-c", &look]).output().expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn a_run_that_failed_is_not_written_into_a_manifest() {
    testkit::needs!(root, bpf);
    let folder = folder();
    let before = fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there");
    let refused = trace(&folder, &["--patch", "pod.yaml", "--", "sh", "-c", "exit 3"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there"), before);
    let taken =
        trace(&folder, &["--patch", "pod.yaml", "--incomplete", "--", "sh", "-c", "exit 3"]);
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    let after = fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there");
    assert_eq!(
        after,
        before + "    securityContext:\n      capabilities:\n        drop:\n        - ALL\n"
    );
}

#[test]
fn what_cannot_be_written_is_told_before_the_run() {
    let folder = folder();
    let before = fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there");
    fs::write(folder.path().join("two.yaml"), format!("{before}  - name: two\n")).expect("written");
    for (options, says) in [
        (["-o", "none/x", "-q"].as_slice(), "is its folder there?"),
        (&["-o", "/dev/null"], "not a regular file"),
        (&["--record", "none/x"], "is its folder there?"),
        (&["-o", "x", "--record", "./x"], "that is the file of --output"),
        (&["-o", "pod.yaml", "--patch", "pod.yaml"], "that is the file of the manifest"),
        (&["--patch", "none.yaml"], "none.yaml"),
        (&["--patch", "pod.yaml", "-c", "two"], "has no container two"),
        (&["--patch", "two.yaml"], "name one: -c CONTAINER"),
    ] {
        let output = trace(&folder, &[options, &["--", "touch", "ran"]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{says}: {output:?}");
    }
    let replayed = trace(&folder, &["--replay", "pod.yaml", "-o", "pod.yaml"]);
    assert!(String::from_utf8_lossy(&replayed.stderr).contains("that is the file of --replay"));
    assert_eq!(fs::read_to_string(folder.path().join("pod.yaml")).expect("it is there"), before);
    let left = fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(left, 2, "nothing was run or written");
}

/// As `fix --profile` judges it.
#[test]
fn what_root_was_seen_to_do_is_not_written_for_another_user() {
    testkit::needs!(root, bpf);
    let folder = folder();
    let pod = folder.path().join("pod.yaml");
    let text = fs::read_to_string(&pod).expect("it is there");
    let text = format!("{text}    securityContext:\n      runAsUser: 33\n");
    fs::write(&pod, &text).expect("written");
    let refused = trace(&folder, &["--patch", "pod.yaml", "--", "true"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("it was learnt as root, and this container runs as user 33"), "{said}");
    assert!(said.contains("watch it as that user"), "{said}");
    assert_eq!(fs::read_to_string(&pod).expect("it is there"), text);
}

#[test]
fn what_a_program_is_called_does_not_reach_the_terminal() {
    testkit::needs!(root, bpf);
    let output =
        trace(&folder(), &["--", "sh", "-c", "touch \"$(printf 'a\\033[31mb')\"; chown 3 a*b"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(r"chown a\u{1b}[31mb to 3"), "{said}");
    assert!(!output.stdout.contains(&0x1b), "{said}");
}

#[test]
fn a_recording_is_judged_again_without_a_kernel() {
    testkit::needs!(root, bpf);
    let folder = folder();
    let first = trace(&folder, &["--record", "run.json", "--", "chown", "5", "pod.yaml"]);
    let again = trace(&folder, &["--replay", "run.json"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&first.stdout));
}

/// A recording with one check at this kernel function, as somebody may send it with a report.
fn recorded(function: &str) -> serde_json::Value {
    serde_json::json!({
        "version": 1,
        "machine": { "kernel": "6.99.0", "architecture": "x86_64", "backend": "tp_btf" },
        "target": { "command": { "argv": ["/usr/bin/odd"] } },
        "startSeen": true,
        "durationNs": 1_000_000_000,
        "exit": { "code": 0 },
        "lost": { "checks": 0, "stacks": 0, "processes": 0, "evidence": 0 },
        "processes": { "1": {
            "pid": 100, "parent": 99, "comm": "odd", "exe": "/usr/bin/odd", "uid": 0,
        } },
        "observations": [{
            "capability": "SYS_ADMIN", "granted": true, "ownCredentials": true, "namespace": "own",
            "uid": 0, "inBounding": true, "noAudit": null,
            "syscall": {
                "number": 16, "name": "ioctl", "compat": false, "arguments": [3, 1, 0, 0, 0, 0],
                "path": null, "address": null,
            },
            "stack": ["capable", function, "__x64_sys_ioctl", "do_syscall_64"],
            "process": 1, "count": 2, "firstNs": 1000, "lastNs": 2000, "result": null,
        }],
    })
}

#[test]
fn an_unknown_call_site_asks_for_a_report_that_can_be_replayed() {
    let folder = folder();
    let replay = |function: &str| {
        let text = recorded(function).to_string();
        fs::write(folder.path().join("run.json"), text).expect("the recording is written");
        let output = trace(&folder, &["--replay", "run.json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let unknown = replay("frobnicate.isra.0");
    let site = "unknown call site: SYS_ADMIN at frobnicate < sys_ioctl in ioctl (2 times)\n  please report";
    assert!(unknown.contains("0 needed, 1 doubtful") && unknown.contains(site), "{unknown}");
    assert!(unknown.contains("/issues, with what --record FILE writes"), "{unknown}");
    assert!(unknown.contains("- SYS_ADMIN # doubtful: try without"), "{unknown}");
    let known = replay("tty_ioctl");
    assert!(known.contains("1 needed, 0 doubtful") && !known.contains("report"), "{known}");
}

#[test]
fn a_recording_says_all_that_a_report_needs() {
    testkit::needs!(root, bpf);
    let folder = folder();
    trace(&folder, &["--record", "run.json", "--", "chown", "5", "pod.yaml"]);
    let text = fs::read_to_string(folder.path().join("run.json")).expect("it is recorded");
    let recording: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc");
    assert_eq!(recording["machine"]["kernel"], release.trim());
    let checks = recording["observations"].as_array().expect("a list");
    let chown = checks.iter().find(|o| o["capability"] == "CHOWN").expect("it was asked for");
    assert_eq!(chown["syscall"]["path"], "pod.yaml");
    let stack = chown["stack"].as_array().expect("a list");
    assert!(stack.iter().any(|f| f.as_str().is_some_and(|f| f.starts_with("setattr_prepare"))));
}
