//! Why there is no sandbox.

use std::io;
use std::path::PathBuf;

use sys::isolate::IsolateError;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// `/proc/thread-self/mountinfo`.
    #[error("cannot read what is mounted here (/proc/thread-self/mountinfo): {0}")]
    Mounts(#[source] io::Error),
    /// The folder for what a run writes.
    #[error("cannot make a folder in {folder} for what a run writes: {source}")]
    Upper {
        /// The folder.
        folder: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No namespaces.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// Not even in a user namespace.
    #[error("cannot become root of the user namespace: {0}")]
    BecomeRoot(#[source] io::Error),
    /// In a user namespace the kernel lays no layer at all.
    #[error(
        "cannot lay a layer (overlayfs) over any folder in a user namespace: {0}; that takes \
         Linux 5.11, and room for it on a file system with attributes (--upper)"
    )]
    NoLayer(#[source] io::Error),
    /// The kernel lays no layer over the root.
    #[error(
        "cannot lay a layer (overlayfs) over / ({kind}): {source}; what a run writes would stay. \
         Run without --sandbox, or in a virtual machine"
    )]
    Root {
        /// The type of file system.
        kind: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something in it could not be made.
    #[error("cannot {what} {path} in the sandbox: {source}")]
    Step {
        /// What was done: `mount tmpfs at`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Process 1.
    #[error("cannot start process 1 of the sandbox: {0}")]
    Init(#[source] io::Error),
}

/// For `map_err`: something that could not be made.
pub(super) fn step<E: Into<io::Error>>(
    what: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(E) -> SandboxError {
    let path = path.into();
    move |error| SandboxError::Step { what, path, source: error.into() }
}
