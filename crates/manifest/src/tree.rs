//! A document as a tree of nodes with byte spans: what is written, aliases and merge keys kept.

mod build;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use granit_parser::ScalarStyle;

use crate::problem::ProblemKind;
use crate::scalar::{self, Value};
use crate::workload::Span;

pub(crate) use build::{MAX_VALUES, build, each_document};

/// Index of a node in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// All documents of one text.
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    pub(crate) text: &'t str,
    nodes: Vec<Node<'t>>,
    /// Tags of Compose's own, in the order of the nodes.
    marks: Vec<(NodeId, Mark)>,
    pub(crate) documents: Vec<TreeDocument>,
    /// Of long mappings that were looked into the place of each own key's last entry.
    names: RefCell<HashMap<NodeId, HashMap<String, usize>>>,
}

/// A mapping with more entries than this gets an index of its keys. Each service of a Compose file is
/// looked for by all that extend it, and a mapping of services is as long as there are of them.
const LONG: usize = 16;

/// One document of the stream.
#[derive(Debug)]
pub(crate) struct TreeDocument {
    pub(crate) span: Span,
    /// `None` for an empty document.
    pub(crate) root: Result<Option<NodeId>, Fault>,
    /// Keys that stand twice in one mapping; at most [`build::MAX_DUPLICATES`].
    pub(crate) duplicates: Vec<Duplicate>,
    /// Whether it has aliases.
    pub(crate) has_aliases: bool,
    /// What it counts towards [`MAX_VALUES`].
    pub(crate) values: u64,
}

/// Why a document has no tree.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: Span,
    pub(crate) kind: ProblemKind,
}

/// A key that was there before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duplicate {
    pub(crate) map: NodeId,
    pub(crate) key: NodeId,
    pub(crate) first: NodeId,
}

/// One value as written.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    pub(crate) kind: NodeKind<'t>,
    /// From the first byte of the content (behind anchor and tag; the first key of a block mapping)
    /// to the end of its last value. A block scalar's span starts at its content and takes in the
    /// blank lines behind it. Empty for a value that is not written.
    pub(crate) span: Span,
    /// `[…]` or `{…}`.
    pub(crate) flow: bool,
    /// Whether it has an anchor that an alias refers to.
    pub(crate) shared: bool,
    /// Whether it has an anchor or a tag, which stand before the content.
    pub(crate) decorated: bool,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum NodeKind<'t> {
    Scalar {
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Tag,
    },
    /// `*name`.
    Alias(NodeId),
    /// Keys and values as written, merge keys among them.
    Map(Vec<(NodeId, NodeId)>),
    Seq(Vec<NodeId>),
}

/// What a scalar's tag says about its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// None: the style decides.
    None,
    /// `!!int`, `!!bool`, `!!float`, `!!null`: as if plain.
    Plain,
    /// Any other: text.
    Text,
}

/// A value found in a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: NodeId,
    /// As written: possibly an alias.
    pub(crate) value: NodeId,
    /// Whether it came through `<<`.
    pub(crate) merged: bool,
    /// Whether it came through a `<<` that stands behind the mapping's own key of that name.
    pub(crate) overrides: bool,
}

/// A tag of Compose's own on a value (compose-spec `13-merge.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `!reset`: the field is as if nobody had written it.
    Reset,
    /// `!override`: the value is not merged with another.
    Override,
}

impl Mark {
    /// What a tag means, by its suffix behind `!`.
    pub(crate) fn of(suffix: &str) -> Option<Self> {
        match suffix {
            "reset" => Some(Self::Reset),
            "override" => Some(Self::Override),
            _ => None,
        }
    }
}

impl<'t> Tree<'t> {
    /// Of this text, with nothing in it yet.
    fn of(text: &'t str) -> Self {
        let (nodes, marks, documents) = (Vec::new(), Vec::new(), Vec::new());
        Self { text, nodes, marks, documents, names: RefCell::default() }
    }

    /// The mark on a value as written; an alias stands for its value, not for its mark.
    pub(crate) fn mark(&self, id: NodeId) -> Option<Mark> {
        let found = self.marks.binary_search_by_key(&id.0, |(node, _)| node.0).ok()?;
        Some(self.marks[found].1)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<'t> {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// The node an alias stands for; any other node itself. An alias always refers backwards to a
    /// node that is no alias.
    pub(crate) fn resolve(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            NodeKind::Alias(target) => target,
            _ => id,
        }
    }

    /// All aliases of all documents in the order of the text, each with the node it stands for.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| match node.kind {
            // As many as there are, which `build` keeps below `MAX_VALUES`.
            NodeKind::Alias(target) => Some((NodeId(u32::try_from(index).ok()?), target)),
            _ => None,
        })
    }

    /// The entries of a mapping as written; empty for anything else.
    pub(crate) fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match &self.node(id).kind {
            NodeKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list as written; empty for anything else.
    pub(crate) fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.node(id).kind {
            NodeKind::Seq(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar, whatever it means; `None` for anything else.
    pub(crate) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(self.resolve(id)).kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The meaning of a scalar; `None` for anything else.
    pub(crate) fn value(&self, id: NodeId) -> Option<Value<'_>> {
        let NodeKind::Scalar { text, style, tag } = &self.node(self.resolve(id)).kind else {
            return None;
        };
        Some(match (tag, style) {
            (Tag::None, ScalarStyle::Plain) | (Tag::Plain, _) => scalar::resolve(text),
            _ => Value::Text(text),
        })
    }

    pub(crate) fn is_null(&self, id: NodeId) -> bool {
        self.value(id) == Some(Value::Null)
    }

    pub(crate) fn is_merge_key(&self, id: NodeId) -> bool {
        matches!(
            &self.node(id).kind,
            NodeKind::Scalar { text, style: ScalarStyle::Plain, tag: Tag::None } if text == "<<"
        )
    }

    /// The value a key has when Kubernetes reads the mapping: `goyaml.v2/decode.go` goes through
    /// the entries in order and sets them, a merge key's where it stands, so the last one counts.
    pub(crate) fn get(&self, map: NodeId, key: &str) -> Option<Entry> {
        let mut found: Option<Entry> = None;
        for &(name, value) in self.entries(map) {
            if self.is_merge_key(name) {
                if let Some(entry) = self.get_merged(value, key) {
                    let overrides = found.is_some_and(|found| !found.merged);
                    found = Some(Entry { merged: true, overrides, ..entry });
                }
            } else if self.text(name) == Some(key) {
                found = Some(Entry { key: name, value, merged: false, overrides: false });
            }
        }
        found
    }

    /// The value a key has where a mapping's own keys go before those of `<<`, wherever that stands:
    /// gopkg.in/yaml.v3 `decode.go` `mapping`, which Compose reads with.
    pub(crate) fn get_own_first(&self, map: NodeId, key: &str) -> Option<Entry> {
        let entries = self.entries(map);
        let is_own = |name| !self.is_merge_key(name) && self.text(name) == Some(key);
        let own = match entries.len() > LONG {
            true => self.own_entry(map, key),
            false => entries.iter().rfind(|(name, _)| is_own(*name)).copied(),
        };
        if let Some((key, value)) = own {
            return Some(Entry { key, value, merged: false, overrides: false });
        }
        let (_, merged) = entries.iter().find(|(name, _)| self.is_merge_key(*name))?;
        let value = self.resolve(*merged);
        let maps = match &self.node(value).kind {
            NodeKind::Seq(items) => items.as_slice(),
            _ => std::slice::from_ref(merged),
        };
        let found = maps.iter().find_map(|&map| self.get_own_first(self.resolve(map), key));
        found.map(|entry| Entry { merged: true, ..entry })
    }

    /// The last entry of a long mapping with this key.
    fn own_entry(&self, map: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let entries = self.entries(map);
        let mut all = self.names.borrow_mut();
        let names = all.entry(map).or_insert_with(|| {
            let own = entries.iter().enumerate().filter(|(_, entry)| !self.is_merge_key(entry.0));
            own.filter_map(|(at, entry)| Some((self.text(entry.0)?.to_owned(), at))).collect()
        });
        names.get(key).and_then(|&at| entries.get(at)).copied()
    }

    /// Every key with the value that [`Tree::get_own_first`] finds for it: a mapping's own as they stand there,
    /// then what `<<` brings in. A mapping that merges itself is none (`build` refuses it).
    pub(crate) fn entries_own_first(&self, map: NodeId) -> Vec<(NodeId, NodeId)> {
        let (merge, mut all): (Vec<_>, Vec<_>) =
            self.entries(map).iter().copied().partition(|(key, _)| self.is_merge_key(*key));
        if merge.is_empty() {
            return all;
        }
        let mut known: HashSet<_> = all.iter().map(|(key, _)| self.text(*key)).collect();
        for (_, merged) in merge {
            let value = self.resolve(merged);
            let maps = match &self.node(value).kind {
                NodeKind::Seq(items) => items.as_slice(),
                _ => std::slice::from_ref(&merged),
            };
            for &map in maps {
                let merged = self.entries_own_first(self.resolve(map)).into_iter();
                all.extend(merged.filter(|(key, _)| known.insert(self.text(*key))));
            }
        }
        all
    }

    /// The same in what `<<` refers to: a mapping, or a list of which the first one counts.
    fn get_merged(&self, value: NodeId, key: &str) -> Option<Entry> {
        let value = self.resolve(value);
        match &self.node(value).kind {
            NodeKind::Map(_) => self.get(value, key),
            NodeKind::Seq(items) => {
                items.iter().find_map(|&item| self.get(self.resolve(item), key))
            }
            _ => None,
        }
    }
}
