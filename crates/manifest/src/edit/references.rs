//! Whether only containers read an anchored value: what else an alias of it says would change, too.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::lookup::way_to;
use super::plan::{Place, Plan};
use crate::tree::{NodeId, Tree};
use crate::workload::Span;

/// Keys at the top of an object that something else than a container may be read from; values under
/// other ones are there for their anchors only.
const READ: [&str; 16] = [
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "status",
    "items",
    "template",
    "data",
    "process",
    "services",
    "networks",
    "volumes",
    "secrets",
    "configs",
    "models",
    "include",
];

/// All aliases of a text, and those that containers are read through.
pub(super) struct References<'a, 't> {
    tree: &'a Tree<'t>,
    /// Aliases by what they stand for.
    aliases: HashMap<NodeId, Vec<NodeId>>,
    /// Aliases that a container's lists are looked up through.
    followed: HashSet<NodeId>,
    /// Values that a container's lists are looked up in, where they are written.
    direct: HashSet<NodeId>,
    /// Containers by their mapping.
    containers: HashMap<NodeId, usize>,
    /// How far below a container each value is read, and where.
    depths: HashMap<NodeId, BTreeMap<usize, NodeId>>,
}

impl<'a, 't> References<'a, 't> {
    pub(super) fn new(tree: &'a Tree<'t>) -> Self {
        let mut aliases: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for (alias, target) in tree.aliases() {
            aliases.entry(target).or_default().push(alias);
        }
        let (followed, direct) = (HashSet::new(), HashSet::new());
        let (containers, depths) = (HashMap::new(), HashMap::new());
        Self { tree, aliases, followed, direct, containers, depths }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.aliases.is_empty()
    }

    /// With how this container is read.
    pub(super) fn read(&mut self, container: Option<NodeId>, plan: &Plan) {
        self.followed.extend(&plan.aliases);
        self.direct.extend(&plan.direct);
        if let Some(container) = container {
            *self.containers.entry(container).or_default() += 1;
        }
        for (node, depth) in container.map(|node| (node, 0)).into_iter().chain(plan.depths.clone())
        {
            let value = self.depths.entry(self.tree.resolve(node)).or_default();
            value.entry(depth).or_insert(node);
        }
    }

    /// Something that is no container and reads this place, too.
    pub(super) fn elsewhere(&self, document: usize, place: Place) -> Option<Span> {
        let node = match place {
            Place::Key(map, _) => map,
            Place::Value(value) => value,
        };
        self.around(document, node, &mut HashSet::new())
    }

    /// The same of all anchored values around a node, and of itself.
    fn around(&self, document: usize, node: NodeId, seen: &mut HashSet<NodeId>) -> Option<Span> {
        let Some(way) = way_to(self.tree, document, node) else {
            return Some(self.tree.span(node));
        };
        let unread = self.is_unread(&way);
        let in_container = way.iter().position(|node| self.containers.contains_key(node));
        for (depth, &shared) in way.iter().enumerate() {
            if !self.tree.node(shared).shared || !seen.insert(shared) {
                continue;
            }
            // One reads as its `securityContext` what is merged into another itself: a key that is put
            // there for the one would be a key of the other.
            let depths = self.depths.get(&shared).filter(|depths| depths.len() > 1);
            if let Some((_, other)) = depths.and_then(|depths| depths.first_key_value()) {
                return Some(self.tree.span(*other));
            }
            // Around a container, or the container itself, it is that which is read.
            let around = in_container.is_some_and(|at| depth <= at);
            if !unread && !around && !self.direct.contains(&shared) {
                return Some(self.tree.span(shared));
            }
            let aliases = self.aliases.get(&shared).into_iter().flatten();
            let mut others: Vec<NodeId> =
                aliases.copied().filter(|alias| !self.followed.contains(alias)).collect();
            // Where it is not the services' own, another one is.
            others.sort_by_key(|alias| around && self.is_of_services(document, *alias));
            if around && self.all_are_containers(document, &way, in_container) {
                continue;
            }
            for alias in others {
                let Some(way) = way_to(self.tree, document, alias) else {
                    return Some(self.tree.span(alias));
                };
                if !self.is_unread(&way) {
                    return Some(self.tree.span(alias));
                }
                // What stands there is read where that is used.
                if let Some(span) = self.around(document, alias, seen) {
                    return Some(span);
                }
            }
        }
        None
    }

    /// Whether this alias stands for a Compose file's services, for a part of them that is merged, or for
    /// one.
    fn is_of_services(&self, document: usize, alias: NodeId) -> bool {
        let Some(way) = way_to(self.tree, document, alias) else { return false };
        let [root, below, ..] = *way.as_slice() else { return false };
        let entries = self.tree.entries(root).iter();
        entries
            .filter(|entry| entry.1 == below)
            .any(|entry| self.tree.text(entry.0) == Some("services"))
            && match *way.as_slice() {
                [_, _] | [_, _, _] => true,
                [_, _, list, _] => !self.tree.items(list).is_empty(),
                _ => false,
            }
    }

    /// Whether each way to the container through aliases of what is around it leads to one that was
    /// read as such.
    fn all_are_containers(
        &self,
        document: usize,
        way: &[NodeId],
        in_container: Option<usize>,
    ) -> bool {
        let Some(way) = in_container.and_then(|at| way.get(..=at)) else { return false };
        let count = way.last().and_then(|container| self.containers.get(container));
        count == Some(&self.ways(document, way, &mut HashMap::new()))
    }

    /// In how many ways the last of this way is come to: as it is written, and through each alias of what
    /// is around it, in as many ways as one comes to that.
    fn ways(&self, document: usize, way: &[NodeId], known: &mut HashMap<NodeId, usize>) -> usize {
        // What is there for its anchor only is read where that is used.
        let mut ways = usize::from(!self.is_below_unread(way));
        for node in way {
            let aliases = self.aliases.get(node).into_iter().flatten();
            for &alias in aliases.filter(|alias| !self.followed.contains(*alias)) {
                let more = match known.get(&alias) {
                    Some(more) => *more,
                    // An alias stands behind what it stands for, so that this ends.
                    None => match way_to(self.tree, document, alias) {
                        Some(way) => self.ways(document, &way, known),
                        None => return usize::MAX,
                    },
                };
                known.insert(alias, more);
                ways = ways.saturating_add(more);
            }
        }
        ways
    }

    /// Whether this way leads through a key at the top that nothing is read from, and through no
    /// container.
    fn is_unread(&self, way: &[NodeId]) -> bool {
        self.is_below_unread(way) && way.iter().all(|node| !self.containers.contains_key(node))
    }

    /// Whether this way leads through a key at the top that nothing is read from.
    fn is_below_unread(&self, way: &[NodeId]) -> bool {
        let [root, below, ..] = *way else { return false };
        let entry = self.tree.entries(root).iter().find(|entry| entry.1 == below);
        let key = entry.and_then(|&(key, _)| self.tree.text(key));
        key.is_some_and(|key| {
            !READ.contains(&key) && !self.tree.is_merge_key(entry.map_or(root, |e| e.0))
        })
    }
}
