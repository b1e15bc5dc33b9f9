//! Whether an edited text says what was wanted, and everything else as before.

use std::collections::HashMap;

use super::ContainerId;
use super::goal::{Fate, Goal};
use super::plan::{Place, Step};
use super::render::New;
use crate::manifest::{Manifest, Read, read_tree};
use crate::tree::{self, NodeId, NodeKind, Tag, Tree};
use crate::workload::{Format, Workload};

/// Compares the old tree, with the steps in mind, with what the new text says: what was read of that if
/// it holds.
pub(super) fn holds<'a>(
    old: &Tree<'_>,
    manifest: &Manifest,
    text: &str,
    goals: &HashMap<ContainerId, &Goal>,
    steps: impl Iterator<Item = &'a (Place, Step)>,
) -> Option<Read> {
    let new = tree::build(text);
    let read = read_tree(&manifest.source, &new);
    let Read { documents, workloads, problems, .. } = &read;
    let same_problems = problems.len() == manifest.problems.len()
        && problems.iter().zip(&manifest.problems).all(|(new, old)| {
            new.document == old.document
                && std::mem::discriminant(&new.kind) == std::mem::discriminant(&old.kind)
        });
    if !same_problems
        || documents.len() != manifest.documents.len()
        || !says(&manifest.workloads, workloads, goals)
    {
        return None;
    }
    let (mut keys, mut values) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
    for (place, step) in steps {
        match *place {
            Place::Key(map, key) => keys.entry(map).or_default().push((key, step)),
            Place::Value(value) => {
                values.insert(value, step);
            }
        }
    }
    let mut compare = Compare { old, new: &new, keys, values, anchors: HashMap::new() };
    let holds = old.documents.len() == new.documents.len()
        && old.documents.iter().zip(&new.documents).all(|(a, b)| match (&a.root, &b.root) {
            (Ok(Some(a)), Ok(Some(b))) => compare.node(*a, *b),
            (Ok(None), Ok(None)) => true,
            (Err(a), Err(b)) => a.kind == b.kind,
            _ => false,
        });
    holds.then_some(read)
}

/// Whether every container has what was wanted, and those of which nothing was wanted what they had.
fn says(old: &[Workload], new: &[Workload], goals: &HashMap<ContainerId, &Goal>) -> bool {
    let same = |(workload, (old, new)): (usize, (&Workload, &Workload))| {
        let format = old.pod.format;
        let mut pairs = old.pod.containers.iter().zip(&new.pod.containers).enumerate();
        old.pod.containers.len() == new.pod.containers.len()
            && format == new.pod.format
            && pairs.all(|(container, (old, new))| {
                let read = Goal::of(format, new);
                match goals.get(&ContainerId { workload, container }) {
                    Some(goal) => goal.is_reached_by(&read),
                    // A list may become empty and not go, or the other way round, in what was
                    // wanted for another container; every runtime takes both for the same.
                    None if format == Format::Oci => Goal::of(format, old) == read,
                    None => Goal::of(format, old).is_reached_by(&read),
                }
            })
    };
    old.len() == new.len() && old.iter().zip(new).enumerate().all(same)
}

struct Compare<'a, 't> {
    old: &'a Tree<'t>,
    new: &'a Tree<'t>,
    /// What is done to the keys of a mapping.
    keys: HashMap<NodeId, Vec<(&'static str, &'a Step)>>,
    /// What becomes of a value.
    values: HashMap<NodeId, &'a Step>,
    /// The new node of each old one that an alias refers to.
    anchors: HashMap<NodeId, NodeId>,
}

type Pair = (NodeId, NodeId);

impl Compare<'_, '_> {
    /// Whether two nodes say the same, but for what was to be done. As deep as the parser lets
    /// documents be.
    fn node(&mut self, a: NodeId, b: NodeId) -> bool {
        let (old, new) = (self.old.node(a), self.new.node(b));
        // A tag of nothing goes with it.
        let untagged = matches!(old.kind, NodeKind::Scalar { tag: Tag::Plain, .. })
            && matches!(self.values.get(&a), Some(Step::Fill(_)));
        // The last alias of it may have gone; one that stays is compared where it stands.
        if (new.shared && !old.shared)
            || (old.decorated != new.decorated && !untagged)
            || self.old.mark(a) != self.new.mark(b)
        {
            return false;
        }
        if old.shared {
            self.anchors.insert(a, b);
        }
        match self.values.get(&a).copied() {
            Some(Step::Fill(value)) => return self.is_new(value, b),
            Some(Step::Items(fates, items)) => {
                let words: Vec<&str> = items.iter().map(|item| item.word.as_str()).collect();
                return self.items((a, b), fates, &words);
            }
            Some(Step::Put(_) | Step::Remove) => return false,
            None => {}
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
            (NodeKind::Map(entries), NodeKind::Map(entries_b)) => match self.keys.remove(&a) {
                Some(steps) => self.map((a, entries), (b, entries_b), &steps),
                None => self.entries(entries, entries_b),
            },
            _ => false,
        }
    }

    fn entries(&mut self, a: &[Pair], b: &[Pair]) -> bool {
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| self.node(a.0, b.0) && self.node(a.1, b.1))
    }

    /// A mapping in which keys came or went: all others are as they were, in their order.
    fn map(
        &mut self,
        (a, entries_a): (NodeId, &[Pair]),
        (b, entries_b): (NodeId, &[Pair]),
        steps: &[(&'static str, &Step)],
    ) -> bool {
        let (old, new) = (self.old, self.new);
        for (key, step) in steps {
            let values = |tree: &Tree<'_>, entries: &[Pair]| -> Vec<NodeId> {
                let here = |entry: &&Pair| tree.text(entry.0) == Some(*key);
                entries.iter().filter(here).map(|entry| entry.1).collect()
            };
            let (was, is) = (values(old, entries_a), values(new, entries_b));
            let done = match (step, was.as_slice(), is.as_slice()) {
                (Step::Put(value), [], [is]) => self.is_new(value, *is),
                (Step::Remove, [_], []) => true,
                _ => false,
            };
            if !done {
                return false;
            }
        }
        let others = |tree: &Tree<'_>, map: NodeId| -> Vec<Pair> {
            let is_ours = |entry: &&Pair| {
                let key = tree.text(entry.0);
                !steps.iter().any(|(ours, _)| key == Some(ours))
            };
            tree.entries(map).iter().filter(is_ours).copied().collect()
        };
        let (others_a, others_b) = (others(old, a), others(new, b));
        self.entries(&others_a, &others_b)
    }

    /// Items that stayed are as they were, the others say what they were to.
    fn items(&mut self, (a, b): Pair, fates: &[Fate], words: &[&str]) -> bool {
        let (old, new) = (self.old, self.new);
        let (was, is) = (old.items(a), new.items(b));
        let left = was.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Goes);
        let left: Vec<_> = left.collect();
        let is_list = matches!(new.node(b).kind, NodeKind::Seq(_));
        if !is_list || was.len() != fates.len() || is.len() != left.len() + words.len() {
            return false;
        }
        let (kept, came) = is.split_at(left.len());
        left.iter().zip(kept).all(|((was, fate), &is)| match fate {
            Fate::Becomes(word) => self.is_word(word, is),
            Fate::Stays | Fate::Goes => self.node(**was, is),
        }) && words.iter().zip(came).all(|(word, &is)| self.is_word(word, is))
    }

    /// Whether this is the value that was to be written.
    fn is_new(&self, value: &New, node: NodeId) -> bool {
        match value {
            New::Map(entries) => {
                let is = self.new.entries(node);
                is.len() == entries.len()
                    && entries.iter().zip(is).all(|((key, value), &(name, node))| {
                        self.is_word(key, name) && self.is_new(value, node)
                    })
            }
            New::List(items) => {
                let is = self.new.items(node);
                is.len() == items.len()
                    && matches!(self.new.node(node).kind, NodeKind::Seq(_))
                    && items.iter().zip(is).all(|(item, &is)| self.is_word(&item.word, is))
            }
        }
    }

    fn is_word(&self, word: &str, node: NodeId) -> bool {
        matches!(&self.new.node(node).kind, NodeKind::Scalar { text, tag, .. }
            if text == word && *tag != Tag::Plain)
            && self.new.value(node).is_some_and(|value| value == crate::scalar::Value::Text(word))
    }
}
