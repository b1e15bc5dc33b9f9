//! What is written down of a run: observations (what the kernel was asked), and profiles (what
//! was concluded). Versioned, with schemas; this crate judges nothing.

pub mod observation;
