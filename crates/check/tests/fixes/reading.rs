//! A text as a tree, read from the parser's events: what the count of lines stands on, apart from the
//! tree that edits are planned with.

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// A value.
pub struct Node {
    /// Its first byte; of a mapping the first key's.
    pub start: usize,
    /// Behind its last byte; of a block collection behind that of its last value.
    pub end: usize,
    /// In brackets.
    pub flow: bool,
    /// A scalar with a tag.
    pub tagged: bool,
    pub kind: Kind,
}

pub enum Kind {
    /// Its text and how it is written.
    Scalar(String, ScalarStyle),
    Alias,
    /// Each key's text, the key and its value.
    Map(Vec<(String, usize, usize)>),
    Seq(Vec<usize>),
}

/// All documents of a text.
pub struct Reading<'t> {
    pub text: &'t str,
    nodes: Vec<Node>,
    /// The roots.
    pub documents: Vec<usize>,
    lines: Vec<usize>,
}

impl<'t> Reading<'t> {
    /// Reads a text; of a document that is no YAML nothing is found.
    pub fn of(text: &'t str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        let mut reading = Self { text, nodes: Vec::new(), documents: Vec::new(), lines };
        let mut open: Vec<(usize, Option<usize>)> = Vec::new();
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            let Ok((event, span)) = next else {
                // A template: what comes behind it is read.
                open.clear();
                if matches!(parser.proceed_next_document(), Ok(true)) {
                    continue;
                }
                break;
            };
            let span = span.byte_range().unwrap_or_default();
            let tagged = matches!(&event, Event::Scalar(.., Some(_)));
            let mut node = |kind, flow| {
                reading.push(Node { start: span.start, end: span.end, flow, tagged, kind })
            };
            let done = match event {
                Event::Scalar(text, style, ..) => {
                    let unwritten = span.is_empty() && style == ScalarStyle::Plain;
                    let text = if unwritten { "".into() } else { text };
                    node(Kind::Scalar(text.into_owned(), style), false)
                }
                Event::Alias(_) => node(Kind::Alias, false),
                Event::SequenceStart(style, ..) => {
                    open.push((node(Kind::Seq(Vec::new()), style == StructureStyle::Flow), None));
                    continue;
                }
                Event::MappingStart(style, ..) => {
                    open.push((node(Kind::Map(Vec::new()), style == StructureStyle::Flow), None));
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some((id, _)) = open.pop() else { break };
                    reading.close(id, span.end);
                    id
                }
                _ => continue,
            };
            let Some((parent, key)) = open.last_mut() else {
                reading.documents.push(done);
                continue;
            };
            let name = key.and_then(|key| match &reading.nodes[key].kind {
                Kind::Scalar(text, _) => Some(text.clone()),
                _ => None,
            });
            match (&mut reading.nodes[*parent].kind, key.take()) {
                (Kind::Seq(items), _) => items.push(done),
                (Kind::Map(entries), Some(key)) => {
                    entries.push((name.unwrap_or_default(), key, done));
                }
                (_, _) => *key = Some(done),
            }
        }
        reading
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn close(&mut self, id: usize, end: usize) {
        let (start, end) = match &self.nodes[id].kind {
            _ if self.nodes[id].flow => (self.nodes[id].start, end),
            Kind::Map(entries) => match (entries.first(), entries.last()) {
                (Some(first), Some(last)) => {
                    let end = self.nodes[last.1].end.max(self.nodes[last.2].end);
                    (self.nodes[first.1].start, end)
                }
                _ => (self.nodes[id].start, end),
            },
            Kind::Seq(items) => {
                let end = items.last().map_or(end, |last| self.nodes[*last].end);
                (self.nodes[id].start, end)
            }
            _ => (self.nodes[id].start, end),
        };
        (self.nodes[id].start, self.nodes[id].end) = (start, end);
    }

    pub fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    /// Whether the document of this byte has an alias, which merge keys need, too.
    pub fn has_aliases(&self, at: usize) -> bool {
        let mut roots = self.documents.iter().map(|root| self.node(*root));
        let around = roots.rfind(|root| root.start <= at && at <= root.end);
        around.is_some_and(|root| {
            let inside = |node: &&Node| root.start <= node.start && node.end <= root.end;
            self.nodes.iter().filter(inside).any(|node| matches!(node.kind, Kind::Alias))
        })
    }

    /// The mapping that begins and ends there.
    pub fn mapping(&self, start: usize, end: usize) -> Option<usize> {
        self.nodes.iter().rposition(|node| {
            matches!(node.kind, Kind::Map(_)) && (node.start, node.end) == (start, end)
        })
    }

    pub fn entries(&self, id: usize) -> &[(String, usize, usize)] {
        match &self.nodes[id].kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Key and value of an entry.
    pub fn entry(&self, map: usize, key: &str) -> Option<(usize, usize)> {
        let entries = self.entries(map).iter();
        entries.rev().find(|(name, ..)| name == key).map(|&(_, key, value)| (key, value))
    }

    pub fn items(&self, id: usize) -> &[usize] {
        match &self.nodes[id].kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar that is written in its line.
    pub fn word(&self, id: usize) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded) => None,
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The quotes around a word.
    pub fn quote(&self, id: usize) -> &'static str {
        match &self.nodes[id].kind {
            Kind::Scalar(_, ScalarStyle::SingleQuoted) => "'",
            Kind::Scalar(_, ScalarStyle::DoubleQuoted) => "\"",
            _ => "",
        }
    }

    /// Nothing: null in any spelling, or a collection with nothing in it.
    pub fn is_nothing(&self, id: usize) -> bool {
        match &self.nodes[id].kind {
            Kind::Scalar(text, style) => {
                *style == ScalarStyle::Plain
                    && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Kind::Map(entries) => entries.is_empty(),
            Kind::Seq(items) => items.is_empty(),
            Kind::Alias => false,
        }
    }

    /// The number of a byte's line, from 0.
    pub fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at) - 1
    }

    /// The line of the last byte that is not white space before `end`.
    pub fn last_line(&self, end: usize) -> usize {
        self.line(self.text[..end].trim_end().len().saturating_sub(1))
    }

    /// The line of this byte, without its end.
    pub fn line_text(&self, at: usize) -> &str {
        let line = &self.text[self.lines[self.line(at)]..];
        line.lines().next().unwrap_or_default()
    }

    /// Bytes before this one in its line.
    pub fn column(&self, at: usize) -> usize {
        at - self.lines[self.line(at)]
    }

    /// Whether nothing but white space stands before this byte in its line.
    pub fn is_first(&self, at: usize) -> bool {
        let blank = |c: char| c == ' ' || c == '\t' || c == '\u{feff}';
        self.text[self.lines[self.line(at)]..at].chars().all(blank)
    }

    /// Whether this line has no line feed.
    pub fn is_open(&self, line: usize) -> bool {
        line + 1 == self.lines.len()
    }
}
