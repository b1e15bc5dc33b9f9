//! From the process table to the containers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::cgroup_path::{Named, identify};
use super::describe::{Describer, podman_pods};
use super::files::{CrunStatus, RuncState, View};
use super::supervisor::{Kind, Supervisor};
use super::{Container, Containers, Engine};
use crate::cgroup::{Cgroups, Membership};
use crate::namespace::INITIAL_PID_NAMESPACE;
use crate::procfs::{Process, Procfs};

/// Where containerd 1.4 and newer keeps the bundles of its version 2 shims, below it a folder for each
/// of its namespaces.
const SHIM_BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task";

impl Containers {
    /// Finds the containers that these processes make up.
    ///
    /// Nothing that cannot be read is an error: it is in [`Containers::unread`], and a container
    /// without readable files still has its identifier.
    #[must_use]
    pub fn discover(procfs: &Procfs, processes: &[Process]) -> Self {
        Self::discover_in(procfs, Path::new("/"), processes)
    }

    /// As [`Containers::discover`], with the runtimes' state folders below `root`.
    #[must_use]
    pub fn discover_in(procfs: &Procfs, root: &Path, processes: &[Process]) -> Self {
        let mut search = Search::new(procfs, processes);
        let view = View::at(root);
        search.by_supervisors(&view);
        search.by_state_files(&view);
        search.by_cgroups();
        search.finish()
    }
}

/// A container being put together.
struct Draft {
    container: Container,
    /// Where its bundle is, and who sees it there.
    bundle: Option<(View, PathBuf)>,
}

struct Search<'a> {
    procfs: &'a Procfs,
    processes: BTreeMap<u32, &'a Process>,
    /// What the cgroups of a process name.
    named: HashMap<u32, Named>,
    supervisors: HashMap<u32, Supervisor>,
    drafts: BTreeMap<String, Draft>,
    unread: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(procfs: &'a Procfs, processes: &'a [Process]) -> Self {
        let living = || processes.iter().filter(|p| !p.kernel_thread);
        let named = |p: &Process| p.cgroups.paths().into_iter().find_map(identify);
        Self {
            procfs,
            processes: living().map(|p| (p.pid, p)).collect(),
            named: living().filter_map(|p| Some((p.pid, named(p)?))).collect(),
            supervisors: living().filter_map(|p| Some((p.pid, Supervisor::of(p)?))).collect(),
            drafts: BTreeMap::new(),
            unread: Vec::new(),
        }
    }

    /// The children of conmon and of shims.
    fn by_supervisors(&mut self, own: &View) {
        let processes: Vec<&Process> = self.processes.values().copied().collect();
        let mounts = self.procfs.mounts("self");
        for process in processes {
            let Some(supervisor) = self.supervisors.get(&process.parent).cloned() else { continue };
            // Its root folder takes SYS_PTRACE (`proc_pid_get_link`, `fs/proc/base.c`), its mounts take
            // nothing: where they are this process's own, so are its files.
            let same = mounts.is_some() && self.procfs.mounts(supervisor.pid) == mounts;
            let view = if same {
                own.clone()
            } else {
                View::at(self.procfs.folder(supervisor.pid).join("root"))
            };
            match supervisor.kind {
                Kind::Conmon => self.conmon_child(&supervisor, view, process),
                Kind::Shim => self.shim_child(&supervisor, view, process),
            }
        }
    }

    /// conmon's child is the container's first process if its cgroup says so, or if conmon's PID file does:
    /// conmon starts the low-level runtime and clean-up commands as well.
    fn conmon_child(&mut self, conmon: &Supervisor, view: View, process: &Process) {
        if conmon.exec_session {
            return;
        }
        let in_pid_file =
            conmon.pid_file.as_ref().and_then(|file| view.number(file)) == Some(process.pid);
        let is_first = match self.named.get(&process.pid) {
            Some(named) => named.id == conmon.id && (in_pid_file || self.is_earliest(process)),
            None => in_pid_file && !self.is_named(&conmon.id),
        };
        if !is_first {
            return;
        }
        let mut container = self.container(&conmon.id, process);
        container.name = conmon.name.clone();
        let bundle = conmon.bundle.clone().map(|bundle| (view, bundle));
        self.drafts.insert(conmon.id.clone(), Draft { container, bundle });
    }

    /// A shim works in the bundle of its first container; those of the pod's others lie beside it.
    fn shim_child(&mut self, shim: &Supervisor, view: View, process: &Process) {
        let working_folder = self.procfs.folder(shim.pid).join("cwd");
        let bundles = std::fs::read_link(&working_folder)
            .ok()
            .and_then(|bundle| bundle.parent().map(Path::to_owned))
            // The link takes SYS_PTRACE. containerd's default, `config.go` `DefaultStateDir`, and the
            // plugin's folder in it; whether it is the one, the PID files say.
            .or_else(|| Some(Path::new(SHIM_BUNDLES).join(shim.namespace.as_ref()?)));
        let first = |id: &str| view.number(&bundles.as_ref()?.join(id).join("init.pid"));
        let id = match self.named.get(&process.pid) {
            Some(named) => match first(&named.id) {
                Some(pid) if pid != process.pid => return,
                None if !self.is_earliest(process) => return,
                _ => named.id.clone(),
            },
            None => {
                let Some(folder) = &bundles else { return };
                let mut unread = Vec::new();
                let ids = view.list(folder, &mut unread);
                self.unread.append(&mut unread);
                let is_its = |id: &String| first(id) == Some(process.pid) && !self.is_named(id);
                let Some(id) = ids.into_iter().find(is_its) else { return };
                id
            }
        };
        let mut container = self.container(&id, process);
        let docker = shim.namespace.as_deref() == Some("moby");
        container.engine = if docker { Engine::Docker } else { Engine::Containerd };
        let bundle = bundles.map(|folder| (view, folder.join(&id)));
        self.drafts.insert(id, Draft { container, bundle });
    }

    /// Whether a cgroup names this container: then only processes in such a cgroup are its.
    fn is_named(&self, id: &str) -> bool {
        self.named.values().any(|named| named.id == id)
    }

    /// Whether no other process of the same container (by cgroup) started before.
    fn is_earliest(&self, process: &Process) -> bool {
        let Some(named) = self.named.get(&process.pid) else { return false };
        let age = |p: &Process| (p.start_time, p.pid);
        self.processes
            .values()
            .filter(|p| self.named.get(&p.pid).is_some_and(|other| other.id == named.id))
            .all(|p| age(p) >= age(process))
    }

    /// What low-level runtimes write down: for containers without a supervisor, or whose supervisor died.
    fn by_state_files(&mut self, view: &View) {
        let mut folders: Vec<PathBuf> =
            ["/run/runc", "/run/crun"].into_iter().map(PathBuf::from).collect();
        // containerd gives its runtimes a folder for each of its namespaces, and Docker's is apart.
        for above in ["/run/containerd/runc", "/run/docker/runtime-runc"] {
            let above = Path::new(above);
            folders.extend(
                view.list(above, &mut self.unread).into_iter().map(|name| above.join(name)),
            );
        }
        let users = Path::new("/run/user");
        for user in view.list(users, &mut self.unread) {
            folders.extend(["runc", "crun"].map(|runtime| users.join(&user).join(runtime)));
        }
        for folder in folders {
            for id in view.list(&folder, &mut self.unread) {
                self.state_file(view, &folder, &id);
            }
        }
    }

    fn state_file(&mut self, view: &View, folder: &Path, id: &str) {
        if self.drafts.get(id).is_some_and(|draft| draft.bundle.is_some()) {
            return;
        }
        let state = folder.join(id).join("state.json");
        let status = folder.join(id).join("status");
        let (pid, start_time, bundle) =
            if let Some(state) = view.json::<RuncState>(&state, &mut self.unread) {
                let bundle = state.config.labels.iter().find_map(|l| l.strip_prefix("bundle="));
                let bundle = bundle.map(PathBuf::from);
                (state.init_process_pid, Some(state.init_process_start), bundle)
            } else if let Some(status) = view.json::<CrunStatus>(&status, &mut self.unread) {
                // Older crun writes no start time.
                let start = Some(status.process_start_time).filter(|time| *time != 0);
                (status.pid, start, Some(status.bundle))
            } else {
                return;
            };
        let Some(process) = self.processes.get(&pid).copied() else { return };
        // A process ID that is used again is another process.
        if start_time.is_some_and(|time| time != process.start_time) {
            return;
        }
        // Any user has a folder of state below /run/user; cgroups are the kernel's word.
        if self.named.get(&pid).map(|named| named.id.as_str()) != Some(id) && self.is_named(id) {
            return;
        }
        let mut container = self.container(id, process);
        if folder.starts_with("/run/docker") {
            container.engine = Engine::Docker;
        } else if folder.starts_with("/run/containerd") {
            let docker = folder.ends_with("moby");
            container.engine = if docker { Engine::Docker } else { Engine::Containerd };
        } else if container.engine == Engine::Unknown {
            container.engine = Engine::Runtime;
        }
        let bundle = bundle.map(|bundle| (view.clone(), bundle));
        self.drafts.insert(id.to_owned(), Draft { container, bundle });
    }

    /// Containers that only their cgroup betrays.
    fn by_cgroups(&mut self) {
        let processes: Vec<&Process> = self.processes.values().copied().collect();
        for process in processes {
            let Some(named) = self.named.get(&process.pid) else { continue };
            if self.drafts.contains_key(&named.id) || !self.is_earliest(process) {
                continue;
            }
            let id = named.id.clone();
            let container = self.container(&id, process);
            self.drafts.insert(id, Draft { container, bundle: None });
        }
    }

    /// A container by its first process: the engine and the cgroups are what those say.
    fn container(&self, id: &str, first: &Process) -> Container {
        let named = self.named.get(&first.pid).filter(|named| named.id == id);
        let engine = named.and_then(|named| named.engine).unwrap_or(Engine::Unknown);
        let mut container = Container::new(id, engine);
        container.init = Some(first.pid);
        container.cgroups = self.own_cgroups(id, first);
        container
    }

    /// The cgroups that are the container's own: those named after it, in which its parent is not.
    fn own_cgroups(&self, id: &str, first: &Process) -> Cgroups {
        let outside = self.processes.get(&first.parent);
        let memberships = first.cgroups.0.iter().filter_map(|membership| {
            let path = match identify(&membership.path) {
                Some(named) if named.id == id => named.path,
                _ => path_of(id, &membership.path)?,
            };
            let is_parent_s = |other: &Membership| {
                other.hierarchy == membership.hierarchy && is_below(&other.path, &path)
            };
            let shared = outside.is_some_and(|o| o.cgroups.0.iter().any(is_parent_s));
            (!shared).then(|| Membership { path, ..membership.clone() })
        });
        Cgroups(memberships.collect())
    }

    /// Names the containers and gives every process its own.
    fn finish(mut self) -> Containers {
        let owners = self.owners();
        let mut describer = Describer::default();
        for draft in self.drafts.values_mut() {
            if let Some((view, bundle)) = &draft.bundle {
                describer.describe(&mut draft.container, view, bundle);
            }
        }
        let mut all: Vec<&mut Container> =
            self.drafts.values_mut().map(|draft| &mut draft.container).collect();
        podman_pods(&mut all, &describer.hostnames);
        self.unread.append(&mut describer.unread);
        let mut list: Vec<Container> = self.drafts.into_values().map(|d| d.container).collect();
        list.sort_by(|a, b| {
            let key =
                |c: &Container| (c.engine, c.namespace.clone(), c.pod.clone(), c.name.clone());
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        let index: HashMap<&str, usize> =
            list.iter().enumerate().map(|(index, c)| (c.id.as_str(), index)).collect();
        let of =
            owners.iter().filter_map(|(pid, id)| Some((*pid, *index.get(id.as_str())?))).collect();
        Containers { of, list, unread: self.unread }
    }

    /// The container of every process that has one.
    fn owners(&self) -> HashMap<u32, String> {
        let first: HashMap<u32, &str> = self
            .drafts
            .values()
            .filter_map(|d| Some((d.container.init?, d.container.id.as_str())))
            .collect();
        let by_pid_namespace = self.pid_namespaces();
        self.processes
            .values()
            .filter_map(|process| {
                let id = self
                    .named
                    .get(&process.pid)
                    .map(|named| named.id.as_str())
                    .or_else(|| self.by_own_cgroup(process))
                    .or_else(|| self.by_ancestor(process, &first))
                    .or_else(|| {
                        by_pid_namespace.get(&process.namespaces.pid?).copied().flatten()
                    })?;
                Some((process.pid, id.to_owned()))
            })
            .collect()
    }

    /// A container whose cgroup has a name of its own (`ctr run … web`).
    fn by_own_cgroup(&self, process: &Process) -> Option<&str> {
        self.drafts.values().map(|d| &d.container).find_map(|container| {
            let inside = container.cgroups.0.iter().any(|own| {
                process.cgroups.0.iter().any(|other| {
                    other.hierarchy == own.hierarchy && is_below(&other.path, &own.path)
                })
            });
            inside.then_some(container.id.as_str())
        })
    }

    /// The nearest ancestor that is a container's first process, or is in one by its cgroup; or the
    /// conmon that adopted it (a process of a container that shares the host's PID namespace).
    fn by_ancestor<'b>(
        &'b self,
        process: &Process,
        first: &HashMap<u32, &'b str>,
    ) -> Option<&'b str> {
        let mut seen = HashSet::new();
        let mut current = process;
        while seen.insert(current.pid) {
            if let Some(id) = first.get(&current.pid) {
                return Some(id);
            }
            if let Some(named) = self.named.get(&current.pid) {
                return Some(&named.id);
            }
            if let Some(conmon) = self.supervisors.get(&current.parent) {
                if conmon.kind != Kind::Conmon {
                    return None;
                }
                let (id, draft) = self.drafts.get_key_value(&conmon.id)?;
                // conmon's other children, the runtime and clean-up commands, are the host's.
                let mnt = |pid| self.processes.get(&pid)?.namespaces.mnt;
                let init = draft.container.init?;
                return (mnt(current.pid).is_some() && mnt(current.pid) == mnt(init)).then_some(id);
            }
            current = self.processes.get(&current.parent)?;
        }
        None
    }

    /// PID namespaces that belong to one container alone (`None` for one that several share).
    fn pid_namespaces(&self) -> HashMap<u64, Option<&str>> {
        let mut owners: HashMap<u64, Option<&str>> = HashMap::new();
        for draft in self.drafts.values() {
            let init = draft.container.init.and_then(|pid| self.processes.get(&pid));
            let Some(namespace) = init.and_then(|p| p.namespaces.pid) else { continue };
            let id = draft.container.id.as_str();
            owners.entry(namespace).and_modify(|owner| *owner = None).or_insert(Some(id));
        }
        // The node's own, whatever it is to the kernel: where this program looks from.
        let own = self.procfs.namespaces(std::process::id()).pid;
        owners
            .retain(|namespace, _| *namespace != INITIAL_PID_NAMESPACE && Some(*namespace) != own);
        owners
    }
}

/// The cgroup path up to the innermost part named after `id`, which may be any word (`ctr run … web`,
/// `runc run web`): `web`, `runc-web.scope`, `system.slice:runc:web`.
pub(super) fn path_of(id: &str, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let index = parts.iter().rposition(|part| {
        let name = part.strip_suffix(".scope").unwrap_or(part);
        name.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', ':']))
    })?;
    Some(parts[..=index].join("/"))
}

/// Whether a cgroup path is `above` or below it.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
