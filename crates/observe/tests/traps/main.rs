//! The traps: small programs (`tests/traps/*.c`) that lure a tracer into a wrong answer, each traced
//! on the running kernel and judged. The answer is compared whole, with `==`; and where it can be,
//! it is proved: the program works with exactly what is said to be needed, and without each member
//! of that it fails.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod containers;
mod credentials;
mod deeds;
mod files;
mod gained;
mod habits;
mod memory;
mod misses;
mod overlay;
mod pairs;
mod rings;
mod sandboxes;
mod sockets;
mod support;
