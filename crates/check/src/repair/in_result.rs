//! Which of the edits that were made are in the result: a word that was spelt another way may have gone by
//! a later edit, such as one that drops `ALL` instead.

use manifest::{ContainerId, Manifest};
use runtime::List;

use super::Applied;
use crate::fix::{Change, Class};

/// Without the spellings of words that a later edit took up, which `manifest` has no longer. What those cost
/// the later edit costs.
pub(super) fn leave(applied: &mut Vec<Applied>, manifest: &Manifest) {
    let mut at = 0;
    while at < applied.len() {
        let one = &applied[at];
        let is_gone = match &one.change {
            Change::Respell { list, to, .. } => !has(manifest, one.container, *list, to),
            _ => false,
        };
        let later = applied[at + 1..].iter().position(|other| {
            // One that is safe is not to say that it takes something away.
            other.container == one.container
                && (one.class == Class::Safe || other.class == Class::Unsafe)
        });
        match later.filter(|_| is_gone) {
            Some(later) => {
                let gone = applied.remove(at);
                let taking = &mut applied[at + later];
                taking.lost = taking.lost | gone.lost;
                taking.safe_if_plain &= gone.safe_if_plain;
            }
            None => at += 1,
        }
    }
}

/// Whether one of its lists has this word.
fn has(manifest: &Manifest, id: ContainerId, list: List, word: &str) -> bool {
    let container =
        manifest.workloads.get(id.workload).and_then(|w| w.pod.containers.get(id.container));
    container.is_some_and(|container| match list {
        List::Add => {
            let sets = container.sets.as_ref();
            let others = sets.into_iter().flat_map(|sets| {
                [&sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient]
            });
            container.security.add().chain(others.flatten()).any(|there| there.value == word)
        }
        List::Drop => container.security.drop().any(|there| there.value == word),
    })
}
