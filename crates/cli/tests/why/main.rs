//! `dropcap why`: real failures in real containers, each with the manifest that it was started by;
//! what no capability mends; containers that restart; and what a person reads.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod elsewhere;
mod follow;
mod harness;
mod missing;
mod process;
mod said;
