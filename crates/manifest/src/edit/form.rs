//! What a format calls its lists, and where it has them.

use super::goal::Goal;
use super::render::New;
use super::{compose, kubernetes, oci};
use crate::workload::Format;

/// One format's way of writing what a container may do.
#[derive(Debug)]
pub(super) struct Form {
    /// The keys of the mappings that lead from the container to the one with the lists.
    pub(super) way: &'static [&'static str],
    /// The lists, in the order in which they are written anew.
    pub(super) lists: &'static [&'static str],
    /// Whether a mapping's own keys go before those of `<<`, wherever that stands.
    pub(super) own_first: bool,
    /// Whether a container's list is put together from those of several mappings, in which Compose's
    /// tags count.
    pub(super) layered: bool,
    /// Keys that new ones are put behind, the likeliest first; else they are put at the end.
    pub(super) beside: &'static [&'static str],
    /// Lists that show how a file writes lists of capabilities.
    pub(super) like: &'static [&'static str],
    /// Lists of words, which show it where there are none of capabilities.
    pub(super) words: &'static [&'static str],
}

impl Form {
    pub(super) fn of(format: Format) -> &'static Self {
        match format {
            Format::Kubernetes => &kubernetes::FORM,
            Format::Compose => &compose::FORM,
            Format::Oci => &oci::FORM,
        }
    }

    /// What is put under the key at `depth` of the way, where nothing is there yet: all lists.
    pub(super) fn below(&self, depth: usize, goal: &Goal) -> New {
        let lists = New::Map(self.all_lists(goal));
        let keys = self.way.iter().skip(depth + 1).rev();
        keys.fold(lists, |inner, key| New::Map(vec![(key, inner)]))
    }

    /// All lists that are to be there.
    pub(super) fn all_lists(&self, goal: &Goal) -> Vec<(&'static str, New)> {
        let lists = self.lists.iter().zip(&goal.lists);
        let there = lists.filter(|(_, list)| list.slots.is_some());
        there.map(|(key, list)| (*key, New::List(list.items()))).collect()
    }
}
