//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.

pub mod accounts;
pub mod demo;
mod expand;
pub mod run_container;
pub mod ps;
