//! A daemon of a test's own: its own folder, its own socket, gone when dropped.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running daemon and the folder it lives in.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts what `command` makes of a new folder, and waits for `ready`.
    ///
    /// # Panics
    /// If it ends, or is not ready within a minute.
    pub fn start(command: impl Fn(&Path) -> Command, ready: impl Fn(&Path) -> bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self { child, folder };
        let end = Instant::now() + Duration::from_secs(60);
        while !ready(daemon.folder()) {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "not ready:\n{}", daemon.log());
            sleep(Duration::from_millis(100));
        }
        daemon
    }

    /// dockerd on the `socket` of its folder, without a network of its own.
    ///
    /// # Panics
    /// As [`Daemon::start`], or if it is not installed (`needs!(dockerd)`).
    pub fn dockerd(ready: impl Fn(&Path) -> bool) -> Self {
        let dockerd = |folder: &Path| {
            let mut dockerd = Command::new(crate::need::find_program("dockerd").unwrap());
            dockerd.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
            dockerd.arg("--data-root").arg(folder.join("data"));
            dockerd.arg("--exec-root").arg(folder.join("exec"));
            dockerd.arg("--pidfile").arg(folder.join("pid"));
            dockerd.args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"]);
            dockerd.args(["--default-ulimit", "nofile=1024:1024"]);
            dockerd
        };
        Self::start(dockerd, ready)
    }

    /// containerd with its CRI on the `socket` of its folder, and all that it has below; `sandbox` is the image
    /// of a pod's first container. Containers' logs go to `logs`.
    ///
    /// # Panics
    /// As [`Daemon::start`], or if it is not installed (`needs!(containerd)`).
    pub fn containerd(sandbox: &str, ready: impl Fn(&Path) -> bool) -> Self {
        let containerd = |folder: &Path| {
            fs::create_dir_all(folder.join("logs")).unwrap();
            let config = format!(
                r#"version = 2
root = "{0}/data"
state = "{0}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{0}/socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "{0}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"#,
                folder.display()
            );
            fs::write(folder.join("config.toml"), config).unwrap();
            let mut containerd = Command::new(crate::need::find_program("containerd").unwrap());
            containerd.arg("--config").arg(folder.join("config.toml"));
            containerd
        };
        Self::start(containerd, |folder| folder.join("socket").exists() && ready(folder))
    }

    /// Where it lives.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it left mounted below its folder, innermost first.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let folder = self.folder().to_string_lossy().into_owned();
        let ours = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for point in ours.filter(|point| point.starts_with(&folder)).rev() {
            let _ = Command::new("umount").arg("--lazy").arg(point).status();
        }
    }
}

/// The user's `docker`, for the dockerd in this folder.
#[must_use]
pub fn docker(folder: &Path) -> Command {
    let mut docker = Command::new("docker");
    docker.env("DOCKER_HOST", docker_host(folder));
    docker
}

/// `DOCKER_HOST` of the dockerd in this folder.
#[must_use]
pub fn docker_host(folder: &Path) -> String {
    format!("unix://{}", folder.join("socket").display())
}

/// An archive of a root file system with busybox as `/bin/cat` and `/bin/sleep`; the file system
/// itself is in the folder `root`.
///
/// # Panics
/// If it cannot be packed.
pub fn archive(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    for part in ["bin", "proc", "dev", "sys", "etc", "tmp"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let busybox = crate::need::find_program("busybox").unwrap();
    for name in ["bin/cat", "bin/sleep"] {
        fs::copy(&busybox, root.join(name)).unwrap();
    }
    let archive = folder.join("root.tar");
    let status =
        Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg(".").status();
    assert!(status.unwrap().success());
    archive
}
