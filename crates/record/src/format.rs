//! Reading and writing profiles and recordings: YAML or JSON in, the versions checked first.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::observation::{RECORDING_VERSION, Recording};
use crate::profile::{API_VERSION, KIND, Profile};

/// Why a profile or a recording could not be read. The caller names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is not UTF-8 text.
    #[error("is not text (byte {at} is not UTF-8); expected a {expected} in YAML or JSON")]
    NotText {
        /// What was expected.
        expected: &'static str,
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// The file holds nothing.
    #[error("is empty; expected a {expected}")]
    Empty {
        /// What was expected.
        expected: &'static str,
    },
    /// It is YAML or JSON, but another kind of document.
    #[error("is not a profile: {found}; expected apiVersion {API_VERSION}, kind {KIND}")]
    NotAProfile {
        /// What it says it is.
        found: String,
    },
    /// It is a profile of a version this program does not understand.
    #[error(
        "has version {found}, and this dropcap understands {understood} only; \
         read it with the dropcap that wrote it, or record it again with this one"
    )]
    Version {
        /// The version found.
        found: String,
        /// The versions understood.
        understood: String,
    },
    /// Broken syntax, an unknown or missing field, a value of the wrong kind.
    #[error("{message}")]
    Syntax {
        /// The parser's message with line and column.
        message: String,
    },
    /// The lists contradict the evidence.
    #[error("contradicts itself: {what}; {advice}")]
    Contradiction {
        /// Which list, which capability.
        what: String,
        /// What to change.
        advice: &'static str,
    },
}

/// What stands at the head of every document, read before the rest: an unknown version must not
/// be reported as an unknown field.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    version: Option<u64>,
}

impl Profile {
    /// Reads a profile from YAML or JSON text.
    ///
    /// # Errors
    /// [`ReadError`], all but `Io` and `NotText`.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        if text.trim().is_empty() {
            return Err(ReadError::Empty { expected: "profile" });
        }
        let head: Head = from_text(text)?;
        match (head.api_version.as_deref(), head.kind.as_deref()) {
            (Some(API_VERSION), Some(KIND)) => {}
            (Some(version), Some(KIND)) if version.starts_with("dropcap.dev/") => {
                return Err(ReadError::Version {
                    found: version.to_owned(),
                    understood: API_VERSION.to_owned(),
                });
            }
            (version, kind) => {
                let said =
                    |word: Option<&str>| word.map_or_else(|| "missing".to_owned(), str::to_owned);
                let found = format!("apiVersion is {}, kind is {}", said(version), said(kind));
                return Err(ReadError::NotAProfile { found });
            }
        }
        let mut profile: Self = from_text(text)?;
        profile.check()?;
        profile.adopt_lists();
        profile.settle();
        Ok(profile)
    }

    /// Reads a profile from a file of YAML or JSON.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&text_of(path, "profile")?)
    }

    /// As YAML, for a person to read and keep beside the manifests.
    ///
    /// # Errors
    /// Only if the serializer refuses a value, which no profile holds.
    pub fn to_yaml(&self) -> Result<String, ReadError> {
        serde_saphyr::to_string(self).map_err(|e| ReadError::Syntax { message: e.to_string() })
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// As [`Profile::to_yaml`].
    pub fn to_json(&self) -> Result<String, ReadError> {
        to_json(self)
    }

    /// The lists may add what a person knows; they may not leave out what the evidence demands.
    fn check(&self) -> Result<(), ReadError> {
        let written = &self.spec.capabilities;
        let contradiction = |what: String, advice| Err(ReadError::Contradiction { what, advice });
        let both = written.needed & written.doubtful;
        if !both.is_empty() {
            return contradiction(
                format!("{both} is both needed and doubtful"),
                "remove it from spec.capabilities.doubtful",
            );
        }
        if let Some(add) = written.add
            && add != written.add()
        {
            return contradiction(
                format!(
                    "spec.capabilities.add is {add}, needed and doubtful are {}",
                    written.add()
                ),
                "leave add out, or make it the two lists together",
            );
        }
        for requirement in &self.spec.evidence {
            if requirement.any_of.is_empty() {
                return contradiction(
                    "an entry of spec.evidence has an empty anyOf".to_owned(),
                    "name the capability, or remove the entry",
                );
            }
        }
        let missing = self.solution().add() - written.add();
        if !missing.is_empty() {
            return contradiction(
                format!("spec.evidence asks for {missing}, spec.capabilities does not list it"),
                "list it, or mark its uses `trial: passedWithout`",
            );
        }
        Ok(())
    }
}

impl Recording {
    /// Reads a recording from JSON (or YAML) text.
    ///
    /// # Errors
    /// [`ReadError`], all but `Io` and `NotText`.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        if text.trim().is_empty() {
            return Err(ReadError::Empty { expected: "recording" });
        }
        let head: Head = from_text(text)?;
        if head.version != Some(u64::from(RECORDING_VERSION)) {
            return Err(ReadError::Version {
                found: head
                    .version
                    .map_or_else(|| "none (is it a recording?)".to_owned(), |v| v.to_string()),
                understood: format!("version {RECORDING_VERSION} of a recording"),
            });
        }
        from_text(text)
    }

    /// Reads a recording from a file.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&text_of(path, "recording")?)
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// As [`Profile::to_yaml`].
    pub fn to_json(&self) -> Result<String, ReadError> {
        to_json(self)
    }

    /// Identifies this recording by its content (64-bit FNV-1a over its JSON): the same recording
    /// has the same number wherever and whenever it is read. No protection against forgery.
    #[must_use]
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<String, ReadError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| ReadError::Syntax { message: e.to_string() })?;
    text.push('\n');
    Ok(text)
}

/// JSON by the JSON parser (it is the faster and its messages are the better ones), all else as
/// YAML.
fn from_text<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ReadError> {
    let syntax = |message: String| {
        // The parser's advice is for one who calls it.
        let several = message.starts_with("multiple YAML documents");
        let here = || "holds several YAML documents, and one is expected".to_owned();
        ReadError::Syntax { message: if several { here() } else { message } }
    };
    if text.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        return serde_json::from_str(text).map_err(|e| syntax(e.to_string()));
    }
    serde_saphyr::from_str(text).map_err(|e| syntax(e.without_snippet().to_string()))
}

fn text_of(path: &Path, expected: &'static str) -> Result<String, ReadError> {
    String::from_utf8(fs::read(path)?)
        .map_err(|e| ReadError::NotText { expected, at: e.utf8_error().valid_up_to() })
}
