//! Manifest and runtime joined: what every container of a manifest really gets, and why, with the
//! span of the line that decided.

mod context;
mod network;
mod objection;
mod resolved;

pub use context::{Context, Level, Setting};
pub use network::{LowPorts, Ping};
pub use objection::{By, Objection, ObjectionKind};
pub use resolved::{Outcome, Resolved, container, word_span};
