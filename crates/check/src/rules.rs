//! The rules. One file each; a new one is a file here, a line in [`RULES`], and a specification in
//! `tests/rules/`.

mod add_all;
mod added_and_dropped;
mod capability_spelling;
mod dangerous_capability;
mod drop_all_missing;
mod file_capabilities_outside_bounding;
mod ineffective_add;
pub(crate) mod inline_ignore;
mod low_port;
mod missing_capability;
mod needless_net_bind_service;
mod net_raw_for_ping;
pub(crate) mod over_granted;
mod pod_level_capabilities;
mod pod_security;
mod privileged;
mod profile_ambiguous;
mod profile_incomplete;
mod profile_of_another_image;
mod profile_too_old;
mod redundant_add;
mod refused_configuration;
mod set_uid_regain;
mod sys_admin_without_escalation;
mod unknown_capability;
pub(crate) mod waiver_expired;
pub(crate) mod waiver_too_wide;
pub(crate) mod waiver_unapproved;
pub(crate) mod waiver_unused;
mod windows_capabilities;

use crate::rule::Rule;

pub use ineffective_add::instead;

/// All rules, in the order in which findings at one place are shown and their edits are made: what
/// is written wrong comes before what follows from it.
pub static RULES: [&Rule; 30] = [
    &refused_configuration::RULE,
    &windows_capabilities::RULE,
    &over_granted::RULE,
    &missing_capability::RULE,
    &profile_ambiguous::RULE,
    &profile_incomplete::RULE,
    &profile_of_another_image::RULE,
    &profile_too_old::RULE,
    &pod_level_capabilities::RULE,
    &capability_spelling::RULE,
    &unknown_capability::RULE,
    &privileged::RULE,
    &file_capabilities_outside_bounding::RULE,
    &add_all::RULE,
    &added_and_dropped::RULE,
    &dangerous_capability::RULE,
    &sys_admin_without_escalation::RULE,
    &redundant_add::RULE,
    &drop_all_missing::RULE,
    &pod_security::RULE,
    &ineffective_add::RULE,
    &needless_net_bind_service::RULE,
    &net_raw_for_ping::RULE,
    &set_uid_regain::RULE,
    &low_port::RULE,
    &inline_ignore::RULE,
    &waiver_expired::RULE,
    &waiver_unapproved::RULE,
    &waiver_too_wide::RULE,
    &waiver_unused::RULE,
];

/// The rules about a capability being held: what a waiver waives and a baseline keeps, capability by
/// capability. The others are about words that do not do what they say, or about what another
/// program refuses, and neither becomes right by a signature.
pub static WAIVABLE: [&Rule; 6] = [
    &privileged::RULE,
    &add_all::RULE,
    &dangerous_capability::RULE,
    &drop_all_missing::RULE,
    &over_granted::RULE,
    &set_uid_regain::RULE,
];

/// The rules about what was learnt of a container. Where nothing was, they say nothing.
pub static ABOUT_PROFILES: [&Rule; 6] = [
    &over_granted::RULE,
    &missing_capability::RULE,
    &profile_ambiguous::RULE,
    &profile_incomplete::RULE,
    &profile_of_another_image::RULE,
    &profile_too_old::RULE,
];

/// The rules about what is written about findings.
pub(crate) static ABOUT_FINDINGS: [&Rule; 5] = [
    &inline_ignore::RULE,
    &waiver_expired::RULE,
    &waiver_unapproved::RULE,
    &waiver_too_wide::RULE,
    &waiver_unused::RULE,
];

/// The rules about what only Kubernetes has: its admission, fields of its pods, and ports that are
/// declared for information. On Compose a port is published by Docker, and what is listened on is
/// the image's matter.
pub(crate) static KUBERNETES_ONLY: [&Rule; 5] = [
    &windows_capabilities::RULE,
    &pod_level_capabilities::RULE,
    &sys_admin_without_escalation::RULE,
    &pod_security::RULE,
    &low_port::RULE,
];

/// The rules about what is held, whoever asked for it. An OCI configuration has no `add` and
/// `drop`: nothing else can be wrong with it, but that it is refused.
pub(crate) static HELD: [&Rule; 4] = [
    &refused_configuration::RULE,
    &file_capabilities_outside_bounding::RULE,
    &dangerous_capability::RULE,
    &set_uid_regain::RULE,
];
