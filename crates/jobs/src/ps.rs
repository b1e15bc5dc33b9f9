//! Who holds which capabilities now: containers first, then the host's processes.

pub mod danger;
mod phrase;
mod process;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use record::schema::CapabilityName;
use schemars::JsonSchema;
use serde::Serialize;
use sys::container::{Container, Containers};
use sys::namespace::INITIAL_PID_NAMESPACE;
use sys::procfs::{Procfs, ProcfsError};

pub use phrase::{Base, Phrase};
pub use process::{Holder, Observer, SeccompMode, UserNamespace, Way};

/// The version of the JSON form of [`Listing`].
pub const LISTING_VERSION: u32 = 1;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The host's processes and the pods' sandboxes as well.
    pub all: bool,
    /// Only processes that hold one of these; all if empty.
    pub holds: CapSet,
    /// With `holds`: those as well that could only regain one.
    pub regainable: bool,
}

/// The answer: what `dropcap ps --json` prints, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// [`LISTING_VERSION`].
    pub version: u32,
    /// The highest capability this kernel has.
    #[schemars(with = "CapabilityName")]
    pub last_capability: Capability,
    /// The containers with processes that match, the most dangerous first.
    pub containers: Vec<Group>,
    /// The host's processes that match, the most dangerous first; only if asked for.
    pub host: Option<Vec<Holder>>,
    /// What is not listed.
    pub left_out: LeftOut,
    /// What could not be seen.
    pub unseen: Unseen,
}

/// A container and its processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The full identifier.
    pub id: String,
    /// The identifier as engines shorten it.
    pub short_id: String,
    /// The engine.
    pub engine: String,
    /// The container's name.
    pub name: Option<String>,
    /// The pod's name.
    pub pod: Option<String>,
    /// The pod's Kubernetes namespace.
    pub namespace: Option<String>,
    /// The image.
    pub image: Option<String>,
    /// The image's identifier.
    pub image_id: Option<String>,
    /// Whether it only holds a pod's namespaces.
    pub sandbox: bool,
    /// The process ID of its first process, on the node.
    pub init: Option<u32>,
    /// Its processes, the most dangerous first.
    pub processes: Vec<Holder>,
}

/// What was seen and is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Containers there are, listed or not, without sandboxes.
    pub containers_seen: usize,
    /// Pods' sandboxes, unless all was asked for.
    pub sandboxes: usize,
    /// Processes of the host, unless all was asked for.
    pub host_processes: usize,
    /// Threads of the kernel: they hold everything, and nobody can take it away.
    pub kernel_threads: usize,
    /// Processes that match nothing that was asked for and could regain it.
    pub could_regain: usize,
}

/// What could not be seen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unseen {
    /// Processes that ended while they were read.
    pub vanished: usize,
    /// Processes whose namespaces could not be read: whose sets may be relative to a user namespace.
    pub namespaces: usize,
    /// Processes that could not be read, and files that name containers.
    pub unread: Vec<String>,
    /// Why there may be processes that are not even counted.
    pub hidden: Vec<String>,
}

/// The schema of [`Listing`] as JSON text: `docs/schema/ps-v1.json`.
#[must_use]
pub fn schema() -> String {
    crate::schema::published::<Listing>("ps-v1.json")
}

/// Looks at every process there is.
///
/// # Errors
/// If procfs cannot be listed.
pub fn list(procfs: &Procfs, query: &Query) -> Result<Listing, ProcfsError> {
    let all = procfs.processes()?;
    let containers = Containers::discover(procfs, &all.processes);
    let observer = Observer::new(procfs);
    let mut left_out = LeftOut {
        containers_seen: containers.all().iter().filter(|c| !c.sandbox).count(),
        ..LeftOut::default()
    };
    let mut unseen = Unseen {
        vanished: all.vanished,
        unread: all.unread.iter().chain(containers.unread()).cloned().collect(),
        hidden: hidden(procfs),
        ..Unseen::default()
    };
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    let mut host = Vec::new();
    // A sandbox does nothing, but whoever asks for a capability is told of every holder.
    let show_sandboxes = query.all || !query.holds.is_empty();
    for process in all.processes.iter().filter(|p| !p.is_zombie()) {
        if process.kernel_thread {
            left_out.kernel_threads += 1;
            continue;
        }
        let container = containers.of(process.pid);
        match container {
            None if !query.all => {
                left_out.host_processes += 1;
                continue;
            }
            Some(container) if container.sandbox && !show_sandboxes => {
                left_out.sandboxes += 1;
                continue;
            }
            _ => {}
        }
        let holder = Holder::of(&observer, procfs, process);
        if holder.user_namespace == UserNamespace::Unknown {
            unseen.namespaces += 1;
        }
        if !query.holds.is_empty() && (holder.held() & query.holds).is_empty() {
            if (holder.regainable & query.holds).is_empty() {
                continue;
            }
            if !query.regainable {
                left_out.could_regain += 1;
                continue;
            }
        }
        match container {
            Some(container) => groups
                .entry(&container.id)
                .or_insert_with(|| group(container))
                .processes
                .push(holder),
            None => host.push(holder),
        }
    }
    let mut containers: Vec<Group> = groups.into_values().collect();
    for group in &mut containers {
        sort(&mut group.processes);
    }
    let worst = |group: &Group| group.processes.first().map(rank);
    containers.sort_by(|a, b| {
        let name = |g: &Group| (g.namespace.clone(), g.pod.clone(), g.name.clone(), g.id.clone());
        worst(b).cmp(&worst(a)).then_with(|| name(a).cmp(&name(b)))
    });
    sort(&mut host);
    Ok(Listing {
        version: LISTING_VERSION,
        last_capability: sys::credentials::last_capability(),
        containers,
        host: query.all.then_some(host),
        left_out,
        unseen,
    })
}

/// The most dangerous first, then by age.
fn sort(holders: &mut [Holder]) {
    holders.sort_by_key(|holder| (Reverse(rank(holder)), holder.pid));
}

/// What is held counts before what could be raised, that before what could be regained; and all of
/// it less where it is valid in a user namespace of its own only.
fn rank(holder: &Holder) -> [[usize; 6]; 3] {
    let rank = match holder.user_namespace {
        UserNamespace::Own => danger::rank_contained,
        UserNamespace::Node | UserNamespace::Unknown => danger::rank,
    };
    [rank(holder.holds), rank(holder.raisable), rank(holder.regainable)]
}

fn group(container: &Container) -> Group {
    Group {
        id: container.id.clone(),
        short_id: container.short_id().to_owned(),
        engine: container.engine.to_string(),
        name: container.name.clone(),
        pod: container.pod.clone(),
        namespace: container.namespace.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        sandbox: container.sandbox,
        init: container.init,
        processes: Vec::new(),
    }
}

impl Group {
    /// What to call it: `namespace/pod/name` as far as there are such, else the short identifier.
    #[must_use]
    pub fn title(&self) -> String {
        let own = match (&self.name, self.sandbox && self.pod.is_some()) {
            (_, true) => "(sandbox)",
            (Some(name), _) => name,
            (None, _) => &self.short_id,
        };
        [self.namespace.as_deref(), self.pod.as_deref(), Some(own)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("/")
    }
}

/// Why processes may be missing from procfs altogether.
fn hidden(procfs: &Procfs) -> Vec<String> {
    let mut reasons = Vec::new();
    let own = procfs.namespaces(std::process::id()).pid;
    if own.is_some_and(|namespace| namespace != INITIAL_PID_NAMESPACE) {
        reasons.push("this program runs in a PID namespace and sees only what is in it".to_owned());
    }
    if let Some(option) = procfs.hidepid() {
        reasons.push(format!(
            "{} is mounted with {option}: processes of other users may be invisible",
            procfs.root().display()
        ));
    }
    reasons
}
