//! What is written anew, as text.

use std::iter::repeat_n;

use super::Item;
use super::layout::{Layout, Quote};
use crate::scalar::{self, Value};

/// A value that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum New {
    Map(Vec<(&'static str, New)>),
    List(Vec<Item>),
}

impl New {
    /// Whether it is written in lines of its own below its key.
    pub(super) fn is_block(&self, layout: &Layout) -> bool {
        match self {
            Self::Map(_) => true,
            // Only a block list has room for a comment behind each item.
            Self::List(items) => {
                let commented = items.iter().any(|item| item.comment.is_some());
                !items.is_empty() && (layout.block_lists || commented)
            }
        }
    }
}

/// Entries of a block mapping whose keys stand at `column`, each with its line ending.
pub(super) fn block(entries: &[(&'static str, New)], column: usize, layout: &Layout) -> String {
    let mut out = String::new();
    for (key, value) in entries {
        out.extend(repeat_n(' ', column));
        out.push_str(key);
        out.push(':');
        if value.is_block(layout) {
            out.push_str(layout.eol);
            out.push_str(&block_value(value, column, layout));
        } else {
            out.push(' ');
            out.push_str(&flow(value, layout, Flow::default()));
            out.push_str(layout.eol);
        }
    }
    out
}

/// What stands below a key at `column`.
pub(super) fn block_value(value: &New, column: usize, layout: &Layout) -> String {
    match value {
        New::Map(entries) => block(entries, column + layout.step, layout),
        New::List(items) => {
            items.iter().map(|item| block_item(item, column + layout.dash, layout)).collect()
        }
    }
}

/// One line of a block list.
pub(super) fn block_item(item: &Item, column: usize, layout: &Layout) -> String {
    let mut line: String = repeat_n(' ', column).collect();
    line.push_str("- ");
    line.push_str(&word(&item.word, layout.quote));
    if let Some(comment) = &item.comment {
        line.push_str("  # ");
        line.push_str(&one_line(comment));
    }
    line.push_str(layout.eol);
    line
}

/// Indentation of a flow collection with one entry a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'t> {
    /// White space before the entries of the mapping around.
    pub(super) indent: &'t str,
    /// White space that one level adds.
    pub(super) step: &'t str,
}

/// Where a flow value stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flow<'t> {
    /// The lines, where the mapping around has one entry a line.
    pub(super) lines: Option<Lines<'t>>,
    /// Whether keys are in double quotes, as in JSON.
    pub(super) quoted_keys: bool,
}

/// A value in flow style.
pub(super) fn flow(value: &New, layout: &Layout, place: Flow<'_>) -> String {
    match value {
        New::Map(entries) => {
            let (open, separator, close) = brackets(layout, place.lines);
            let inner = place.lines.map(|lines| format!("{}{}", lines.indent, lines.step));
            let lines = place.lines.zip(inner.as_deref());
            let lines = lines.map(|(lines, indent)| Lines { indent, ..lines });
            let place = Flow { lines, ..place };
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| flow_entry(key, value, layout, place)).collect();
            let pad = if place.lines.is_none() { layout.pad } else { "" };
            format!("{{{open}{pad}{}{pad}{close}}}", entries.join(&separator))
        }
        New::List(items) if items.is_empty() => "[]".to_owned(),
        New::List(items) => {
            // A plain word may go on in the next line, and so no tab may begin that.
            let tab = |lines: &Lines<'_>| (lines.indent.to_owned() + lines.step).contains('\t');
            let fits = |lines: &Lines<'_>| layout.quote != Quote::Plain || !tab(lines);
            let lines = place.lines.filter(|lines| layout.tall_lists && fits(lines));
            let (open, separator, close) = brackets(layout, lines);
            let items: Vec<_> = items.iter().map(|item| word(&item.word, layout.quote)).collect();
            format!("[{open}{}{close}]", items.join(&separator))
        }
    }
}

/// `key: value` in flow style.
pub(super) fn flow_entry(key: &str, value: &New, layout: &Layout, place: Flow<'_>) -> String {
    let quote = if place.quoted_keys { "\"" } else { "" };
    format!("{quote}{key}{quote}{}{}", layout.colon, flow(value, layout, place))
}

/// What stands behind the opening bracket, between entries, and before the closing bracket.
fn brackets(layout: &Layout, lines: Option<Lines<'_>>) -> (String, String, String) {
    match lines {
        Some(Lines { indent, step, .. }) => {
            let eol = layout.eol;
            let inner = format!("{eol}{indent}{step}");
            (inner.clone(), format!(",{inner}"), format!("{eol}{indent}"))
        }
        None => (String::new(), layout.comma.to_owned(), String::new()),
    }
}

/// A word as a scalar that is read as this text.
pub(super) fn word(text: &str, quote: Quote) -> String {
    let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let plain = simple && matches!(scalar::resolve(text), Value::Text(_));
    match quote {
        Quote::Plain if plain => text.to_owned(),
        Quote::Single if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => {
            let mut out = String::from("\"");
            for c in text.chars() {
                match c {
                    '"' | '\\' => out.extend(['\\', c]),
                    // As in JSON, which has no other escape for these; none is above U+FFFF.
                    c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                        out.push_str(&format!("\\u{:04x}", u32::from(c)));
                    }
                    c => out.push(c),
                }
            }
            out.push('"');
            out
        }
    }
}

/// A comment's text on one line.
pub(super) fn one_line(comment: &str) -> String {
    let words: Vec<_> = comment.split(|c: char| c.is_control() || c.is_whitespace()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
