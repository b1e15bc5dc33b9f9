//! Line breaks that only some tools see. YAML 1.1, and so Kubernetes (`is_break` in
//! `goyaml.v2/yamlprivateh.go`), ends a line at U+0085, U+2028 and U+2029 too: what looks like the
//! rest of a comment may be a field.

/// The first such character at or behind `from`, and its length in bytes. A lone carriage return is
/// one as well: editors differ.
pub(crate) fn find(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let rest = text.get(from..)?;
    let found = rest.char_indices().find(|&(at, c)| match c {
        '\u{85}' | '\u{2028}' | '\u{2029}' => true,
        '\r' => bytes.get(from + at + 1) != Some(&b'\n'),
        _ => false,
    });
    found.map(|(at, c)| (from + at, c.len_utf8()))
}

/// The text with line feeds in their place, each character as long as before: white space, then a
/// line feed.
pub(crate) fn as_line_feeds(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some((at, length)) = find(text, done) {
        out.push_str(&text[done..at]);
        out.extend(std::iter::repeat_n(' ', length - 1));
        out.push('\n');
        done = at + length;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stay() {
        let text = "a\r\nb\rc\u{85}d\u{2028}e\u{2029}\r\n\r";
        assert_eq!(as_line_feeds(text), "a\r\nb\nc \nd  \ne  \n\r\n\n");
        assert_eq!(as_line_feeds(text).len(), text.len());
        assert_eq!(find("a\r\nb", 0), None);
    }
}
