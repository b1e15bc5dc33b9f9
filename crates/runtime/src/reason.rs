//! Why a capability is in a set, or is not.

use std::fmt;

use crate::name::{Engine, OciRuntime};
use crate::request::Word;

/// Why a capability is in a set or is missing from it. Its `Display` is the phrase for a person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reason {
    /// In: the runtime's default set has it and nothing took it away.
    Default {
        /// Whose default.
        engine: Engine,
        /// Whether the set is a configured one, not the compiled-in one.
        configured: bool,
    },
    /// In: asked for by name.
    Added {
        /// The word that asked.
        word: Word,
    },
    /// In: asked for by `ALL`.
    AddedByAll {
        /// The word that asked.
        word: Word,
    },
    /// In: `privileged`.
    Privileged,
    /// In: no container, a process of root holds what its parent held.
    PlainRoot,
    /// In, though the process is not root: the runtime raised it in the ambient set.
    Ambient {
        /// Which runtime does so.
        engine: Engine,
    },
    /// In, though the process is not root: the entrypoint's file carries it.
    FileCapability,
    /// In, though the process is not started as root: the entrypoint's file is set-uid root.
    SetUidEntrypoint,

    /// Out: neither in the default set nor asked for.
    NotDefault {
        /// Whose default.
        engine: Engine,
    },
    /// Out: an OCI configuration names all that is in, and not this.
    NotWritten,
    /// Out: taken away by `ALL`.
    DroppedByAll {
        /// The word that did it.
        word: Word,
    },
    /// Out: taken away by name.
    Dropped {
        /// The word that did it.
        word: Word,
    },
    /// Out: asked for by a word that this runtime reads as something else.
    Ignored {
        /// The word.
        word: Word,
        /// What the runtime makes of it.
        becomes: String,
        /// Whose reading it is.
        engine: Engine,
    },
    /// Out: the daemon itself does not hold it.
    BeyondDaemon {
        /// Whose daemon.
        engine: Engine,
    },
    /// Out: the OCI runtime takes it away, whatever the spec says.
    TakenByOci {
        /// Which one, as a word.
        oci: String,
    },
    /// Out of effective and permitted, in bounding: the process is not root, and nothing carries
    /// it over `execve`.
    LostNonRoot,
    /// Out of effective, in permitted: the file's effective bit is not set. The program may
    /// raise it itself, capset(2).
    PermittedOnly,
    /// Out of permitted, in bounding, for no reason above: `execve` took it.
    LostAtExec,
}

impl Reason {
    /// The word of the request that decided, if one did.
    #[must_use]
    pub fn word(&self) -> Option<&Word> {
        match self {
            Reason::Added { word }
            | Reason::AddedByAll { word }
            | Reason::DroppedByAll { word }
            | Reason::Dropped { word }
            | Reason::Ignored { word, .. } => Some(word),
            _ => None,
        }
    }

    pub(crate) fn taken_by(oci: OciRuntime) -> Self {
        Reason::TakenByOci { oci: oci.to_string() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Default { engine, configured: false } => write!(f, "default of {engine}"),
            Reason::Default { engine, configured: true } => {
                write!(f, "configured default of {engine}")
            }
            Reason::Added { .. } => f.write_str("added"),
            Reason::AddedByAll { word } => write!(f, "added by {}", word.text),
            Reason::Privileged => f.write_str("privileged"),
            Reason::PlainRoot => f.write_str("a root process without a container"),
            Reason::Ambient { engine } => write!(f, "ambient ({engine}, non-root)"),
            Reason::FileCapability => f.write_str("carried by the entrypoint's file"),
            Reason::SetUidEntrypoint => f.write_str("the entrypoint's file is set-uid root"),
            Reason::NotDefault { engine: Engine::Linux } => f.write_str("not held by the parent"),
            Reason::NotDefault { engine } => write!(f, "not in the default of {engine}"),
            Reason::NotWritten => f.write_str("not in the configuration's bounding set"),
            Reason::DroppedByAll { word } | Reason::Dropped { word } => {
                write!(f, "removed by {word}")
            }
            Reason::Ignored { word, becomes, engine } => {
                write!(f, "ignored: `{}` becomes {becomes} on {engine}", word.text)
            }
            Reason::BeyondDaemon { engine } => write!(f, "{engine} itself does not hold it"),
            Reason::TakenByOci { oci } => write!(f, "{oci} never grants it"),
            Reason::LostNonRoot => f.write_str("lost: non-root, no ambient"),
            Reason::PermittedOnly => f.write_str("permitted, but the program has to raise it"),
            Reason::LostAtExec => f.write_str("lost at execve"),
        }
    }
}
