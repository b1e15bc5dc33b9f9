//! Pod Security: what the admission plug-in of Kubernetes says of a pod's capabilities.
//!
//! The two capability checks of k8s.io/pod-security-admission, `policy/check_capabilities_baseline.go` and
//! `policy/check_capabilities_restricted.go`, for every policy version, in their own words. They compare
//! strings exactly and know no runtime: `drop: [all]` is an empty set everywhere and refused here.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use manifest::{Container, Pod};

/// What the baseline level lets a container add: the default set of Docker without NET_RAW.
pub const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// What the restricted level lets a container add.
const RESTRICTED: [&str; 1] = ["NET_BIND_SERVICE"];

/// The first minor version with a capability check of the restricted level's own.
const OWN_CHECK: u16 = 22;

/// The first minor version that lets Windows pods pass the restricted level's check.
const WINDOWS_PASSES: u16 = 25;

/// A level that says something about capabilities; `privileged` says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyLevel {
    /// Prevents known ways to more privilege.
    Baseline,
    /// Best practice for hardening.
    Restricted,
}

impl PolicyLevel {
    /// Its name, as in the label of a namespace.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// The Kubernetes release whose rules are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyVersion {
    /// `v1.N`; one newer than the newest rules means those.
    Minor(u16),
    /// `latest`.
    Latest,
}

impl PolicyVersion {
    const fn at_least(self, minor: u16) -> bool {
        match self {
            Self::Minor(own) => own >= minor,
            Self::Latest => true,
        }
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minor(minor) => write!(f, "v1.{minor}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// A level in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The level.
    pub level: PolicyLevel,
    /// The version.
    pub version: PolicyVersion,
}

/// `restricted:v1.30`, as the API server writes it.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.word(), self.version)
    }
}

/// A policy that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{input:?} is no Pod Security policy; expected baseline or restricted, with a version if it \
     matters: restricted@1.30"
)]
pub struct ParsePolicyError {
    /// What was given.
    pub input: String,
}

/// Reads `restricted`, `restricted@1.30`, `baseline@latest`, and what `Display` writes.
impl FromStr for Policy {
    type Err = ParsePolicyError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let error = || ParsePolicyError { input: input.to_owned() };
        let (level, version) = match input.split_once(['@', ':']) {
            Some((level, version)) => (level, Some(version)),
            None => (input, None),
        };
        let level = match level {
            "baseline" => PolicyLevel::Baseline,
            "restricted" => PolicyLevel::Restricted,
            _ => return Err(error()),
        };
        let version = match version {
            None | Some("latest") => PolicyVersion::Latest,
            Some(version) => {
                let minor = version.strip_prefix('v').unwrap_or(version).strip_prefix("1.");
                let digits = minor.filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()));
                PolicyVersion::Minor(digits.and_then(|minor| minor.parse().ok()).ok_or_else(error)?)
            }
        };
        Ok(Self { level, version })
    }
}

/// Why a pod is refused for its capabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The check's word for it: `non-default capabilities`.
    pub reason: &'static str,
    /// Which containers, and what they should do.
    pub detail: String,
    /// The containers at fault, by their index in [`Pod::containers`].
    pub faults: Vec<Fault>,
}

/// As the API server puts it behind `violates PodSecurity "restricted:v1.30": `.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.detail)
    }
}

/// What is wrong with one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Index of the container in [`Pod::containers`].
    pub container: usize,
    /// It has to drop `ALL`, spelt exactly so, and does not.
    pub keeps: bool,
    /// Indices under `add` of what it may not add.
    pub adds: Vec<usize>,
}

impl Policy {
    /// What the capability check of this policy says of `pod`: `None` if it passes.
    #[must_use]
    pub fn capabilities(self, pod: &Pod) -> Option<Violation> {
        self.of(pod, &(0..pod.containers.len()).collect::<Vec<_>>())
    }

    /// The same, as if `container` were the only one of `pod`.
    #[must_use]
    pub fn capabilities_of(self, pod: &Pod, container: usize) -> Option<Violation> {
        self.of(pod, &[container])
    }

    fn of(self, pod: &Pod, containers: &[usize]) -> Option<Violation> {
        let restricted = self.level == PolicyLevel::Restricted && self.version.at_least(OWN_CHECK);
        let windows = pod.os.as_ref().is_some_and(|os| os.value == "windows");
        if restricted && windows && self.version.at_least(WINDOWS_PASSES) {
            return None;
        }
        let allowed: &[&str] = if restricted { &RESTRICTED } else { &BASELINE };
        let faults: Vec<Fault> = containers
            .iter()
            .filter_map(|index| {
                let container = pod.containers.get(*index)?;
                let keeps =
                    restricted && !container.security.drop().any(|word| word.value == "ALL");
                let adds: Vec<usize> = container
                    .security
                    .add()
                    .enumerate()
                    .filter(|(_, word)| !allowed.contains(&word.value.as_str()))
                    .map(|(index, _)| index)
                    .collect();
                (keeps || !adds.is_empty()).then_some(Fault { container: *index, keeps, adds })
            })
            .collect();
        if faults.is_empty() {
            return None;
        }
        let reason =
            if restricted { "unrestricted capabilities" } else { "non-default capabilities" };
        Some(Violation { reason, detail: detail(&pod.containers, &faults), faults })
    }
}

/// First who keeps, then who adds.
fn detail(containers: &[Container], faults: &[Fault]) -> String {
    let names = |of: &dyn Fn(&Fault) -> bool| -> Vec<&str> {
        let faults = faults.iter().filter(|fault| of(fault));
        faults.map(|fault| containers[fault.container].name.as_str()).collect()
    };
    let keeping = names(&|fault| fault.keeps);
    let adding = names(&|fault| !fault.adds.is_empty());
    let mut parts = Vec::new();
    if !keeping.is_empty() {
        parts.push(format!(
            "{} {} must set securityContext.capabilities.drop=[\"ALL\"]",
            noun(keeping.len()),
            quoted(&keeping)
        ));
    }
    if !adding.is_empty() {
        let words: BTreeSet<&str> = faults
            .iter()
            .flat_map(|fault| {
                let words = containers[fault.container].security.add().enumerate();
                words.filter(|(index, _)| fault.adds.contains(index))
            })
            .map(|(_, word)| word.value.as_str())
            .collect();
        parts.push(format!(
            "{} {} must not include {} in securityContext.capabilities.add",
            noun(adding.len()),
            quoted(&adding),
            quoted(&words.into_iter().collect::<Vec<_>>())
        ));
    }
    parts.join("; ")
}

const fn noun(count: usize) -> &'static str {
    if count == 1 { "container" } else { "containers" }
}

/// As the original does it: nothing inside is escaped.
fn quoted(items: &[&str]) -> String {
    format!("\"{}\"", items.join("\", \""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_people_and_the_api_server_write_it() {
        let restricted = |version| Ok(Policy { level: PolicyLevel::Restricted, version });
        for (word, expected) in [
            ("restricted", restricted(PolicyVersion::Latest)),
            ("restricted@latest", restricted(PolicyVersion::Latest)),
            ("restricted@1.30", restricted(PolicyVersion::Minor(30))),
            ("restricted@v1.22", restricted(PolicyVersion::Minor(22))),
            ("restricted:v1.0", restricted(PolicyVersion::Minor(0))),
        ] {
            assert_eq!(word.parse(), expected, "{word}");
        }
        assert_eq!("baseline:v1.9".parse::<Policy>().unwrap().to_string(), "baseline:v1.9");
        for word in [
            "",
            "Restricted",
            "privileged",
            "restricted@",
            "restricted@1",
            "restricted@2.0",
            "restricted@1.+3",
            "restricted@1.x",
            "restricted@1.99999",
            "restricted@1.30@1.31",
        ] {
            let error = word.parse::<Policy>().unwrap_err();
            assert!(error.to_string().contains("expected baseline or restricted"), "{word}");
        }
    }
}
