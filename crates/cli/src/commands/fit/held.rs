//! Ctrl-C and its like, held back while there is something that must not be left.

use std::time::Duration;

use sys::signal::{self, Blocked};

use crate::failure::Failure;

/// Signals that ask to stop wait, from the first container or sandbox to the last, until somebody takes
/// them who ends what goes on: so nothing is left. What comes after that asks for what is done anyway.
pub(super) struct Held(Blocked);

impl Held {
    pub(super) fn new() -> Result<Self, Failure> {
        let held = Blocked::new(signal::STOP);
        held.map(Self).map_err(|error| Failure::new(format!("cannot hold signals back: {error}")))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        while matches!(self.0.next(Some(Duration::ZERO)), Ok(Some(_))) {}
    }
}
