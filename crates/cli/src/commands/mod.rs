//! One file a command.

pub mod check;
#[cfg(target_os = "linux")]
pub mod demo;
#[cfg(target_os = "linux")]
pub mod demo_parts;
#[cfg(target_os = "linux")]
pub mod doctor;
pub mod explain;
#[cfg(target_os = "linux")]
pub mod fit;
pub mod fix;
pub mod images;
pub mod profile;
#[cfg(target_os = "linux")]
pub mod ps;
#[cfg(target_os = "linux")]
pub mod run;
pub mod show;
#[cfg(target_os = "linux")]
pub mod trace;
/// Elsewhere there is no kernel to watch, and recordings can be judged.
#[cfg(not(target_os = "linux"))]
#[path = "replay.rs"]
pub mod trace;
pub mod waiver;
#[cfg(target_os = "linux")]
pub mod why;
