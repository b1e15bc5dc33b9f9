//! How a check is configured.

use runtime::{Engine, Runtime};

use manifest::Format;

use crate::holding::Entrypoint;
use crate::rule::Selection;

/// How a check is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The runtime that findings are about. Edits are tried on all of them.
    pub runtime: Runtime,
    /// The same for Compose files.
    pub compose_runtime: Runtime,
    /// What is known of the images' entrypoints.
    pub entrypoint: Entrypoint,
    /// Which rules run.
    pub selection: Selection,
}

/// The runtimes assumed for Kubernetes and for Compose, nothing known of the images, all rules.
impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: Runtime::assumed_for_kubernetes(),
            compose_runtime: Runtime::new(Engine::Docker),
            entrypoint: Entrypoint::Unknown,
            selection: Selection::default(),
        }
    }
}

impl Options {
    /// The runtime as a person calls it: `containerd 2.0`, `Podman`.
    #[must_use]
    pub fn runtime_name(&self) -> String {
        Self::name_of(&self.runtime)
    }

    /// A runtime as a person calls it.
    #[must_use]
    pub fn name_of(runtime: &Runtime) -> String {
        let name = runtime.engine.title();
        runtime.version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
    }

    /// The runtime for what is written in this format.
    #[must_use]
    pub fn runtime_for(&self, format: Format) -> &Runtime {
        match format {
            Format::Compose => &self.compose_runtime,
            Format::Kubernetes | Format::Oci => &self.runtime,
        }
    }
}
