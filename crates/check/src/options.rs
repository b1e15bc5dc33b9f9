//! How a check is configured.

use runtime::Runtime;

use crate::holding::Entrypoint;
use crate::rule::Selection;

/// How a check is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The runtime that findings are about. Edits are tried on all of them.
    pub runtime: Runtime,
    /// What is known of the images' entrypoints.
    pub entrypoint: Entrypoint,
    /// Which rules run.
    pub selection: Selection,
}

/// The runtime assumed for Kubernetes, nothing known of the images, all rules.
impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: Runtime::assumed_for_kubernetes(),
            entrypoint: Entrypoint::Unknown,
            selection: Selection::default(),
        }
    }
}

impl Options {
    /// The runtime as a person calls it: `containerd 2.0`, `Podman`.
    #[must_use]
    pub fn runtime_name(&self) -> String {
        let name = self.runtime.engine.title();
        self.runtime.version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
    }
}
