//! What a workload needs when it is started with changes, as a profile's trials have shown.

use caps::CapSet;

use crate::profile::Profile;
use crate::search::Search;
use crate::zero::Zero;

/// Changes that hold, and what is needed with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way<'p> {
    /// How it was found: [`Zero::holding`] are the changes.
    pub zero: &'p Zero,
    /// What is needed with all of them; none at zero.
    pub needed: CapSet,
    /// What is doubtful with all of them.
    pub doubtful: CapSet,
}

impl Profile {
    /// The ways that trials have shown, with at least one change that holds. Whatever is in the list and
    /// the search that a way began with did not come to (another run was merged with it) stays as it is:
    /// those trials say nothing of it.
    pub fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let lists = &self.spec.capabilities;
        let shown = self.status.zero.iter().filter(|zero| zero.holding().next().is_some());
        shown.map(|zero| {
            let known = zero.remains | self.covered_by(zero);
            Way {
                zero,
                needed: zero.remains | (lists.needed - known),
                doubtful: lists.doubtful - known - zero.remains,
            }
        })
    }

    /// What the search before it came to, and what its changes are to make needless.
    fn covered_by(&self, zero: &Zero) -> CapSet {
        let before =
            |search: &&Search| (search.recorded, &search.test) == (zero.recorded, &zero.test);
        // What is refused with the changes was looked at only where all of it was tried.
        let safer = |search: &Search| search.without_new_denials.filter(|_| zero.is_clear());
        let list = |search: &Search| search.minimum | safer(search).unwrap_or(CapSet::EMPTY);
        let lists = self.status.searches.iter().filter(before).map(list);
        let removed = zero.changes.iter().map(|one| one.removes);
        lists.chain(removed).fold(CapSet::EMPTY, |all, some| all | some)
    }
}
