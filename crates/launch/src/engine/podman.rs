//! What is Podman's own.

use caps::CapSet;

/// Its log goes to a file of the container: no journal is needed, and nothing is left in one.
pub(super) const OPTIONS: &[&str] = &["--log-driver", "k8s-file"];

/// Options with which a process that is not root holds nothing of `set`, as elsewhere: what is left of
/// the default set goes to the bounding set, what is added would also be raised as ambient
/// (container-libs `pkg/specgen/generate/security_linux.go` `securityConfigureGenerator`).
pub(super) fn bounding_only(set: CapSet) -> Vec<String> {
    (CapSet::all_known() - set).iter().map(|other| format!("--cap-drop={other}")).collect()
}
