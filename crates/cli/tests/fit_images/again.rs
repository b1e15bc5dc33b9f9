//! A set tried without dropcap: by Podman alone, as the patched manifest says.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Case;

/// How long a container has to pass, on a machine that does much else.
const TIME: Duration = Duration::from_secs(60);
/// How long one that is to fail has: what passes at all passes within a second or two.
const SHORT: Duration = Duration::from_secs(5);

/// With the set it passes, and without any one of it it does not.
pub fn holds(case: &Case, image: &str, add: &BTreeSet<String>) {
    assert_eq!(runs(case, image, &adding(add), TIME), Ok(()), "{} with {add:?}", case.name);
    let mut failed = 0;
    for left_out in add {
        let less: BTreeSet<String> = add.iter().filter(|name| *name != left_out).cloned().collect();
        assert!(
            runs(case, image, &adding(&less), SHORT).is_err(),
            "{} without {left_out}",
            case.name
        );
        failed += 1;
    }
    assert_eq!(failed, add.len());
}

fn adding(set: &BTreeSet<String>) -> Vec<String> {
    set.iter().map(|capability| format!("--cap-add={capability}")).collect()
}

/// It passes without any capability, with these options.
pub fn passes_with(case: &Case, image: &str, options: &[String]) {
    assert_eq!(runs(case, image, options, TIME), Ok(()), "{} with {options:?}", case.name);
}

/// With these options it does not.
pub fn fails_with(case: &Case, image: &str, options: &[String]) {
    assert!(runs(case, image, options, SHORT).is_err(), "{} with {options:?}", case.name);
}

/// Whether it passes with these options beside `--cap-drop ALL`; what was said if not.
fn runs(case: &Case, image: &str, options: &[String], time: Duration) -> Result<(), String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("dropcap-test-again-{}-{count}", std::process::id());
    let _removed = Removed(&name);
    let mut run = testkit::podman_run();
    run.args(["--name", &name, "--cap-drop", "ALL", "--log-driver", "k8s-file"]);
    // As on a runtime that opens neither.
    run.args(["--sysctl", "net.ipv4.ip_unprivileged_port_start=1024"]);
    run.args(["--sysctl", "net.ipv4.ping_group_range=1 0"]);
    run.args(options);
    if case.pod.contains("emptyDir") {
        run.args(["--tmpfs", "/database:mode=0777,notmpcopyup"]);
    }
    if case.again.is_empty() {
        let output = run.arg(image).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return if output.status.success() { Ok(()) } else { Err(said) };
    }
    let started = run.arg("--detach").arg(image).output().unwrap();
    if !started.status.success() {
        return Err(String::from_utf8_lossy(&started.stderr).into_owned());
    }
    let deadline = Instant::now() + time;
    let mut said = String::new();
    while Instant::now() < deadline {
        let exec = testkit::podman().args(["exec", &name]).args(case.again).output().unwrap();
        if exec.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&exec.stderr).into_owned();
        if said.contains("container state improper") || said.contains("not running") {
            break;
        }
        sleep(Duration::from_millis(200));
    }
    Err(said)
}

/// The container goes with its test.
struct Removed<'a>(&'a str);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let mut remove: Command = testkit::podman();
        remove.args(["rm", "--force", "--time", "0", "--volumes", "--ignore", self.0]);
        let _ = remove.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
