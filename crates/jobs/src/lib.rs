//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.
//!
//! What needs no kernel is there on every operating system.

#[cfg(target_os = "linux")]
pub mod accounts;
pub mod by_profile;
#[cfg(target_os = "linux")]
pub mod demo;
#[cfg(target_os = "linux")]
pub mod doctor;
#[cfg(target_os = "linux")]
mod expand;
pub mod export;
#[cfg(target_os = "linux")]
pub mod fit_container;
#[cfg(target_os = "linux")]
pub mod fitted;
pub mod learnt;
#[cfg(target_os = "linux")]
pub mod needs;
pub mod patch;
#[cfg(target_os = "linux")]
pub mod proven;
#[cfg(target_os = "linux")]
pub mod ps;
#[cfg(target_os = "linux")]
pub mod run_container;
#[cfg(target_os = "linux")]
mod schema;
#[cfg(target_os = "linux")]
pub mod why;
