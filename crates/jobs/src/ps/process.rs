//! What one process holds, and what it could come to hold.

use caps::{CapSet, CapState};
use record::schema::CapabilityName;
use schemars::JsonSchema;
use serde::Serialize;
use sys::namespace::IdMap;
use sys::procfs::{Process, Procfs, Seccomp};

/// The user namespace a process's sets are valid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UserNamespace {
    /// The one this program runs in, the node's: what is held counts against the node.
    Node,
    /// Another one, below it: what is held counts inside only.
    Own,
    /// It could not be told.
    Unknown,
}

/// How much of the kernel a process can ask for, seccomp(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SeccompMode {
    /// Everything.
    Disabled,
    /// read, write, exit, sigreturn.
    Strict,
    /// What filters let through.
    Filter,
}

/// By which programs a process could gain what it does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// By any: it is user 0, to whom `execve` gives the bounding set (unless its securebits forbid
    /// it, which procfs does not show).
    AnyProgram,
    /// By one that is set-uid root or has file capabilities, if there is one.
    PrivilegedProgram,
}

/// A process and its capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The process ID on the node.
    pub pid: u32,
    /// The process ID inside the container.
    pub pid_inside: u32,
    /// The parent's process ID on the node.
    pub parent: u32,
    /// The effective user ID as the process sees it; `None` if its namespace does not map it.
    pub uid: Option<u32>,
    /// The effective user ID on the node.
    pub uid_on_node: u32,
    /// What user 0 of the process's user namespace is on the node; `None` if it maps none.
    pub root_on_node: Option<u32>,
    /// The program file, if it could be read.
    pub exe: Option<String>,
    /// The command line, or the name in brackets if there is none; a process may write anything here.
    pub command: String,
    /// What is effective in one of its threads: what the kernel's checks grant now.
    #[schemars(with = "Vec<CapabilityName>")]
    pub holds: CapSet,
    /// Permitted and not effective: it may make it effective whenever it likes.
    #[schemars(with = "Vec<CapabilityName>")]
    pub raisable: CapSet,
    /// Neither, and yet `execve` could give it: at most this.
    #[schemars(with = "Vec<CapabilityName>")]
    pub regainable: CapSet,
    /// How, unless nothing is regainable.
    pub regainable_by: Option<Way>,
    /// The five sets of its first thread.
    #[schemars(with = "Sets")]
    pub sets: CapState,
    /// Whether other threads hold other sets than the first.
    pub threads_differ: bool,
    /// `no_new_privs`: `execve` gives nothing more.
    pub no_new_privs: bool,
    /// The seccomp mode.
    pub seccomp: SeccompMode,
    /// Where the sets count.
    pub user_namespace: UserNamespace,
}

/// The five capability sets of a thread, capabilities(7).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the schema of `CapState`, whose crate knows no schemas")]
struct Sets {
    bounding: Vec<CapabilityName>,
    permitted: Vec<CapabilityName>,
    effective: Vec<CapabilityName>,
    inheritable: Vec<CapabilityName>,
    ambient: Vec<CapabilityName>,
}

/// What this program knows of itself, to compare others with.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    user_namespace: Option<u64>,
    uid_map: Option<IdMap>,
}

impl Observer {
    /// This process.
    #[must_use]
    pub fn new(procfs: &Procfs) -> Self {
        let own = std::process::id();
        Self {
            user_namespace: procfs.namespaces(own).user,
            uid_map: procfs.uid_map(own).ok().flatten(),
        }
    }

    /// Where the sets of `process` count, and its user namespace's map where that is another one.
    fn relation(&self, procfs: &Procfs, process: &Process) -> (UserNamespace, Option<IdMap>) {
        let map = || procfs.uid_map(process.pid).ok().flatten();
        match (self.user_namespace, process.namespaces.user) {
            (Some(own), Some(other)) if own == other => (UserNamespace::Node, None),
            (Some(_), Some(_)) => (UserNamespace::Own, map()),
            // The link may be hidden where the map is not. Two namespaces may have the same map,
            // but hardly that of the node, which maps every ID to itself.
            _ => match map() {
                Some(other) if Some(&other) == self.uid_map.as_ref() && other.is_identity() => {
                    (UserNamespace::Node, None)
                }
                Some(other) if Some(&other) != self.uid_map.as_ref() => {
                    (UserNamespace::Own, Some(other))
                }
                _ => (UserNamespace::Unknown, None),
            },
        }
    }
}

impl Holder {
    /// What `process` holds.
    #[must_use]
    pub fn of(observer: &Observer, procfs: &Procfs, process: &Process) -> Self {
        let mut effective = process.caps.effective;
        let mut permitted = process.caps.permitted;
        let mut gained = gainable(process.caps);
        let mut threads_differ = false;
        if process.threads > 1 {
            for (_, state) in procfs.thread_states(process.pid).unwrap_or_default() {
                threads_differ |= state != process.caps;
                effective = effective | state.effective;
                permitted = permitted | state.permitted;
                gained = gained | gainable(state);
            }
        }
        let regainable =
            if process.no_new_privs { CapSet::EMPTY } else { gained - (permitted | effective) };
        let is_root_inside = |uid: Option<u32>| uid == Some(0);
        let (user_namespace, map) = observer.relation(procfs, process);
        let inside = |uid: u32| match &map {
            Some(map) => map.to_inside(uid),
            None => Some(uid),
        };
        let uid = inside(process.uids.effective);
        let way = if is_root_inside(uid) || is_root_inside(inside(process.uids.real)) {
            Way::AnyProgram
        } else {
            Way::PrivilegedProgram
        };
        Self {
            pid: process.pid,
            pid_inside: process.pid_inside(),
            parent: process.parent,
            uid,
            uid_on_node: process.uids.effective,
            root_on_node: map.as_ref().map_or(Some(0), |map| map.to_outside(0)),
            exe: process.exe.as_ref().map(|exe| exe.display().to_string()),
            command: command(process),
            holds: effective,
            raisable: permitted - effective,
            regainable,
            regainable_by: (!regainable.is_empty()).then_some(way),
            sets: process.caps,
            threads_differ,
            no_new_privs: process.no_new_privs,
            seccomp: match process.seccomp {
                Seccomp::Disabled => SeccompMode::Disabled,
                Seccomp::Strict => SeccompMode::Strict,
                Seccomp::Filter(_) => SeccompMode::Filter,
            },
            user_namespace,
        }
    }

    /// Effective or permitted: what counts as held.
    #[must_use]
    pub fn held(&self) -> CapSet {
        self.holds | self.raisable
    }
}

/// The most that an `execve` without `no_new_privs` can give: the file's permitted set within the
/// bounding set (or all of it, for root), and the file's inheritable set within the process's,
/// which no bounding set limits, capabilities(7) "Transformation of capabilities during execve()".
fn gainable(state: CapState) -> CapSet {
    state.bounding | state.inheritable
}

fn command(process: &Process) -> String {
    let line = process.cmdline.join(" ");
    if line.trim().is_empty() { format!("[{}]", process.comm) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps::{Capability, Ids};

    fn process(caps: CapState, uid: u32, no_new_privs: bool) -> Process {
        Process {
            pid: u32::MAX,
            parent: 1,
            ns_pids: vec![u32::MAX, 7],
            comm: "web".to_owned(),
            state: 'S',
            kernel_thread: false,
            exe: None,
            cmdline: Vec::new(),
            uids: Ids::all(uid),
            gids: Ids::all(uid),
            groups: Vec::new(),
            threads: 1,
            caps,
            no_new_privs,
            seccomp: Seccomp::Filter(1),
            namespaces: sys::namespace::Namespaces { user: Some(1), ..Default::default() },
            cgroups: sys::cgroup::Cgroups::default(),
            start_time: 0,
        }
    }

    fn holder(caps: CapState, uid: u32, no_new_privs: bool) -> Holder {
        let observer = Observer { user_namespace: Some(1), uid_map: None };
        Holder::of(&observer, &Procfs::new(), &process(caps, uid, no_new_privs))
    }

    const BIND: CapSet = CapSet::of(&[Capability::NET_BIND_SERVICE]);
    const RAW: CapSet = CapSet::of(&[Capability::NET_RAW]);
    const CHOWN: CapSet = CapSet::of(&[Capability::CHOWN]);

    #[test]
    fn held_raisable_and_regainable_are_told_apart() {
        let caps = CapState {
            bounding: BIND | RAW | CHOWN,
            permitted: BIND | RAW,
            effective: BIND,
            ..CapState::default()
        };
        let user = holder(caps, 1000, false);
        assert_eq!((user.holds, user.raisable, user.regainable), (BIND, RAW, CHOWN));
        assert_eq!(user.regainable_by, Some(Way::PrivilegedProgram));
        assert_eq!(holder(caps, 0, false).regainable_by, Some(Way::AnyProgram));
        assert_eq!((user.command.as_str(), user.pid_inside), ("[web]", 7));
    }

    #[test]
    fn no_new_privs_stops_the_regaining_and_not_the_raising() {
        let caps = CapState { bounding: BIND | CHOWN, permitted: BIND, ..CapState::default() };
        let user = holder(caps, 1000, true);
        assert_eq!(
            (user.holds, user.raisable, user.regainable),
            (CapSet::EMPTY, BIND, CapSet::EMPTY)
        );
        assert_eq!(user.regainable_by, None);
    }

    #[test]
    fn the_inheritable_set_is_not_limited_by_the_bounding_set() {
        let caps = CapState { inheritable: RAW, ..CapState::default() };
        assert_eq!(holder(caps, 1000, false).regainable, RAW);
    }
}
