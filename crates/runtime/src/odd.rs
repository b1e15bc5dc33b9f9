//! Words that are not written as Kubernetes writes capability names, and what becomes of them.

use std::fmt;

use caps::Capability;

use crate::request::Word;

/// What a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Meaning {
    /// `ALL`.
    All,
    /// One capability.
    One(Capability),
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Meaning::All => f.pad("ALL"),
            Meaning::One(capability) => fmt::Display::fmt(capability, f),
        }
    }
}

/// In which way a word is odd: it is neither `ALL` nor a name in capitals without `CAP_`, which
/// are the two that every runtime, Pod Security and every checker agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Oddity {
    /// `CAP_` in front (in any case): `CAP_NET_RAW`, `cap_net_raw`, `CAP_ALL`.
    Prefix,
    /// Not in capitals: `net_raw`, `all`.
    Case,
    /// A number: `13`.
    Number,
    /// Blanks around it.
    Blanks,
    /// No capability is called so.
    Unknown,
}

/// What became of an odd word on one runtime. A runtime that refuses the container over it
/// answers with a [`Refusal`](crate::Refusal) instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Became {
    /// It is read as what was meant.
    Read,
    /// It names nothing, and the OCI runtime reads this in it.
    ReadAs {
        /// What is granted.
        capability: Capability,
    },
    /// It has no effect.
    Ignored {
        /// What the runtime made of it.
        becomes: String,
    },
    /// Nobody looks: the container is privileged.
    NotLookedAt,
}

/// An odd word of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OddWord {
    /// The word and its place.
    pub word: Word,
    /// In which way it is odd.
    pub oddity: Oddity,
    /// What a person who writes it means; for an unknown name `None`.
    pub meant: Option<Meaning>,
    /// For an unknown name, the one nearest to it.
    pub suggestion: Option<Capability>,
    /// What became of it.
    pub became: Became,
}

impl Word {
    /// What a person who writes this means, in whatever spelling.
    #[must_use]
    pub fn meant(&self) -> Option<Meaning> {
        let text = self.text.trim();
        // First, for it is what most lists hold, and a search for the nearest name takes time.
        if without_prefix(text).eq_ignore_ascii_case("ALL") {
            return Some(Meaning::All);
        }
        text.parse::<Capability>().ok().map(Meaning::One)
    }

    /// In which way it is odd; `None` if it is written as it should be.
    #[must_use]
    pub fn oddity(&self) -> Option<Oddity> {
        let Some(meant) = self.meant() else { return Some(Oddity::Unknown) };
        if meant.to_string() == self.text {
            // A capability without a name is written as its number.
            return matches!(meant, Meaning::One(c) if c.name().is_none())
                .then_some(Oddity::Number);
        }
        let text = self.text.trim();
        Some(if text != self.text {
            Oddity::Blanks
        } else if without_prefix(text).len() != text.len() {
            Oddity::Prefix
        } else if text.bytes().all(|b| b.is_ascii_digit()) {
            Oddity::Number
        } else {
            Oddity::Case
        })
    }

    /// For a word that names nothing, the name nearest to it.
    #[must_use]
    pub fn suggestion(&self) -> Option<Capability> {
        self.text.parse::<Capability>().err()?.suggestion()
    }
}

/// Without a leading `CAP_` in any case.
pub(crate) fn without_prefix(text: &str) -> &str {
    match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => &text[4..],
        _ => text,
    }
}

/// The entry for `word`, or `None` if it is not odd.
pub(crate) fn look(word: &Word, became: Became) -> Option<OddWord> {
    Some(OddWord {
        word: word.clone(),
        oddity: word.oddity()?,
        meant: word.meant(),
        suggestion: if word.meant().is_some() { None } else { word.suggestion() },
        became,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::List;

    fn word(text: &str) -> Word {
        Word { list: List::Add, index: 0, text: text.to_owned() }
    }

    #[test]
    fn an_odd_word_is_known_by_its_oddity_and_its_meaning() {
        let raw = Some(Meaning::One(Capability::NET_RAW));
        for (text, oddity, meant) in [
            ("ALL", None, Some(Meaning::All)),
            ("NET_RAW", None, raw),
            ("net_raw", Some(Oddity::Case), raw),
            ("Net_Raw", Some(Oddity::Case), raw),
            ("all", Some(Oddity::Case), Some(Meaning::All)),
            ("CAP_NET_RAW", Some(Oddity::Prefix), raw),
            ("cap_net_raw", Some(Oddity::Prefix), raw),
            ("CAP_ALL", Some(Oddity::Prefix), Some(Meaning::All)),
            ("13", Some(Oddity::Number), raw),
            (" NET_RAW", Some(Oddity::Blanks), raw),
            ("*", Some(Oddity::Unknown), None),
            ("", Some(Oddity::Unknown), None),
            ("CAP_", Some(Oddity::Unknown), None),
            ("SYS_ADMINN", Some(Oddity::Unknown), None),
            ("ÄLL_", Some(Oddity::Unknown), None),
        ] {
            assert_eq!((word(text).oddity(), word(text).meant()), (oddity, meant), "{text:?}");
        }
        assert_eq!(word("SYS_ADMINN").suggestion(), Some(Capability::SYS_ADMIN));
    }
}
