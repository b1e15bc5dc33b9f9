//! What `dropcap show` predicts, held against real runtimes: each case of `cases.toml` is written as a
//! manifest, read by the real command, and run as a container whose entrypoint prints its own
//! `/proc/self/status`. The five sets must be equal, bit for bit; a container that is refused must have
//! been predicted to be, for that reason. docs/conformance.md has the table.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod cases;
mod containerd;
mod crio;
mod dockerd;
mod edited;
mod image;
mod manifests;
mod oci;
mod page;
mod podman;
mod prediction;
mod real;
