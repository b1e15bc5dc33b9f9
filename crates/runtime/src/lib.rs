//! What each container runtime makes of a security context: the five sets, each member and each
//! absentee with its reason. Pure: it reads no file and asks no kernel.
//!
//! One runtime, one file: [`Engine::Containerd`] is in `containerd.rs`, and so on. What is common
//! to all of them, the OCI runtime below and the `execve` that follows, is in `oci.rs` and
//! `sets.rs`. Default sets are data, in `data/`.

mod containerd;
mod crio;
mod defaults;
mod docker;
mod ledger;
mod linux;
mod name;
mod nerdctl;
mod oci;
mod odd;
mod podman;
mod reason;
mod refusal;
mod request;
mod sets;
mod spec;
mod sysctl;
mod void;

pub use defaults::{DefaultSet, default_sets};
pub use name::{Engine, OciRuntime, ParseRuntimeError, Runtime, Version};
pub use odd::{Became, Meaning, OddWord, Oddity};
pub use reason::Reason;
pub use refusal::Refusal;
pub use request::{List, Request, SpecSets, User, Word};
pub use sets::{Fate, Resolution, Sets, resolve};
pub use void::{NameReading, SpecSet, Void, VoidReason};
