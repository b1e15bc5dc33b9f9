//! The rules. One file each; a new one is a file here, a line in [`RULES`], and a specification in
//! `tests/rules/`.

mod add_all;
mod capability_spelling;
pub(crate) mod dangerous_capability;
mod drop_all_missing;
mod ineffective_add;
mod privileged;
mod unknown_capability;

use crate::rule::Rule;

pub use ineffective_add::instead;

/// All rules, in the order in which findings at one place are shown and their edits are made: what
/// is written wrong comes before what follows from it.
pub static RULES: [&Rule; 7] = [
    &capability_spelling::RULE,
    &unknown_capability::RULE,
    &privileged::RULE,
    &add_all::RULE,
    &dangerous_capability::RULE,
    &drop_all_missing::RULE,
    &ineffective_add::RULE,
];
