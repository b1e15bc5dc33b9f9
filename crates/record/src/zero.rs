//! What was tried so that a workload needs no capability at all, as a profile keeps it.

use std::collections::BTreeMap;
use std::fmt;

use caps::CapSet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::CapabilityName;

/// The sysctl from which on ports are free to all, ip(7).
pub const LOW_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";
/// The sysctl with the groups that may ping without a capability, icmp(7).
pub const PING: &str = "net.ipv4.ping_group_range";
/// All groups there can be.
pub const ALL_GROUPS: &str = "0 2147483647";

/// A change of how a container is started, other than of its capabilities.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Change {
    /// It starts as this user, and not as root: `securityContext.runAsUser`.
    User {
        /// `runAsUser`.
        user: u32,
        /// `runAsGroup`; without it the image says which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<u32>,
    },
    /// A sysctl of the pod.
    Sysctl {
        /// Its name, with dots.
        name: String,
        /// Its value.
        value: String,
    },
    /// An emptyDir is mounted there. What the image has there is not seen any more.
    EmptyDir {
        /// `mountPath`.
        path: String,
        /// `fsGroup`, to which the folder belongs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fs_group: Option<u32>,
    },
    /// Its volumes belong to this group, `fsGroup`, which may write to them: for a volume claim, over which
    /// nothing is mounted.
    FsGroup {
        /// The group.
        group: u32,
    },
    /// It listens on another port, where its words or its environment name the one it has.
    Port {
        /// The port that it has.
        from: u16,
        /// The port that it gets.
        to: u16,
        /// `command`, if that names it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        command: Vec<String>,
        /// `args`, if these or `command` name it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        args: Vec<String>,
        /// What of its environment names it.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
    },
}

impl Change {
    /// Whether it is about the same as another: two users, two values of one sysctl.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User { .. }, Self::User { .. }) => true,
            (Self::Sysctl { name, .. }, Self::Sysctl { name: known, .. }) => name == known,
            (Self::EmptyDir { path, .. }, Self::EmptyDir { path: known, .. }) => path == known,
            (Self::FsGroup { .. }, Self::FsGroup { .. }) => true,
            (Self::Port { from, .. }, Self::Port { from: known, .. }) => from == known,
            _ => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user, group: None } => write!(f, "runAsUser {user}"),
            Self::User { user, group: Some(group) } => {
                write!(f, "runAsUser {user}, runAsGroup {group}")
            }
            Self::Sysctl { name, value } => write!(f, "sysctl {name} = \"{value}\""),
            Self::EmptyDir { path, fs_group: None } => write!(f, "emptyDir at {path}"),
            Self::EmptyDir { path, fs_group: Some(group) } => {
                write!(f, "emptyDir at {path}, fsGroup {group}")
            }
            Self::FsGroup { group } => write!(f, "fsGroup {group}"),
            Self::Port { from, to, .. } => write!(f, "port {to} in place of {from}"),
        }
    }
}

/// What was tried to do without any capability, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Zero {
    /// The test that tells whether the workload works.
    pub test: String,
    /// Whether the test passed with `drop: [ALL]`, `add: []` and exactly the changes that hold.
    pub reached: bool,
    /// The changes that were tried.
    pub changes: Vec<Tried>,
    /// What it needs with the changes that hold; none if zero was reached.
    #[schemars(with = "Vec<CapabilityName>")]
    pub remains: CapSet,
    /// What was refused in the last run without a capability, if zero was not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_the_way: Vec<String>,
    /// What the run that passed with exactly the changes that hold was refused, or did not find below an
    /// emptyDir, and the first run was not and did: the test does not notice; somebody else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What is to be known of it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub recorded: Option<Timestamp>,
    /// Every run, in order.
    pub runs: Vec<ZeroRun>,
}

impl Zero {
    /// Whether it does without, and nothing was seen that it does otherwise.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.reached && self.doubts.is_empty()
    }

    /// The changes that hold.
    pub fn holding(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|one| one.result == Held::Holds).map(|one| &one.change)
    }
}

/// A change that was tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tried {
    /// The change.
    pub change: Change,
    /// The capabilities that it is to make needless.
    #[serde(default)]
    #[schemars(with = "Vec<CapabilityName>")]
    pub removes: CapSet,
    /// What the program did that asks for it: `bind 0.0.0.0:80`.
    pub why: String,
    /// What came of it.
    pub result: Held,
    /// What the run without it said, if it holds; else what the run with it said, if that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What came of a change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Held {
    /// The test passed with it, and without it failed.
    Holds,
    /// The test passed without it, too.
    NotNeeded,
    /// The test failed with it and all others.
    Fails,
}

/// One run with changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZeroRun {
    /// With these.
    pub changes: Vec<Change>,
    /// The set it ran under.
    #[schemars(with = "Vec<CapabilityName>")]
    pub capabilities: CapSet,
    /// Whether the test passed.
    pub passed: bool,
    /// What was said when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}
