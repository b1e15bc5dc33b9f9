//! What else stands where a snippet is to be put: whoever pastes that would lose it.

use granit_parser::ScalarStyle;

use super::form::Form;
use super::layout::Quote;
use super::lookup::look;
use super::render::word;
use crate::scalar::Value;
use crate::tree::{NodeId, NodeKind, Tree};

/// The entries that the container's first mapping on the way to its lists has beside that way, a line
/// each: as a merge key where the mapping is an alias.
pub(super) fn kept(tree: &Tree<'_>, form: &Form, container: NodeId) -> Vec<String> {
    let [first, next, ..] = form.way else { return Vec::new() };
    let Some(entry) = look(tree, form.own_first, container, first).found else {
        return Vec::new();
    };
    let map = tree.resolve(entry.value);
    let beside =
        |&(key, _): &(NodeId, NodeId)| tree.is_merge_key(key) || tree.text(key) != Some(next);
    let mut others = tree.entries(map).iter().copied().filter(beside).peekable();
    if others.peek().is_none() {
        return Vec::new();
    }
    if map != entry.value {
        return vec![format!("<<: {}", &tree.text[tree.span(entry.value).range()])];
    }
    others.map(|(key, value)| format!("{}: {}", flow(tree, key), flow(tree, value))).collect()
}

/// A value on one line.
fn flow(tree: &Tree<'_>, node: NodeId) -> String {
    match &tree.node(node).kind {
        NodeKind::Alias(_) => tree.text[tree.span(node).range()].to_owned(),
        NodeKind::Map(entries) => {
            let entry = |(key, value): &(NodeId, NodeId)| {
                format!("{}: {}", flow(tree, *key), flow(tree, *value))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        NodeKind::Seq(items) => {
            let items = items.iter().map(|item| flow(tree, *item));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        NodeKind::Scalar { text, style, .. } => {
            let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
            match tree.value(node) {
                _ if tree.is_merge_key(node) => "<<".to_owned(),
                Some(Value::Null) => "null".to_owned(),
                Some(Value::Text(text)) if !(simple && *style == ScalarStyle::Plain) => {
                    word(text, Quote::Double)
                }
                _ => text.to_string(),
            }
        }
    }
}
