//! How a check is configured.

use manifest::Container;
use resolve::{Context, Policy};
use runtime::{Request, Runtime};

use crate::holding::Entrypoint;
use crate::rule::Selection;

/// How a check is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The runtime that findings are about. Edits are tried on all of them.
    pub runtime: Runtime,
    /// Whether nobody named that runtime. What only this one makes needless is then not called so.
    pub assumed: bool,
    /// What is known of the images' entrypoints.
    pub entrypoint: Entrypoint,
    /// Which rules run.
    pub selection: Selection,
    /// The Pod Security policy that pods are to pass; `None` asks for none.
    pub pod_security: Option<Policy>,
}

/// The runtime assumed for Kubernetes, nothing known of the images, all rules.
impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: Runtime::assumed_for_kubernetes(),
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
        let name = self.runtime.engine.title();
        self.runtime.version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
    }
}
