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
    let child =
        fit(&kept, &[], SCRIPT).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    // The first run, and the one with what is needed.
    while runs(&kept) < 2 {
        assert!(Instant::now() < end, "no runs are kept");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    assert!(said(&stopped).contains("the same command goes on"), "{}", said(&stopped));
    let made = runs(&kept);
    assert!((2..4).contains(&made), "{made}");

    let other = fit(&kept, &[], "true").output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(said(&other).contains("holds runs of `dropcap fit --sandbox -- /bin/sh -c sleep"));

    let report = folder.path().join("report.md");
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
