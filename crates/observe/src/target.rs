//! Targets that are there: processes, cgroups, containers.

use std::time::{Duration, Instant};

use sys::signal::Blocked;
use trace::{Options, Scope, Tracer};

use crate::command::TICK;
use crate::settling::Settling;
use crate::{ObserveError, Observed};

/// `SIGINT`, signal(7): Ctrl-C.
pub(crate) const INT: i32 = 2;
/// `SIGTERM`, signal(7).
pub(crate) const TERM: i32 = 15;

/// Observes these targets, each apart, until all their first processes have ended, the time is up, or
/// somebody says that it is enough (SIGINT, SIGTERM). `watching` is called once everything is seen.
///
/// # Errors
/// [`ObserveError`].
pub fn targets(
    scopes: Vec<Scope>,
    options: Options,
    limit: Option<Duration>,
    watching: impl FnOnce(&Tracer),
) -> Result<Vec<Observed>, ObserveError> {
    let enough = Blocked::new([INT, TERM]).map_err(ObserveError::Signal)?;
    let mut tracers: Vec<(Tracer, Settling)> = Vec::new();
    for scope in scopes {
        let mut tracer = Tracer::load(options)?;
        tracer.watch(scope)?;
        tracers.push((tracer, Settling::new(options.settle)));
    }
    if let Some((first, _)) = tracers.first() {
        watching(first);
    }
    let start = Instant::now();
    loop {
        let mut running = false;
        for (tracer, settling) in &mut tracers {
            let progress = tracer.poll()?;
            settling.look(tracer, &progress)?;
            running |= progress.exit.is_none();
        }
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if !running || left.is_some_and(|left| left.is_zero()) {
            break;
        }
        let tick = left.map_or(TICK, |left| left.min(TICK));
        if enough.next(Some(tick)).map_err(ObserveError::Signal)?.is_some() {
            break;
        }
    }
    tracers.into_iter().map(|(tracer, _)| Ok(Observed::of(tracer.finish()?))).collect()
}
