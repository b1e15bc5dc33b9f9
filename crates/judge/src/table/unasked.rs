//! Needs for which the kernel asks nobody.

use caps::Capability;
use serde::Deserialize;

use super::frames::Frames;
use super::pattern::matches;
use crate::site::Site;
use record::observation::{NamespaceRelation, Observation, Recording};
use record::requirement::Verdict;

/// A need for which the kernel asks nobody: it looks at the set itself (`cap_raised`), so no check
/// shows it. What is asked at the same place gives it away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Unasked {
    at: Vec<String>,
    under: Vec<String>,
    /// The capability of the check that is seen.
    asked: Capability,
    /// Whose namespace it is asked of.
    namespace: NamespaceRelation,
    /// Who asks.
    uid: u32,
    /// What is needed.
    pub(crate) needs: Capability,
    /// Where one of these was asked at the same place of the target's own namespace, by the same
    /// process, the kernel did ask, and that answer counts.
    unless: Vec<Capability>,
    verdict: Verdict,
    /// What the program did.
    pub(crate) what: String,
    why: String,
    /// Kernels whose source was read or on which it was seen.
    kernels: Vec<String>,
}

impl Unasked {
    /// Whether this check gives it away.
    pub(crate) fn shows(&self, seen: &Observation, known: &Frames, recording: &Recording) -> bool {
        seen.capability == self.asked
            && seen.granted
            && seen.namespace == self.namespace
            && seen.uid == Some(self.uid)
            && self.is_at(seen, known)
            && !recording.observations.iter().any(|other| {
                other.process == seen.process
                    && other.namespace == NamespaceRelation::Own
                    && self.unless.contains(&other.capability)
                    && self.is_under(other, known)
            })
    }

    fn is_at(&self, observation: &Observation, known: &Frames) -> bool {
        let site = Site::of(observation, known);
        site.innermost().is_some_and(|f| self.at.iter().any(|p| matches(p, f)))
            && self.is_under(observation, known)
    }

    fn is_under(&self, observation: &Observation, known: &Frames) -> bool {
        let site = Site::of(observation, known);
        site.frames().iter().skip(1).any(|f| self.under.iter().any(|p| matches(p, f)))
    }

    /// The verdict and its reason.
    pub(crate) fn judged(&self) -> (Verdict, String) {
        (self.verdict, self.why.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::table::SiteTable;

    #[test]
    fn what_is_not_asked_is_told_by_what_is() {
        let unasked = &SiteTable::builtin().unasked;
        assert!(!unasked.is_empty());
        for row in unasked {
            assert!(!row.at.is_empty() && !row.under.is_empty(), "{row:?}");
            assert!(
                !row.what.is_empty() && !row.why.is_empty() && !row.kernels.is_empty(),
                "{row:?}"
            );
            assert_ne!(row.asked, row.needs, "{row:?}");
            assert!(!row.unless.contains(&row.asked), "{row:?}");
        }
    }
}
