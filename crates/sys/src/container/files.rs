//! Files that engines and low-level runtimes leave on disk, read as the one who wrote them sees them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The most that is read of one file.
const LIMIT: u64 = 64 * 1024 * 1024;
/// How long after its last change a file that ends too early may still be being written, and how often it is
/// looked at.
const WRITTEN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(2));

/// A root folder to look paths up in: `/`, or that of a supervisor, `/proc/PID/root`, which may
/// live in another mount namespace (an engine inside a container, or this program in one).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    root: PathBuf,
}

impl View {
    /// Below this folder. No link leads out of it.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The content of a regular file; anything else (a FIFO that would never answer) is an error.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.open(path).map(|(content, _)| content)
    }

    /// The same, and how long ago it was changed before it was read, if the clock can tell.
    fn open(&self, path: &Path) -> io::Result<(Vec<u8>, Option<Duration>)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &self.root, flags, Mode::empty())?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve)?;
        let file = File::from(file);
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let age = about.modified().ok().and_then(|changed| changed.elapsed().ok());
        let mut content = Vec::new();
        file.take(LIMIT).read_to_end(&mut content)?;
        Ok((content, age))
    }

    /// A JSON file. `None` if there is none; what cannot be read or understood goes to `unread`. One that is
    /// being written is waited for: `config.json` of a bundle is written in place, not renamed into it (podman
    /// 4.3 `libpod/container_internal.go` `saveSpec`, containerd 1.6 `runtime/v2/bundle.go`).
    pub fn json<T: DeserializeOwned>(&self, path: &Path, unread: &mut Vec<String>) -> Option<T> {
        loop {
            let (content, age) = match self.open(path) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => {
                    unread.push(format!("cannot read {}: {error}", path.display()));
                    return None;
                }
            };
            match serde_json::from_slice(&content) {
                Ok(value) => return Some(value),
                Err(error) if error.is_eof() && age.is_some_and(|age| age < WRITTEN.0) => {
                    std::thread::sleep(WRITTEN.1);
                }
                Err(error) => {
                    unread.push(format!("cannot understand {}: {error}", path.display()));
                    return None;
                }
            }
        }
    }

    /// The number in a file that holds one.
    pub fn number(&self, path: &Path) -> Option<u32> {
        std::str::from_utf8(&self.read(path).ok()?).ok()?.trim().parse().ok()
    }

    /// The names in a folder; none if there is no such folder. One that may not be listed goes to
    /// `unread`.
    pub fn list(&self, path: &Path, unread: &mut Vec<String>) -> Vec<String> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let entries = match std::fs::read_dir(self.root.join(relative)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    unread.push(format!("cannot list {}: {error}", path.display()));
                }
                return Vec::new();
            }
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// What is used of an OCI bundle's `config.json` (runtime-spec `config.md`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bundle {
    /// `annotations`.
    pub annotations: HashMap<String, String>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `mounts`.
    pub mounts: Vec<BundleMount>,
    /// `linux`.
    pub linux: BundleLinux,
    /// `process`.
    pub process: BundleProcess,
}

/// Part of [`Bundle`] (runtime-spec `config.md`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BundleProcess {
    /// What is executed first, with its arguments.
    pub args: Vec<String>,
}

impl BundleProcess {
    /// The same without the init that Docker (moby `daemon/oci_linux.go` `WithCommonOptions`) and Podman
    /// (`libpod/define/container.go` `ContainerInitPath`, before 4.0 `/dev/init`) put in front of it with
    /// `--init`.
    pub fn argv(&self) -> Vec<String> {
        match self.args.as_slice() {
            [init, dashes, rest @ ..]
                if dashes == "--"
                    && ["/sbin/docker-init", "/run/podman-init", "/dev/init"]
                        .contains(&init.as_str()) =>
            {
                rest.to_vec()
            }
            all => all.to_vec(),
        }
    }
}

/// Part of [`Bundle`] (runtime-spec `config-linux.md`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BundleLinux {
    /// `uidMappings`; empty without a user namespace of its own.
    pub uid_mappings: Vec<BundleIdMapping>,
}

/// An entry of `uidMappings`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BundleIdMapping {
    /// The first user ID inside.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// The first user ID outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
}

/// An entry of `mounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BundleMount {
    /// Where in the container.
    pub destination: String,
    /// From where.
    pub source: String,
}

/// What is used of runc's `state.json` (runc 1.1 `libcontainer/container_linux.go`, `State`).
#[derive(Debug, Deserialize)]
pub struct RuncState {
    /// The container's first process.
    pub init_process_pid: u32,
    /// When that started, clock ticks since boot.
    pub init_process_start: u64,
    /// The configuration runc made of the bundle's.
    #[serde(default)]
    pub config: RuncConfig,
}

/// Part of [`RuncState`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RuncConfig {
    /// Annotations as `KEY=VALUE`, and `bundle=PATH`.
    pub labels: Vec<String>,
}

/// What is used of crun's `status` (crun 1.8 `src/libcrun/status.c`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CrunStatus {
    /// The container's first process.
    pub pid: u32,
    /// When that started, clock ticks since boot.
    #[serde(default)]
    pub process_start_time: u64,
    /// The bundle.
    pub bundle: PathBuf,
}

/// An entry of `containers.json` and `volatile-containers.json` of containers/storage
/// (`containers.go`, `Container`), which podman and CRI-O share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct StoredContainer {
    /// The container.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// The image's identifier.
    pub image: String,
    /// JSON of the engine's own.
    pub metadata: String,
}

/// What podman and CRI-O keep in [`StoredContainer::metadata`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct StoredMetadata {
    /// The image as the user named it.
    pub image_name: String,
}

/// What is used of Docker's `config.v2.json` (moby `container/container.go`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DockerContainer {
    /// The name, with a slash before it.
    pub name: String,
    /// The image's identifier.
    pub image: String,
    /// What the user asked for.
    pub config: DockerConfig,
}

/// Part of [`DockerContainer`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DockerConfig {
    /// The image as the user named it.
    pub image: String,
    /// The labels.
    pub labels: Option<HashMap<String, String>>,
}
