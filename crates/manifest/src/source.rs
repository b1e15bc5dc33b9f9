//! The text of one manifest, where it came from, and lines and columns in it.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::kinds::Kinds;
use crate::workload::Span;

/// The largest text that is read, bytes. The API server refuses a request body above 3 MiB
/// (`DefaultMaxRequestSizeBytes`, k8s.io/apiserver `pkg/server/config.go`), so even a file with
/// many objects stays far below.
pub const MAX_BYTES: u64 = 128 << 20;

/// A manifest's text, its name, and its lines. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    path: Option<PathBuf>,
    content: Arc<Content>,
    kinds: Kinds,
}

#[derive(Debug, PartialEq, Eq)]
struct Content {
    text: String,
    lines: LineIndex,
}

impl Content {
    fn new(text: String) -> Arc<Self> {
        Arc::new(Self { lines: LineIndex::new(&text), text })
    }
}

impl Source {
    /// A text that is no file; `name` is what messages call it (`<stdin>`).
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let content = Content::new(text.into());
        Self { name: name.into(), path: None, content, kinds: Kinds::default() }
    }

    /// The text of a file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let path = path.into();
        Self { name: path.display().to_string(), path: Some(path), ..Self::new("", text) }
    }

    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// See [`ReadError`]; a file that is not UTF-8 text is one.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        if path == Path::new("-") {
            return Self::read_standard_input().map_err(|(error, _)| error);
        }
        let name = path.display().to_string();
        let open = |error| ReadError::Io { name: name.clone(), error };
        let file = File::open(path).map_err(open)?;
        if file.metadata().map_err(open)?.is_dir() {
            return Err(open(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Ok(Self::file(path, text_of(&name, file)?))
    }

    /// Reads standard input; with the error comes what had been read of it.
    pub(crate) fn read_standard_input() -> Result<Self, (ReadError, Vec<u8>)> {
        let name = "<stdin>";
        let mut bytes = Vec::new();
        let text = fill(name, io::stdin().lock(), &mut bytes).and_then(|()| decode(name, &bytes));
        match text {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => Err((error, bytes)),
        }
    }

    /// With other kinds of objects whose pods are read.
    #[must_use]
    pub fn with_kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// The kinds of objects whose pods are read.
    #[must_use]
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The name of the file in its folder.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.path.as_deref().unwrap_or(Path::new(&self.name)).file_name()?.to_str()
    }

    /// What messages call it: the path as given, or `<stdin>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same for a line of text: a line break in it, or another control character, stands escaped.
    #[must_use]
    pub fn shown_name(&self) -> Cow<'_, str> {
        if !self.name.contains(char::is_control) {
            return Cow::Borrowed(&self.name);
        }
        let each = self.name.chars().map(|c| match c.is_control() {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        });
        Cow::Owned(each.collect())
    }

    /// The file's path as given; `None` for text that is no file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The whole text, byte for byte as read (byte-order mark and line endings included).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.content.text
    }

    /// Line and column of a byte offset.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        self.content.lines.position(&self.content.text, offset)
    }

    /// `name:line:column` of a span's start.
    #[must_use]
    pub fn locate(&self, span: Span) -> String {
        format!("{}:{}", self.shown_name(), self.position(span.start))
    }

    /// The text of a span; empty if it does not lie in this text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.range()).unwrap_or_default()
    }

    /// The same source with another text.
    #[must_use]
    pub fn with_text(&self, text: impl Into<String>) -> Self {
        Self { content: Content::new(text.into()), ..self.clone() }
    }
}

fn text_of(name: &str, reader: impl Read) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    fill(name, reader, &mut bytes)?;
    decode(name, &bytes)
}

/// Reads up to [`MAX_BYTES`]; what could be read is in `bytes` all the same.
fn fill(name: &str, reader: impl Read, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
    let io = |error| ReadError::Io { name: name.to_owned(), error };
    reader.take(MAX_BYTES + 1).read_to_end(bytes).map_err(io)?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(ReadError::TooLarge { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// The text of these bytes.
///
/// # Errors
/// [`ReadError::Utf16`], [`ReadError::Binary`] or [`ReadError::NotUtf8`].
fn decode(name: &str, bytes: &[u8]) -> Result<String, ReadError> {
    let name = name.to_owned();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(ReadError::Utf16 { name });
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(ReadError::Binary { name, offset });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let offset = error.valid_up_to();
            let line = 1 + bytes[..offset].iter().filter(|&&byte| byte == b'\n').count();
            Err(ReadError::NotUtf8 { name, offset, line })
        }
    }
}

/// Why a file's text could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("{name}: cannot read it: {error}")]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Above [`MAX_BYTES`].
    #[error("{name}: larger than {} MiB, too large for a manifest; split it", MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        name: String,
    },
    /// A NUL byte: no text at all.
    #[error("{name}: a binary file (NUL byte at offset {offset}), not a manifest")]
    Binary {
        /// The file.
        name: String,
        /// Offset of the first NUL byte.
        offset: usize,
    },
    /// UTF-16, as some Windows tools write it.
    #[error("{name}: UTF-16 text; save it as UTF-8")]
    Utf16 {
        /// The file.
        name: String,
    },
    /// Text in another encoding.
    #[error("{name}:{line}: not UTF-8 (byte offset {offset}); save it as UTF-8")]
    NotUtf8 {
        /// The file.
        name: String,
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
}

impl ReadError {
    /// The file's name as given.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Io { name, .. }
            | Self::TooLarge { name }
            | Self::Binary { name, .. }
            | Self::Utf16 { name }
            | Self::NotUtf8 { name, .. } => name,
        }
    }
}

/// Line and column, both from 1; the column counts Unicode scalar values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1. A byte-order mark at the start of the text has no width.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where the lines of a text start. A line ends at LF, CR LF or a lone CR, as in YAML 1.2, 5.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// The lines of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|&(at, &byte)| {
            byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        });
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The position of a byte offset in the text this index was made of; an offset past the end
    /// counts as the end.
    #[must_use]
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let offset = offset.min(text.len());
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        let before = &text.as_bytes()[start..offset];
        let before = before.strip_prefix("\u{feff}".as_bytes()).unwrap_or(before);
        // Continuation bytes of UTF-8 are no characters of their own.
        let column = 1 + before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_all_line_ends() {
        let text = "\u{feff}a: é\r\nb\rc\n\nd";
        let index = LineIndex::new(text);
        let at = |needle: char| index.position(text, text.find(needle).unwrap());
        assert_eq!(at('a'), Position { line: 1, column: 1 });
        assert_eq!(at('é'), Position { line: 1, column: 4 });
        assert_eq!(at('\r'), Position { line: 1, column: 5 });
        assert_eq!(at('b'), Position { line: 2, column: 1 });
        assert_eq!(at('c'), Position { line: 3, column: 1 });
        assert_eq!(at('d'), Position { line: 5, column: 1 });
        assert_eq!(index.position(text, 4000), Position { line: 5, column: 2 });
        assert_eq!(LineIndex::new("").position("", 0), Position { line: 1, column: 1 });
    }

    #[test]
    fn encodings_are_told_apart() {
        let of = |bytes: &[u8]| decode("f", bytes).map_err(|error| error.to_string());
        assert_eq!(of("kind: Pöd".as_bytes()), Ok("kind: Pöd".to_owned()));
        assert_eq!(of(b"\xff\xfek\0"), Err("f: UTF-16 text; save it as UTF-8".to_owned()));
        assert_eq!(
            of(b"\x7fELF\0"),
            Err("f: a binary file (NUL byte at offset 4), not a manifest".to_owned())
        );
        assert_eq!(
            of(b"a\nk: \xe9"),
            Err("f:2: not UTF-8 (byte offset 5); save it as UTF-8".to_owned())
        );
    }
}
