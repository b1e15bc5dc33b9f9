//! Trace and judge joined for one run: a command from its `execve` on, or a target that is there.

mod command;
mod follow;
mod settling;
mod starts;
mod target;

pub use command::{Ended, command};
pub use follow::{Followed, failing, follow};
pub use judge::Observed;
pub use starts::starts;
pub use target::targets;

use launch::LaunchError;
use trace::TraceError;

/// Why a run could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// It could not be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The command could not be started, or not be waited for.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Signals could not be held back, which no kernel refuses.
    #[error("cannot wait for a signal: {0}")]
    Signal(std::io::Error),
}
