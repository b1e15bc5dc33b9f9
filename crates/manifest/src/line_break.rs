//! Line breaks that only some tools see. YAML 1.1, and so Kubernetes (`is_break` in
//! `goyaml.v2/yamlprivateh.go`), ends a line at U+0085, U+2028 and U+2029 too: what looks like the
//! rest of a comment may be a field.

/// The first such character at or behind `from`, and its length in bytes. A lone carriage return is
/// one as well: editors differ.
pub(crate) fn find(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    // Hardly any text has one of the bytes that they begin with.
    let begins =
        |(at, byte): (usize, &u8)| matches!(byte, b'\r' | 0xc2 | 0xe2).then_some(from + at);
    let mut places = bytes.get(from..)?.iter().enumerate().filter_map(begins);
    places.find_map(|at| Some((at, length(&bytes[at..])?)))
}

/// How long the character is that these bytes begin with, if it is one of them.
fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => None,
        [b'\r', ..] => Some(1),
        // U+0085, and U+2028 or U+2029.
        [0xc2, 0x85, ..] => Some(2),
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => Some(3),
        _ => None,
    }
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
