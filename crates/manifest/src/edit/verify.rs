//! Whether an edited text says what was wanted, and everything else as before.

use std::collections::HashMap;

use super::goal::Goal;
use super::plan::chain;
use super::{ContainerId, List, find};
use crate::manifest::{Manifest, Read, read_text};
use crate::tree::{self, NodeId, NodeKind, Tree};

/// Compares the old tree, with the goals in mind, with what the new text says.
pub(super) fn holds(
    old: &Tree<'_>,
    manifest: &Manifest,
    text: &str,
    goals: &[(&ContainerId, &Goal)],
) -> bool {
    let new = tree::build(text);
    let Read { documents, workloads, problems } = read_text(&manifest.source, text);
    let same_problems = problems.len() == manifest.problems.len()
        && problems.iter().zip(&manifest.problems).all(|(new, old)| {
            new.document == old.document
                && std::mem::discriminant(&new.kind) == std::mem::discriminant(&old.kind)
        });
    if !same_problems
        || documents.len() != manifest.documents.len()
        || workloads.len() != manifest.workloads.len()
    {
        return false;
    }
    let mut containers = HashMap::new();
    for &(&id, goal) in goals {
        let Some((workload, container)) = find(&manifest.workloads, id) else { return false };
        let Some(chain) = chain(old, workload.document, container.span) else { return false };
        containers.extend(chain.last().map(|&node| (node, goal)));
        // What Kubernetes reads is what was wanted.
        let Some((_, container)) = find(&workloads, id) else { return false };
        let read = Goal::of(container);
        if read.add.words() != goal.add.words() || read.drop.words() != goal.drop.words() {
            return false;
        }
    }
    let mut compare = Compare { old, new: &new, containers, anchors: HashMap::new() };
    old.documents.len() == new.documents.len()
        && old.documents.iter().zip(&new.documents).all(|(a, b)| match (&a.root, &b.root) {
            (Ok(Some(a)), Ok(Some(b))) => compare.node(*a, *b),
            (Ok(None), Ok(None)) => true,
            (Err(a), Err(b)) => a.kind == b.kind,
            _ => false,
        })
}

struct Compare<'a, 't> {
    old: &'a Tree<'t>,
    new: &'a Tree<'t>,
    containers: HashMap<NodeId, &'a Goal>,
    /// The new node of each old one that an alias refers to.
    anchors: HashMap<NodeId, NodeId>,
}

type Pair = (NodeId, NodeId);

impl Compare<'_, '_> {
    /// Whether two nodes say the same, but for the lists that were to change. As deep as the parser
    /// lets documents be.
    fn node(&mut self, a: NodeId, b: NodeId) -> bool {
        let (old, new) = (self.old.node(a), self.new.node(b));
        if old.shared != new.shared || old.decorated != new.decorated {
            return false;
        }
        if old.shared {
            self.anchors.insert(a, b);
        }
        match (&old.kind, &new.kind) {
            (NodeKind::Alias(a), NodeKind::Alias(b)) => self.anchors.get(a) == Some(b),
            (
                NodeKind::Scalar { text, style, tag },
                NodeKind::Scalar { text: text_b, style: style_b, tag: tag_b },
            ) => text == text_b && style == style_b && tag == tag_b,
            (NodeKind::Seq(a), NodeKind::Seq(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| self.node(a, b))
            }
            (NodeKind::Map(entries), NodeKind::Map(entries_b)) => {
                match self.containers.get(&a).copied() {
                    Some(goal) => self.container(a, b, goal),
                    None => self.entries(entries, entries_b),
                }
            }
            _ => false,
        }
    }

    fn entries(&mut self, a: &[Pair], b: &[Pair]) -> bool {
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| self.node(a.0, b.0) && self.node(a.1, b.1))
    }

    /// The same container but for its goal: every other field of it, of its `securityContext` and
    /// of its `capabilities` as before.
    fn container(&mut self, a: NodeId, b: NodeId, goal: &Goal) -> bool {
        let Some((a, b)) = self.below(a, b, "securityContext") else { return false };
        let Some((a, b)) = self.below_map(a, b, "capabilities") else { return false };
        let others = |tree: &Tree<'_>, map: Option<NodeId>| -> Vec<Pair> {
            let entries = map.map(|map| tree.entries(map)).unwrap_or_default().iter().copied();
            entries.filter(|e| !matches!(tree.text(e.0), Some("add" | "drop"))).collect()
        };
        let (others_a, others_b) = (others(self.old, a), others(self.new, b));
        let untouched = [List::Add, List::Drop].into_iter().all(|list| {
            goal.list(list).changes_something() || {
                let value = |tree: &Tree<'_>, map: Option<NodeId>| {
                    map.and_then(|map| tree.get(map, list.key())).map(|entry| entry.value)
                };
                match (value(self.old, a), value(self.new, b)) {
                    (Some(a), Some(b)) => self.node(a, b),
                    (a, b) => a == b,
                }
            }
        });
        untouched && self.entries(&others_a, &others_b)
    }

    /// Compares all entries but `key`, and gives its values: `None` where it is not there.
    fn below(
        &mut self,
        a: NodeId,
        b: NodeId,
        key: &str,
    ) -> Option<(Option<NodeId>, Option<NodeId>)> {
        let split = |tree: &Tree<'_>, map: NodeId| {
            let (mine, others): (Vec<Pair>, Vec<Pair>) =
                tree.entries(map).iter().partition(|entry| tree.text(entry.0) == Some(key));
            (mine.first().map(|entry| entry.1), others)
        };
        let ((a, others_a), (b, others_b)) = (split(self.old, a), split(self.new, b));
        self.entries(&others_a, &others_b).then_some((a, b))
    }

    /// The same where the mapping may be missing or empty.
    fn below_map(
        &mut self,
        a: Option<NodeId>,
        b: Option<NodeId>,
        key: &str,
    ) -> Option<(Option<NodeId>, Option<NodeId>)> {
        let is_map = |tree: &Tree<'_>, node: NodeId| !tree.entries(node).is_empty();
        match (a.filter(|&a| is_map(self.old, a)), b.filter(|&b| is_map(self.new, b))) {
            (Some(a), Some(b)) => self.below(a, b, key),
            (None, Some(b)) => {
                let only = self.new.entries(b).iter().all(|e| self.new.text(e.0) == Some(key));
                only.then(|| (None, self.new.get(b, key).map(|entry| entry.value)))
            }
            _ => None,
        }
    }
}
