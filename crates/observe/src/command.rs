//! A command, observed from its `execve` to its end.

use std::time::{Duration, Instant};

use launch::{Child, Exit, Forwarding, Spec};
use trace::{Options, Scope, Tracer};

use crate::{ObserveError, Observed};

/// How often the tracer is looked after.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// `SIGTERM`, signal(7).
const TERM: i32 = 15;
/// How long a command has after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit.
    pub exit: Exit,
    /// Whether it was ended because its time was up.
    pub time_up: bool,
}

/// Runs a command under trace. The tracer is attached before the command's `execve`; signals go on
/// to the command, as with `dropcap run`; after `limit` it gets SIGTERM, and ten seconds later SIGKILL.
///
/// # Errors
/// [`ObserveError`]; if it cannot be traced it is not run.
pub fn command(
    spec: Spec,
    options: Options,
    limit: Option<Duration>,
) -> Result<(Observed, Ended), ObserveError> {
    // First: a machine that cannot trace need not start anything.
    let mut tracer = Tracer::load(options)?;
    let forwarding = Forwarding::new()?;
    let argv = std::iter::once(&spec.program).chain(&spec.args);
    let argv = argv.map(|word| word.to_string_lossy().into_owned()).collect();
    let held = launch::spawn_held(spec)?;
    tracer.watch(Scope::held(held.pid(), argv))?;
    let mut child = held.release()?;
    let ended = wait(&forwarding, &mut tracer, &mut child, limit)?;
    Ok((Observed::of(tracer.finish()?), ended))
}

/// Looks after the tracer until the command has ended.
fn wait(
    forwarding: &Forwarding,
    tracer: &mut Tracer,
    child: &mut Child,
    limit: Option<Duration>,
) -> Result<Ended, ObserveError> {
    let start = Instant::now();
    let mut asked = None;
    loop {
        if let Some(exit) = forwarding.wait_for(child, Some(TICK))? {
            return Ok(Ended { exit, time_up: asked.is_some() });
        }
        tracer.poll()?;
        match asked {
            None if limit.is_some_and(|limit| start.elapsed() >= limit) => {
                child.signal(TERM)?;
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() >= GRACE => {
                return Ok(Ended { exit: child.kill()?, time_up: true });
            }
            _ => {}
        }
    }
}
