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
