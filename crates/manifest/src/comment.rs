//! Comments of a text: what a person says beside the values.

use granit_parser::{Event, Parser, Placement, options};

use crate::source::Source;
use crate::workload::Span;

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From its `#` to the end of the line.
    pub span: Span,
    /// What stands behind the `#`.
    pub text: String,
    /// Whether something stands before it in its line, which it is about then.
    pub beside: bool,
}

/// The comments of a text with `word` in them, in order. A `#` in a text, quoted or in a block, is
/// none. Behind what cannot be read the next document is looked at.
#[must_use]
pub fn comments(source: &Source, word: &str) -> Vec<Comment> {
    let text = source.text();
    let mut comments = Vec::new();
    // Reading the text once more is worth it only where one may be.
    if !text.contains(word) {
        return comments;
    }
    let options = options! { emit_comments: true, block_scalar_eof_without_line_feed: true };
    let mut parser = Parser::new_from_str_with_options(text, options);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::Comment(said, placement), span)) if said.contains(word) => {
                let bytes = span.byte_range().unwrap_or_default();
                comments.push(Comment {
                    span: Span { start: bytes.start, end: bytes.end },
                    text: said.into_owned(),
                    beside: placement == Placement::Right,
                });
            }
            Ok(_) => {}
            Err(_) if matches!(parser.proceed_next_document(), Ok(true)) => {}
            Err(_) => break,
        }
    }
    comments.sort_by_key(|comment| comment.span);
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_are_comments() {
        let text =
            "# x 1\na: \"# x 2\" # x 3\nb: |\n  # x 4\nc: # y\n  - d#x\n  # x 5\n---\n# x 6\n";
        let all = comments(&Source::new("t", text), "x");
        let said: Vec<(&str, bool)> = all.iter().map(|c| (c.text.as_str(), c.beside)).collect();
        assert_eq!(said, [(" x 1", false), (" x 3", true), (" x 5", false), (" x 6", false)]);
        assert!(all.iter().all(|c| text[c.span.range()] == format!("#{}", c.text)));
    }
}
