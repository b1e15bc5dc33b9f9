//! `dropcap fit --resume` goes on where it was stopped; `--report` tells it in Markdown.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Needs CHOWN, and takes a while.
const SCRIPT: &str = "sleep 0.3; chown 33 /etc/hostname";

fn fit(kept: &Path, more: &[&str], script: &str) -> Command {
    let mut command = Command::new(testkit::dropcap());
    command.args(["fit", "--sandbox", "--resume"]).arg(kept).args(more);
    command.args(["--", "/bin/sh", "-c", script]);
    // A folder that is there in the sandbox, too.
    command.current_dir("/").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn runs(kept: &Path) -> usize {
    let Ok(text) = fs::read(kept) else { return 0 };
    let content: Value = serde_json::from_slice(&text).unwrap();
    content["trials"].as_array().unwrap().len()
}

#[test]
fn a_search_that_was_stopped_goes_on_where_it_was() {
    testkit::needs!(root, bpf, program("kill"));
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("runs.json");
    // The first run, and the one with what is needed.
    let report = folder.path().join("report.md");
    let to_report = ["--report", report.to_str().unwrap()];
    let stopped = stopped_after(&kept, 2, &mut fit(&kept, &to_report, SCRIPT));
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    assert!(said(&stopped).contains("the same command goes on"), "{}", said(&stopped));
    assert!(String::from_utf8_lossy(&stopped.stdout).contains("  passes with 1  "));
    let made = runs(&kept);
    assert!((2..4).contains(&made), "{made}");
    // What was not left out is not said to be needless.
    let half = fs::read_to_string(&report).unwrap();
    let row = half.lines().find(|line| line.starts_with("| CHOWN |")).unwrap();
    assert_eq!(row.contains("| not tried |"), made == 2, "{row}");
    assert!(!row.contains("passes"), "{row}");

    let other = fit(&kept, &[], "true").output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(said(&other).contains("holds runs of `dropcap fit --sandbox -- /bin/sh -c sleep"));

    // How many runs at a time is no matter of which runs.
    let more = ["--json", "--jobs", "2", "--report", report.to_str().unwrap()];
    let output = fit(&kept, &more, SCRIPT).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains(&format!("goes on after {made} run")), "{}", said(&output));
    let profile: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(profile["spec"]["capabilities"]["add"], serde_json::json!(["CHOWN"]));
    assert_eq!(profile["status"]["proof"], "proven");
    // The first run is made again, what it needs is not tried again.
    let again = said(&output).lines().filter(|line| line.contains("with what the trace")).count();
    assert_eq!(again, 0, "{}", said(&output));
    assert!(!kept.exists());

    let report = fs::read_to_string(report).unwrap();
    let line =
        |start: &str| report.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    assert_eq!(
        line("# "),
        "# `/bin/sh -c sleep 0.3; chown 33 /etc/hostname`: drop ALL, add 1 capability"
    );
    assert!(line("**").starts_with("**Proven: "), "{report}");
    assert!(
        line("Held ").ends_with("-> 1; escape class: ") || line("Held ").contains("-> 1;"),
        "{report}"
    );
    assert!(line("| CHOWN |").contains("chown /etc/hostname to 33"), "{report}");
    assert!(line("| 1 |").contains("everything | passes"), "{report}");
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    testkit::needs!(root, bpf);
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("notes.json");
    fs::write(&kept, "{\"notes\": 1}\n").unwrap();
    let output = fit(&kept, &[], "true").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("expected what `dropcap fit --resume` wrote"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read_to_string(&kept).unwrap(), "{\"notes\": 1}\n");
}

/// Runs until so many are kept, and is then asked to stop.
fn stopped_after(kept: &Path, number: usize, fit: &mut Command) -> Output {
    let child = fit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while runs(kept) < number {
        assert!(Instant::now() < end, "no runs are kept");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

/// The same command of another program, or with a test that asks something else, is another search.
#[test]
fn runs_of_a_program_that_has_changed_since_are_not_believed() {
    testkit::needs!(root, bpf, program("kill"));
    // Not in /tmp, which is empty in a sandbox.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    let (program, test, kept) = (at("job"), at("asks"), at("runs.json"));
    let asks = format!("sh {}", test.display());
    let fit = || {
        let mut fit = Command::new(testkit::dropcap());
        fit.args(["fit", "--sandbox", "--until-exit", "--test", &asks, "--resume"]).arg(&kept);
        fit.args(["--", "/bin/sh"]).arg(&program);
        fit.current_dir("/").env("NO_COLOR", "1").stdin(Stdio::null());
        fit
    };
    let mut refused = 0;
    for changed in [&program, &test] {
        fs::write(&program, "sleep 0.3; chown 33 /etc/hostname\n").unwrap();
        fs::write(&test, "true\n").unwrap();
        let stopped = stopped_after(&kept, 2, &mut fit());
        assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
        let made = fs::read(&kept).unwrap();
        fs::write(changed, "sleep 0.3; kill -0 1\n").unwrap();
        let other = fit().output().unwrap();
        assert_eq!(other.status.code(), Some(2), "{}", said(&other));
        let says = format!("another state of {}, which has changed since", changed.display());
        assert!(said(&other).contains(&says), "{}", said(&other));
        assert_eq!(fs::read(&kept).unwrap(), made);
        fs::remove_file(&kept).unwrap();
        refused += 1;
    }
    assert_eq!(refused, 2);
}
