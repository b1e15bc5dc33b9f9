//! What becomes of a finding: it is open, or somebody answers for it. Everything downstream (exit
//! status, counts, every format) follows from this, and nothing that is not open is left uncounted.

use std::path::PathBuf;

use manifest::Span;

/// What becomes of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// It counts.
    #[default]
    Open,
    /// Waivers in order cover every capability that it is about.
    Waived {
        /// Which, in the order of their file.
        by: Vec<Cover>,
    },
    /// A comment beside it says why it may stay.
    Ignored {
        /// What it says.
        reason: String,
        /// The comment.
        span: Span,
    },
    /// It was there when the baseline was written.
    Baseline,
}

/// A waiver, as far as one who reads a finding wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The file it is in.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// Its reason.
    pub reason: String,
    /// Who approved it, as the history shows.
    pub approved: Vec<String>,
    /// The last day on which it counts.
    pub expires: String,
}

/// A place in the lists that somebody answers for, and why, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The word.
    pub span: Span,
    /// Why it stays.
    pub why: String,
}

impl Standing {
    /// Whether it counts.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Standing::Open
    }

    /// Why it does not count, in a sentence; `None` if it does.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Standing::Open => None,
            Standing::Waived { by } => {
                let each = by.iter().map(|cover| {
                    format!(
                        "{} (until {}, approved by {}; {}:{})",
                        cover.reason,
                        cover.expires,
                        crate::words::list(&cover.approved),
                        cover.file.display(),
                        cover.line
                    )
                });
                Some(format!("waived: {}", each.collect::<Vec<_>>().join("; ")))
            }
            Standing::Ignored { reason, .. } => Some(format!("ignored: {reason}")),
            Standing::Baseline => Some("in the baseline".to_owned()),
        }
    }
}
