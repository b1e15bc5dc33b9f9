//! Where a container's lists are written, or would be, and the patches that get them there.

use std::collections::HashMap;

use super::goal::Goal;
use super::layout::{Layout, Quote, Seen, layout};
use super::list::{self, insert_lines, line_comment};
use super::patch::{Patch, column, line_end, line_start, skip_blank};
use super::render::{self, Flow, Lines, New};
use super::{ContainerId, List, Refusal};
use crate::tree::{Entry, NodeId, NodeKind, Tree};
use crate::workload::{Format, Span, Workload};

use granit_parser::ScalarStyle;

/// Why there is no plan, before the field's name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Anchor(NodeId),
    Unsupported,
}

/// Patches that bring the container to its goal. `habits` holds the documents' seen so far.
pub(super) fn plan(
    tree: &Tree<'_>,
    workloads: &[Workload],
    habits: &mut HashMap<usize, Seen>,
    id: ContainerId,
    goal: &Goal,
) -> Result<Vec<Patch>, Refusal> {
    let (workload, container) = super::find(workloads, id).ok_or(Refusal::NoSuchContainer)?;
    let format = workload.pod.format;
    if format != Format::Kubernetes {
        return Err(Refusal::Format { format });
    }
    let chain = chain(tree, workload.document, container.span).ok_or(Refusal::Unsupported)?;
    if let Some(&node) = chain.iter().find(|&&node| tree.node(node).shared) {
        return Err(Refusal::Anchor { what: "container", at: tree.span(node) });
    }
    let container = *chain.last().ok_or(Refusal::Unsupported)?;
    let document = workload.document;
    let habits = habits.entry(document).or_insert_with(|| Seen::of(tree, document));
    let planner = Planner { tree, layout: layout(tree, &chain, habits) };
    planner.container(container, goal)
}

/// The way from the document's root to the mapping with this span, as written.
pub(super) fn chain(tree: &Tree<'_>, document: usize, span: Span) -> Option<Vec<NodeId>> {
    let mut node = (*tree.documents.get(document)?.root.as_ref().ok()?)?;
    let mut chain = vec![node];
    let around = |id: NodeId| {
        let outer = tree.span(id);
        outer.start <= span.start && span.end <= outer.end
    };
    loop {
        node = match &tree.node(node).kind {
            NodeKind::Map(_) if tree.span(node) == span => return Some(chain),
            NodeKind::Map(entries) => entries.iter().map(|e| e.1).find(|&value| around(value))?,
            NodeKind::Seq(items) => items.iter().copied().find(|&item| around(item))?,
            _ => return None,
        };
        chain.push(node);
    }
}

/// What a key of a mapping has.
enum Place {
    Missing,
    /// Nothing: null, `{}` or `[]`.
    Empty(Entry),
    Here(Entry),
}

struct Planner<'a, 't> {
    tree: &'a Tree<'t>,
    layout: Layout,
}

impl Planner<'_, '_> {
    fn container(&self, container: NodeId, goal: &Goal) -> Result<Vec<Patch>, Refusal> {
        let lists = New::lists(goal);
        let capabilities = || vec![("capabilities", New::Map(lists.clone()))];
        let security = match self.place(container, "securityContext", false)? {
            Place::Missing => {
                let entry = ("securityContext", New::Map(capabilities()));
                return self.append(container, vec![entry]);
            }
            Place::Empty(entry) => {
                return self.fill(container, entry, &New::Map(capabilities()));
            }
            Place::Here(entry) => entry.value,
        };
        let capabilities = match self.place(security, "capabilities", false)? {
            Place::Missing => return self.append(security, capabilities()),
            Place::Empty(entry) => return self.fill(security, entry, &New::Map(lists)),
            Place::Here(entry) => entry.value,
        };
        let (mut patches, mut missing, mut gone) = (Vec::new(), Vec::new(), None);
        for list in [List::Drop, List::Add] {
            let goal = goal.list(list);
            if !goal.changes_something() {
                continue;
            }
            let new = || New::List(goal.items());
            match (self.place(capabilities, list.key(), true)?, &goal.slots) {
                (Place::Missing, Some(_)) => missing.push((list.key(), new())),
                (Place::Missing, None) => {}
                (Place::Empty(entry) | Place::Here(entry), None) => gone = Some(entry),
                (Place::Empty(entry), Some(_)) => {
                    patches.extend(self.fill(capabilities, entry, &new())?);
                }
                (Place::Here(entry), Some(_)) => {
                    let colon = self.colon(entry.key)?;
                    let changed = list::patches(self.tree, entry.value, colon, &self.layout, goal);
                    patches.extend(changed.map_err(|refused| match refused {
                        Refused::Anchor(item) => {
                            Refusal::Anchor { what: list.key(), at: self.tree.span(item) }
                        }
                        Refused::Unsupported => Refusal::Unsupported,
                    })?);
                }
            }
        }
        let only = self.tree.entries(capabilities).len() == 1;
        if let Some(entry) = gone.filter(|_| only && self.tree.node(capabilities).flow) {
            // In brackets, the new entries stand where the old one did.
            let range = self.tree.span(entry.key).start..self.end_of_entry(entry)?;
            return Ok(vec![Patch::replace(range, self.flow_entries(capabilities, &missing).1)]);
        }
        if let Some(entry) = gone {
            patches.extend(self.remove(capabilities, entry)?);
        }
        if !missing.is_empty() {
            patches.extend(self.append(capabilities, missing)?);
        }
        Ok(patches)
    }

    fn place(&self, map: NodeId, key: &'static str, list: bool) -> Result<Place, Refusal> {
        let Some(entry) = self.tree.get(map, key) else { return Ok(Place::Missing) };
        let node = self.tree.node(entry.value);
        let at = node.span;
        if entry.merged {
            return Err(Refusal::Merge { what: key, at });
        }
        if node.shared {
            return Err(Refusal::Anchor { what: key, at });
        }
        match &node.kind {
            NodeKind::Alias(_) => Err(Refusal::Alias { what: key, at }),
            NodeKind::Map(entries) if !list => Ok(match entries.is_empty() {
                true => Place::Empty(entry),
                false => Place::Here(entry),
            }),
            NodeKind::Seq(items) if list => Ok(match items.is_empty() {
                true => Place::Empty(entry),
                false => Place::Here(entry),
            }),
            NodeKind::Scalar { .. } if self.tree.is_null(entry.value) => Ok(Place::Empty(entry)),
            _ => Err(Refusal::Unsupported),
        }
    }

    /// Behind the colon of a key.
    fn colon(&self, key: NodeId) -> Result<usize, Refusal> {
        let at = skip_blank(self.tree.text, self.tree.span(key).end);
        if self.tree.text[at..].starts_with(':') { Ok(at + 1) } else { Err(Refusal::Unsupported) }
    }

    /// Gives an empty entry a value.
    fn fill(&self, map: NodeId, entry: Entry, new: &New) -> Result<Vec<Patch>, Refusal> {
        let text = self.tree.text;
        let value = self.tree.node(entry.value);
        if value.decorated {
            return Err(Refusal::Unsupported);
        }
        let colon = self.colon(entry.key)?;
        let written = value.span.start < value.span.end;
        if self.tree.node(map).flow {
            let new = self.flow_value(map, new);
            return Ok(vec![match written {
                true => Patch::replace(value.span.range(), new),
                false => Patch::insert(colon, format!(" {new}")),
            }]);
        }
        let end = if written { value.span.end } else { colon };
        let is_brackets = matches!(value.kind, NodeKind::Seq(_));
        if !is_brackets && new.is_block(&self.layout) {
            let between = &text[colon..if written { value.span.start } else { colon }];
            if !between.trim().is_empty() {
                return Err(Refusal::Unsupported);
            }
            let column = column(text, self.tree.span(entry.key).start);
            let lines = render::block_value(new, column, &self.layout);
            let mut patches =
                vec![insert_lines(text, line_end(text, end), lines, true, &self.layout)];
            if written {
                patches.push(Patch::delete(colon..end));
            }
            return Ok(patches);
        }
        let flow = render::flow(new, &self.layout, Flow::default());
        let mut patches = vec![match written {
            true => Patch::replace(value.span.range(), flow),
            false => Patch::insert(colon, format!(" {flow}")),
        }];
        if let New::List(items) = new {
            patches.extend(line_comment(text, end, &items.iter().collect::<Vec<_>>()));
        }
        Ok(patches)
    }

    /// Puts entries behind the last one of a mapping.
    fn append(
        &self,
        map: NodeId,
        entries: Vec<(&'static str, New)>,
    ) -> Result<Vec<Patch>, Refusal> {
        let entries_now = self.tree.entries(map);
        let (Some(&(first, _)), Some(&(last_key, last_value))) =
            (entries_now.first(), entries_now.last())
        else {
            return Err(Refusal::Unsupported);
        };
        let text = self.tree.text;
        if self.tree.node(map).flow {
            let (separator, entries) = self.flow_entries(map, &entries);
            if let Some(lines) = self.lines(map) {
                // In front of the last entry, so that its line needs no comma.
                let at = self.above(map, last_key);
                let eol = self.layout.eol;
                return Ok(vec![Patch::insert(at, format!("{}{entries},{eol}", lines.indent))]);
            }
            let end = self.tree.span(last_value).end.max(self.tree.span(last_key).end);
            return Ok(vec![Patch::insert(end, separator + &entries)]);
        }
        let column = column(text, self.tree.span(first).start);
        let lines = render::block(&entries, column, &self.layout);
        let at = self.end_of_block(last_key, last_value);
        if !text[..at].ends_with('\n') {
            // In front of an entry with a line of its own, so that the last line stays as it is: a line
            // feed behind it could also become part of a block scalar.
            let start = line_start(text, self.tree.span(last_key).start);
            if text[start..self.tree.span(last_key).start].trim().is_empty() {
                return Ok(vec![Patch::insert(self.above(map, last_key), lines)]);
            }
            if self.ends_in_block_scalar(last_value) {
                return Err(Refusal::Unsupported);
            }
        }
        Ok(vec![insert_lines(text, at, lines, true, &self.layout)])
    }

    /// The start of the line of a mapping's last key, or of the comments above that belong to it.
    fn above(&self, map: NodeId, key: NodeId) -> usize {
        let text = self.tree.text;
        let before = self.tree.entries(map).iter().rev().nth(1);
        let floor = before.map_or(self.tree.span(map).start, |&(key, value)| {
            self.tree.span(key).end.max(self.tree.span(value).end)
        });
        let mut at = line_start(text, self.tree.span(key).start);
        while at > 0 {
            let above = line_start(text, at - 1);
            if above <= floor || !text[above..at].trim_start().starts_with('#') {
                break;
            }
            at = above;
        }
        at
    }

    /// The last node that is written in a value.
    fn last_written(&self, mut node: NodeId) -> NodeId {
        loop {
            let inner = self.tree.node(node);
            let next = match &inner.kind {
                _ if inner.flow => None,
                NodeKind::Map(entries) => entries.last().map(|entry| entry.1),
                NodeKind::Seq(items) => items.last().copied(),
                _ => None,
            };
            let Some(next) = next else { return node };
            node = next;
        }
    }

    fn ends_in_block_scalar(&self, value: NodeId) -> bool {
        matches!(
            self.tree.node(self.last_written(value)).kind,
            NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. }
        )
    }

    /// Behind the last line of an entry.
    fn end_of_block(&self, key: NodeId, value: NodeId) -> usize {
        let text = self.tree.text;
        let last = self.last_written(value);
        let end = self.tree.span(key).end.max(self.tree.span(last).end);
        if !self.ends_in_block_scalar(value) {
            return line_end(text, end);
        }
        // Blank lines behind a block scalar are part of it if it keeps them (`|+`).
        let keeps = self.tree.text(last).is_some_and(|t| t.ends_with("\n\n") || t == "\n");
        if !keeps {
            return line_end(text, text[..end].trim_end().len());
        }
        // The parser may have read the indentation of the next line already.
        let start = line_start(text, end);
        if text[start..end].trim().is_empty() { start } else { line_end(text, end) }
    }

    /// Takes an entry out of a mapping that has others.
    fn remove(&self, map: NodeId, entry: Entry) -> Result<Vec<Patch>, Refusal> {
        let entries = self.tree.entries(map);
        let position = entries.iter().position(|&(key, _)| key == entry.key);
        let position = position.ok_or(Refusal::Unsupported)?;
        let (key, value) = (self.tree.span(entry.key), self.tree.span(entry.value));
        if self.contains_shared(entry.value) {
            return Err(Refusal::Anchor { what: "capabilities", at: value });
        }
        let text = self.tree.text;
        let end = self.end_of_entry(entry)?;
        if !self.tree.node(map).flow {
            let start = line_start(text, key.start);
            if !text[start..key.start].trim().is_empty() {
                return Err(Refusal::Unsupported);
            }
            return Ok(vec![Patch::delete(start..line_end(text, end))]);
        }
        let next = entries.get(position + 1).map(|entry| self.tree.span(entry.0).start);
        let before = position.checked_sub(1).and_then(|index| entries.get(index));
        let before =
            before.map(|&(key, value)| self.tree.span(value).end.max(self.tree.span(key).end));
        let range = match (before, next) {
            (Some(before), _) => before..end,
            (None, Some(next)) => key.start..next,
            (None, None) => return Err(Refusal::Unsupported),
        };
        Ok(vec![Patch::delete(range)])
    }

    fn end_of_entry(&self, entry: Entry) -> Result<usize, Refusal> {
        Ok(self.tree.span(entry.value).end.max(self.colon(entry.key)?))
    }

    fn contains_shared(&self, node: NodeId) -> bool {
        self.tree.node(node).shared
            || self.tree.items(node).iter().any(|&item| self.contains_shared(item))
    }

    /// A new value in a flow mapping.
    fn flow_value(&self, map: NodeId, new: &New) -> String {
        let (layout, place) = self.flow_place(map);
        render::flow(new, &layout, place)
    }

    /// What stands between two entries of a flow mapping, and new entries with that between them.
    fn flow_entries(&self, map: NodeId, entries: &[(&'static str, New)]) -> (String, String) {
        let (layout, place) = self.flow_place(map);
        let separator = match place.lines {
            Some(lines) => format!(",{}{}", layout.eol, lines.indent),
            None => ", ".to_owned(),
        };
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, value)| render::flow_entry(key, value, &layout, place))
            .collect();
        let text = entries.join(&separator);
        (separator, text)
    }

    /// The layout inside a flow mapping. In JSON all text is in double quotes.
    fn flow_place(&self, map: NodeId) -> (Layout, Flow<'_>) {
        let quoted_keys = self.quoted_keys(map);
        let quote = if quoted_keys { Quote::Double } else { self.layout.quote };
        (Layout { quote, ..self.layout }, Flow { lines: self.lines(map), quoted_keys })
    }

    fn quoted_keys(&self, map: NodeId) -> bool {
        self.tree.entries(map).first().is_some_and(|&(key, _)| {
            matches!(
                self.tree.node(key).kind,
                NodeKind::Scalar { style: ScalarStyle::DoubleQuoted, .. }
            )
        })
    }

    /// The lines of a flow mapping with one entry a line.
    fn lines(&self, map: NodeId) -> Option<Lines<'_>> {
        let text = self.tree.text;
        let span = self.tree.span(map);
        let key = self.tree.span(self.tree.entries(map).last()?.0).start;
        let indent = &text[line_start(text, key)..key];
        let close = &text[line_start(text, span.end - 1)..span.end - 1];
        let blank = |text: &str| text.chars().all(|c| c == ' ' || c == '\t');
        if line_start(text, key) < span.start || !blank(indent) || !blank(close) {
            return None;
        }
        let step = indent.strip_prefix(close).filter(|step| !step.is_empty()).unwrap_or("  ");
        Some(Lines { indent, step })
    }
}
