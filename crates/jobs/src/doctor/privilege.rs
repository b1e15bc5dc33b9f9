//! What this process may do: its capabilities, its namespaces.

use std::fs;
use std::process::{Command, Stdio};

use caps::{CapSet, CapState, Capability};
use sys::namespace::{INITIAL_PID_NAMESPACE, INITIAL_USER_NAMESPACE};
use sys::procfs::{Process, Procfs, Seccomp};
use sys::user_namespace::{subordinate, user_name};

use super::kernel::join;
use super::{Area, Fact, Status};
use crate::ps::Phrase;

/// What this process is and holds.
#[derive(Debug)]
pub(super) struct Privilege {
    /// Its sets.
    pub(super) caps: CapState,
    /// Every capability of this kernel.
    pub(super) all: CapSet,
    /// Its effective user.
    pub(super) uid: u32,
    /// Whether it sees the node's processes, not only those of a PID namespace.
    pub(super) sees_node: bool,
    /// The option that hides other users' processes.
    pub(super) hidepid: Option<String>,
    /// Whether it may make a user namespace: `Err` says why not.
    pub(super) user_namespaces: Result<(), String>,
    /// Whether what it holds counts in a user namespace of its own only.
    pub(super) in_user_namespace: bool,
    process: Option<Process>,
}

impl Privilege {
    pub(super) fn read(procfs: &Procfs) -> Self {
        let process = procfs.process(std::process::id()).ok().flatten();
        let own = process.as_ref();
        Self {
            caps: own.map(|p| p.caps).unwrap_or_default(),
            all: CapSet::up_to(sys::credentials::last_capability()),
            uid: own.map_or(u32::MAX, |p| p.uids.effective),
            sees_node: own
                .is_none_or(|p| p.namespaces.pid.is_none_or(|n| n == INITIAL_PID_NAMESPACE)),
            hidepid: procfs.hidepid(),
            user_namespaces: user_namespaces(),
            in_user_namespace: own
                .and_then(|p| p.namespaces.user)
                .is_some_and(|namespace| namespace != INITIAL_USER_NAMESPACE),
            process,
        }
    }

    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = vec![self.user(), self.bounding()];
        facts.extend(self.restrictions());
        facts.push(self.namespaces());
        facts.push(self.subordinate_ids());
        facts
    }

    fn user(&self) -> Fact {
        let inside = self.in_user_namespace;
        let who = if self.uid == 0 { "root".to_owned() } else { format!("user {}", self.uid) };
        let place = if inside { ", in a user namespace of its own" } else { "" };
        let held = Phrase::of(self.caps.effective, self.all);
        let fact = |status| {
            let says = format!("runs as {who}{place}, holds {held}");
            Fact::new("privilege.user", Area::Privilege, status, says)
        };
        if inside {
            fact(Status::Limited)
                .help("what is held counts in that namespace only, and BPF takes the node's")
        } else {
            fact(Status::Works)
        }
    }

    /// What stands in the way of tracing besides what is held.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.in_user_namespace {
            reasons.push(
                "this is a user namespace, and BPF and PERFMON count in the node's only".to_owned(),
            );
        }
        let seccomp = self.process.as_ref().map(|process| process.seccomp);
        if matches!(seccomp, Some(Seccomp::Filter(_))) {
            reasons.push(
                "a seccomp filter is on, which may refuse bpf(2) (docker run --security-opt \
                 seccomp=unconfined)"
                    .to_owned(),
            );
        }
        reasons
    }

    /// Why it does not see every process.
    pub(super) fn hides(&self) -> Option<String> {
        if !self.sees_node {
            return Some(
                "sees the processes of this PID namespace only (hostPID: true, docker run \
                 --pid=host)"
                    .to_owned(),
            );
        }
        let option = self.hidepid.as_ref()?;
        (!self.caps.effective.contains(Capability::SYS_PTRACE))
            .then(|| format!("/proc is mounted with {option}: sees this user's processes only"))
    }

    fn bounding(&self) -> Fact {
        let missing = self.all - self.caps.bounding;
        let fact = |status, says| Fact::new("privilege.bounding", Area::Privilege, status, says);
        if missing.is_empty() {
            return fact(Status::Works, "the bounding set is whole: any set can be given".into());
        }
        let lacks = if missing == self.all {
            "the bounding set is empty".to_owned()
        } else if self.caps.bounding.len() < missing.len() {
            format!("the bounding set is only {}", join(self.caps.bounding))
        } else {
            format!("the bounding set lacks {}", join(missing))
        };
        fact(Status::Limited, lacks).help(
            "nobody below this process can be given what it lacks; what started it (service manager, \
             container, virtual machine) took it away",
        )
    }

    /// What makes a result differ from that of an ordinary shell.
    fn restrictions(&self) -> Option<Fact> {
        let process = self.process.as_ref()?;
        let mut found = Vec::new();
        if process.no_new_privs {
            found.push("no_new_privs is on: no set-uid or file-capability program gains anything");
        }
        if process.seccomp != Seccomp::Disabled {
            found.push("seccomp filters its system calls: some fail whatever is held");
        }
        if found.is_empty() {
            return None;
        }
        let fact =
            Fact::new("privilege.restrictions", Area::Privilege, Status::Limited, found.join("; "));
        Some(fact.help("what runs below this process inherits that; run from a shell of the node"))
    }

    fn namespaces(&self) -> Fact {
        let fact =
            |status, says| Fact::new("privilege.userNamespaces", Area::Privilege, status, says);
        match &self.user_namespaces {
            Ok(()) => fact(Status::Works, "user namespaces can be made".into()),
            Err(why) => fact(Status::Limited, format!("user namespaces cannot be made: {why}"))
                .help("the demo and fit --sandbox need them where they are not run as root"),
        }
    }

    fn subordinate_ids(&self) -> Fact {
        let fact =
            |status, says| Fact::new("privilege.subordinateIds", Area::Privilege, status, says);
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = user_name(&passwd, self.uid);
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let count = |file: &str| -> u64 {
            let ranges = subordinate(&read(file), name, self.uid);
            ranges.iter().map(|(_, count)| u64::from(*count)).sum()
        };
        let (uids, gids) = (count("/etc/subuid"), count("/etc/subgid"));
        if uids > 0 && gids > 0 {
            return fact(
                Status::Works,
                format!("{uids} subordinate user IDs, {gids} group IDs (/etc/subuid, /etc/subgid)"),
            );
        }
        let fact = fact(
            Status::Absent,
            "no subordinate user and group IDs (/etc/subuid, /etc/subgid)".into(),
        );
        if self.uid == 0 {
            fact
        } else {
            fact.help(
                "with them fit --sandbox decides more without root, and rootless podman needs them: \
                 usermod --add-subuids, --add-subgids",
            )
        }
    }
}

/// Tried with unshare(1) where there is one: distributions forbid it in different ways.
fn user_namespaces() -> Result<(), String> {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    if let Ok(output) = tried {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let why = stderr.lines().next().unwrap_or_default();
        return if output.status.success() { Ok(()) } else { Err(why.to_owned()) };
    }
    sys::user_namespace::forbidden().map_or(Ok(()), Err)
}
