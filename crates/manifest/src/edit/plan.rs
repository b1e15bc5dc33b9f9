//! Where a container's lists are written, or would be, and what is to be done there.

use std::collections::HashSet;

use super::form::Form;
use super::goal::{Fate, Goal};
use super::lookup::{look, merged_aliases, way_to_map};
use super::refusal::{Refusal, Sharing};
use super::render::New;
use super::{ContainerId, Item};
use crate::compose;
use crate::manifest::Manifest;
use crate::tree::{Entry, Mark, NodeId, NodeKind, Tree};
use crate::workload::Format;

/// A place in the text that decides what a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// A key of a mapping, whether it is there or not.
    Key(NodeId, &'static str),
    /// A value that is there: a list, or nothing, such as null or `{}`.
    Value(NodeId),
}

/// What is to be done at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The key is put there, with this value.
    Put(New),
    /// The key goes.
    Remove,
    /// Nothing becomes this.
    Fill(New),
    /// Items go, change and come.
    Items(Vec<Fate>, Vec<Item>),
}

/// A place that a container reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) place: Place,
    /// Which of its lists is read there, if it is one.
    pub(super) list: Option<usize>,
    /// What it first went through on the way there, if that is not written in itself.
    pub(super) how: Option<Sharing>,
}

/// How one container comes to what it is to have.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// What is to be done, each place once.
    pub(super) steps: Vec<(Place, Step)>,
    /// What decides what it has when that is done.
    pub(super) reads: Vec<Reading>,
    /// Where a key that it puts into its own mapping would be inherited from.
    pub(super) inherits: Vec<Place>,
    /// Aliases that it is read through.
    pub(super) aliases: HashSet<NodeId>,
    /// Values that it is read from where they are written.
    pub(super) direct: HashSet<NodeId>,
    /// How far below the container each of these aliases and values stands.
    pub(super) depths: Vec<(NodeId, usize)>,
}

/// Makes plans on one text.
pub(super) struct Planner<'a, 't> {
    pub(super) tree: &'a Tree<'t>,
    pub(super) manifest: &'a Manifest,
    /// Whether a list that becomes empty goes with its key. Not where a merge key has the same one: an
    /// empty list keeps that away.
    pub(super) tidy: bool,
}

/// A level of the way to the lists that was found: the mapping it was looked for in, the key, and
/// what was found.
type Level = (NodeId, &'static str, Entry);

impl Planner<'_, '_> {
    /// The plan that changes what there is where it is written; where that fails, the plan has what
    /// was read until then.
    pub(super) fn in_place(&self, id: ContainerId, goal: &Goal) -> (Plan, Result<(), Refusal>) {
        let mut plan = Plan::default();
        let done = self.write(id, goal, None, &mut plan);
        (plan, done)
    }

    /// Plans that write keys of its own for what comes through merge keys, the least first.
    pub(super) fn with_own_keys(&self, id: ContainerId, goal: &Goal) -> Vec<Plan> {
        let depth = goal.form().way.len();
        let plans = (0..=depth).rev().filter_map(|depth| {
            let mut plan = Plan::default();
            self.write(id, goal, Some(depth), &mut plan).ok()?;
            Some(plan)
        });
        plans.collect()
    }

    /// With `own`, what is merged at this depth gets a key of its own; it is an error if nothing is
    /// merged there, or if that would lose anything.
    fn write(
        &self,
        id: ContainerId,
        goal: &Goal,
        own: Option<usize>,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        if goal.foreign {
            return Err(Refusal::Format { format: goal.format });
        }
        let form = goal.form();
        let layers = self.layers(id).ok_or(Refusal::Unsupported)?;
        let mut map = *layers.first().ok_or(Refusal::Unsupported)?;
        let mut around = None;
        for (depth, key) in form.way.iter().enumerate() {
            let Some(level) = self.level(form, (map, key), (None, around), plan) else {
                if goal.changes_something() {
                    self.put(form, (map, key), form.below(depth, goal), plan);
                }
                return own.map_or(Ok(()), |_| Err(Refusal::Unsupported));
            };
            if own == Some(depth) {
                return self.put_own(goal, level, depth, plan);
            }
            around = plan.reads.last().and_then(|reading| reading.how);
            let value = self.tree.resolve(level.2.value);
            match &self.tree.node(value).kind {
                NodeKind::Map(entries) if !entries.is_empty() => map = value,
                NodeKind::Map(_) | NodeKind::Scalar { .. } if self.is_nothing(value) => {
                    if goal.changes_something() {
                        let step = Step::Fill(form.below(depth, goal));
                        plan.steps.push((Place::Value(value), step));
                    }
                    return own.map_or(Ok(()), |_| Err(Refusal::Unsupported));
                }
                _ => return Err(Refusal::Unsupported),
            }
        }
        let maps = if form.way.is_empty() { layers } else { vec![map] };
        let mut own_lists = 0;
        for index in 0..form.lists.len() {
            let own = own == Some(form.way.len());
            own_lists += usize::from(self.list(goal, (index, around), &maps, own, plan)?);
        }
        if own.is_some() && own_lists == 0 { Err(Refusal::Unsupported) } else { Ok(()) }
    }

    /// The mappings that a container's lists are put together from, its own first.
    fn layers(&self, id: ContainerId) -> Option<Vec<NodeId>> {
        let (workload, container) = super::find(&self.manifest.workloads, id)?;
        let way = way_to_map(self.tree, workload.document, container.span)?;
        let node = *way.last()?;
        if workload.pod.format != Format::Compose {
            return Some(vec![node]);
        }
        let kinds = self.manifest.source.kinds();
        compose::layers(self.tree, kinds, workload.document, (&workload.name, node))
    }

    /// Looks a key up and keeps what was read, of this list, in a mapping that was come to like this.
    fn level(
        &self,
        form: &Form,
        (map, key): (NodeId, &'static str),
        (list, around): (Option<usize>, Option<Sharing>),
        plan: &mut Plan,
    ) -> Option<Level> {
        let mut aliases = HashSet::new();
        merged_aliases(self.tree, map, &mut HashSet::new(), &mut aliases);
        let depth = form.way.iter().position(|there| *there == key).unwrap_or(form.way.len());
        plan.depths.extend(aliases.iter().map(|&alias| (alias, depth)));
        plan.aliases.extend(aliases);
        let lookup = look(self.tree, form.own_first, map, key);
        plan.reads.extend(lookup.passed.iter().map(|&passed| {
            let how = around.or((passed != map).then_some(Sharing::Merge));
            Reading { place: Place::Key(passed, key), list, how }
        }));
        let entry = lookup.found?;
        let value = self.tree.resolve(entry.value);
        let is_alias = value != entry.value;
        let how = around.or(entry.merged.then_some(Sharing::Merge));
        let how = how.or(is_alias.then_some(Sharing::Alias));
        plan.reads.push(Reading { place: Place::Value(value), list, how });
        plan.depths.push((entry.value, depth + 1));
        if is_alias {
            plan.aliases.insert(entry.value);
        } else {
            plan.direct.insert(value);
        }
        Some((map, key, entry))
    }

    /// A new key of this mapping: what was passed behind it on the way counts no more.
    fn put(&self, form: &Form, (map, key): (NodeId, &'static str), new: New, plan: &mut Plan) {
        let place = Place::Key(map, key);
        let passed = look(self.tree, form.own_first, map, key).passed.len();
        if let Some(first) = plan.reads.iter().position(|reading| reading.place == place) {
            let behind = first + 1..(first + passed).min(plan.reads.len());
            plan.inherits.extend(plan.reads.drain(behind).map(|reading| reading.place));
        }
        plan.steps.push((place, Step::Put(new)));
    }

    /// Puts a key in front of the merged one of the same name, if nothing else of that is lost.
    fn put_own(
        &self,
        goal: &Goal,
        (map, key, entry): Level,
        depth: usize,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        let form = goal.form();
        let value = self.tree.resolve(entry.value);
        if !entry.merged || !self.has_nothing_else(form, value, depth + 1) {
            return Err(Refusal::Unsupported);
        }
        plan.reads.retain(|reading| reading.place != Place::Value(value));
        self.put(form, (map, key), form.below(depth, goal), plan);
        Ok(())
    }

    /// Whether a mapping has nothing but the way to the lists from this depth on.
    fn has_nothing_else(&self, form: &Form, map: NodeId, depth: usize) -> bool {
        self.tree.entries(map).iter().all(|&(name, value)| {
            let value = self.tree.resolve(value);
            if self.tree.is_merge_key(name) {
                return super::lookup::merged_maps(self.tree, value)
                    .into_iter()
                    .all(|map| self.has_nothing_else(form, map, depth));
            }
            let name = self.tree.text(name);
            match form.way.get(depth) {
                Some(key) => name == Some(key) && self.has_nothing_else(form, value, depth + 1),
                None => name.is_some_and(|name| form.lists.contains(&name)),
            }
        })
    }

    fn is_nothing(&self, value: NodeId) -> bool {
        match &self.tree.node(value).kind {
            NodeKind::Map(entries) => entries.is_empty(),
            NodeKind::Seq(items) => items.is_empty(),
            _ => self.tree.is_null(value),
        }
    }

    /// One list, put together from those of `maps`, the first of which was come to like this. With `own`, one that is merged is written out;
    /// says whether it was.
    fn list(
        &self,
        goal: &Goal,
        (index, around): (usize, Option<Sharing>),
        maps: &[NodeId],
        own: bool,
        plan: &mut Plan,
    ) -> Result<bool, Refusal> {
        let (form, wanted) = (goal.form(), &goal.lists[index]);
        let key = form.lists[index];
        let changes = wanted.changes_something();
        let own_map = *maps.first().ok_or(Refusal::Unsupported)?;
        let mut lists = Vec::new();
        let mut own_entry = None;
        for (layer, &map) in maps.iter().enumerate() {
            let around = if layer == 0 { around } else { Some(Sharing::Extends) };
            let found = self.level(form, (map, key), (Some(index), around), plan);
            let Some((.., entry)) = found else { continue };
            if layer == 0 {
                own_entry = Some(entry);
            }
            let mark = self.tree.mark(entry.value).filter(|_| form.layered);
            if mark == Some(Mark::Reset) {
                if layer == 0 && changes {
                    return Err(Refusal::Marked { what: key });
                }
                break;
            }
            let value = self.tree.resolve(entry.value);
            match &self.tree.node(value).kind {
                _ if self.is_nothing(value) => {}
                NodeKind::Seq(_) => lists.push((layer, value)),
                _ => return Err(Refusal::Unsupported),
            }
            if mark == Some(Mark::Override) {
                break;
            }
        }
        if !changes {
            return Ok(false);
        }
        let Some(mut fates) = self.fates(goal, index, &lists) else {
            return Err(Refusal::Unsupported);
        };
        let (_, new) = wanted.fates();
        let own_list = lists.iter().position(|(layer, _)| *layer == 0);
        let own_fates = own_list.map(|at| fates.remove(at));
        let below = lists.iter().filter(|(layer, _)| *layer != 0).zip(fates);
        for ((_, list), fates) in below {
            if fates.iter().any(|fate| *fate != Fate::Stays) {
                plan.steps.push((Place::Value(*list), Step::Items(fates, Vec::new())));
            }
        }
        let Some(entry) = own_entry else {
            // `[]` is written where somebody wants to see it.
            if !new.is_empty() || (wanted.slots.is_some() && lists.is_empty()) {
                self.put(form, (own_map, key), New::List(new), plan);
            }
            return Ok(false);
        };
        let value = self.tree.resolve(entry.value);
        if own && entry.merged {
            // The lists below are read all the same.
            let items = self.tree.items(value).iter().zip(own_fates.iter().flatten());
            let kept = items.filter_map(|(&item, fate)| match fate {
                Fate::Stays => self.tree.text(item).map(Item::new),
                Fate::Becomes(word) => Some(Item::new(word)),
                Fate::Goes => None,
            });
            let items = kept.chain(new).collect();
            plan.reads.retain(|reading| reading.place != Place::Value(value));
            self.put(form, (own_map, key), New::List(items), plan);
            return Ok(true);
        }
        // An alias that goes takes nothing from what it stands for, nor from who else reads that.
        let is_alias = value != entry.value;
        let is_own = !entry.merged && (is_alias || !self.has_anchor(value));
        // No list and an empty one are the same; a mapping with nothing in it is not.
        let stays = wanted.slots.is_some();
        let goes = is_own && wanted.items().is_empty() && (is_alias || !stays);
        let is_beside_others = self.tree.entries(own_map).len() > 1;
        if goes && self.tidy && (!(form.layered || stays) || is_beside_others) {
            let read = |at: &Reading| at.place == Place::Value(value) && at.list == Some(index);
            plan.reads.retain(|at| !(is_alias && read(at)));
            plan.steps.push((Place::Key(own_map, key), Step::Remove));
            return Ok(false);
        }
        // Nor does one that becomes empty say anything beside those it would be put behind.
        let becomes_empty = new.is_empty()
            && own_fates.as_ref().is_some_and(|all| all.iter().all(|fate| *fate == Fate::Goes));
        let is_marked = self.tree.mark(entry.value).is_some();
        let goes = maps.len() > 1 && is_own && becomes_empty && !is_marked;
        if goes && self.tidy && is_beside_others {
            plan.steps.push((Place::Key(own_map, key), Step::Remove));
            return Ok(false);
        }
        // Nor does it in what is merged, if all that read it want it so. What it hid of another mapping is
        // seen when the text is read again.
        if entry.merged && form.layered && becomes_empty && !stays && !is_marked && self.tidy {
            let holder = plan.key_of(Place::Value(value));
            let goes = !is_alias && !self.has_anchor(value);
            if let Some(Place::Key(map, _)) = holder.filter(|_| goes)
                && self.tree.entries(map).len() > 1
            {
                plan.steps.push((Place::Key(map, key), Step::Remove));
                return Ok(false);
            }
        }
        match own_fates {
            Some(fates) if fates.iter().any(|fate| *fate != Fate::Stays) || !new.is_empty() => {
                plan.steps.push((Place::Value(value), Step::Items(fates, new)));
            }
            None if !new.is_empty() || (self.tree.is_null(value) && wanted.slots.is_some()) => {
                plan.steps.push((Place::Value(value), Step::Fill(New::List(new))));
            }
            _ => {}
        }
        Ok(false)
    }

    /// What becomes of each item of each of these lists, which make up one list of the container.
    fn fates(
        &self,
        goal: &Goal,
        index: usize,
        lists: &[(usize, NodeId)],
    ) -> Option<Vec<Vec<Fate>>> {
        let wanted = &goal.lists[index];
        let (fates, _) = wanted.fates();
        let now = wanted.now.as_deref().unwrap_or_default();
        let word = |item: NodeId| self.tree.text(item);
        if let [(_, list)] = lists {
            let words: Vec<_> = self.tree.items(*list).iter().map(|&item| word(item)).collect();
            if words.iter().copied().eq(now.iter().map(|word| Some(word.as_str()))) {
                return Some(vec![fates]);
            }
        }
        // A word that stands in several of them is one of the container's.
        let fate_of = |item: NodeId| {
            let word = word(item)?;
            let at = now.iter().position(|there| there == word)?;
            fates.get(at).cloned()
        };
        lists
            .iter()
            .map(|(_, list)| self.tree.items(*list).iter().map(|&item| fate_of(item)).collect())
            .collect()
    }

    fn has_anchor(&self, node: NodeId) -> bool {
        self.tree.node(node).shared
            || self.tree.items(node).iter().any(|&item| self.has_anchor(item))
    }
}

impl Plan {
    /// How it comes to this place, if that is not written in itself.
    pub(super) fn how(&self, place: Place) -> Option<Sharing> {
        self.reads.iter().find(|reading| reading.place == place)?.how
    }

    /// Whether a list is read at this place of which nothing is wanted, beside one of which something is.
    pub(super) fn is_torn_at(&self, place: Place) -> bool {
        let here = self.reads.iter().filter(|reading| reading.place == place);
        let lists: HashSet<usize> = here.filter_map(|reading| reading.list).collect();
        let steps = self.steps.iter().filter(|(there, _)| *there == place).count();
        (1..lists.len()).contains(&steps)
    }

    /// The key under which a list that is read stands.
    pub(super) fn key_of(&self, list: Place) -> Option<Place> {
        let at = self.reads.iter().position(|reading| reading.place == list)?;
        self.reads.get(at.checked_sub(1)?).map(|reading| reading.place)
    }

    /// Whether every item of the list under this key is to go, and none comes.
    pub(super) fn wants_gone(&self, key: Place) -> bool {
        let at = self.reads.iter().position(|reading| reading.place == key);
        let list = at.and_then(|at| self.reads.get(at + 1));
        let step = list.and_then(|list| self.step(list.place));
        matches!(step, Some(Step::Items(fates, new))
            if new.is_empty() && fates.iter().all(|fate| *fate == Fate::Goes))
    }

    /// The step at this place.
    pub(super) fn step(&self, place: Place) -> Option<&Step> {
        self.steps.iter().find(|(there, _)| *there == place).map(|(_, step)| step)
    }
}
