//! Ways that a container may go at once. Each was tried by itself, so that it needs what any of them needs.

use super::{Basis, Learnt, Need, Way};

/// Of more ways than anybody tries the rest is gone only one by one.
const MAX_WAYS: usize = 128;

/// These ways, and each of those that can be gone at once as one: with all changes of both, and what is
/// needed with either. Of two with the same changes one is left.
pub(super) fn joined(ways: Vec<Way>) -> Vec<Way> {
    let mut all: Vec<Way> = Vec::new();
    for way in ways {
        let beside = all.iter().filter(|known| known.with.about.user == way.with.about.user);
        let more: Vec<Way> = beside.map(|known| both(known, &way)).collect();
        for new in std::iter::once(way).chain(more) {
            match all.iter().position(|known| is_same(known, &new)) {
                Some(at) => all[at] = both(&all[at], &new),
                None if all.len() < MAX_WAYS => all.push(new),
                None => {}
            }
        }
    }
    all
}

/// Whether they have the same changes, as the same user.
fn is_same(one: &Way, other: &Way) -> bool {
    let within = |one: &Way, other: &Way| one.changes.iter().all(|c| other.changes.contains(c));
    one.with.about.user == other.with.about.user && within(one, other) && within(other, one)
}

fn both(one: &Way, other: &Way) -> Way {
    let mut changes = one.changes.clone();
    changes.extend(other.changes.iter().filter(|c| !one.changes.contains(c)).cloned());
    let (a, b) = (&one.with, &other.with);
    let mut incomplete = a.incomplete.clone();
    incomplete.extend(b.incomplete.iter().filter(|why| !a.incomplete.contains(why)).cloned());
    let with = Learnt {
        needs: needs(&a.needs, &b.needs),
        incomplete,
        basis: weaker(&a.basis, &b.basis),
        age: a.age.max(b.age),
        as_root: a.as_root && b.as_root,
        was_root: a.was_root && b.was_root,
        not_root: a.not_root || b.not_root,
        ..a.clone()
    };
    Way { changes, with }
}

/// What is needed in either, in the order of the capabilities.
fn needs(one: &[Need], other: &[Need]) -> Vec<Need> {
    let mut all = one.to_vec();
    for need in other {
        match all.iter_mut().find(|known| known.capability == need.capability) {
            Some(known) => known.doubtful &= need.doubtful,
            None => all.push(need.clone()),
        }
    }
    all.sort_by_key(|need| need.capability);
    all
}

/// What both rest on.
fn weaker(one: &Basis, other: &Basis) -> Basis {
    match (one, other) {
        (Basis::Proven { test }, Basis::Proven { test: more }) if test != more => {
            Basis::Proven { test: format!("{test}; {more}") }
        }
        (Basis::Proven { .. }, weaker) => weaker.clone(),
        (weaker, _) => weaker.clone(),
    }
}
