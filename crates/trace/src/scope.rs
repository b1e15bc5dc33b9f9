//! What a tracer watches: a process tree, or what is executed in a cgroup.

use std::path::{Path, PathBuf};

use record::observation::Target;
use rustix::fs::CWD;
use sys::cgroup::{Layout, Mount};
use sys::namespace::INITIAL_PID_NAMESPACE;
use sys::procfs::Procfs;

use crate::abi::{self, Config};
use crate::error::TraceError;
use crate::look::{self, Look};
use crate::options::Options;

/// The inode of the initial cgroup namespace: `PROC_CGROUP_INIT_INO`, `include/linux/proc_ns.h`.
const INITIAL_CGROUP_NAMESPACE: u64 = 0xEFFF_FFFB;

/// Whether stacks can be known again by their words. What `bpf/memory.h` argues with holds on x86, where
/// the kernel is unwound by tables. arm64 unwinds by the frame pointers that lie on the stack, which are
/// not looked at, and signs return addresses where the CPU can.
const CAN_REMEMBER: bool = cfg!(target_arch = "x86_64");

/// What to watch, and what it is called in the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub(crate) target: Target,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A process and its descendants; `held`: from its next `execve` on.
    Tree { pid: u32, held: bool },
    /// A cgroup of the unified hierarchy and those below it.
    Cgroup { folder: PathBuf, entry: Entry, first: Option<u32> },
}

/// Which `execve` in the cgroup makes a process the target's that was not followed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Every.
    Any,
    /// One in this mount namespace: the container's.
    MountNamespace(u32),
    /// One of a file that is mounted in the process's own mount namespace, which is not this one:
    /// the runtime's.
    OwnImage(u32),
}

impl Scope {
    /// A process that waits right before its `execve`, as `launch::spawn_held` leaves it: what
    /// came before that does not count.
    #[must_use]
    pub fn held(pid: u32, argv: Vec<String>) -> Self {
        Self { target: Target::Command { argv }, place: Place::Tree { pid, held: true } }
    }

    /// A process that is running, and its descendants, those it has already among them.
    #[must_use]
    pub fn process(pid: u32) -> Self {
        Self { target: Target::Process { pid }, place: Place::Tree { pid, held: false } }
    }

    /// A cgroup by its path: below the cgroup file system's root, or with the mount point before
    /// it. What runs in it counts, and what comes to it from its first `execve` there on.
    ///
    /// # Errors
    /// [`TraceError::Cgroup`] if there is none, or its number cannot be told from here.
    pub fn cgroup(path: &str) -> Result<Self, TraceError> {
        let (mount, relative) = find_cgroup(path)?;
        let place =
            Place::Cgroup { folder: mount.point.join(&relative), entry: Entry::Any, first: None };
        Ok(Self { target: Target::Cgroup { path: format!("/{relative}") }, place })
    }

    /// A container that runs, or that its runtime has created and not started yet. What the
    /// runtime does in it before the entrypoint's `execve` never counts; what it executes later
    /// (`exec`, health checks) does.
    ///
    /// # Errors
    /// [`TraceError::Cgroup`], [`TraceError::NoProcess`].
    pub fn container(container: &sys::container::Container) -> Result<Self, TraceError> {
        let target = Target::Container(describe(container));
        let init = container.init.filter(|pid| Procfs::new().folder(*pid).exists());
        let path = container.cgroups.unified().filter(|path| *path != "/");
        let place = match (path, init) {
            (Some(path), init) => Self::in_own_cgroup(path, init)?,
            // No cgroup of its own, or none in the unified hierarchy: the tree is what there is.
            (None, Some(pid)) => Place::Tree { pid, held: runs_runtime(pid)? },
            (None, None) => {
                let why = "the container has no cgroup of its own, and no process";
                return Err(TraceError::Cgroup { path: container.id.clone(), why });
            }
        };
        Ok(Self { target, place })
    }

    /// A container that does not exist yet and will be put below this cgroup, whose path is as in
    /// [`Scope::cgroup`]: everything from its entrypoint's `execve` on.
    ///
    /// # Errors
    /// As [`Scope::cgroup`].
    pub fn future_container(
        path: &str,
        container: record::observation::Container,
    ) -> Result<Self, TraceError> {
        let mut scope = Self::cgroup(path)?;
        scope.target = Target::Container(container);
        if let Place::Cgroup { entry, .. } = &mut scope.place {
            *entry = Entry::OwnImage(own_mount_namespace());
        }
        Ok(scope)
    }

    /// Every container of this machine that starts from now on, from its entrypoint's `execve`, and
    /// what runs in those that are there: whatever is executed in a mount namespace that is not
    /// this process's own, and is not the runtime's own init. Which container it was,
    /// [`record::observation::Process::cgroup`] tells.
    ///
    /// # Errors
    /// As [`Scope::cgroup`].
    pub fn containers() -> Result<Self, TraceError> {
        let mut scope = Self::cgroup("/")?;
        if let Place::Cgroup { entry, .. } = &mut scope.place {
            *entry = Entry::OwnImage(own_mount_namespace());
        }
        Ok(scope)
    }

    /// The node's user ID of root in the target's user namespace; 0 if it is not known yet.
    pub(crate) fn root(&self) -> u32 {
        let pid = match &self.place {
            Place::Tree { pid, .. } => Some(*pid),
            Place::Cgroup { folder, first, .. } => first.or_else(|| {
                crate::existing::in_cgroup(folder).ok().and_then(|all| all.first().copied())
            }),
        };
        let map = pid.and_then(|pid| Procfs::new().uid_map(pid).ok().flatten());
        map.and_then(|map| map.to_outside(0)).unwrap_or(0)
    }

    /// What the kernel side is told.
    ///
    /// # Errors
    /// [`TraceError::PidNamespace`], [`TraceError::NoProcess`], and what the file system says.
    pub(crate) fn configure(&self, options: &Options) -> Result<Config, TraceError> {
        let procfs = Procfs::new();
        let user_namespace =
            |pid| Ok::<_, TraceError>(look::at(pid)?.map_or(0, |look| look.user_namespace));
        let mut config = Config {
            mode: abi::MODE_TREE,
            entry: abi::ENTRY_ANY,
            cgroup: 0,
            opts_known: 0,
            mount_namespace: 0,
            user_namespace: 0,
            results: 0,
            first_process: 0,
            failures: options.failures.into(),
            stack_mask: options.rooms.stack_mask(),
            remember: (options.remember && CAN_REMEMBER).into(),
            mmap_min_addr: 0,
        };
        match &self.place {
            Place::Tree { pid, .. } => {
                let own = procfs.namespaces(std::process::id()).pid;
                if own.is_some_and(|own| own != INITIAL_PID_NAMESPACE) {
                    return Err(TraceError::PidNamespace);
                }
                if !procfs.folder(*pid).exists() {
                    return Err(TraceError::NoProcess { pid: *pid });
                }
                config.first_process = *pid;
                config.user_namespace = user_namespace(*pid)?;
            }
            Place::Cgroup { folder, entry, first } => {
                config.mode = abi::MODE_CGROUP;
                config.cgroup = sys::cgroup::id(folder)
                    .map_err(TraceError::io(format!("look at {}", folder.display())))?;
                (config.entry, config.mount_namespace) = Entry::to_config(*entry);
                // Where something runs already, its end is the target's, not that of the first program
                // executed from now on.
                let there = || match entry {
                    Entry::Any => {
                        crate::existing::in_cgroup(folder).map(|all| all.first().copied())
                    }
                    _ => Ok(None),
                };
                config.first_process = first.map_or_else(there, |pid| Ok(Some(pid)))?.unwrap_or(0);
                config.user_namespace = first.map_or(Ok(0), user_namespace)?;
            }
        }
        Ok(config)
    }

    /// What the recording will call it.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    fn in_own_cgroup(path: &str, init: Option<u32>) -> Result<Place, TraceError> {
        let (mount, relative) = find_cgroup(path)?;
        let inside = init.map(look::at).transpose()?.flatten().map(|look| look.mount_namespace);
        let entry = match inside {
            Some(inside) if inside != 0 && inside != own_mount_namespace() => {
                Entry::MountNamespace(inside)
            }
            _ => Entry::OwnImage(own_mount_namespace()),
        };
        let folder = mount.point.join(&relative);
        Ok(Place::Cgroup { folder, entry, first: init })
    }
}

impl Entry {
    /// `config.entry` and `config.mount_namespace`.
    pub(crate) fn to_config(self) -> (u32, u32) {
        match self {
            Self::Any => (abi::ENTRY_ANY, 0),
            Self::MountNamespace(number) => (abi::ENTRY_MOUNT_NAMESPACE, number),
            Self::OwnImage(number) => (abi::ENTRY_OWN_IMAGE, number),
        }
    }

    /// Whether a process that is in the cgroup already is the target's.
    pub(crate) fn has_entered(self, process: &Look) -> bool {
        let runs_own = process.program.is_some_and(|program| program.own);
        match self {
            Self::Any => true,
            Self::MountNamespace(_) => runs_own,
            Self::OwnImage(outside) => process.mount_namespace != outside && runs_own,
        }
    }
}

/// Whether a process is a runtime's init still, before the entrypoint.
fn runs_runtime(pid: u32) -> Result<bool, TraceError> {
    let program = look::at(pid)?.and_then(|look| look.program);
    Ok(program.is_some_and(|program| !program.own))
}

/// The mount of the unified hierarchy, and the cgroup's path in it without the first `/`.
fn find_cgroup(path: &str) -> Result<(Mount, String), TraceError> {
    let failed = |why| TraceError::Cgroup { path: path.to_owned(), why };
    let layout = Layout::read().map_err(TraceError::io("read /proc/self/mountinfo"))?;
    let mount = layout
        .unified
        .ok_or_else(|| failed("the unified cgroup hierarchy (version 2) is not mounted"))?;
    let own = rustix::fs::readlinkat(CWD, "/proc/self/ns/cgroup", Vec::new());
    let own = own.ok().and_then(|link| sys::namespace::parse_link(link.to_str().ok()?));
    if mount.root != "/" || own != Some(INITIAL_CGROUP_NAMESPACE) {
        return Err(failed(
            "this process is in a cgroup namespace of its own, where the kernel's path is unknown",
        ));
    }
    let below = Path::new(path)
        .strip_prefix(&mount.point)
        .map_or_else(|_| path.to_owned(), |below| below.to_string_lossy().into_owned());
    let relative = below.trim_matches('/').to_owned();
    if relative.split('/').any(|part| part == "..") {
        return Err(failed("the path leads out of the cgroup file system"));
    }
    if !mount.point.join(&relative).is_dir() {
        return Err(failed("there is none in the unified hierarchy"));
    }
    Ok((mount, relative))
}

fn own_mount_namespace() -> u32 {
    let own = Procfs::new().namespaces(std::process::id()).mnt;
    own.and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0)
}

/// A container's names, for the recording.
#[must_use]
pub fn describe(container: &sys::container::Container) -> record::observation::Container {
    record::observation::Container {
        id: container.id.clone(),
        engine: container.engine.to_string(),
        name: container.name.clone(),
        pod: container.pod.clone(),
        namespace: container.namespace.clone(),
        image: container.image.clone(),
        image_digest: container.image_id.clone(),
        argv: container.argv.clone(),
    }
}
