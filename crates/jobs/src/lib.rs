//! Where the wings meet: fix by profile, run a manifest's container, trace and patch.

pub mod accounts;
pub mod demo;
pub mod doctor;
mod expand;
pub mod fit_container;
pub mod fitted;
pub mod needs;
pub mod patch;
pub mod proven;
pub mod ps;
pub mod run_container;
mod schema;
pub mod why;
