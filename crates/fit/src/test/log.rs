//! A test that is something that the program prints.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::Question;

/// A pattern in what the program prints, standard output and standard error together; `^` and `$` are
/// the ends of a line. Bytes, not Unicode: `\w` and `(?i)` know ASCII, and the tables of all other letters
/// are no part of the program.
#[derive(Debug, Clone)]
pub struct Log {
    pattern: Regex,
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParseLogError {
    /// It cannot be read.
    #[error("is no pattern (syntax of Rust's regex crate): {0}")]
    Syntax(#[from] regex::Error),
    /// It matches anything.
    #[error("matches a program that prints nothing: it would test nothing")]
    Anything,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prints /{}/", self.pattern.as_str())
    }
}

impl Log {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ParseLogError`].
    pub fn parse(pattern: &str) -> Result<Self, ParseLogError> {
        let pattern = RegexBuilder::new(pattern).multi_line(true).unicode(false).build()?;
        if pattern.is_match(b"") { Err(ParseLogError::Anything) } else { Ok(Self { pattern }) }
    }

    pub(super) fn ask(&self, question: &Question<'_>) -> Result<(), String> {
        if self.pattern.is_match(question.output) {
            return Ok(());
        }
        Err(format!("did not print /{}/", self.pattern.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_tests_nothing_is_refused() {
        assert!(Log::parse("^ready$").is_ok());
        assert!(Log::parse(r"(?i)bereit für \w+").is_ok());
        assert_eq!(Log::parse("x*").unwrap_err(), ParseLogError::Anything);
        assert!(matches!(Log::parse("(").unwrap_err(), ParseLogError::Syntax(_)));
    }
}
