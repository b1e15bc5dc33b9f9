//! Words filled into lines, each word with its colour.

use std::io::{self, Write};

use anstyle::Style;

/// Lines are filled up to this width.
const WIDTH: usize = 80;

/// Words to be filled into lines.
#[derive(Debug, Clone, Default)]
pub struct Paragraph {
    words: Vec<(String, usize)>,
}

impl Paragraph {
    /// These words, without colour.
    pub fn new(text: &str) -> Self {
        Self::default().text(text)
    }

    /// And these, without colour.
    pub fn text(self, text: &str) -> Self {
        self.styled(text, Style::new())
    }

    /// And these, all in one colour.
    pub fn styled(mut self, text: &str, style: Style) -> Self {
        self.words.extend(
            text.split(' ')
                .filter(|word| !word.is_empty())
                .map(|word| (format!("{style}{word}{style:#}"), word.chars().count())),
        );
        self
    }

    /// With this behind the last word, without a blank.
    pub fn close(mut self, mark: &str) -> Self {
        if let Some((word, width)) = self.words.last_mut() {
            word.push_str(mark);
            *width += mark.chars().count();
        }
        self
    }

    /// And another.
    pub fn then(mut self, other: Paragraph) -> Self {
        self.words.extend(other.words);
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Prints it behind a label that takes `column` columns, at which later lines start.
    pub fn print(&self, out: &mut dyn Write, label: &str, column: usize) -> io::Result<()> {
        write!(out, "{label:column$}")?;
        self.fill(out, column.max(label.chars().count()), column)
    }

    /// Prints it behind a coloured label that is `column` columns wide.
    pub fn print_after(&self, out: &mut dyn Write, label: &str, column: usize) -> io::Result<()> {
        write!(out, "{label}")?;
        self.fill(out, column, column)
    }

    /// Prints it indented, later lines a little more.
    pub fn print_hanging(&self, out: &mut dyn Write, indent: usize) -> io::Result<()> {
        write!(out, "{:indent$}", "")?;
        self.fill(out, indent, indent + 2)
    }

    fn fill(&self, out: &mut dyn Write, mut at: usize, indent: usize) -> io::Result<()> {
        for (index, (word, width)) in self.words.iter().enumerate() {
            if index > 0 && at + 1 + width > WIDTH {
                write!(out, "\n{:indent$}", "")?;
                at = indent;
            } else if index > 0 {
                write!(out, " ")?;
                at += 1;
            }
            write!(out, "{word}")?;
            at += width;
        }
        writeln!(out)
    }
}
