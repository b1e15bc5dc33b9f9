//! Containers running on this machine, and which of them a process belongs to.
//!
//! What the kernel says comes first: cgroup paths that name a container. Then what engines leave
//! beside it (conmon, containerd's shims) and on disk (bundles, runtimes' state). No engine is
//! asked: it may hang, be down, or answer for another one.

mod cgroup_path;
mod describe;
mod discover;
mod files;
mod registry;
mod supervisor;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::cgroup::Cgroups;

pub use cgroup_path::{Named, identify};
pub use registry::Registry;

/// What manages a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Engine {
    /// podman.
    Podman,
    /// Docker (moby).
    Docker,
    /// containerd: by its CRI, nerdctl or `ctr`.
    Containerd,
    /// CRI-O.
    Crio,
    /// Nobody: started by `runc` or `crun` alone.
    Runtime,
    /// There is a container, and nothing tells whose.
    Unknown,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Crio => "cri-o",
            Self::Runtime => "oci runtime",
            Self::Unknown => "unknown engine",
        })
    }
}

/// A running container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The full identifier.
    pub id: String,
    /// What manages it.
    pub engine: Engine,
    /// Its name: in Kubernetes that of the pod's container.
    pub name: Option<String>,
    /// The pod, of Kubernetes or podman.
    pub pod: Option<String>,
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The image, as it was named.
    pub image: Option<String>,
    /// The image's identifier in its engine's store.
    pub image_id: Option<String>,
    /// What it executes first, with its arguments, the image's own words among them; empty if its bundle
    /// could not be read.
    pub argv: Vec<String>,
    /// Whether it only holds a pod's namespaces (`pause`).
    pub sandbox: bool,
    /// The container that holds its pod's namespaces.
    pub sandbox_id: Option<String>,
    /// The process ID of its first process on the node.
    pub init: Option<u32>,
    /// Its cgroup in each hierarchy, without what it made inside; empty if it has no cgroup of its
    /// own (`podman run --cgroups=disabled`): then only the process tree tells.
    pub cgroups: Cgroups,
    /// The OCI bundle, as its engine names the folder.
    pub bundle: Option<PathBuf>,
    /// The user ID of its root outside of the user namespace that its bundle gives it; `None`
    /// without one.
    pub root: Option<u32>,
}

impl Container {
    /// A container of which nothing but the identifier is known.
    fn new(id: &str, engine: Engine) -> Self {
        Self {
            id: id.to_owned(),
            engine,
            name: None,
            pod: None,
            namespace: None,
            image: None,
            image_id: None,
            argv: Vec::new(),
            sandbox: false,
            sandbox_id: None,
            init: None,
            cgroups: Cgroups::default(),
            bundle: None,
            root: None,
        }
    }

    /// Whether a word names it: its identifier, its name, or the start of its identifier (at least
    /// three characters).
    #[must_use]
    pub fn is_called(&self, word: &str) -> bool {
        let named = !self.sandbox && self.name.as_deref() == Some(word);
        self.id == word || named || (word.len() >= 3 && self.id.starts_with(word))
    }

    /// Whether it was made of this image: the name as it was given, or its end from a `/` on, with or
    /// without tag and digest (`nginx`, `library/nginx:1.27`).
    #[must_use]
    pub fn is_of_image(&self, word: &str) -> bool {
        let Some(image) = self.image.as_deref().filter(|_| !self.sandbox) else { return false };
        let digestless = image.split('@').next().unwrap_or_default();
        // A colon before the last slash is a registry's port.
        let slash = digestless.rfind('/').map_or(0, |at| at + 1);
        let tag = digestless[slash..].find(':').map(|at| at + slash);
        let tagless = &digestless[..tag.unwrap_or(digestless.len())];
        [image, digestless, tagless].iter().any(|full| {
            full.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        }) && !word.is_empty()
    }

    /// The first twelve digits of the identifier, as engines print it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        let is_long = cgroup_path::is_id(&self.id);
        if is_long { &self.id[..12] } else { &self.id }
    }
}

/// The containers of one reading of the process table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Containers {
    list: Vec<Container>,
    of: HashMap<u32, usize>,
    unread: Vec<String>,
}

impl Containers {
    /// All of them, sandboxes too, by engine, namespace, pod, name and identifier.
    #[must_use]
    pub fn all(&self) -> &[Container] {
        &self.list
    }

    /// The container that a process belongs to; `None` for one of the host.
    #[must_use]
    pub fn of(&self, pid: u32) -> Option<&Container> {
        self.list.get(*self.of.get(&pid)?)
    }

    /// Those that a word names: the whole identifier, else the name, else the start of an
    /// identifier (at least three characters). More than one if the word is ambiguous.
    #[must_use]
    pub fn find(&self, word: &str) -> Vec<&Container> {
        let with = |test: &dyn Fn(&Container) -> bool| -> Vec<&Container> {
            self.list.iter().filter(|c| test(c)).collect()
        };
        let exact = with(&|c| c.id == word);
        if !exact.is_empty() {
            return exact;
        }
        let named = with(&|c| !c.sandbox && c.name.as_deref() == Some(word));
        if !named.is_empty() || word.len() < 3 {
            return named;
        }
        with(&|c| c.id.starts_with(word))
    }

    /// The containers of a Kubernetes pod, without its sandbox; any namespace if none is given.
    #[must_use]
    pub fn pod(&self, namespace: Option<&str>, pod: &str) -> Vec<&Container> {
        self.list
            .iter()
            .filter(|c| !c.sandbox && c.pod.as_deref() == Some(pod))
            .filter(|c| namespace.is_none() || c.namespace.as_deref() == namespace)
            .collect()
    }

    /// What could not be read or understood, each with its reason; names may be missing for it.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }
}
