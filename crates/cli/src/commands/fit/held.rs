//! Ctrl-C and its like, held back while there is something that must not be left.

use std::io;
use std::time::Duration;

use sys::signal::{self, Blocked};

/// Signals that ask to stop wait, from the first container or sandbox to the last, until somebody takes
/// them who ends what goes on: so nothing is left. What comes after that asks for what is done anyway.
#[derive(Debug)]
pub struct Held(Blocked);

impl Held {
    fn new() -> io::Result<Self> {
        Blocked::new(signal::STOP).map(Self)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        while matches!(self.0.next(Some(Duration::ZERO)), Ok(Some(_))) {}
    }
}

/// Holds signals back that ask to stop, if this process is to fit something: from its first moment on, as
/// what ends it says what was found by then.
pub fn held() -> Option<Held> {
    let mut words = std::env::args_os().skip(1);
    let command = words.find(|word| !word.as_encoded_bytes().starts_with(b"-"))?;
    // No kernel refuses it.
    if command == "fit" { Held::new().ok() } else { None }
}
