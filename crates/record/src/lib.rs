//! What is written down of a run: observations (what the kernel was asked), and profiles (what
//! was concluded). Versioned, with schemas; this crate judges nothing.

pub mod basis;
pub mod format;
pub mod merge;
pub mod observation;
pub mod profile;
pub mod requirement;
pub mod schema;
pub mod search;
pub mod way;
pub mod zero;
