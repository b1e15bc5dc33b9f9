//! Trials: run under a chosen set, test, shrink, prove.
//!
//! A trace says what was used; only a run without it says what was needed. This crate holds the
//! search ([`fit`]), which is pure over a [`Runner`]: who can run the program under a set, and tell
//! whether its test passed and what the tracer saw; and one such runner, [`Runs`].
//!
//! - [`trial`]: one run, and who makes it
//! - [`search`]: what is run in which order; [`session`]: its trials, `made` or guessed (`foresight`)
//! - [`proof`]: when that proves anything; `flaky`: when it contradicts itself
//! - [`sight`]: what was refused in a run; `safer`: the answer without new denials
//! - [`answer`]: what was found; [`unasked`]: what of it runs that are not alike do not show
//! - [`mod@test`]: what tells that the program works
//! - [`container`]: runs of a container of the user's engine
//! - [`zero`]: changes with which it needs no capability
//! - `run`, `attempt`: runs of a [`Program`] at a [`Place`], from outside and inside; `clock`: their time
//! - [`beside`]: runs side by side, for a search that asks for one after the other; [`hands`]: the
//!   threads that make them

pub mod answer;
mod attempt;
pub mod beside;
mod candidates;
mod clock;
pub mod container;
mod error;
mod flaky;
mod foresight;
pub mod hands;
mod made;
mod output;
mod overhead;
mod place;
mod program;
pub mod proof;
mod run;
mod safer;
pub mod search;
pub mod session;
pub mod sight;
pub mod test;
pub mod trial;
pub mod unasked;
mod words;
pub mod zero;

pub use answer::{Alternative, Answer, Proof, Safer};
pub use attempt::Around;
pub use beside::SideBySide;
pub use error::RunError;
pub use hands::{Hand, Hands};
pub use place::Place;
pub use program::Program;
pub use run::{Job, Runs, Stopped, options};
pub use search::{Options, Rigour, fit};
pub use session::Event;
pub use sight::{Denial, Exempt, Sight};
pub use trial::{Next, Outcome, Purpose, Ran, Runner, Trial};
