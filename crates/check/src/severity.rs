//! How bad a finding is, and how sure.

use std::fmt;
use std::str::FromStr;

/// How bad a finding is; the worst is the greatest.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing; nothing dangerous is held for it.
    Note,
    /// Held and dangerous, or a list that does not do what it says.
    Warning,
    /// Held, and a way out of the container as things stand.
    Error,
}

impl Severity {
    /// All, the least first.
    pub const ALL: [Severity; 3] = [Severity::Note, Severity::Warning, Severity::Error];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }

    /// `steps` milder; a note is the mildest.
    #[must_use]
    pub fn milder(self, steps: usize) -> Self {
        Self::ALL[(self as usize).saturating_sub(steps)]
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.word() == word)
            .ok_or_else(|| format!("unknown severity {word:?}; expected error, warning or note"))
    }
}

/// How sure a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// It depends on the image (its `USER`, its files), which nobody has looked into.
    Medium,
    /// It follows from what is written.
    High,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milder_ends_at_a_note() {
        assert_eq!(Severity::Error.milder(1), Severity::Warning);
        assert_eq!(Severity::Warning.milder(2), Severity::Note);
        assert_eq!(Severity::Note.milder(1), Severity::Note);
        assert_eq!("error".parse(), Ok(Severity::Error));
        assert!("fatal".parse::<Severity>().is_err());
    }
}
