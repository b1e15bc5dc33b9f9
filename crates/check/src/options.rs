//! How a check is configured.

use manifest::{Container, Format};
use resolve::{Context, Policy};
use runtime::{Engine, Request, Runtime};

use crate::holding::Entrypoint;
use crate::rule::Selection;

/// How a check is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The runtime that findings are about. Edits are tried on all of them.
    pub runtime: Runtime,
    /// The same for Compose files.
    pub compose_runtime: Runtime,
    /// Whether nobody named those runtimes. What only these make needless is then not called so.
    pub assumed: bool,
    /// What is known of the images' entrypoints.
    pub entrypoint: Entrypoint,
    /// Which rules run.
    pub selection: Selection,
    /// The Pod Security policy that pods are to pass; `None` asks for none.
    pub pod_security: Option<Policy>,
}

/// The runtimes assumed for Kubernetes and for Compose, nothing known of the images, all rules.
impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: Runtime::assumed_for_kubernetes(),
            compose_runtime: Runtime::new(Engine::Docker),
            assumed: true,
            entrypoint: Entrypoint::Unknown,
            selection: Selection::default(),
            pod_security: None,
        }
    }
}

impl Options {
    /// What the runtime is asked for, with what is known of the image.
    #[must_use]
    pub fn request(&self, context: &Context, container: &Container) -> Request {
        Request { entrypoint: self.entrypoint.carried(), ..context.request(container) }
    }

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
