//! What is judged while the target is watched, so that the kernel side need not keep the places of
//! checks whose need is settled.

use std::time::{Duration, Instant};

use trace::{Progress, TraceError, Tracer};

/// So many checks of a need are kept with all they say before it is settled: what is rarer costs
/// nothing to keep.
const CHECKS: u64 = 256;
/// The longest time between two looks.
const LONGEST: Duration = Duration::from_secs(5);

/// When to look at what was seen so far.
#[derive(Debug)]
pub(crate) struct Settling {
    on: bool,
    next: Instant,
    pause: Duration,
    kinds: u32,
}

impl Settling {
    pub(crate) fn new(on: bool) -> Self {
        let first = Duration::from_millis(100);
        Self { on, next: Instant::now() + first, pause: first, kinds: 0 }
    }

    /// Judges what was seen, now and then (every tenth of a second at first, and after something
    /// new; then less and less), and tells the kernel side what is settled.
    pub(crate) fn look(
        &mut self,
        tracer: &mut Tracer,
        progress: &Progress,
    ) -> Result<(), TraceError> {
        if !self.on || Instant::now() < self.next {
            return Ok(());
        }
        if progress.kinds != self.kinds {
            self.kinds = progress.kinds;
            self.pause = Duration::from_millis(250);
        } else {
            self.pause = (self.pause * 2).min(LONGEST);
        }
        self.next = Instant::now() + self.pause;
        let judgement = judge::judge(&tracer.snapshot()?);
        tracer.settle(judgement.settled(CHECKS))
    }
}
