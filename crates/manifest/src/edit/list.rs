//! Patches of a list that has items.

use std::collections::HashSet;

use super::Item;
use super::goal::Fate;
use super::layout::{Layout, Quote};
use super::patch::{Patch, column, line_end, line_start, skip_blank};
use super::render;
use crate::tree::{NodeId, NodeKind, Tree};
use crate::workload::Span;

use granit_parser::ScalarStyle;

/// Why a list is not edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// One has an anchor that this alias refers to.
    Anchor(NodeId),
    /// It is written in a way that is not edited.
    Unsupported,
}

/// A list with items: what happens to each of them, and what is new.
struct ListEdit<'a, 't> {
    tree: &'a Tree<'t>,
    list: NodeId,
    /// Behind the colon of its key.
    colon: usize,
    layout: Layout,
    items: &'a [NodeId],
    /// Whether each old item stays, rewritten or not.
    stays: Vec<bool>,
    new: Vec<&'a Item>,
}

/// Patches after which each item has become what its fate says, with `new` behind them. `colon` is
/// the place behind its key's colon; `gone` are the items that go or change in the whole text.
pub(super) fn patches(
    tree: &Tree<'_>,
    list: NodeId,
    colon: usize,
    layout: &Layout,
    (fates, new): (&[Fate], &[Item]),
    gone: &HashSet<NodeId>,
) -> Result<Vec<Patch>, Unwritten> {
    let items = tree.items(list);
    if items.len() != fates.len() {
        return Err(Unwritten::Unsupported);
    }
    let mut patches = Vec::new();
    for (&item, fate) in items.iter().zip(fates) {
        match fate {
            Fate::Stays => {}
            Fate::Becomes(word) => patches.push(rewrite(tree, item, word, gone)?),
            Fate::Goes => unshared(tree, item, gone)?,
        }
    }
    let stays = fates.iter().map(|fate| *fate != Fate::Goes).collect();
    let quote = items.iter().rev().find_map(|&item| quote_of(tree, item)).unwrap_or(layout.quote);
    let layout = Layout { quote, ..*layout };
    let edit = ListEdit { tree, list, colon, layout, items, stays, new: new.iter().collect() };
    patches.extend(if tree.node(list).flow { edit.flow() } else { edit.block()? });
    Ok(patches)
}

/// Whether no alias is left that an item's anchor is for.
fn unshared(tree: &Tree<'_>, item: NodeId, gone: &HashSet<NodeId>) -> Result<(), Unwritten> {
    if !tree.node(item).shared {
        return Ok(());
    }
    let mut left = tree.aliases().filter(|(alias, of)| *of == item && !gone.contains(alias));
    left.next().map_or(Ok(()), |(alias, _)| Err(Unwritten::Anchor(alias)))
}

/// One item becomes another word, in the same quotes.
fn rewrite(
    tree: &Tree<'_>,
    item: NodeId,
    word: &str,
    gone: &HashSet<NodeId>,
) -> Result<Patch, Unwritten> {
    unshared(tree, item, gone)?;
    let quote = match &tree.node(item).kind {
        NodeKind::Alias(_) => Quote::Plain,
        _ => quote_of(tree, item).ok_or(Unwritten::Unsupported)?,
    };
    Ok(Patch::replace(tree.span(item).range(), render::word(word, quote)))
}

/// How a scalar on one line is quoted.
fn quote_of(tree: &Tree<'_>, item: NodeId) -> Option<Quote> {
    match &tree.node(item).kind {
        NodeKind::Scalar { style: ScalarStyle::Plain, .. } => Some(Quote::Plain),
        NodeKind::Scalar { style: ScalarStyle::SingleQuoted, .. } => Some(Quote::Single),
        NodeKind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => Some(Quote::Double),
        _ => None,
    }
}

/// A line of its own in a flow list.
#[derive(Debug, Clone, Copy)]
struct ItemLine {
    start: usize,
    item_end: usize,
    comma: Option<usize>,
    /// Behind its line feed.
    end: usize,
}

impl ListEdit<'_, '_> {
    fn nothing_stays(&self) -> bool {
        !self.stays.contains(&true)
    }

    /// A block list: whole lines go and come.
    fn block(&self) -> Result<Vec<Patch>, Unwritten> {
        let text = self.tree.text;
        // An anchor or a tag stands between the colon and the first dash. Where the dashes stand below
        // the key itself, the list's own place is behind the first of them.
        let open = behind_lines_of_properties(text, self.colon);
        let (mut patches, mut from, mut dash_column) = (Vec::new(), open, 0);
        let mut end = from;
        for (&item, &stays) in self.items.iter().zip(&self.stays) {
            let dash = skip_blank(text, from);
            let start = line_start(text, dash);
            if !text[dash..].starts_with('-') || !text[start..dash].trim().is_empty() {
                return Err(Unwritten::Unsupported);
            }
            dash_column = column(text, dash);
            from = self.tree.span(item).end.max(dash + 1);
            end = line_end(text, from);
            if !stays {
                patches.push(Patch::delete(start..end));
            }
        }
        if self.nothing_stays() && self.new.is_empty() {
            patches.push(Patch::insert(open, " []"));
            return Ok(patches);
        }
        let lines: String = self
            .new
            .iter()
            .map(|item| render::block_item(item, dash_column, &self.layout))
            .collect();
        if !lines.is_empty() {
            let last_line_stays = self.stays.last() == Some(&true);
            patches.push(insert_lines(text, end, lines, last_line_stays, &self.layout));
        }
        Ok(patches)
    }

    /// A flow list: items go and come with their commas.
    fn flow(&self) -> Vec<Patch> {
        let text = self.tree.text;
        let spans: Vec<_> = self.items.iter().map(|&item| self.tree.span(item)).collect();
        let list = self.tree.span(self.list);
        let words: Vec<_> =
            self.new.iter().map(|item| render::word(&item.word, self.layout.quote)).collect();
        let Some(last) = spans.last() else { return Vec::new() };
        let mut patches = Vec::new();
        if self.nothing_stays() && self.new.is_empty() {
            return vec![Patch::replace(list.range(), "[]")];
        }
        let separator = self.separator();
        if let Some(lines) = self.tall() {
            patches.extend(lines);
        } else if self.nothing_stays() {
            patches.push(Patch::replace(self.start(0)..last.end, words.join(&separator)));
        } else {
            patches.extend(self.one_by_one(&spans, &words, &separator));
        }
        let key_is_block = text[line_start(text, self.colon)..self.colon]
            .trim_start()
            .trim_end_matches(':')
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_');
        if key_is_block {
            patches.extend(line_comment(text, list.end, &self.new));
        }
        patches
    }

    /// Runs of items go from between others, with one comma; a comment behind one that stays does, too.
    fn one_by_one(&self, spans: &[Span], words: &[String], separator: &str) -> Vec<Patch> {
        let text = self.tree.text;
        let end_of = |index: usize| spans[index].end;
        let (mut patches, mut at, mut tail) = (Vec::new(), 0, None);
        for run in self.stays.chunk_by(|a, b| a == b) {
            let (first, next) = (at, at + run.len());
            at = next;
            if run.contains(&true) {
                continue;
            }
            let behind = if next < spans.len() { self.start(next) } else { end_of(next - 1) };
            let before = first.checked_sub(1).map(end_of);
            let start = self.start(first);
            match before {
                Some(before) if !text[before..start].contains('#') => {
                    patches.push(Patch::delete(before..end_of(next - 1)));
                }
                // The comma and the comment stay, and so what is new takes this place.
                Some(_) if next == spans.len() => tail = Some(start..behind),
                _ => patches.push(Patch::delete(start..behind)),
            }
        }
        patches.extend(match tail {
            Some(range) => Some(Patch::replace(range, words.join(separator))),
            None if words.is_empty() => None,
            None => {
                let tail: String = words.iter().map(|word| format!("{separator}{word}")).collect();
                Some(Patch::insert(end_of(spans.len() - 1), tail))
            }
        });
        patches
    }

    /// A flow list with one item a line: whole lines go and come, each with the comment that is about
    /// it. The last item has a comma if the last one had.
    fn tall(&self) -> Option<Vec<Patch>> {
        let text = self.tree.text;
        let lines = (0..self.items.len()).map(|index| self.line(index));
        let lines = lines.collect::<Option<Vec<_>>>()?;
        let last = lines.last()?;
        let closed = last.comma.is_some();
        let going = lines.iter().zip(&self.stays).filter(|(_, stays)| !**stays);
        let mut patches: Vec<_> =
            going.map(|(line, _)| Patch::delete(line.start..line.end)).collect();
        if let Some(kept) = self.stays.iter().rposition(|stays| *stays) {
            let ItemLine { item_end, comma, .. } = lines[kept];
            match comma {
                None if !self.new.is_empty() => patches.push(Patch::insert(item_end, ",")),
                Some(comma) if self.new.is_empty() && !closed => {
                    patches.push(Patch::delete(item_end..comma + 1));
                }
                _ => {}
            }
        }
        let indent = &text[last.start..self.start(self.items.len() - 1)];
        let count = self.new.len();
        let new = self.new.iter().enumerate().map(|(at, item)| {
            let comma = if closed || at + 1 < count { "," } else { "" };
            let word = render::word(&item.word, self.layout.quote);
            format!("{indent}{word}{comma}{}", self.layout.eol)
        });
        let new: String = new.collect();
        if !new.is_empty() {
            patches.push(Patch::insert(last.end, new));
        }
        Some(patches)
    }

    /// The line of an item of a flow list, if nothing else but its comma and a comment stands there.
    fn line(&self, index: usize) -> Option<ItemLine> {
        let text = self.tree.text;
        let (item_start, item_end) = (self.start(index), self.tree.span(self.items[index]).end);
        let (start, end) = (line_start(text, item_start), line_end(text, item_end));
        let next = skip_blank(text, item_end);
        let comma = text[next..].starts_with(',').then_some(next);
        let rest = text.get(comma.map_or(item_end, |comma| comma + 1)..end)?.trim_start();
        let alone = start > self.tree.span(self.list).start
            && text[start..item_start].trim().is_empty()
            && (rest.is_empty() || rest.starts_with('#'));
        alone.then_some(ItemLine { start, item_end, comma, end })
    }

    /// Where an item of a flow list begins, with its tag or anchor.
    fn start(&self, index: usize) -> usize {
        let text = self.tree.text;
        let Some(before) = index.checked_sub(1).map(|before| self.items[before]) else {
            return skip_blank(text, self.tree.span(self.list).start + 1);
        };
        let comma = skip_blank(text, self.tree.span(before).end);
        skip_blank(text, (comma + 1).min(text.len()))
    }

    /// What stands between two items of this flow list.
    fn separator(&self) -> String {
        let text = self.tree.text;
        let list = self.tree.span(self.list);
        if let [.., before, last] = self.items {
            let between = &text[self.tree.span(*before).end..self.tree.span(*last).start];
            if between.trim() == "," {
                return between.to_owned();
            }
        } else if let [_] = self.items {
            let start = self.start(0);
            let indent = &text[list.start + 1..start];
            if indent.contains('\n') && indent.trim().is_empty() {
                return format!(",{}{}", self.layout.eol, &text[line_start(text, start)..start]);
            }
        }
        self.layout.comma.to_owned()
    }
}

/// Behind the anchor and the tag that stand at `at`, if any do.
fn behind_properties(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start_matches([' ', '\t']);
        if !rest.starts_with(['&', '!']) {
            return at;
        }
        at = text.len() - rest.len() + property(rest);
    }
}

/// The length of the anchor or tag that this begins with: neither has brackets or commas in it, but
/// for a tag in `!<…>` (YAML 1.2, 6.8.1 and 6.9.2).
pub(super) fn property(rest: &str) -> usize {
    let verbatim = rest.starts_with("!<").then(|| rest.find('>')).flatten();
    let ends = |c: char| c.is_whitespace() || ",[]{}".contains(c);
    verbatim.map_or_else(|| rest.find(ends).unwrap_or(rest.len()), |close| close + 1)
}

/// The same, where they may stand in lines of their own.
pub(super) fn behind_lines_of_properties(text: &str, mut at: usize) -> usize {
    loop {
        let next = skip_blank(text, at);
        if !text[next..].starts_with(['&', '!']) {
            return at;
        }
        at = behind_properties(text, next);
    }
}

/// The comments of new items behind a list that has no room for them between its items, if its line
/// ends there.
pub(super) fn line_comment(text: &str, end: usize, new: &[&Item]) -> Option<Patch> {
    let rest = &text[end..line_end(text, end)];
    if !rest.trim().is_empty() {
        return None;
    }
    let comments: Vec<_> = new
        .iter()
        .filter_map(|item| item.comment.as_deref().map(|comment| (item, comment)))
        .map(|(item, comment)| match new {
            [_] => render::one_line(comment),
            _ => format!("{}: {}", item.word, render::one_line(comment)),
        })
        .collect();
    let comment = format!("  # {}", comments.join("; "));
    (!comments.is_empty()).then(|| Patch::insert(end, comment))
}

/// Whole lines at `at`, the start of a line or the end of the text. `open` says that the line
/// before stays and so may lack its line ending.
pub(super) fn insert_lines(
    text: &str,
    at: usize,
    lines: String,
    open: bool,
    layout: &Layout,
) -> Patch {
    if at == 0 || text[..at].ends_with('\n') {
        return Patch::insert(at, lines);
    }
    // The last line of a text without a final line ending, which it does not get either.
    let lines = lines.strip_suffix(layout.eol).unwrap_or(&lines);
    Patch::insert(at, if open { format!("{}{lines}", layout.eol) } else { lines.to_owned() })
}
