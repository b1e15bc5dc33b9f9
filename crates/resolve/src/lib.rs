//! Manifest and runtime joined: what every container of a manifest really gets, and why, with the
//! span of the line that decided.

mod context;
mod from_image;
mod network;
mod objection;
mod pod_security;
mod resolved;

pub use context::{Context, Level, Setting};
pub use from_image::{FromImage, ImageUser};
pub use network::{LowPorts, Ping};
pub use objection::{By, Objection, ObjectionKind};
pub use pod_security::{
    BASELINE, Fault, ParsePolicyError, Policy, PolicyLevel, PolicyVersion, Violation,
};
pub use resolved::{Outcome, Resolved, container, container_of_image, set_span, word_span};
