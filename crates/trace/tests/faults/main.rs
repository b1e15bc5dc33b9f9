//! Everything that can go wrong around a tracer, provoked on the running kernel: it says so, it is right
//! about what it could see, and afterwards nothing of it is left (`guard`).
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bomb;
mod guard;
mod killed;
mod limits;
mod masses;
mod numbers;
mod rooms;
mod secrecy;
mod support;
mod targets;
