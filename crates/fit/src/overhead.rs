//! What runs take beside the time that counts as theirs: sandboxes and containers are made and taken down,
//! setups run, failures are tried again.

use std::time::{Duration, Instant};

use crate::trial::Ran;

/// Of the runs so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overhead {
    total: Duration,
    runs: u32,
}

impl Overhead {
    /// With one more, begun then: what of its time does not count as its own.
    pub(crate) fn count<E>(&mut self, begun: Instant, ran: Result<Ran, E>) -> Result<Ran, E> {
        let ran = ran?;
        self.total += begun.elapsed().saturating_sub(ran.took);
        self.runs += 1;
        Ok(ran)
    }

    /// Of one run, on an average; none before there was any.
    pub(crate) fn of_one(self) -> Duration {
        self.total.checked_div(self.runs).unwrap_or_default()
    }
}
