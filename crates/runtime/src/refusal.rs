//! Why a container is not even created.

use caps::{CapSet, Capability};

use crate::name::{Engine, OciRuntime};
use crate::request::Word;

/// The container does not start, and why. Mostly the same for root and non-root; where a daemon lacks
/// what it is to grant, Docker refuses root alone. A request whose user is unknown is refused if it is
/// for one of the two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The engine checks names and does not know this one.
    #[error("{}unknown capability {:?} in {}{}",
        if *engine == Engine::Linux { String::new() } else { format!("{engine} refuses to create the container: ") },
        word.text, word.list, did_you_mean(*suggestion))]
    UnknownName {
        /// Which engine.
        engine: Engine,
        /// The word.
        word: Word,
        /// The nearest name, if one is near.
        suggestion: Option<Capability>,
    },
    /// The engine passes the name on, and the OCI runtime does not know it.
    #[error("{oci} refuses to start the container: {engine} passes {:?} on as {becomes:?}, which names no capability{}",
        word.text, did_you_mean(*suggestion))]
    UnknownToOci {
        /// Which engine.
        engine: Engine,
        /// Which OCI runtime.
        oci: OciRuntime,
        /// The word.
        word: Word,
        /// What the engine made of it.
        becomes: String,
        /// The nearest name, if one is near.
        suggestion: Option<Capability>,
    },
    /// A name in an OCI configuration that the OCI runtime does not know.
    #[error("{oci} refuses to start the container: {name:?} names no capability{}", did_you_mean(*suggestion))]
    UnknownInSpec {
        /// Which OCI runtime.
        oci: OciRuntime,
        /// The name.
        name: String,
        /// The nearest name, if one is near.
        suggestion: Option<Capability>,
    },
    /// An OCI configuration with more in the effective set than in the permitted one: `capset` is
    /// refused, security/commoncap.c `cap_capset`.
    #[error(
        "the container cannot be started: the kernel refuses {missing} as effective when it is not permitted"
    )]
    EffectiveBeyondPermitted {
        /// The capabilities.
        missing: CapSet,
    },
    /// Podman: the same capability in both lists.
    #[error("{engine} refuses to create the container: {capability} is in both add and drop")]
    AddedAndDropped {
        /// Which engine.
        engine: Engine,
        /// Which capability.
        capability: Capability,
        /// The word under `add`.
        add: Word,
        /// The word under `drop`.
        drop: Word,
    },
    /// Podman: `ALL` in both lists.
    #[error("{engine} refuses to create the container: ALL is in both add and drop")]
    AddedAndDroppedAll {
        /// Which engine.
        engine: Engine,
        /// The word under `add`.
        add: Word,
        /// The word under `drop`.
        drop: Word,
    },
    /// The daemon does not hold what the container is to get.
    #[error("{engine} cannot start the container: it does not itself hold {missing}")]
    BeyondDaemon {
        /// Which engine.
        engine: Engine,
        /// What it does not hold.
        missing: CapSet,
    },
    /// Inheritable capabilities outside the bounding set: `capset` is refused, security/commoncap.c `cap_capset`.
    #[error(
        "{engine} cannot start the container: the kernel refuses {missing} as inheritable when it is not in the bounding set"
    )]
    InheritableBeyondBounding {
        /// Which engine.
        engine: Engine,
        /// The capabilities.
        missing: CapSet,
    },
    /// The entrypoint's file asks for more than the bounding set has: `execve` fails with EPERM, for root too.
    #[error(
        "the entrypoint cannot be executed: its file asks for {missing}, which the bounding set does not have (execve fails with EPERM)"
    )]
    Entrypoint {
        /// What is missing.
        missing: CapSet,
    },
}

fn did_you_mean(suggestion: Option<Capability>) -> String {
    suggestion.map(|c| format!("; did you mean {c}?")).unwrap_or_default()
}

impl Refusal {
    /// The word of the request that caused it, if one did.
    #[must_use]
    pub fn word(&self) -> Option<&Word> {
        match self {
            Refusal::UnknownName { word, .. } | Refusal::UnknownToOci { word, .. } => Some(word),
            Refusal::AddedAndDropped { add, .. } | Refusal::AddedAndDroppedAll { add, .. } => {
                Some(add)
            }
            Refusal::BeyondDaemon { .. }
            | Refusal::UnknownInSpec { .. }
            | Refusal::EffectiveBeyondPermitted { .. }
            | Refusal::InheritableBeyondBounding { .. }
            | Refusal::Entrypoint { .. } => None,
        }
    }
}
