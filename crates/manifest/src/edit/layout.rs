//! How the file is laid out around a container, so that what is written looks like the rest.

use granit_parser::ScalarStyle;

use super::form::Form;
use super::patch::{column, eol, skip_blank};
use crate::tree::{NodeId, NodeKind, Tree};

/// How a word is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    Plain,
    Single,
    Double,
}

/// The file's habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Line ending.
    pub(super) eol: &'static str,
    /// Columns a block mapping is indented by.
    pub(super) step: usize,
    /// Columns a block list's dash stands behind its key's column.
    pub(super) dash: usize,
    /// Whether lists are block lists.
    pub(super) block_lists: bool,
    /// Whether a flow list has one item a line, where its mapping has one key a line.
    pub(super) tall_lists: bool,
    /// How items are quoted.
    pub(super) quote: Quote,
    /// Between a key and its value in brackets.
    pub(super) colon: &'static str,
    /// Between two values in brackets on one line.
    pub(super) comma: &'static str,
    /// Inside the braces of a mapping on one line.
    pub(super) pad: &'static str,
}

/// The layout of the last of `chain`, which is the way to it from the document's root. The nearest
/// habit counts: the container's own, that of the way to it, then `document`'s first.
pub(super) fn layout(tree: &Tree<'_>, chain: &[NodeId], form: &Form, document: &Seen) -> Layout {
    let mut found = Seen::default();
    if let Some(&container) = chain.last() {
        found.look(tree, container, form, None);
    }
    for pair in chain.windows(2).rev() {
        let entries = tree.entries(pair[0]);
        // Nodes are numbered in the order of the text.
        if !tree.node(pair[0]).flow
            && let Ok(at) = entries.binary_search_by_key(&pair[1], |entry| entry.1)
        {
            found.measure(tree, entries[at].0, entries[at].1);
        }
    }
    let sample = found.capabilities.or(document.capabilities).or(found.words).or(document.words);
    Layout {
        eol: eol(tree.text),
        step: found.step.or(document.step).unwrap_or(2),
        dash: found.dash.or(document.dash).unwrap_or(0),
        block_lists: sample.is_none_or(|sample| sample.block),
        tall_lists: sample.is_none_or(|sample| sample.block || sample.tall),
        quote: sample.map_or(Quote::Plain, |sample| sample.quote),
        colon: ": ",
        comma: ", ",
        pad: "",
    }
}

impl Layout {
    /// Inside this mapping in braces. In JSON all text is in double quotes.
    pub(super) fn inside(self, tree: &Tree<'_>, map: NodeId) -> Self {
        let (text, entries) = (tree.text, tree.entries(map));
        let (Some(&(first, value)), true) = (entries.first(), tree.node(map).flow) else {
            return self;
        };
        let quoted = quoted_keys(tree, map);
        let behind_key = &text[tree.span(first).end..];
        let behind_colon = behind_key.strip_prefix(':');
        let tight =
            quoted && behind_colon.is_some_and(|rest| !rest.starts_with(char::is_whitespace));
        let no_space = |(value, next): (NodeId, NodeId)| {
            text.get(tree.span(value).end..tree.span(next).start) == Some(",")
        };
        let second = entries.get(1).map(|second| (value, second.0));
        let open = &text[tree.span(map).start + 1..tree.span(first).start];
        Self {
            quote: if quoted { Quote::Double } else { self.quote },
            colon: if tight { ":" } else { ": " },
            comma: if second.map_or(tight, no_space) { "," } else { ", " },
            pad: if !open.is_empty() && open.trim_matches(' ').is_empty() { " " } else { "" },
            ..self
        }
    }
}

/// Whether a mapping is the pair `a: b` of a list `[a: b]`, which has no braces (YAML 1.2.2, 7.4.1): a
/// second entry of it would be a second item of the list.
pub(super) fn is_bare_pair(tree: &Tree<'_>, map: NodeId) -> bool {
    tree.node(map).flow && !tree.text[tree.span(map).start..].starts_with('{')
}

/// Whether a mapping's keys are in double quotes, as in JSON.
pub(super) fn quoted_keys(tree: &Tree<'_>, map: NodeId) -> bool {
    tree.entries(map).first().is_some_and(|&(key, _)| {
        matches!(tree.node(key).kind, NodeKind::Scalar { style: ScalarStyle::DoubleQuoted, .. })
    })
}

/// A list of words that shows how lists are written.
#[derive(Debug, Clone, Copy)]
struct Sample {
    block: bool,
    tall: bool,
    quote: Quote,
}

/// The first habits seen in a document or a part of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    step: Option<usize>,
    dash: Option<usize>,
    capabilities: Option<Sample>,
    words: Option<Sample>,
}

/// Deviations beyond this are no habit.
const WIDEST: usize = 8;

impl Seen {
    /// The habits of a document.
    pub(super) fn of(tree: &Tree<'_>, document: usize, form: &Form) -> Self {
        let mut seen = Self::default();
        if let Some(Ok(Some(root))) = tree.documents.get(document).map(|document| &document.root) {
            seen.look(tree, *root, form, None);
        }
        seen
    }

    fn is_full(&self) -> bool {
        self.step.is_some() && self.dash.is_some() && self.capabilities.is_some()
    }

    fn look(&mut self, tree: &Tree<'_>, node: NodeId, form: &Form, key: Option<NodeId>) {
        if self.is_full() {
            return;
        }
        let name = key.and_then(|key| tree.text(key));
        match &tree.node(node).kind {
            NodeKind::Map(entries) => {
                for &(key, value) in entries {
                    if !tree.node(node).flow {
                        self.measure(tree, key, value);
                    }
                    self.look(tree, value, form, Some(key));
                }
            }
            NodeKind::Seq(items) => {
                let sample = sample(tree, node, items);
                if name.is_some_and(|name| form.like.contains(&name)) {
                    self.capabilities = self.capabilities.or(sample);
                } else if name.is_some_and(|name| form.words.contains(&name)) {
                    self.words = self.words.or(sample);
                }
                for &item in items {
                    self.look(tree, item, form, None);
                }
            }
            _ => {}
        }
    }

    /// Indentation of a block collection below its key.
    fn measure(&mut self, tree: &Tree<'_>, key: NodeId, value: NodeId) {
        let inner = tree.node(value);
        if inner.flow || inner.decorated {
            return;
        }
        let outer = column(tree.text, tree.span(key).start);
        let deeper = |at: usize| {
            let deeper = column(tree.text, at).checked_sub(outer);
            deeper.filter(|&deeper| deeper <= WIDEST)
        };
        match &inner.kind {
            NodeKind::Map(entries) if !entries.is_empty() => {
                self.step = self.step.or_else(|| deeper(inner.span.start).filter(|&s| s > 0));
            }
            NodeKind::Seq(items) if !items.is_empty() => {
                let colon = skip_blank(tree.text, tree.span(key).end);
                let dash = skip_blank(tree.text, (colon + 1).min(tree.text.len()));
                if tree.text[dash..].starts_with('-') {
                    self.dash = self.dash.or_else(|| deeper(dash));
                }
            }
            _ => {}
        }
    }
}

fn sample(tree: &Tree<'_>, list: NodeId, items: &[NodeId]) -> Option<Sample> {
    let quote = items.iter().find_map(|&item| match &tree.node(item).kind {
        NodeKind::Scalar { style: ScalarStyle::Plain, .. } => Some(Quote::Plain),
        NodeKind::Scalar { style: ScalarStyle::SingleQuoted, .. } => Some(Quote::Single),
        NodeKind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => Some(Quote::Double),
        _ => None,
    })?;
    let node = tree.node(list);
    let tall = node.flow && tree.text[node.span.range()].contains('\n');
    Some(Sample { block: !node.flow, tall, quote })
}
