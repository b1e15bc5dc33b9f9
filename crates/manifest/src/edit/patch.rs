//! Replacements of byte ranges, and lines around a byte.

use std::ops::Range;

/// A range of the old text and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Patch {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { range: at..at, text: text.into() }
    }

    pub(super) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    pub(super) fn delete(range: Range<usize>) -> Self {
        Self { range, text: String::new() }
    }
}

/// Brings patches into the order of the text. Those at the same place follow each other in the order
/// given.
pub(super) fn sort(patches: &mut [Patch]) {
    patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
}

/// The text with all patches, which are in order; `None` if two of them overlap or one lies outside.
pub(super) fn apply(text: &str, patches: &[Patch]) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 256);
    let mut done = 0;
    for Patch { range, text: new } in patches {
        out.push_str(text.get(done..range.start)?);
        out.push_str(new);
        done = range.end.max(range.start);
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// One patch from a text to another: all between what both begin with and what both end with.
pub(super) fn difference(old: &str, new: &str) -> Patch {
    let same = |(a, b): &(char, char)| a == b;
    let common = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum()
    };
    let start = common(&mut old.chars().zip(new.chars()));
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = common(&mut old_rest.chars().rev().zip(new_rest.chars().rev()));
    Patch::replace(start..old.len() - end, &new_rest[..new_rest.len() - end])
}

/// Where the line of this byte starts.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Behind the line feed of this byte's line, or the text's end.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The line ending of the text: that of its first line.
pub(super) fn eol(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Columns before this byte in its line, in characters; a byte-order mark has none.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at)..at].chars().filter(|&c| c != '\u{feff}').count()
}

/// Skips white space and comments.
pub(super) fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if !trimmed.starts_with('#') {
            return at;
        }
        at = line_end(text, at);
    }
}
