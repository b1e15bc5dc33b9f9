//! Trials: run under a chosen set, test, shrink, prove.
//!
//! A trace says what was used; only a run without it says what was needed. This crate holds the
//! search ([`search`]), which is pure over "run it with this set and tell me whether it worked".

pub mod container;
pub mod search;
pub mod trial;

pub use search::{Answer, Proof, Trial, prove};
pub use trial::{Outcome, Ran, Runner};
