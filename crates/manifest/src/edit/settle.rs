//! From goals to a text that says what they want: plans, what is agreed on, patches, proof.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::form::Form;
use super::goal::{Fate, Goal};
use super::layout::{Layout, Seen, layout};
use super::lookup::{way_to, way_to_map};
use super::plan::{Place, Plan, Planner, Step};
use super::references::References;
use super::refusal::{Refusal, Refused, SharedWith, Sharing};
use super::share::{Agreement, Conflict, Wish, agree};
use super::write::Writer;
use super::{ContainerId, Edited, Replacement, by_hand, patch, verify};
use crate::manifest::Manifest;
use crate::tree::{self, NodeId, Tree};
use crate::workload::{Format, Span};

type Goals = BTreeMap<ContainerId, Goal>;

/// Containers that are edited together or not at all, with what is to be done for them.
struct Cluster {
    members: Vec<ContainerId>,
    steps: Vec<(Place, Step)>,
}

/// Edits these containers at once; if the outcome is wrong, one half and then the other, so that
/// the one that cannot be edited is found without reading the text again for each. `original` is the
/// text before the first of all.
pub(super) fn settle(original: &str, manifest: &mut Manifest, goals: Goals, edited: &mut Edited) {
    settle_with(original, manifest, (goals, true), edited);
}

fn settle_with(
    original: &str,
    manifest: &mut Manifest,
    (goals, tidy): (Goals, bool),
    edited: &mut Edited,
) {
    let source = manifest.source.clone();
    let text = source.text();
    let tree = tree::build(text);
    let mut settling = Settling::new(&tree, manifest, tidy);
    let (clusters, mut patches) = settling.agree(&goals, edited);
    patch::sort(&mut patches);
    let written = patch::apply(text, &patches).and_then(|text| {
        let members = clusters.iter().flat_map(|cluster| &cluster.members);
        let wanted = members.filter_map(|id| Some((*id, goals.get(id)?))).collect();
        let steps = clusters.iter().flat_map(|cluster| &cluster.steps);
        let read = verify::holds(&tree, manifest, &text, &wanted, steps)?;
        Some((text, read))
    });
    let some_of = |clusters: &[Cluster]| -> Goals {
        let members = clusters.iter().flat_map(|cluster| &cluster.members);
        members.filter_map(|id| Some((*id, goals.get(id)?.clone()))).collect()
    };
    match (written, clusters.as_slice()) {
        (_, []) => {}
        (Some((text, read)), _) => {
            // Behind another edit their places are those of a text in between.
            edited.replacements = match edited.changed.is_empty() {
                true => patches.into_iter().map(Replacement::from).collect(),
                false => vec![patch::difference(original, &text).into()],
            };
            // What reads an empty list from elsewhere and is to have none has nothing to do.
            let done = clusters.iter().filter(|cluster| !cluster.steps.is_empty());
            edited.changed.extend(done.flat_map(|cluster| &cluster.members));
            *manifest = read.of(manifest.source.with_text(text));
        }
        (None, [one]) if tidy && one.removes() => {
            let again = some_of(std::slice::from_ref(one));
            drop(settling);
            settle_with(original, manifest, (again, false), edited);
        }
        (None, [one]) => {
            for id in &one.members {
                settling.refuse(edited, *id, Refusal::Unsupported, &goals);
            }
        }
        (None, several) => {
            let (first, second) = several.split_at(several.len() / 2);
            let (first, second) = (some_of(first), some_of(second));
            drop(settling);
            settle_with(original, manifest, (first, tidy), edited);
            settle_with(original, manifest, (second, tidy), edited);
        }
    }
}

impl Cluster {
    /// Whether a key goes.
    fn removes(&self) -> bool {
        self.steps.iter().any(|(_, step)| *step == Step::Remove)
    }
}

struct Settling<'a, 't> {
    tree: &'a Tree<'t>,
    manifest: &'a Manifest,
    references: References<'a, 't>,
    tidy: bool,
    /// The documents' habits seen so far.
    habits: HashMap<(usize, Format), Seen>,
}

impl<'a, 't> Settling<'a, 't> {
    fn new(tree: &'a Tree<'t>, manifest: &'a Manifest, tidy: bool) -> Self {
        Self { tree, manifest, tidy, references: References::new(tree), habits: HashMap::new() }
    }

    /// Plans until all agree, and what each cluster comes to. Those that cannot be edited are refused.
    fn agree(&mut self, goals: &Goals, edited: &mut Edited) -> (Vec<Cluster>, Vec<patch::Patch>) {
        let planner = Planner { tree: self.tree, manifest: self.manifest, tidy: self.tidy };
        let mut wishes: BTreeMap<ContainerId, Wish<'_>> = BTreeMap::new();
        let mut left: HashMap<ContainerId, Vec<Plan>> = HashMap::new();
        let mut refused = HashSet::new();
        let mut unchanged: Goals = BTreeMap::new();
        for (&id, goal) in goals {
            match planner.in_place(id, goal) {
                (plan, Ok(())) => {
                    wishes.insert(id, Wish { goal, plan });
                }
                (_, Err(reason)) => {
                    self.refuse(edited, id, reason, goals);
                    refused.insert(id);
                }
            }
        }
        let is_shared = self.is_shared();
        if is_shared {
            unchanged = self.unchanged();
        }
        let mut readers: BTreeMap<ContainerId, Wish<'_>> = BTreeMap::new();
        for (&id, goal) in &unchanged {
            let (plan, _) = planner.in_place(id, goal);
            self.references.read(self.container(id), &plan);
            if !wishes.contains_key(&id) {
                readers.insert(id, Wish { goal, plan });
            }
        }
        loop {
            let mut failed: BTreeMap<ContainerId, Refusal> = BTreeMap::new();
            let agreement = match agree(&wishes, &readers, &refused) {
                Ok(agreement) => agreement,
                Err(conflicts) => {
                    let reasons = conflicts
                        .into_iter()
                        .map(|(id, with)| (id, self.shared(&wishes, id, with)));
                    failed.extend(reasons);
                    Agreement::default()
                }
            };
            if failed.is_empty() && !self.references.is_empty() {
                failed = self.read_elsewhere(&agreement, &wishes);
            }
            let mut patches = Vec::new();
            if failed.is_empty() {
                (patches, failed) = self.patches(&agreement, &wishes);
            }
            if failed.is_empty() {
                return (clusters(&wishes, agreement), patches);
            }
            for (id, reason) in failed {
                let Some(goal) = goals.get(&id) else { continue };
                let others = matches!(reason, Refusal::Shared { .. }).then(|| {
                    let plans = left.entry(id).or_insert_with(|| {
                        let mut plans = planner.with_own_keys(id, goal);
                        plans.reverse();
                        plans
                    });
                    plans.pop()
                });
                if let Some(plan) = others.flatten() {
                    wishes.insert(id, Wish { goal, plan });
                    continue;
                }
                wishes.remove(&id);
                refused.insert(id);
                self.refuse(edited, id, reason, goals);
                if let Some(goal) = unchanged.get(&id) {
                    readers.insert(id, Wish { goal, plan: planner.in_place(id, goal).0 });
                }
            }
        }
    }

    /// Whether anything in the text may be read by several containers.
    fn is_shared(&self) -> bool {
        let compose = |workload: &crate::Workload| workload.pod.format == Format::Compose;
        !self.references.is_empty() || self.manifest.workloads.iter().any(compose)
    }

    /// All containers as they are.
    fn unchanged(&self) -> Goals {
        let workloads = self.manifest.workloads.iter().enumerate();
        let containers = workloads.flat_map(|(workload, object)| {
            object.pod.containers.iter().enumerate().map(move |(container, found)| {
                let id = ContainerId { workload, container };
                (id, Goal::of(object.pod.format, found))
            })
        });
        containers.collect()
    }

    fn container(&self, id: ContainerId) -> Option<NodeId> {
        let (workload, container) = super::find(&self.manifest.workloads, id)?;
        way_to_map(self.tree, workload.document, container.span)?.pop()
    }

    fn document(&self, id: ContainerId) -> Option<usize> {
        super::find(&self.manifest.workloads, id).map(|(workload, _)| workload.document)
    }

    /// Those who want a step at a place that something else than containers reads.
    fn read_elsewhere(
        &self,
        agreement: &Agreement,
        wishes: &BTreeMap<ContainerId, Wish<'_>>,
    ) -> BTreeMap<ContainerId, Refusal> {
        let mut failed = BTreeMap::new();
        for (place, (step, wanting)) in &agreement.steps {
            let Some(document) = wanting.first().and_then(|id| self.document(*id)) else {
                continue;
            };
            if let Some(span) = self.references.elsewhere(document, *place) {
                let user = SharedWith::Elsewhere(span);
                let with = Conflict { user, place: *place, how: Some(Sharing::Alias) };
                for &id in wanting {
                    // What is there already says more than what would be put there.
                    if !(matches!(step, Step::Put(_)) && failed.contains_key(&id)) {
                        failed.insert(id, self.shared(wishes, id, with));
                    }
                }
            }
        }
        failed
    }

    /// All steps as patches, and those whose steps cannot be written.
    fn patches(
        &mut self,
        agreement: &Agreement,
        wishes: &BTreeMap<ContainerId, Wish<'_>>,
    ) -> (Vec<patch::Patch>, BTreeMap<ContainerId, Refusal>) {
        /// The way to a mapping, the steps in it, and who wants them.
        type Group = (Vec<NodeId>, Vec<(Place, Step)>, Vec<ContainerId>);
        let mut groups: BTreeMap<NodeId, Group> = BTreeMap::new();
        let (mut patches, mut failed) = (Vec::new(), BTreeMap::new());
        for (&place, (step, wanting)) in &agreement.steps {
            let document = wanting.first().and_then(|id| self.document(*id));
            let way = document.and_then(|document| match place {
                Place::Key(map, _) => way_to(self.tree, document, map),
                Place::Value(value) => {
                    let mut way = way_to(self.tree, document, value)?;
                    way.pop();
                    Some(way)
                }
            });
            let Some((map, way)) = way.and_then(|way| Some((*way.last()?, way))) else {
                failed.extend(wanting.iter().map(|&id| (id, Refusal::Unsupported)));
                continue;
            };
            let (_, steps, all) = groups.entry(map).or_insert((way, Vec::new(), Vec::new()));
            steps.push((place, step.clone()));
            all.extend(wanting);
        }
        let gone = self.gone(agreement);
        for (map, (way, steps, wanting)) in groups {
            let Some(wish) = wanting.first().and_then(|id| wishes.get(id)) else { continue };
            let form = wish.goal.form();
            let layout = self.layout(&way, &wanting, wish.goal.format);
            match (Writer { tree: self.tree, form, layout, gone: &gone }).patches(map, &steps) {
                Ok(new) => patches.extend(new),
                Err(reason) => {
                    failed.extend(wanting.into_iter().map(|id| (id, reason.clone())));
                }
            }
        }
        (patches, failed)
    }

    /// The items of all lists that go or become another word.
    fn gone(&self, agreement: &Agreement) -> HashSet<NodeId> {
        let mut gone = HashSet::new();
        for (place, (step, _)) in &agreement.steps {
            match (place, step) {
                (Place::Value(list), Step::Items(fates, _)) => {
                    let items = self.tree.items(*list).iter().zip(fates);
                    let goes = items.filter(|(_, fate)| **fate != Fate::Stays);
                    gone.extend(goes.map(|(item, _)| *item));
                }
                (Place::Key(map, key), Step::Remove) => {
                    let entries = self.tree.entries(*map).iter();
                    let removed = entries.filter(|entry| self.tree.text(entry.0) == Some(*key));
                    gone.extend(removed.flat_map(|entry| self.tree.items(entry.1)));
                }
                _ => {}
            }
        }
        gone
    }

    /// How it is written around a mapping: the nearest container on the way there counts, else the
    /// mapping itself.
    fn layout(&mut self, way: &[NodeId], wanting: &[ContainerId], format: Format) -> Layout {
        let containers: HashSet<NodeId> =
            wanting.iter().take(1).filter_map(|id| self.container(*id)).collect();
        let end = way.iter().position(|node| containers.contains(node));
        let way = &way[..end.map_or(way.len(), |end| end + 1)];
        let document = wanting.first().and_then(|id| self.document(*id)).unwrap_or_default();
        let (tree, form) = (self.tree, Form::of(format));
        let habits = self.habits.entry((document, format));
        layout(tree, way, form, habits.or_insert_with(|| Seen::of(tree, document, form)))
    }

    /// Who that is to the container that is to change: a place in a container is that container's.
    fn named(&self, id: ContainerId, user: SharedWith) -> SharedWith {
        let user = match user {
            SharedWith::Elsewhere(span) => self.around(span).map_or(user, SharedWith::Container),
            _ => user,
        };
        if user == SharedWith::Container(id) { SharedWith::Itself } else { user }
    }

    /// The container that this is written in.
    fn around(&self, span: Span) -> Option<ContainerId> {
        let workloads = self.manifest.workloads.iter().enumerate();
        let mut all = workloads.flat_map(|(workload, object)| {
            let containers = object.pod.containers.iter().enumerate();
            containers
                .map(move |(container, found)| (ContainerId { workload, container }, found.span))
        });
        let around = all.find(|(_, there)| there.start <= span.start && span.end <= there.end);
        around.map(|(id, _)| id)
    }

    /// Why a container is refused what it shares.
    fn shared(
        &self,
        wishes: &BTreeMap<ContainerId, Wish<'_>>,
        id: ContainerId,
        with: Conflict,
    ) -> Refusal {
        let Some(Wish { plan, .. }) = wishes.get(&id) else { return Refusal::Unsupported };
        let how = match (plan.how(with.place), with.how) {
            // It is the other's alias that leads to the same place.
            (Some(Sharing::Extends), Some(Sharing::Alias | Sharing::Merge)) => Sharing::Anchor,
            (Some(own), _) => own,
            (None, Some(Sharing::Extends)) => Sharing::Extends,
            // It is written where it says itself, and others come to it there.
            (None, _) => Sharing::Anchor,
        };
        let Some((what, at)) = self.written(id, with.place) else { return Refusal::Unsupported };
        Refusal::Shared { what, at, how, user: with.user }
    }

    /// What is written at this place, or around it where nothing is yet: its key, and where that stands;
    /// of an item of a list, such as a container, its name.
    fn written(&self, id: ContainerId, place: Place) -> Option<(String, Span)> {
        let node = match place {
            Place::Value(value) => value,
            Place::Key(map, key) => {
                let own = |entry: &&(NodeId, NodeId)| self.tree.text(entry.0) == Some(key);
                self.tree.entries(map).iter().rev().find(own).map_or(map, |entry| entry.1)
            }
        };
        let way = way_to(self.tree, self.document(id)?, node)?;
        let around = way.iter().rev().nth(1);
        let entries = around.map_or(&[][..], |around| self.tree.entries(*around));
        let key = entries.iter().find(|entry| entry.1 == node).map(|entry| entry.0);
        if let Some((text, key)) = key.and_then(|key| Some((self.tree.text(key)?, key))) {
            return Some((text.to_owned(), self.tree.span(key)));
        }
        let (_, container) = super::find(&self.manifest.workloads, id)?;
        Some((container.name.clone(), container.name_span))
    }

    fn refuse(&self, edited: &mut Edited, id: ContainerId, reason: Refusal, goals: &Goals) {
        let Some(goal) = goals.get(&id) else { return };
        let reason = match reason {
            Refusal::Shared { what, at, how, user } => {
                Refusal::Shared { what, at, how, user: self.named(id, user) }
            }
            other => other,
        };
        let snippet = match reason {
            Refusal::Format { .. } => String::new(),
            _ => by_hand::snippet(self.tree, self.manifest, id, goal),
        };
        edited.refused.push(Refused { container: id, reason, snippet });
    }
}

/// The containers that take part in the same steps, together.
fn clusters(wishes: &BTreeMap<ContainerId, Wish<'_>>, agreement: Agreement) -> Vec<Cluster> {
    let ids: Vec<ContainerId> = wishes.keys().copied().collect();
    let number: HashMap<ContainerId, usize> =
        ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut joined: Vec<usize> = (0..ids.len()).collect();
    let mut join = |a: &ContainerId, b: &ContainerId| {
        let (Some(&a), Some(&b)) = (number.get(a), number.get(b)) else { return };
        let (a, b) = (root(&mut joined, a), root(&mut joined, b));
        joined[a.max(b)] = a.min(b);
    };
    for (_, wanting) in agreement.steps.values() {
        for pair in wanting.windows(2) {
            join(&pair[0], &pair[1]);
        }
    }
    for (served, by) in &agreement.served {
        join(served, by);
    }
    let mut clusters: BTreeMap<usize, Cluster> = BTreeMap::new();
    for (at, &id) in ids.iter().enumerate() {
        let empty = || Cluster { members: Vec::new(), steps: Vec::new() };
        let cluster = clusters.entry(root(&mut joined, at)).or_insert_with(empty);
        cluster.members.push(id);
    }
    for (place, (step, wanting)) in agreement.steps {
        let at = wanting.first().and_then(|id| number.get(id));
        let cluster = at.and_then(|&at| clusters.get_mut(&root(&mut joined, at)));
        if let Some(cluster) = cluster {
            cluster.steps.push((place, step));
        }
    }
    clusters.into_values().collect()
}

/// The first member that stands for all that are joined with this one.
fn root(joined: &mut [usize], mut at: usize) -> usize {
    while joined[at] != at {
        joined[at] = joined[joined[at]];
        at = joined[at];
    }
    at
}
