//! A ValidatingAdmissionPolicy and its binding (admissionregistration.k8s.io/v1, Kubernetes 1.30): what
//! the API server lets a container add, judged in CEL.
//!
//! A container passes if it drops ALL, is not privileged, and adds nothing but what is allowed, in any
//! spelling that a runtime of Kubernetes understands. `drop: [all]` drops all on containerd and on CRI-O,
//! `drop: [CAP_ALL]` on neither; `add: [CAP_NET_RAW]` is nothing on containerd with runc and NET_RAW on
//! CRI-O, so that it counts as NET_RAW.

mod cel;
mod images;

use std::collections::{BTreeMap, BTreeSet};

use caps::CapSet;
use record::profile::Profile;

use super::comments::{comment, scalar};
use super::{Error, Exported, Remark};

/// What the policy says beyond the profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The name of policy and binding.
    pub name: Option<String>,
    /// What any container may add. `None`: only what profiles say.
    pub allow: Option<CapSet>,
    /// What happens to who does not pass; none means warn and audit.
    pub actions: Vec<Action>,
    /// Each profile counts for containers of its image only, not for all.
    pub by_image: bool,
    /// The namespaces it is for; none means all but `kube-system`.
    pub namespaces: Vec<String>,
}

/// `validationActions` of the binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The request is refused.
    Deny,
    /// Whoever asks is warned.
    Warn,
    /// It is in the audit log.
    Audit,
}

impl Action {
    /// As the API spells it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Action::Deny => "Deny",
            Action::Warn => "Warn",
            Action::Audit => "Audit",
        }
    }
}

/// The namespace of the cluster's own programs, which hold more than any profile says.
const SYSTEM: &str = "kube-system";

/// What it is called when nobody says.
const NAME: &str = "dropcap";

/// What is matched: pods, and everything of Kubernetes that makes pods and has a template that cannot be
/// missing. Changes of a template come as updates of the object, those of its scale do not.
const RULES: [(&str, &[&str]); 3] = [
    ("", &["pods", "pods/ephemeralcontainers"]),
    ("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"]),
    ("batch", &["cronjobs", "jobs"]),
];

pub(super) fn export(profiles: &[Profile], policy: &Policy) -> Result<Exported, Error> {
    if profiles.is_empty() && policy.allow.is_none() {
        return Err(Error::NothingAllowed);
    }
    let name = policy.name.as_deref().unwrap_or(NAME);
    if !is_subdomain(name) {
        return Err(Error::PolicyName { name: name.to_owned() });
    }
    let actions = actions(&policy.actions)?;
    let mut allowed = policy.allow.unwrap_or_default();
    let mut by_image: BTreeMap<String, CapSet> = BTreeMap::new();
    for profile in profiles {
        if !policy.by_image {
            allowed = allowed | profile.add();
            continue;
        }
        let target = &profile.spec.target;
        let image = target.image.as_deref();
        let image = image.ok_or_else(|| Error::NoImage { name: profile.metadata.name.clone() })?;
        for spelling in images::spellings(image, target.image_digest.as_deref()) {
            let set = by_image.entry(spelling).or_default();
            *set = *set | profile.add();
        }
    }
    // What every container may add, those of a known image may, too.
    for set in by_image.values_mut() {
        *set = *set | allowed;
    }
    let mut text = comment(0, &head(profiles, policy));
    text += "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\n";
    text += &format!("metadata:\n  name: {}\nspec:\n  failurePolicy: Fail\n", scalar(name));
    text += "  matchConstraints:\n    resourceRules:\n";
    for (group, resources) in RULES {
        text += &format!("      - apiGroups: [{}]\n        apiVersions: [v1]\n", scalar(group));
        text += "        operations: [CREATE, UPDATE]\n";
        text += &format!("        resources: [{}]\n", resources.join(", "));
    }
    text += &cel::variables(allowed, &by_image);
    text += &cel::validations(!by_image.is_empty());
    text += "---\napiVersion: admissionregistration.k8s.io/v1\n";
    text += "kind: ValidatingAdmissionPolicyBinding\n";
    text += &format!("metadata:\n  name: {0}\nspec:\n  policyName: {0}\n", scalar(name));
    let words: Vec<&str> = actions.iter().map(|action| action.word()).collect();
    text += &format!("  validationActions: [{}]\n", words.join(", "));
    let (operator, values) = match policy.namespaces.as_slice() {
        [] => ("NotIn", vec![scalar(SYSTEM)]),
        named => ("In", named.iter().map(|name| scalar(name)).collect()),
    };
    text += "  matchResources:\n    namespaceSelector:\n      matchExpressions:\n";
    text += "        - key: kubernetes.io/metadata.name\n";
    text += &format!("          operator: {operator}\n          values: [{}]\n", values.join(", "));
    let mut remarks = Vec::new();
    if !actions.contains(&Action::Deny) {
        remarks.push(Remark::NotEnforced);
    }
    if policy.namespaces.is_empty() {
        remarks.push(Remark::Everywhere { but: SYSTEM });
    }
    Ok(Exported { text, remarks })
}

/// What the policy rests on, in a sentence.
fn head(profiles: &[Profile], policy: &Policy) -> String {
    let names: Vec<&str> = profiles.iter().map(|p| p.metadata.name.as_str()).collect();
    let mut parts = Vec::new();
    if !names.is_empty() {
        let how = if policy.by_image { ", each for its image" } else { "" };
        parts.push(format!("profiles {}{how}", names.join(", ")));
    }
    if let Some(allow) = policy.allow {
        parts.push(format!("--allow {allow}"));
    }
    format!("Written by `dropcap profile export --to vap` from {}.", parts.join(" and "))
}

/// In the API's order, each once. Deny and Warn say the same to the same person, and the API server
/// refuses the pair (pkg/apis/admissionregistration/validation/validation.go).
fn actions(asked: &[Action]) -> Result<BTreeSet<Action>, Error> {
    let actions: BTreeSet<Action> = match asked {
        [] => [Action::Warn, Action::Audit].into(),
        asked => asked.iter().copied().collect(),
    };
    if actions.contains(&Action::Deny) && actions.contains(&Action::Warn) {
        return Err(Error::Actions("Deny and Warn do not go together: who is refused is told why"));
    }
    Ok(actions)
}

/// RFC 1123, as k8s.io/apimachinery `IsDNS1123Subdomain` has it.
fn is_subdomain(name: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(|label| {
            end(label.chars().next())
                && end(label.chars().last())
                && label.chars().all(|c| c == '-' || end(Some(c)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_the_api_server_takes() {
        for name in ["dropcap", "a", "web-1.example"] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in ["", "Web", "-a", "a-", "a..b", "a_b", "a b", &"a".repeat(254)] {
            assert!(!is_subdomain(name), "{name}");
        }
    }

    #[test]
    fn deny_and_warn_are_not_asked_of_the_api_server_together() {
        use Action::{Audit, Deny, Warn};
        assert_eq!(actions(&[]), Ok([Warn, Audit].into()));
        assert_eq!(actions(&[Audit, Deny, Audit]), Ok([Deny, Audit].into()));
        assert!(actions(&[Warn, Deny]).is_err());
    }
}
