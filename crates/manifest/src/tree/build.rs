//! From the parser's events to the tree, bounded in depth, number and expansion.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, options};

use super::{Duplicate, Fault, Mark, Node, NodeId, NodeKind, Tag, Tree, TreeDocument};
use crate::problem::ProblemKind;
use crate::workload::Span;

/// The most values kept at a time: of one document where they are read one by one, of the whole
/// file for an edit.
pub(crate) const MAX_VALUES: usize = 2_000_000;
/// A document counts as so many values, for it takes room even with nothing in it.
const DOCUMENT_WEIGHT: usize = 16;
/// The most values the aliases of one document may stand for; go-yaml's own bound begins at
/// 400,000 (`goyaml.v2/decode.go`, `alias_ratio_range_low`).
pub(crate) const MAX_EXPANSION: u64 = 400_000;
/// The most duplicate keys that are kept of one document.
pub(crate) const MAX_DUPLICATES: usize = 20;

/// Reads all documents of a text into one tree. A broken one does not hide those behind the next
/// `---`.
pub(crate) fn build(text: &str) -> Tree<'_> {
    let mut builder = Builder::new(text);
    builder.run(|_| true);
    builder.tree
}

/// Reads a text document by document and forgets each after `each`, which says whether to go on.
pub(crate) fn each_document(text: &str, mut each: impl FnMut(&Tree<'_>, &TreeDocument) -> bool) {
    let mut builder = Builder::new(text);
    builder.run(|tree| {
        let Some(document) = tree.documents.pop() else { return true };
        let go_on = each(tree, &document);
        tree.nodes.clear();
        tree.names.get_mut().clear();
        go_on
    });
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            tree: Tree::of(text),
            start: None,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            duplicates: Vec::new(),
            has_aliases: false,
            written: 0,
            fault: None,
        }
    }

    /// Reads on while `document`, called behind each, says so.
    fn run(&mut self, mut document: impl FnMut(&mut Tree<'t>) -> bool) {
        let options = options! {
            emit_comments: false,
            // As libyaml and so Kubernetes: the last line of a block scalar has a line feed only if
            // the file has one there.
            block_scalar_eof_without_line_feed: true,
        };
        let text = self.tree.text;
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(next) = parser.next_event() {
            let fault = match next {
                Ok((event, span)) => {
                    let ends = matches!(event, Event::DocumentEnd);
                    let bytes = span.byte_range().unwrap_or_default();
                    let read = self.event(event, Span { start: bytes.start, end: bytes.end });
                    if ends && !document(&mut self.tree) {
                        return;
                    }
                    read
                }
                Err(error) => {
                    let fault = fault_of(&error, text.len());
                    self.check_room(fault.at).and(Err(fault))
                }
            };
            let Err(fault) = fault else { continue };
            let fatal = matches!(fault.kind, ProblemKind::TooManyValues { .. });
            self.fault = Some(fault);
            self.end_document(None);
            let go_on = document(&mut self.tree);
            if fatal || !go_on || !matches!(parser.proceed_next_document(), Ok(true)) {
                break;
            }
        }
    }
}

fn fault_of(error: &ScanError, len: usize) -> Fault {
    let at = error.marker().byte_offset().unwrap_or(len).min(len);
    let kind = match error.kind() {
        ErrorKind::RecursionLimitExceeded => ProblemKind::TooDeep,
        other => ProblemKind::Syntax { reason: other.to_string() },
    };
    Fault { at: Span { start: at, end: at }, kind }
}

/// What a local tag means to Compose.
fn mark(tag: &granit_parser::Tag) -> Option<Mark> {
    if tag.handle() == "!" { Mark::of(tag.suffix()) } else { None }
}

/// A collection that has not ended.
struct Open {
    node: NodeId,
    anchor: usize,
    /// A mapping's key that waits for its value.
    key: Option<NodeId>,
    /// Values in it, those its aliases stand for included.
    weight: u64,
}

struct Builder<'t> {
    tree: Tree<'t>,
    /// Where the document began that has not ended.
    start: Option<usize>,
    open: Vec<Open>,
    root: Option<NodeId>,
    /// Node and weight by the parser's anchor number; the weight is `None` while it is open.
    anchors: HashMap<usize, (NodeId, Option<u64>)>,
    duplicates: Vec<Duplicate>,
    has_aliases: bool,
    /// Values written in this document.
    written: u64,
    fault: Option<Fault>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, span: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => {
                self.start = Some(span.start);
                self.check_room(span)?;
            }
            Event::DocumentEnd => self.end_document(Some(span)),
            Event::Scalar(text, style, anchor, tag) => {
                let mark = tag.as_deref().and_then(mark);
                let tag = match tag.as_deref().map(|tag| tag.core_suffix()) {
                    None => Tag::None,
                    Some(Some("int" | "bool" | "float" | "null")) => Tag::Plain,
                    Some(_) => Tag::Text,
                };
                // The parser says `~` for a value that is not written.
                let empty = span.start == span.end && style == ScalarStyle::Plain;
                let text = if empty { "".into() } else { text };
                let kind = NodeKind::Scalar { text, style, tag };
                let decorated = anchor != 0 || tag != Tag::None;
                let node = self.push(kind, span, false, decorated)?;
                self.tree.marks.extend(mark.map(|mark| (node, mark)));
                if anchor != 0 {
                    self.anchors.insert(anchor, (node, Some(1)));
                }
                self.attach(node, 1)?;
            }
            Event::Alias(anchor) => {
                let Some(&(target, weight)) = self.anchors.get(&anchor) else {
                    let reason = "an alias without an anchor".to_owned();
                    return Err(Fault { at: span, kind: ProblemKind::Syntax { reason } });
                };
                let Some(weight) = weight else {
                    return Err(Fault { at: span, kind: ProblemKind::RecursiveAlias });
                };
                self.tree.nodes[target.0 as usize].shared = true;
                self.has_aliases = true;
                let node = self.push(NodeKind::Alias(target), span, false, false)?;
                self.attach(node, weight)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mark = tag.as_deref().and_then(mark);
                self.open(NodeKind::Seq(Vec::new()), span, style, (anchor, tag.is_some()), mark)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let mark = tag.as_deref().and_then(mark);
                self.open(NodeKind::Map(Vec::new()), span, style, (anchor, tag.is_some()), mark)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            _ => {}
        }
        Ok(())
    }

    fn push(
        &mut self,
        kind: NodeKind<'t>,
        span: Span,
        flow: bool,
        decorated: bool,
    ) -> Result<NodeId, Fault> {
        self.check_room(span)?;
        self.written += 1;
        #[expect(clippy::cast_possible_truncation, reason = "below MAX_VALUES")]
        let id = NodeId(self.tree.nodes.len() as u32);
        self.tree.nodes.push(Node { kind, span, flow, shared: false, decorated });
        Ok(id)
    }

    fn check_room(&self, at: Span) -> Result<(), Fault> {
        if self.tree.nodes.len() + DOCUMENT_WEIGHT * self.tree.documents.len() < MAX_VALUES {
            return Ok(());
        }
        Err(Fault { at, kind: ProblemKind::TooManyValues { limit: MAX_VALUES } })
    }

    fn open(
        &mut self,
        kind: NodeKind<'t>,
        span: Span,
        style: StructureStyle,
        (anchor, tagged): (usize, bool),
        mark: Option<Mark>,
    ) -> Result<(), Fault> {
        let flow = style == StructureStyle::Flow;
        let node = self.push(kind, span, flow, anchor != 0 || tagged)?;
        self.tree.marks.extend(mark.map(|mark| (node, mark)));
        if anchor != 0 {
            self.anchors.insert(anchor, (node, None));
        }
        self.open.push(Open { node, anchor, key: None, weight: 1 });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fault> {
        let Some(Open { node, anchor, weight, .. }) = self.open.pop() else { return Ok(()) };
        if anchor != 0 {
            self.anchors.insert(anchor, (node, Some(weight)));
        }
        let Node { kind, flow, .. } = &self.tree.nodes[node.0 as usize];
        let span = self.tree.nodes[node.0 as usize].span;
        let span = if *flow {
            Span { start: span.start, end: end.end }
        } else {
            // The parser ends a block collection where the next thing begins.
            let (first, last) = match kind {
                NodeKind::Map(entries) => {
                    (entries.first().map(|e| e.0), entries.last().map(|e| (e.0, e.1)))
                }
                NodeKind::Seq(items) => (None, items.last().map(|&item| (item, item))),
                _ => (None, None),
            };
            let start = first.map_or(span.start, |first| self.tree.span(first).start);
            let end = last.map_or(span.end, |(key, value)| {
                self.tree.span(key).end.max(self.tree.span(value).end)
            });
            Span { start, end }
        };
        if let NodeKind::Map(entries) = &self.tree.nodes[node.0 as usize].kind {
            find_duplicates(&self.tree, node, entries, &mut self.duplicates);
        }
        self.tree.nodes[node.0 as usize].span = span;
        self.attach(node, weight)
    }

    /// Puts a finished value into the collection that is open.
    fn attach(&mut self, node: NodeId, weight: u64) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight = open.weight.saturating_add(weight);
        let at = self.tree.nodes[node.0 as usize].span;
        if open.weight > self.written.saturating_add(MAX_EXPANSION) {
            let kind = ProblemKind::ExcessiveAliases { limit: MAX_EXPANSION };
            return Err(Fault { at, kind });
        }
        let (parent, key) = (open.node, open.key.take());
        let is_scalar =
            matches!(self.tree.node(self.tree.resolve(node)).kind, NodeKind::Scalar { .. });
        match (&mut self.tree.nodes[parent.0 as usize].kind, key) {
            (NodeKind::Seq(items), _) => items.push(node),
            (NodeKind::Map(entries), Some(key)) => entries.push((key, node)),
            (NodeKind::Map(_), None) if !is_scalar => {
                return Err(Fault { at, kind: ProblemKind::InvalidKey });
            }
            _ => {
                if let Some(open) = self.open.last_mut() {
                    open.key = Some(node);
                }
            }
        }
        Ok(())
    }

    /// Ends the document, with what was found of it.
    fn end_document(&mut self, end: Option<Span>) {
        let fault = self.fault.take();
        let end = end.or(fault.as_ref().map(|fault| fault.at)).map_or(0, |span| span.end);
        let start = self.start.take().unwrap_or(end).min(end);
        let root = self.root.take();
        let is_empty = root.is_some_and(|root| {
            let node = self.tree.node(root);
            node.span.start == node.span.end && matches!(node.kind, NodeKind::Scalar { .. })
        });
        self.tree.documents.push(TreeDocument {
            span: Span { start, end },
            root: fault.map_or(Ok(root.filter(|_| !is_empty)), Err),
            duplicates: std::mem::take(&mut self.duplicates),
            has_aliases: std::mem::take(&mut self.has_aliases),
            values: std::mem::take(&mut self.written) + DOCUMENT_WEIGHT as u64,
        });
        self.open.clear();
        self.anchors.clear();
    }
}

fn find_duplicates(
    tree: &Tree<'_>,
    map: NodeId,
    entries: &[(NodeId, NodeId)],
    duplicates: &mut Vec<Duplicate>,
) {
    if entries.len() < 2 || duplicates.len() >= MAX_DUPLICATES {
        return;
    }
    let names = || entries.iter().filter(|e| !tree.is_merge_key(e.0));
    let mut seen = HashSet::with_capacity(entries.len());
    if names().all(|&(key, _)| seen.insert(tree.text(key))) {
        return;
    }
    let mut first = HashMap::new();
    for &(key, _) in names() {
        if let Some(&first) = first.get(&tree.text(key)) {
            if duplicates.len() < MAX_DUPLICATES {
                duplicates.push(Duplicate { map, key, first });
            }
        } else {
            first.insert(tree.text(key), key);
        }
    }
}
