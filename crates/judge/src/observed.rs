//! A recording together with what it amounts to.

use record::observation::Recording;

use crate::judgement::{Judgement, judge};

/// What one run showed, and what it amounts to.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What was seen.
    pub recording: Recording,
    /// What it amounts to.
    pub judgement: Judgement,
}

impl Observed {
    /// Judges a recording.
    #[must_use]
    pub fn of(recording: Recording) -> Self {
        let judgement = judge(&recording);
        Self { recording, judgement }
    }
}
