//! podman with flags that work where root lacks `CAP_SYS_RESOURCE` and no registry is reachable,
//! an image of busybox, and containers that go away with the test.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::need::find_program;

/// The name of the image that [`image`] makes: busybox at `/bin`, users `root` and `user` (1000).
pub const IMAGE: &str = "localhost/dropcap-test/busybox:1";

/// `podman` with runc as its runtime, ready for a subcommand.
#[must_use]
pub fn podman() -> Command {
    let mut podman = Command::new("podman");
    if let Some(runc) = find_program("runc") {
        podman.arg("--runtime").arg(runc);
    }
    podman
}

/// `podman run` without a network and with limits any root may set, ready for more options, an
/// image and a command.
#[must_use]
pub fn podman_run() -> Command {
    let mut podman = podman();
    podman.args(["run", "--network", "none"]);
    podman.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]);
    podman
}

/// Makes sure that [`IMAGE`] exists and returns its name. Made once a machine, under a lock that
/// other test processes respect.
///
/// # Panics
/// If it cannot be made.
pub fn image() -> &'static str {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let lock = File::create(std::env::temp_dir().join("dropcap-test-image.lock"))
            .expect("the lock file is created");
        lock.lock().expect("the lock is taken");
        let exists = podman().args(["image", "exists", IMAGE]).status().expect("podman runs");
        if !exists.success() {
            import();
        }
    });
    IMAGE
}

/// The same image, started otherwise: lines of a Containerfile behind its FROM, none of which may run
/// anything. Its name.
///
/// # Panics
/// If it cannot be made.
pub fn image_with(name: &str, lines: &str) -> String {
    built(image(), name, lines)
}

/// An image of the files of another.
pub(crate) fn built(from: &str, name: &str, lines: &str) -> String {
    let image = format!("localhost/dropcap-test/{name}:1");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Containerfile");
    fs::write(&file, format!("FROM {from}\n{lines}\n")).expect("written");
    // HEALTHCHECK is Docker's, not OCI's.
    let build = ["build", "--quiet", "--format", "docker", "--network", "none", "--tag", &image];
    succeed(podman().args(build).arg("--file").arg(&file).arg(folder.path()));
    image
}

/// Packs busybox and imports it.
fn import() {
    let busybox = find_program("busybox").expect("busybox is there");
    let root = tempfile::tempdir().expect("a folder for the image");
    // A temporary folder is 0700; as an image's root it would shut out every other user.
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    for folder in ["bin", "etc", "proc", "sys", "dev", "root", "tmp", "home"] {
        fs::create_dir(root.path().join(folder)).expect("mkdir");
    }
    fs::set_permissions(root.path().join("tmp"), fs::Permissions::from_mode(0o1777))
        .expect("chmod");
    let program = root.path().join("bin/busybox");
    fs::copy(&busybox, &program).expect("busybox is copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let list = succeed(Command::new(&busybox).arg("--list"));
    for applet in list.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.path().join("bin").join(applet)).expect("symlink");
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n";
    fs::write(root.path().join("etc/passwd"), passwd).expect("passwd");
    fs::write(root.path().join("etc/group"), "root:x:0:\nuser:x:1000:\n").expect("group");

    let archive = tempfile::NamedTempFile::new().expect("a file for the archive");
    succeed(
        Command::new("tar")
            .arg("--create")
            .arg("--file")
            .arg(archive.path())
            .args(["--owner=0", "--group=0", "--numeric-owner", "--directory"])
            .arg(root.path())
            .arg("."),
    );
    succeed(podman().arg("import").arg(archive.path()).arg(IMAGE));
}

/// A running podman container; removed, with everything in it, when dropped.
#[derive(Debug)]
pub struct Container {
    /// Its name: unique on this machine.
    pub name: String,
    /// Its full identifier.
    pub id: String,
    /// The process ID of its first process, on the node.
    pub pid: u32,
}

impl Container {
    /// Starts `command` in the background in [`IMAGE`], with these options of `podman run`.
    ///
    /// # Panics
    /// If podman cannot start it.
    pub fn start(options: &[&str], command: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dropcap-test-{}-{count}", std::process::id());
        let mut run = podman_run();
        run.args(["--detach", "--name", &name]).args(options).arg(image()).args(command);
        // Owned before it is known to run: a container that podman made and could not start goes too.
        let mut container = Self { name, id: String::new(), pid: 0 };
        container.id = succeed(&mut run).trim().to_owned();
        container.pid = container.inspect("{{.State.Pid}}").parse().expect("a process ID");
        assert!(container.pid > 0, "{} ended at once: {command:?}", container.name);
        container
    }

    /// A field of `podman inspect`, by its Go template.
    ///
    /// # Panics
    /// If podman cannot tell.
    #[must_use]
    pub fn inspect(&self, template: &str) -> String {
        succeed(podman().args(["inspect", "--format", template, &self.name])).trim().to_owned()
    }

    /// Runs a command in it and returns what it printed and how it ended.
    ///
    /// # Panics
    /// If podman cannot be run.
    pub fn exec(&self, command: &[&str]) -> Output {
        podman().args(["exec", &self.name]).args(command).output().expect("podman runs")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = podman().args(["rm", "--force", "--time", "0", "--ignore", &self.name]).output();
    }
}

/// Runs it, demands success, and returns its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_runs_and_goes_away_with_its_owner() {
        crate::needs!(podman);
        let container = Container::start(&["--user", "1000"], &["sleep", "600"]);
        let status =
            fs::read_to_string(format!("/proc/{}/status", container.pid)).expect("it runs");
        assert!(status.contains("\nUid:\t1000\t1000\t1000\t1000\n"), "{status}");
        assert_eq!(container.exec(&["id", "-u"]).stdout, b"1000\n");
        let name = container.name.clone();
        drop(container);
        let exists = podman().args(["container", "exists", &name]).status().expect("podman runs");
        assert_eq!(exists.code(), Some(1));
    }
}
