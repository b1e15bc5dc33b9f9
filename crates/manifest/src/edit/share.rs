//! What several containers are to have from one place: done if all that read it want the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ContainerId;
use super::goal::{Fate, Goal};
use super::plan::{Place, Plan, Step};
use super::refusal::{SharedWith, Sharing};
use super::render::New;

/// A container with what it is to have and how it comes to that.
#[derive(Debug, Clone)]
pub(super) struct Wish<'a> {
    pub(super) goal: &'a Goal,
    pub(super) plan: Plan,
}

/// Why a container's step is not done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conflict {
    /// Who reads the place too.
    pub(super) user: SharedWith,
    /// The place.
    pub(super) place: Place,
    /// How that one comes to read it, if it is not written in that one.
    pub(super) how: Option<Sharing>,
}

impl Conflict {
    /// With what this container reads at this place.
    fn with(id: ContainerId, wish: &Wish<'_>, place: Place) -> Self {
        Self { user: SharedWith::Container(id), place, how: wish.plan.how(place) }
    }
}

/// What is to be done in the whole text.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// The step at each place, and who wants it.
    pub(super) steps: BTreeMap<Place, (Step, Vec<ContainerId>)>,
    /// Containers that come to what they are to have through another's step only.
    pub(super) served: Vec<(ContainerId, ContainerId)>,
}

/// Puts all wishes together. `readers` are the containers of which nothing is wanted, as they are, or
/// nothing any more: those are `refused`.
///
/// # Errors
/// Those whose steps would change what another container does not want, with that one.
pub(super) fn agree(
    wishes: &BTreeMap<ContainerId, Wish<'_>>,
    readers: &BTreeMap<ContainerId, Wish<'_>>,
    refused: &HashSet<ContainerId>,
) -> Result<Agreement, BTreeMap<ContainerId, Conflict>> {
    let mut agreement = Agreement::default();
    let mut conflicts = BTreeMap::new();
    let wanted: HashMap<Place, Vec<(ContainerId, &Step)>> = by_place(wishes);
    for (&id, wish) in wishes {
        for (place, step) in &wish.plan.steps {
            match own_part(id, wish, (*place, step), &wanted) {
                Part::Whole => {
                    add(&mut agreement, &mut conflicts, id, (*place, step.clone()), wishes)
                }
                Part::Rest(step) => add(&mut agreement, &mut conflicts, id, (*place, step), wishes),
                Part::Served(by) => agreement.served.push((id, by)),
            }
        }
    }
    for (&id, wish) in wishes {
        let own = wish.plan.steps.iter().find(|(place, _)| wish.plan.is_torn_at(*place));
        if let Some(&(place, _)) = own {
            conflicts.entry(id).or_insert(Conflict::with(id, wish, place));
        }
    }
    for (&reader, wish) in wishes.iter().chain(readers) {
        for reading in &wish.plan.reads {
            let Some((step, wanting)) = agreement.steps.get(&reading.place) else { continue };
            let list = reading.list.and_then(|index| wish.goal.lists.get(index));
            let own = wish.plan.step(reading.place);
            let accepts = match (step, own) {
                (Step::Items(fates, new), own) => {
                    let same = match own {
                        Some(Step::Items(own, _)) => own == fates,
                        _ => fates.iter().all(|fate| *fate == Fate::Stays),
                    };
                    let words = list.and_then(|list| list.words()).unwrap_or_default();
                    same && new.iter().all(|item| words.contains(&item.word.as_str()))
                }
                (step, Some(own)) => step == own,
                (Step::Put(New::List(items)) | Step::Fill(New::List(items)), None) => {
                    let words = list.and_then(|list| list.words()).unwrap_or_default();
                    items.iter().all(|item| words.contains(&item.word.as_str()))
                }
                // The list goes whole, and it wants nothing of that list.
                (Step::Remove, None) if wish.plan.wants_gone(reading.place) => true,
                // What it would have put itself, it has from there.
                (_, None) => agreement.served.iter().any(|(served, _)| *served == reader),
            };
            if !accepts {
                let conflict = Conflict::with(reader, wish, reading.place);
                // What is there already says more than what would be put there, and who is to stay as it
                // is more than who would change if it could.
                let rank = |of: &Conflict| {
                    let step = agreement.steps.get(&of.place);
                    let is_put = matches!(step, Some((Step::Put(_), _)));
                    let is_refused =
                        matches!(&of.user, SharedWith::Container(id) if refused.contains(id));
                    (is_put, is_refused)
                };
                for &id in wanting.iter().filter(|id| **id != reader) {
                    let known = conflicts.entry(id).or_insert(conflict);
                    if rank(&conflict) < rank(known) {
                        *known = conflict;
                    }
                }
            }
        }
    }
    if conflicts.is_empty() { Ok(agreement) } else { Err(conflicts) }
}

fn by_place<'a>(
    wishes: &'a BTreeMap<ContainerId, Wish<'_>>,
) -> HashMap<Place, Vec<(ContainerId, &'a Step)>> {
    let mut wanted: HashMap<Place, Vec<(ContainerId, &Step)>> = HashMap::new();
    for (&id, wish) in wishes {
        for (place, step) in &wish.plan.steps {
            wanted.entry(*place).or_default().push((id, step));
        }
    }
    wanted
}

/// What is left of a step when the others have done theirs.
enum Part {
    Whole,
    Rest(Step),
    /// Nothing: this one's step does it.
    Served(ContainerId),
}

fn own_part(
    id: ContainerId,
    wish: &Wish<'_>,
    (place, step): (Place, &Step),
    wanted: &HashMap<Place, Vec<(ContainerId, &Step)>>,
) -> Part {
    let others = |place: &Place| {
        let all = wanted.get(place).into_iter().flatten();
        all.filter(move |(other, _)| *other != id)
    };
    let Step::Put(new) = step else {
        let Step::Items(fates, new) = step else { return Part::Whole };
        // Whoever has the list in its own mapping takes it away.
        let holder = wish.plan.key_of(place).filter(|key| wish.plan.wants_gone(*key));
        let removed = holder.and_then(|key| others(&key).find(|(_, step)| **step == Step::Remove));
        if let Some((by, _)) = removed {
            return Part::Served(*by);
        }
        let (left, by) = left_of(wish, place, new, &others);
        return match by {
            Some(by) if left.is_empty() && fates.iter().all(|fate| *fate == Fate::Stays) => {
                Part::Served(by)
            }
            Some(_) => Part::Rest(Step::Items(fates.clone(), left)),
            None => Part::Whole,
        };
    };
    // The same key where it would be inherited from.
    let inherited = wish.plan.inherits.iter().flat_map(others).find(|(_, other)| *other == step);
    if let Some((by, _)) = inherited {
        return Part::Served(*by);
    }
    let New::List(items) = new else { return Part::Whole };
    match left_of(wish, place, items, &others) {
        (left, Some(by)) if left.is_empty() => Part::Served(by),
        (left, Some(_)) => Part::Rest(Step::Put(New::List(left))),
        (_, None) => Part::Whole,
    }
}

/// Of new items, those that no other container puts into a list that this one's is put together from;
/// and who does so.
fn left_of<'w, I>(
    wish: &Wish<'_>,
    place: Place,
    items: &[super::Item],
    others: &impl Fn(&Place) -> I,
) -> (Vec<super::Item>, Option<ContainerId>)
where
    I: Iterator<Item = &'w (ContainerId, &'w Step)>,
{
    let mut left = items.to_vec();
    let mut by = None;
    if !wish.goal.form().layered {
        return (left, by);
    }
    let of = |place: Place| wish.plan.reads.iter().find(|reading| reading.place == place)?.list;
    let list = of(place);
    for reading in &wish.plan.reads {
        if reading.place == place || reading.list != list {
            continue;
        }
        for (other, step) in others(&reading.place) {
            let (Step::Items(_, new) | Step::Put(New::List(new)) | Step::Fill(New::List(new))) =
                step
            else {
                continue;
            };
            let before = left.len();
            left.retain(|item| new.iter().all(|there| there.word != item.word));
            if left.len() < before {
                by = Some(*other);
            }
        }
    }
    (left, by)
}

/// Takes a step into the agreement. New items of one list come from everybody who wants them; all else
/// has to be the same.
fn add(
    agreement: &mut Agreement,
    conflicts: &mut BTreeMap<ContainerId, Conflict>,
    id: ContainerId,
    (place, step): (Place, Step),
    wishes: &BTreeMap<ContainerId, Wish<'_>>,
) {
    let Some((there, wanting)) = agreement.steps.get_mut(&place) else {
        agreement.steps.insert(place, (step, vec![id]));
        return;
    };
    match (there, step) {
        (Step::Items(fates, new), Step::Items(own, items)) if *fates == own => {
            let missing =
                items.into_iter().filter(|item| new.iter().all(|there| there.word != item.word));
            let missing: Vec<_> = missing.collect();
            new.extend(missing);
        }
        (there, step) if *there == step => {}
        _ => {
            let first = wanting.first().copied().unwrap_or(id);
            let mut say = |id: ContainerId, other: ContainerId| {
                let with = wishes.get(&other).map(|wish| Conflict::with(other, wish, place));
                with.map(|with| conflicts.entry(id).or_insert(with));
            };
            say(id, first);
            wanting.iter().for_each(|&other| say(other, id));
            return;
        }
    }
    wanting.push(id);
}
