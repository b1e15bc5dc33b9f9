//! Steps as patches of the text.

use super::form::Form;
use super::layout::{Layout, is_bare_pair, quoted_keys};
use super::list::{
    self, Unwritten, behind_lines_of_properties, insert_lines, line_comment, property,
};
use super::patch::{Patch, column, line_end, line_start, skip_blank};
use super::plan::{Place, Step};
use super::refusal::{Refusal, SharedWith, Sharing};
use super::render::{self, Flow, Lines, New};
use crate::tree::{Entry, NodeId, NodeKind, Tag, Tree};

use std::collections::HashSet;
use std::ops::Range;

use granit_parser::ScalarStyle;

/// Writes into one mapping.
pub(super) struct Writer<'a, 't> {
    pub(super) tree: &'a Tree<'t>,
    pub(super) form: &'static Form,
    pub(super) layout: Layout,
    /// Items of lists that go or change, in the whole text.
    pub(super) gone: &'a HashSet<NodeId>,
}

/// Entries to be put into a mapping.
type Puts = Vec<(&'static str, New)>;

impl Writer<'_, '_> {
    /// Patches that do these steps, all of which are about keys of this mapping or their values.
    pub(super) fn patches(
        &self,
        map: NodeId,
        steps: &[(Place, Step)],
    ) -> Result<Vec<Patch>, Refusal> {
        if is_bare_pair(self.tree, map) {
            return Err(Refusal::Unsupported);
        }
        let (mut patches, mut puts, mut gone) = (Vec::new(), Puts::new(), None);
        for (place, step) in steps {
            match (*place, step) {
                (Place::Key(_, key), Step::Put(new)) => puts.push((key, new.clone())),
                (Place::Key(_, key), Step::Remove) => {
                    gone = Some(self.entry(map, |name, _| self.tree.text(name) == Some(key))?);
                }
                (Place::Value(value), Step::Fill(new)) => {
                    let entry = self.entry(map, |_, there| there == value)?;
                    patches.extend(self.fill(map, entry, new)?);
                }
                (Place::Value(value), Step::Items(fates, new)) => {
                    let entry = self.entry(map, |_, there| there == value)?;
                    let colon = self.colon(entry.key)?;
                    let layout = self.layout.inside(self.tree, map);
                    let steps = (fates.as_slice(), new.as_slice());
                    let changed = list::patches(self.tree, value, colon, &layout, steps, self.gone);
                    patches.extend(changed.map_err(|why| self.refusal(why))?);
                }
                _ => return Err(Refusal::Unsupported),
            }
        }
        let order = |key: &str| self.form.lists.iter().position(|list| *list == key);
        puts.sort_by_key(|(key, _)| order(key));
        let only = self.tree.entries(map).len() == 1;
        let replaced = self.tree.node(map).flow && (only || !puts.is_empty());
        if let Some(entry) = gone.filter(|_| replaced) {
            // In brackets, the new entries stand where the old one did.
            let range = self.tree.span(entry.key).start..self.end_of_entry(entry)?;
            patches.push(Patch::replace(range, self.flow_entries(map, &puts).1));
            return Ok(patches);
        }
        if let Some(entry) = gone {
            patches.extend(self.remove(map, entry)?);
        }
        if !puts.is_empty() {
            patches.extend(self.insert(map, gone, puts)?);
        }
        Ok(patches)
    }

    fn refusal(&self, unwritten: Unwritten) -> Refusal {
        let Unwritten::Anchor(alias) = unwritten else { return Refusal::Unsupported };
        let user = SharedWith::Elsewhere(self.tree.span(alias));
        let word = self.tree.resolve(alias);
        let what = self.tree.text(word).unwrap_or_default().to_owned();
        Refusal::Shared { what, at: self.tree.span(word), how: Sharing::Anchor, user }
    }

    fn entry(&self, map: NodeId, is_it: impl Fn(NodeId, NodeId) -> bool) -> Result<Entry, Refusal> {
        let entries = self.tree.entries(map);
        let found = entries.iter().rev().find(|entry| is_it(entry.0, entry.1));
        let &(key, value) = found.ok_or(Refusal::Unsupported)?;
        Ok(Entry { key, value, merged: false, overrides: false })
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
        let colon = self.colon(entry.key)?;
        let behind = if value.decorated { behind_lines_of_properties(text, colon) } else { colon };
        // What is put there would be tagged as nothing, which no reader takes.
        let is_tagged = matches!(value.kind, NodeKind::Scalar { tag: Tag::Plain, .. });
        let tag = is_tagged.then(|| tag_between(text, colon..behind).map(Patch::delete)).flatten();
        let written = value.span.start < value.span.end;
        // A comment between its brackets.
        let said = value.flow && text[value.span.range()].contains('#');
        let replaced = |new: String| match written {
            true if said => Patch::insert(value.span.end - 1, &new[1..new.len() - 1]),
            true => Patch::replace(value.span.range(), new),
            false => Patch::insert(behind, format!(" {new}")),
        };
        if self.tree.node(map).flow {
            let new = replaced(self.flow_value(map, new));
            return Ok(tag.into_iter().chain([new]).collect());
        }
        let end = if written { value.span.end } else { behind };
        let is_brackets = matches!(value.kind, NodeKind::Seq(_));
        if !is_brackets && new.is_block(&self.layout) {
            let between = &text[behind..if written { value.span.start } else { behind }];
            if !between.trim().is_empty() {
                return Err(Refusal::Unsupported);
            }
            let column = column(text, self.tree.span(entry.key).start);
            let lines = render::block_value(new, column, &self.layout);
            let close = line_start(text, end)..line_end(text, end);
            let goes = said && text[close.clone()].trim() == "}";
            let mut patches = vec![insert_lines(text, close.end, lines, !goes, &self.layout)];
            if said {
                patches.push(Patch::delete(behind..value.span.start + 1));
                patches.push(Patch::delete(if goes { close } else { end - 1..end }));
            } else if written {
                patches.push(Patch::delete(behind..end));
            }
            patches.extend(tag);
            return Ok(patches);
        }
        let mut patches = vec![replaced(render::flow(new, &self.layout, Flow::default()))];
        patches.extend(tag);
        if let New::List(items) = new {
            patches.extend(line_comment(text, end, &items.iter().collect::<Vec<_>>()));
        }
        Ok(patches)
    }

    /// The entry that new ones are put behind: one that they belong to, else the last.
    fn before_new(&self, map: NodeId, gone: Option<Entry>) -> Option<(NodeId, NodeId)> {
        let entries = self.tree.entries(map);
        let named = |name: &&str| {
            let found = entries.iter().rev().find(|(key, _)| {
                !self.tree.is_merge_key(*key) && self.tree.text(*key) == Some(*name)
            });
            found.filter(|entry| gone.is_none_or(|gone| gone.key != entry.0))
        };
        self.form.beside.iter().find_map(named).or(entries.last()).copied()
    }

    /// Puts entries into a mapping that has some.
    fn insert(&self, map: NodeId, gone: Option<Entry>, puts: Puts) -> Result<Vec<Patch>, Refusal> {
        let entries = self.tree.entries(map);
        let (Some(&(first, _)), Some((key, value))) = (entries.first(), self.before_new(map, gone))
        else {
            return Err(Refusal::Unsupported);
        };
        let text = self.tree.text;
        let is_last = entries.last().is_some_and(|last| last.0 == key);
        // What is merged behind a key may go before it.
        let behind_merge = self.tree.is_merge_key(key);
        if self.tree.node(map).flow {
            let end = self.tree.span(value).end.max(self.tree.span(key).end);
            let (separator, puts) = self.flow_entries(map, &puts);
            if let Some(lines) = self.lines(map).filter(|_| is_last && !behind_merge) {
                // In front of the last entry, so that its line needs no comma.
                let at = self.above(map, key);
                let eol = self.layout.eol;
                return Ok(vec![Patch::insert(at, format!("{}{puts},{eol}", lines.indent))]);
            }
            return Ok(vec![Patch::insert(end, separator + &puts)]);
        }
        let column = column(text, self.tree.span(first).start);
        let lines = render::block(&puts, column, &self.layout);
        if let Some(gone) = gone {
            // In the place of what goes: lines that both have stay.
            let at = line_end(text, self.end_of_entry(gone)?);
            return Ok(vec![insert_lines(text, at, lines, false, &self.layout)]);
        }
        let at = self.end_of_block(key, value);
        if !text[..at].ends_with('\n') && !behind_merge {
            // In front of an entry with a line of its own, so that the last line stays as it is: a line
            // feed behind it could also become part of a block scalar.
            let start = line_start(text, self.tree.span(key).start);
            if text[start..self.tree.span(key).start].trim().is_empty() {
                return Ok(vec![Patch::insert(self.above(map, key), lines)]);
            }
            if self.ends_in_block_scalar(value) {
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
        let key = self.tree.span(entry.key);
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

    /// A new value in a flow mapping.
    fn flow_value(&self, map: NodeId, new: &New) -> String {
        render::flow(new, &self.layout.inside(self.tree, map), self.flow_place(map))
    }

    /// What stands between two entries of a flow mapping, and new entries with that between them.
    fn flow_entries(&self, map: NodeId, entries: &[(&'static str, New)]) -> (String, String) {
        let layout = self.layout.inside(self.tree, map);
        let place = self.flow_place(map);
        let separator = match place.lines {
            Some(lines) => format!(",{}{}", layout.eol, lines.indent),
            None => layout.comma.to_owned(),
        };
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, value)| render::flow_entry(key, value, &layout, place))
            .collect();
        let text = entries.join(&separator);
        (separator, text)
    }

    fn flow_place(&self, map: NodeId) -> Flow<'_> {
        Flow { lines: self.lines(map), quoted_keys: quoted_keys(self.tree, map) }
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

/// The tag among the properties in this range, with the white space in front of it.
fn tag_between(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let mut at = range.start;
    loop {
        let start = skip_blank(text, at);
        if start >= range.end || !text[start..].starts_with(['&', '!']) {
            return None;
        }
        at = start + property(&text[start..]);
        if text[start..].starts_with('!') {
            return Some(text[..start].trim_end().len()..at);
        }
    }
}
