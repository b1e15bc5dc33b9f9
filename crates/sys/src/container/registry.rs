//! Containers as their engines write them down, read again and again: a container that lives for a
//! moment only can be named after it has gone, by its cgroup.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cgroup_path::identify;
use super::describe::{Describer, podman_pods};
use super::discover::path_of;
use super::files::View;
use super::{Container, Containers, Engine};
use crate::cgroup::{Cgroups, Membership};

/// Where containers/storage keeps containers unless `storage.conf` says otherwise
/// (containers-storage.conf(5)); below it a folder `DRIVER-containers`.
const GRAPH_ROOT: &str = "/var/lib/containers/storage";
/// CRI-O's bundles lie below the run root, in a folder of the same kind.
const RUN_ROOT: &str = "/run/containers/storage";
/// Where containerd's shims keep their bundles, by namespace: its own and that of Docker's.
const TASKS: [&str; 2] = [
    "/run/containerd/io.containerd.runtime.v2.task",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
];
/// Where Docker keeps its data unless `data-root` says otherwise (dockerd(8)); below it a folder
/// `containers`.
const DOCKER: &str = "/var/lib/docker";

/// All containers that an engine of this machine had at one of the times it was looked.
#[derive(Debug)]
pub struct Registry {
    view: View,
    known: BTreeMap<String, Container>,
    hostnames: std::collections::HashMap<String, String>,
    unread: Vec<String>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// Of this machine; knows nothing before it is refreshed.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Path::new("/"))
    }

    /// With the engines' folders below `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            view: View::at(root),
            known: BTreeMap::new(),
            hostnames: std::collections::HashMap::new(),
            unread: Vec::new(),
        }
    }

    /// Looks for containers that are new, or of which no name was written down before.
    pub fn refresh(&mut self) {
        let mut describer = Describer::default();
        let written = self.written(&mut describer.unread);
        for (id, engine, bundle) in written {
            if self.known.get(&id).is_some_and(|known| known.name.is_some()) {
                continue;
            }
            let mut container = Container::new(&id, engine);
            describer.describe(&mut container, &self.view, &bundle);
            self.known.insert(id, container);
        }
        self.hostnames.extend(describer.hostnames);
        self.unread = describer.unread;
    }

    /// What is known of containers that run, whatever folders their engines were told to use.
    pub fn learn(&mut self, running: &Containers) {
        for container in running.all() {
            let named = self.known.get(&container.id).is_some_and(|known| known.name.is_some());
            if !named {
                self.known.insert(container.id.clone(), container.clone());
            }
        }
    }

    /// The container whose cgroup this is, or lies above it: a path in the unified hierarchy as the
    /// kernel has it. One of which no engine wrote has nothing but its identifier. `None` for a
    /// cgroup of the host.
    #[must_use]
    pub fn of_cgroup(&mut self, path: &str) -> Option<Container> {
        let (id, engine, own) = match identify(path) {
            Some(named) => (named.id, named.engine, named.path),
            None => {
                let own = |id: &String| Some((id.clone(), None, path_of(id, path)?));
                self.known.keys().find_map(own)?
            }
        };
        let fresh = || Container::new(&id, engine.unwrap_or(Engine::Unknown));
        let container = self.known.entry(id.clone()).or_insert_with(fresh);
        container.cgroups =
            Cgroups(vec![Membership { hierarchy: 0, controllers: Vec::new(), path: own }]);
        let mut all: Vec<&mut Container> = self.known.values_mut().collect();
        podman_pods(&mut all, &self.hostnames);
        self.known.get(&id).cloned()
    }

    /// All that were seen, whether they run or not.
    pub fn all(&self) -> impl Iterator<Item = &Container> {
        self.known.values()
    }

    /// What could not be read or understood when it was last looked.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Identifier, engine and bundle of each container that is written down now.
    fn written(&self, unread: &mut Vec<String>) -> Vec<(String, Engine, PathBuf)> {
        let mut found = Vec::new();
        for root in [self.graph_root(), PathBuf::from(RUN_ROOT)] {
            for folder in self.view.list(&root, unread) {
                if !folder.ends_with("-containers") {
                    continue;
                }
                let folder = root.join(folder);
                for id in self.view.list(&folder, unread) {
                    let bundle = folder.join(&id).join("userdata");
                    let config = self.view.read(&bundle.join("config.json"));
                    if let Err(error) = &config
                        && error.kind() == std::io::ErrorKind::PermissionDenied
                    {
                        unread.push(format!("cannot read {}: {error}", bundle.display()));
                    }
                    let is_bundle = config.is_ok();
                    found.extend(is_bundle.then_some((id, Engine::Podman, bundle)));
                }
            }
        }
        for tasks in TASKS.map(Path::new) {
            for namespace in self.view.list(tasks, unread) {
                let docker = namespace == "moby";
                let engine = if docker { Engine::Docker } else { Engine::Containerd };
                let folder = tasks.join(namespace);
                let ids = self.view.list(&folder, unread).into_iter();
                found.extend(ids.map(|id| (id.clone(), engine, folder.join(id))));
            }
        }
        let containers = self.docker_root().join("containers");
        for id in self.view.list(&containers, unread) {
            found.push((id.clone(), Engine::Docker, containers.join(id)));
        }
        found
    }

    /// `data-root` of `daemon.json`.
    fn docker_root(&self) -> PathBuf {
        let mut unread = Vec::new();
        let file = Path::new("/etc/docker/daemon.json");
        let configured = self.view.json::<serde_json::Value>(file, &mut unread);
        let root = configured.and_then(|c| Some(PathBuf::from(c.get("data-root")?.as_str()?)));
        root.unwrap_or_else(|| PathBuf::from(DOCKER))
    }

    /// `graphroot` of `storage.conf`, a line of TOML.
    fn graph_root(&self) -> PathBuf {
        let files = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];
        let configured = files.iter().find_map(|file| {
            let text = String::from_utf8(self.view.read(Path::new(file)).ok()?).ok()?;
            text.lines().find_map(|line| {
                let value = line.trim().strip_prefix("graphroot")?.trim().strip_prefix('=')?;
                Some(PathBuf::from(value.trim().trim_matches('"')))
            })
        });
        configured.unwrap_or_else(|| PathBuf::from(GRAPH_ROOT))
    }
}
