//! How well something learnt is known, in words that are the same wherever it is told.

use super::Learnt;

/// What is learnt rests on this.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Basis {
    /// The test passed with exactly what is not doubtful, and failed with any of that left out.
    Proven {
        /// The test.
        test: String,
    },
    /// Trials came to it, and prove nothing.
    Tried {
        /// What they came to, in a word: `explained`.
        word: String,
        /// The test.
        test: String,
    },
    /// It was watched, and not tried.
    #[default]
    Traced,
    /// A person wrote it down.
    Written,
}

impl Learnt {
    /// Whether trials proved it.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self.basis, Basis::Proven { .. })
    }

    /// How well it is known: `proven by "curl -fs localhost"`, `traced, unproven`.
    #[must_use]
    pub fn state(&self) -> String {
        self.state_at("", "")
    }

    /// Name and file: `profile web (web.profile.yaml)`.
    #[must_use]
    pub fn title(&self) -> String {
        let way = if self.changed { ", with the changes that it tried" } else { "" };
        format!("profile {} ({}){way}", self.name, self.file)
    }

    /// How well it is known, and since when: `traced 3 days ago, unproven`.
    #[must_use]
    pub fn state_and_age(&self) -> String {
        match self.age {
            None => self.state(),
            Some(0) => self.state_at(" today", ", today"),
            Some(days) => {
                let days = crate::words::count(usize::try_from(days).unwrap_or_default(), "day");
                self.state_at(&format!(" {days} ago"), &format!(", {days} ago"))
            }
        }
    }

    /// When it was is behind the verb, or at the end.
    fn state_at(&self, behind: &str, end: &str) -> String {
        match &self.basis {
            Basis::Proven { test } => format!("proven by {test:?}{end}"),
            Basis::Tried { word, test } => format!("tried{behind} by {test:?}: {word}"),
            Basis::Traced => format!("traced{behind}, unproven"),
            Basis::Written => "written by hand".to_owned(),
        }
    }

    /// Name, file, how well it is known, and since when.
    #[must_use]
    pub fn described(&self) -> String {
        format!("{}: {}", self.title(), self.state_and_age())
    }
}
