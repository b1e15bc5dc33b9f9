//! Credentials that a kernel function lends the task.

use serde::Deserialize;

use super::pattern::matches;
use crate::site::Site;

/// A function that lends the task other credentials, which are nevertheless its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Override {
    /// The function that lends them.
    under: Vec<String>,
    /// Functions that lend others again, further in.
    unless_within: Vec<String>,
    /// Innermost functions that such a lender calls before it lends.
    own_check: Vec<String>,
    /// The reason.
    why: String,
}

impl Override {
    /// Whether the checked credentials, though not the task's real ones, are lent by this one.
    pub(crate) fn lends(&self, site: &Site) -> bool {
        let frames = site.frames();
        let Some(lender) = frames.iter().position(|f| self.under.iter().any(|p| matches(p, f)))
        else {
            return false;
        };
        let another = (0..lender).any(|i| {
            let inner_is_own = i == 1 && self.own_check.iter().any(|p| matches(p, &frames[0]));
            !inner_is_own && self.unless_within.iter().any(|p| matches(p, &frames[i]))
        });
        !another
    }
}
