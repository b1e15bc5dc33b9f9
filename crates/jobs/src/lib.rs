//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.

pub mod demo;
pub mod accounts;
mod expand;
pub mod run_container;
