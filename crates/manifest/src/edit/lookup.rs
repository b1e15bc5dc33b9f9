//! Keys looked up through merge keys as the format's readers do, and ways through the text.

use std::collections::HashSet;

use crate::tree::{Entry, NodeId, NodeKind, Tree};
use crate::workload::Span;

/// A key that was looked for.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The mappings in which the key would count, the first that has it last.
    pub(super) passed: Vec<NodeId>,
    /// What was found, in the last of them.
    pub(super) found: Option<Entry>,
}

/// Looks for a key as [`Tree::get`] does, or [`Tree::get_own_first`].
pub(super) fn look(tree: &Tree<'_>, own_first: bool, map: NodeId, key: &str) -> Lookup {
    let mut lookup = Lookup::default();
    lookup.found = search(tree, own_first, map, key, &mut lookup.passed, &mut HashSet::new());
    lookup
}

fn search(
    tree: &Tree<'_>,
    own_first: bool,
    map: NodeId,
    key: &str,
    passed: &mut Vec<NodeId>,
    seen: &mut HashSet<NodeId>,
) -> Option<Entry> {
    // What was looked through already does not have it.
    if !seen.insert(map) {
        return None;
    }
    passed.push(map);
    let entries = tree.entries(map);
    let own =
        |&&(name, _): &&(NodeId, NodeId)| !tree.is_merge_key(name) && tree.text(name) == Some(key);
    let entry =
        |&(key, value): &(NodeId, NodeId)| Entry { key, value, merged: false, overrides: false };
    if own_first {
        if let Some(found) = entries.iter().rev().find(own) {
            return Some(entry(found));
        }
        let (_, merged) = entries.iter().find(|(name, _)| tree.is_merge_key(*name))?;
        let found = merged_maps(tree, *merged)
            .into_iter()
            .find_map(|map| search(tree, own_first, map, key, passed, seen));
        return found.map(|entry| Entry { merged: true, ..entry });
    }
    // The last entry counts.
    for pair in entries.iter().rev() {
        if tree.is_merge_key(pair.0) {
            let found = merged_maps(tree, pair.1)
                .into_iter()
                .find_map(|map| search(tree, own_first, map, key, passed, seen));
            if let Some(entry) = found {
                return Some(Entry { merged: true, ..entry });
            }
        } else if own(&pair) {
            return Some(entry(pair));
        }
    }
    None
}

/// The mappings that a merge key's value names.
pub(super) fn merged_maps(tree: &Tree<'_>, value: NodeId) -> Vec<NodeId> {
    let value = tree.resolve(value);
    match &tree.node(value).kind {
        NodeKind::Seq(items) => items.iter().map(|&item| tree.resolve(item)).collect(),
        _ => vec![value],
    }
}

/// All aliases that the merge keys of a mapping, and of what is merged, are written with.
pub(super) fn merged_aliases(
    tree: &Tree<'_>,
    map: NodeId,
    seen: &mut HashSet<NodeId>,
    aliases: &mut HashSet<NodeId>,
) {
    if !seen.insert(map) {
        return;
    }
    for &(name, value) in tree.entries(map) {
        if !tree.is_merge_key(name) {
            continue;
        }
        let is_alias = |&node: &NodeId| matches!(tree.node(node).kind, NodeKind::Alias(_));
        let items = tree.items(tree.resolve(value)).iter().copied();
        aliases.extend(items.chain([value]).filter(is_alias));
        for map in merged_maps(tree, value) {
            merged_aliases(tree, map, seen, aliases);
        }
    }
}

/// The way from the document's root to the mapping with this span, as written.
pub(super) fn way_to_map(tree: &Tree<'_>, document: usize, span: Span) -> Option<Vec<NodeId>> {
    way_from(tree, root(tree, document)?, span)
}

/// The same, from this root.
pub(super) fn way_from(tree: &Tree<'_>, root: NodeId, span: Span) -> Option<Vec<NodeId>> {
    way(tree, root, span, |node| {
        tree.span(node) == span && matches!(tree.node(node).kind, NodeKind::Map(_))
    })
}

/// The way from the document's root to this node, as written.
pub(super) fn way_to(tree: &Tree<'_>, document: usize, node: NodeId) -> Option<Vec<NodeId>> {
    way(tree, root(tree, document)?, tree.span(node), |there| there == node)
}

fn root(tree: &Tree<'_>, document: usize) -> Option<NodeId> {
    *tree.documents.get(document)?.root.as_ref().ok()?
}

fn way(
    tree: &Tree<'_>,
    root: NodeId,
    span: Span,
    is_it: impl Fn(NodeId) -> bool,
) -> Option<Vec<NodeId>> {
    let mut way = Vec::new();
    descend(tree, root, span, &is_it, &mut way).then_some(way)
}

/// As deep as the parser lets documents be.
fn descend(
    tree: &Tree<'_>,
    node: NodeId,
    span: Span,
    is_it: &impl Fn(NodeId) -> bool,
    way: &mut Vec<NodeId>,
) -> bool {
    if tree.span(node).end < span.end {
        return false;
    }
    way.push(node);
    if is_it(node) {
        return true;
    }
    // Values stand in the order of the text: the last that begins before it is the one around it. A
    // value that is not written has its place where the next thing begins, so that those before
    // that are tried, too.
    let before = |node: NodeId| tree.span(node).start <= span.start;
    let may_be_next = |node: NodeId| span.start == span.end && tree.span(node).start == span.start;
    let found = match &tree.node(node).kind {
        NodeKind::Map(entries) => {
            let behind = entries.partition_point(|entry| before(entry.1));
            let mut tried = entries[..behind].iter().rev().map(|entry| entry.1);
            first_with(&mut tried, may_be_next, |node| descend(tree, node, span, is_it, way))
        }
        NodeKind::Seq(items) => {
            let behind = items.partition_point(|&item| before(item));
            let mut tried = items[..behind].iter().rev().copied();
            first_with(&mut tried, may_be_next, |node| descend(tree, node, span, is_it, way))
        }
        _ => false,
    };
    if !found {
        way.pop();
    }
    found
}

/// Tries one after the other, the next one only while `go_on` says so of the last.
fn first_with(
    nodes: &mut dyn Iterator<Item = NodeId>,
    go_on: impl Fn(NodeId) -> bool,
    mut is_it: impl FnMut(NodeId) -> bool,
) -> bool {
    for node in nodes {
        if is_it(node) {
            return true;
        }
        if !go_on(node) {
            return false;
        }
    }
    false
}
