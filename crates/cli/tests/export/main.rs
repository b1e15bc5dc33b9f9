//! `dropcap profile export`: what is printed, what is refused, and every form tried on what reads it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compose;
mod engines;
mod forms;
mod kubernetes;
mod policy;
mod refused;
mod systemd;
mod systemd_runs;
mod verdict;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use caps::{CapSet, Capability};

/// A profile of a container that was traced, with five capabilities.
const NGINX: &str = include_str!("../../../record/tests/data/nginx.yaml");

/// What it needs.
const NGINX_SET: CapSet = CapSet::of(&[
    Capability::CHOWN,
    Capability::DAC_OVERRIDE,
    Capability::SETGID,
    Capability::SETUID,
    Capability::NET_BIND_SERVICE,
]);

/// A profile by hand, of a workload that makes pods.
const BY_HAND: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: { name: by-hand }
spec:
  target: { image: 'nginx:1.26', workload: Deployment/web, container: web, namespace: shop }
  capabilities: { needed: [NET_BIND_SERVICE, KILL], doubtful: [CHOWN] }
";

/// The same container, which needs nothing.
const NOTHING: &str = "\
apiVersion: dropcap.dev/v1
kind: CapabilityProfile
metadata: { name: nothing }
spec:
  target: { workload: CronJob/web, container: web }
  capabilities: { needed: [] }
";

/// A folder with the profiles in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("nginx.yaml", NGINX), ("hand.yaml", BY_HAND), ("nothing.yaml", NOTHING)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The real command in that folder.
fn export_in(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dropcap"))
        .current_dir(folder)
        .args(["profile", "export"])
        .args(args)
        .stdin(Stdio::null())
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

/// What it prints, where it works.
fn exported(args: &[&str]) -> String {
    let output = export_in(folder().path(), args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs another program and demands success: what it printed, and what it said.
fn succeed(command: &mut Command) -> (String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {printed}{said}");
    (printed, said)
}
