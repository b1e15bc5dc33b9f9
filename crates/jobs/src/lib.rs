//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.
//!
//! What needs no kernel is there on every operating system.

pub mod by_profile;
pub mod export;
pub mod learnt;
pub mod patch;
pub mod shell;

#[cfg(target_os = "linux")]
pub use linux::*;

/// What needs a Linux kernel; the files lie beside the others.
#[cfg(target_os = "linux")]
#[path = "."]
mod linux {
    pub mod accounts;
    pub mod demo;
    pub mod doctor;
    pub(crate) mod expand;
    pub mod fit_container;
    pub mod fitted;
    pub mod needs;
    pub mod proven;
    pub mod ps;
    pub mod run_container;
    pub(crate) mod schema;
    pub mod why;
}
