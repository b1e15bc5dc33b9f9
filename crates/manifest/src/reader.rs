//! Fields of a mapping with the types Kubernetes gives them; what has another type is a problem.

use std::fmt;

use crate::kinds::Kinds;
use crate::problem::{Problem, ProblemKind};
use crate::scalar::Value;
use crate::tree::{Entry, NodeId, NodeKind, Tree};
use crate::workload::Spanned;

/// The way to a value, for messages.
#[derive(Clone, Copy)]
pub(crate) struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
    /// A way that was put together.
    Way(&'p str),
}

impl<'p> At<'p> {
    pub(crate) const ROOT: At<'static> = At { parent: None, step: Step::Root };

    pub(crate) fn way(way: &'p str) -> At<'p> {
        At { parent: None, step: Step::Way(way) }
    }

    pub(crate) fn key(&'p self, key: &'p str) -> At<'p> {
        At { parent: Some(self), step: Step::Key(key) }
    }

    pub(crate) fn index(&'p self, index: usize) -> At<'p> {
        At { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return f.write_str(match self.step {
                Step::Way(way) => way,
                _ => "the document",
            });
        };
        let below_root = matches!(parent.step, Step::Root);
        if !below_root {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root | Step::Way(_) => Ok(()),
            Step::Key(key) if below_root => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Reads one document.
pub(crate) struct Reader<'r, 't> {
    pub(crate) tree: &'r Tree<'t>,
    pub(crate) kinds: &'r Kinds,
    pub(crate) document: usize,
    pub(crate) problems: Vec<Problem>,
    /// Whether a mapping's own key counts wherever `<<` stands, as in YAML's own rule.
    pub(crate) own_first: bool,
    /// Whether what is read now has nothing to do with capabilities.
    elsewhere: bool,
}

impl<'r, 't> Reader<'r, 't> {
    pub(crate) fn new(tree: &'r Tree<'t>, kinds: &'r Kinds, document: usize) -> Self {
        Self { tree, kinds, document, problems: Vec::new(), own_first: false, elsewhere: false }
    }

    /// A key's entry in a mapping.
    pub(crate) fn entry(&self, map: NodeId, key: &str) -> Option<Entry> {
        if self.own_first { self.tree.get_own_first(map, key) } else { self.tree.get(map, key) }
    }

    pub(crate) fn problem(&mut self, node: NodeId, kind: ProblemKind) {
        let span = self.tree.span(node);
        self.problems.push(Problem { document: self.document, span, kind });
    }

    pub(crate) fn wrong_type(&mut self, node: NodeId, at: &At<'_>, expected: &'static str) {
        let resolved = self.tree.resolve(node);
        let found = match &self.tree.node(resolved).kind {
            NodeKind::Map(_) => "a mapping".to_owned(),
            NodeKind::Seq(_) => "a list".to_owned(),
            _ => {
                let written = self.tree.text(resolved).unwrap_or_default();
                let value = self.tree.value(resolved).unwrap_or(Value::Null);
                value.describe(written)
            }
        };
        let (path, elsewhere) = (at.to_string(), self.elsewhere);
        self.problem(node, ProblemKind::WrongType { path, expected, found, elsewhere });
    }

    /// Reads fields that have nothing to do with capabilities: one of the wrong type keeps nothing
    /// else from being read.
    pub(crate) fn elsewhere<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.elsewhere, true);
        let value = read(self);
        self.elsewhere = before;
        value
    }

    /// A field's value, aliases followed; `None` if it is missing or null.
    pub(crate) fn field(&mut self, map: NodeId, key: &str) -> Option<NodeId> {
        let entry = self.entry(map, key)?;
        if entry.overrides {
            self.problem(entry.key, ProblemKind::MergeOverrides { key: key.to_owned() });
        }
        let value = self.tree.resolve(entry.value);
        (!self.tree.is_null(value)).then_some(value)
    }

    /// A mapping; anything else is a problem.
    pub(crate) fn mapping(&mut self, node: NodeId, at: &At<'_>) -> Option<NodeId> {
        let node = self.tree.resolve(node);
        if let NodeKind::Map(entries) = &self.tree.node(node).kind {
            for &(key, value) in entries {
                if self.tree.is_merge_key(key) && !self.is_mergeable(value) {
                    self.problem(value, ProblemKind::InvalidMerge);
                    return None;
                }
            }
            return Some(node);
        }
        self.wrong_type(node, at, "a mapping");
        None
    }

    fn is_mergeable(&self, value: NodeId) -> bool {
        let is_map =
            |node: NodeId| matches!(self.tree.node(self.tree.resolve(node)).kind, NodeKind::Map(_));
        match &self.tree.node(self.tree.resolve(value)).kind {
            NodeKind::Seq(items) => items.iter().all(|&item| is_map(item)),
            _ => is_map(value),
        }
    }

    /// A field that holds a mapping.
    pub(crate) fn map(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Option<NodeId> {
        let value = self.field(map, key)?;
        self.mapping(value, &at.key(key))
    }

    /// The items of a field that holds a list, each resolved.
    pub(crate) fn list(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Vec<NodeId> {
        let Some(value) = self.field(map, key) else { return Vec::new() };
        self.items(value, &at.key(key))
    }

    /// The items of a list, each resolved.
    pub(crate) fn items(&mut self, list: NodeId, at: &At<'_>) -> Vec<NodeId> {
        let tree = self.tree;
        if !matches!(tree.node(list).kind, NodeKind::Seq(_)) {
            self.wrong_type(list, at, "a list");
        }
        tree.items(list).iter().map(|&item| tree.resolve(item)).collect()
    }

    /// The items of a field that holds a list of mappings.
    pub(crate) fn maps(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Vec<NodeId> {
        let at = at.key(key);
        let Some(value) = self.field(map, key) else { return Vec::new() };
        let items = self.items(value, &at);
        let mut maps = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            maps.extend(self.mapping(item, &at.index(index)));
        }
        maps
    }

    /// A field that holds text.
    pub(crate) fn string(
        &mut self,
        map: NodeId,
        key: &str,
        at: &At<'_>,
    ) -> Option<Spanned<String>> {
        let value = self.field(map, key)?;
        self.text(value, &at.key(key))
    }

    /// A text.
    pub(crate) fn text(&mut self, node: NodeId, at: &At<'_>) -> Option<Spanned<String>> {
        if let Some(Value::Text(text)) = self.tree.value(node) {
            return Some(Spanned { value: text.to_owned(), span: self.tree.span(node) });
        }
        self.wrong_type(node, at, "text");
        None
    }

    /// A field that holds a list of texts.
    pub(crate) fn strings(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Vec<Spanned<String>> {
        let at = at.key(key);
        let Some(value) = self.field(map, key) else { return Vec::new() };
        self.texts(value, &at)
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, list: NodeId, at: &At<'_>) -> Vec<Spanned<String>> {
        let items = self.items(list, at);
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            texts.extend(self.text(item, &at.index(index)));
        }
        texts
    }

    /// A field that holds a boolean, `yes` and `on` among them.
    pub(crate) fn boolean(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Option<Spanned<bool>> {
        let node = self.field(map, key)?;
        if let Some(Value::Bool(value)) = self.tree.value(node) {
            return Some(Spanned { value, span: self.tree.span(node) });
        }
        self.wrong_type(node, &at.key(key), "true or false");
        None
    }

    /// A field that holds a whole number.
    pub(crate) fn integer(&mut self, map: NodeId, key: &str, at: &At<'_>) -> Option<Spanned<i64>> {
        let node = self.field(map, key)?;
        self.number(node, &at.key(key))
    }

    /// A whole number.
    pub(crate) fn number(&mut self, node: NodeId, at: &At<'_>) -> Option<Spanned<i64>> {
        if let Some(Value::Int(value)) = self.tree.value(node) {
            return Some(Spanned { value, span: self.tree.span(node) });
        }
        self.wrong_type(node, at, "a whole number");
        None
    }
}
