//! A process with exactly the sets it is to have, read back from `/proc` before `execve`.
//!
//! What is asked for is the state *before* `execve`, as a container runtime prepares it; the
//! kernel makes the rest of it, as it does for that runtime (capabilities(7), "Transformation of
//! capabilities during execve").

mod child;
pub mod engine;
mod error;
mod exact;
mod forward;
mod preflight;
mod program;
mod readback;
mod sandbox;
mod spec;

pub use child::{Child, Output};
pub use error::{Difference, LaunchError, SetName, Unexecutable};
pub use exact::{Held, output, spawn, spawn_held};
pub use forward::Forwarding;
pub use preflight::check;
pub use sandbox::{Fresh, Inside, Sandbox, SandboxError, Survey, Within};
pub use spec::{Spec, Stdio};
pub use sys::credentials::Step;
pub use sys::process::Exit;
