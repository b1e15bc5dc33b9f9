//! The kernel's capability checks, seen by eBPF, aggregated in the kernel, attributed to a process
//! tree, cgroup or container.
//!
//! ```no_run
//! # fn main() -> Result<(), dropcap_trace::TraceError> {
//! use dropcap_trace::{Options, Scope, Tracer};
//!
//! let mut tracer = Tracer::load(Options::default())?;
//! tracer.watch(Scope::process(4711))?;
//! // … call `poll` while it runs …
//! let recording = tracer.finish()?;
//! # Ok(()) }
//! ```
//!
//! It sees and judges nothing: what a check means is `judge`'s part. The kernel side is
//! `src/bpf/`, its compiled object is committed (`cargo xtask bpf`).

mod abi;
mod address;
mod attach;
pub mod backend;
mod btf;
mod direct;
mod error;
mod existing;
mod hooks;
mod kernel;
pub mod lockdown;
mod look;
mod memlock;
mod open;
mod options;
pub mod preemption;
mod recording;
mod scope;
mod symbols;
mod syscalls;
mod target;
mod tracer;

pub use backend::{Attempt, Backend, ParseBackendError, Unavailable, missing_privilege, probe};
pub use error::TraceError;
pub use options::{Options, Results, Rooms};
pub use scope::{Scope, describe};
pub use syscalls::{deciding_argument, name as syscall_name};
pub use target::{FindError, ParseTargetError, TargetName};
pub use tracer::{Progress, Tracer};
