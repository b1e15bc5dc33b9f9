//! A pod of a manifest on a real engine: `podman kube play`, on a machine that may not raise limits.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::need::find_program;
use crate::podman::succeed;

/// `podman kube play` sets limits that root without `CAP_SYS_RESOURCE` may not raise to, and has no
/// option against it: this OCI runtime takes them out of the bundle and goes on as runc.
const RUNTIME: &str = r#"#!/bin/sh
previous=
for word in "$@"; do
  case "$previous" in --bundle|-b) bundle=$word ;; esac
  previous=$word
done
if [ -n "$bundle" ]; then
  jq -c 'del(.process.rlimits)' "$bundle/config.json" > "$bundle/config.json.new" && mv "$bundle/config.json.new" "$bundle/config.json"
fi
exec RUNC "$@"
"#;

/// A pod with one container, created and not yet started; removed when dropped.
#[derive(Debug)]
pub struct Pod {
    name: String,
    container: String,
    folder: tempfile::TempDir,
}

impl Pod {
    /// Creates the pod of this manifest and brings its container to the point before its
    /// entrypoint's `execve` (the OCI state "created"), so that a tracer can be attached.
    ///
    /// # Panics
    /// If podman cannot.
    #[must_use]
    pub fn create(manifest: &Path, pod: &str, container: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the runtime");
        let runtime = folder.path().join("runc-without-limits");
        let runc = find_program("runc").expect("runc is there");
        let script = RUNTIME.replace("RUNC", &runc.display().to_string());
        crate::programs::script(&runtime, &script);
        let this = Self { name: pod.to_owned(), container: format!("{pod}-{container}"), folder };
        this.remove();
        succeed(this.podman().args(["kube", "play", "--start=false"]).arg(manifest));
        let infra = succeed(this.podman().args([
            "pod",
            "inspect",
            "--format",
            "{{.InfraContainerID}}",
            pod,
        ]));
        succeed(this.podman().args(["start", infra.trim()]));
        succeed(this.podman().args(["init", &this.container]));
        this
    }

    /// The container's name in the engine.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Runs the entrypoint.
    ///
    /// # Panics
    /// If podman cannot.
    pub fn start(&self) {
        succeed(self.podman().args(["start", &self.container]));
    }

    /// Stops the container and waits until it is.
    ///
    /// # Panics
    /// If podman cannot.
    pub fn stop(&self) {
        succeed(self.podman().args(["stop", "--time", "2", &self.container]));
    }

    /// What the container printed.
    #[must_use]
    pub fn logs(&self) -> String {
        let output = self.podman().args(["logs", &self.container]).output().expect("podman runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// The process ID of the container's first process on the node, 0 if it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let pid =
            succeed(self.podman().args(["inspect", "--format", "{{.State.Pid}}", &self.container]));
        pid.trim().parse().expect("a process ID")
    }

    /// Runs a program of this machine in the pod's network.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn in_network(&self, program: &[&str]) -> Output {
        let pid = self.pid().to_string();
        Command::new("nsenter")
            .args(["--net", "--target", &pid])
            .args(program)
            .output()
            .expect("nsenter runs")
    }

    /// Asks the container over HTTP until it answers or the time is over; the body if it did.
    #[must_use]
    pub fn get(&self, url: &str) -> Option<String> {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            let answer = self.in_network(&["curl", "-fsS", "-m", "2", url]);
            if answer.status.success() {
                return Some(String::from_utf8_lossy(&answer.stdout).into_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }

    fn podman(&self) -> Command {
        let mut podman = Command::new("podman");
        podman.arg("--runtime").arg(self.folder.path().join("runc-without-limits"));
        podman
    }

    /// Until it is gone: podman gives up on a container that restarts at that very moment.
    fn remove(&self) {
        for _ in 0..50 {
            let remove = ["pod", "rm", "--force", "--time", "0", "--ignore", &self.name];
            let _ = self.podman().args(remove).output();
            let exists = self.podman().args(["pod", "exists", &self.name]).status();
            if exists.is_ok_and(|status| !status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.remove();
    }
}
