//! How much of its time a run has left. What shares the machine with other runs gets a part of it only, so
//! that of a second beside another one half a second counts: then a run is not called late that was only
//! slowed down, and what waits in vain costs all of them together no more time than one after the other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many runs go on. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Going(Arc<AtomicU32>);

impl Going {
    /// One more, until this is dropped.
    pub(crate) fn one_more(&self) -> OneMore {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneMore(self.clone())
    }
}

/// A run that goes on.
#[derive(Debug)]
pub(crate) struct OneMore(Going);

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// So long in any case.
    pub(crate) least: Duration,
    /// So much of the machine's time, if that takes longer.
    pub(crate) share: Duration,
}

impl Limit {
    /// So long, whatever goes on beside it.
    pub(crate) fn fixed(time: Duration) -> Self {
        Self { least: time, share: Duration::ZERO }
    }

    /// How long that is where so many go on beside each other.
    pub(crate) fn among(&self, runs: u32) -> Duration {
        self.least.max(self.share * runs)
    }
}

/// The time of a run that goes on.
#[derive(Debug)]
pub(crate) struct Clock {
    limit: Limit,
    going: Going,
    begun: Instant,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    /// Until when it is counted.
    until: Instant,
    /// What counts of that.
    share: Duration,
    /// Whether any other went on meanwhile.
    beside: bool,
}

impl Clock {
    /// From now on. `going` is what counts those beside it, and itself.
    pub(crate) fn start(limit: Limit, going: &Going) -> Self {
        let now = Instant::now();
        let used = Mutex::new(Used { until: now, share: Duration::ZERO, beside: false });
        Self { limit, going: going.clone(), begun: now, used }
    }

    /// What is left; none if its time is up. To be asked now and then: how many go on is counted then.
    pub(crate) fn left(&self) -> Duration {
        let now = Instant::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = self.going.0.load(Ordering::Relaxed).max(1);
        let since = now.saturating_duration_since(used.until);
        used.share += since / runs;
        used.beside |= runs > 1;
        used.until = now;
        let least = self.limit.least.saturating_sub(now.saturating_duration_since(self.begun));
        least.max(self.limit.share.saturating_sub(used.share))
    }

    /// Whether its time is up.
    pub(crate) fn is_up(&self) -> bool {
        self.left().is_zero()
    }

    /// What of the machine's time it has used.
    pub(crate) fn share(&self) -> Duration {
        self.left();
        self.used.lock().unwrap_or_else(PoisonError::into_inner).share
    }

    /// How long it had, for a person: the limit, or, beside others, how long it has taken, in tenths of a
    /// second.
    pub(crate) fn whole(&self) -> Duration {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = used.until.saturating_duration_since(self.begun).as_millis();
        match used.beside && !self.limit.share.is_zero() {
            true => Duration::from_millis(u64::try_from(millis / 100 * 100).unwrap_or(u64::MAX)),
            false => self.limit.among(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn beside_another_run_half_of_the_time_counts() {
        let going = Going::default();
        let one = going.one_more();
        let clock = Clock::start(Limit { least: ms(1), share: ms(3_600_000) }, &going);
        sleep(ms(20));
        // Before what is counted begins: whatever comes in between is in both.
        let since = Instant::now();
        let alone = clock.share();
        assert!(alone >= ms(20), "{alone:?}");
        assert_eq!(clock.whole(), ms(3_600_000));
        let others = [going.one_more(), going.one_more(), going.one_more()];
        sleep(ms(40));
        let beside = clock.share() - alone;
        // A quarter of what has gone by, whatever that was.
        assert!(beside >= ms(10) && beside <= since.elapsed() / 4 + ms(1), "{beside:?}");
        drop(others);
        let before = clock.share();
        sleep(ms(20));
        assert!(clock.share() - before >= ms(20));
        assert!(!clock.is_up() && clock.whole() < ms(3_600_000));
        drop(one);
        assert_eq!(going.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_fixed_time_and_the_least_are_up_whatever_goes_on_beside() {
        let going = Going::default();
        let _runs = [going.one_more(), going.one_more()];
        let fixed = Clock::start(Limit::fixed(ms(10)), &going);
        let both = Clock::start(Limit { least: ms(10), share: ms(1) }, &going);
        let long = Clock::start(Limit { least: ms(1), share: ms(3_600_000) }, &going);
        assert!(!long.is_up());
        sleep(ms(11));
        assert!(fixed.is_up() && both.is_up() && !long.is_up());
        assert_eq!((fixed.whole(), Limit::fixed(ms(10)).among(8)), (ms(10), ms(10)));
        assert_eq!(Limit { least: ms(10), share: ms(6) }.among(2), ms(12));
    }
}
