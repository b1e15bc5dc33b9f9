//! The rules. One file each, which says all there is to say of it; a new one is a file here, its name
//! in the two lists below, and a specification in `tests/rules/`.

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
mod set_without_effect;
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
pub static RULES: [&Rule; 31] = [
    &refused_configuration::RULE,
    &set_without_effect::RULE,
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
