//! The demo: the whole job once, on a service and a manifest built into this program.

pub mod harness;
pub mod probe;
pub mod service;
pub mod verify;
