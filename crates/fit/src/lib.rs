//! Trials: run under a chosen set, test, shrink, prove.
//!
//! A trace says what was used; only a run without it says what was needed. This crate holds the
//! search ([`search`]), which is pure over "run it with this set and tell me whether it worked".

mod attempt;
pub mod container;
mod output;
mod place;
mod program;
mod run;
pub mod search;
pub mod test;
pub mod trial;
mod words;

pub use attempt::{Around, RunError};
pub use place::Place;
pub use program::Program;
pub use run::{Job, Runs, options};
pub use search::{Answer, Proof, Trial, prove};
pub use trial::{Outcome, Ran, Runner};
