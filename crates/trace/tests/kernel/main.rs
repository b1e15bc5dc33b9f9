//! The tracer against the running kernel: small real programs, and exactly the checks they make.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod containers;
mod counts;
mod losses;
mod machine;
mod outside;
mod processes;
mod programs;
mod remembered;
mod returns;
mod support;
