//! A command, observed from its `execve` to its end.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use launch::{Child, Exit, Forwarding, LaunchError, Spec};
use trace::{Options, Scope, Tracer};

use crate::settling::Settling;
use crate::{ObserveError, Observed};

/// How often the tracer is looked after.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// `SIGTERM`, signal(7).
const TERM: i32 = 15;
/// `SIGKILL`, signal(7).
const KILL: i32 = 9;
/// How long a command has after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit; `None` if it runs on.
    pub exit: Option<Exit>,
    /// Whether it was to be ended because its time was up.
    pub time_up: bool,
    /// Processes that run on, because this process may not end them: they have changed their user,
    /// and `kill_ok_by_cred` of `kernel/signal.c` wants KILL.
    pub run_on: Vec<u32>,
}

/// Runs a command under trace. The tracer is attached before the command's `execve`; signals go on
/// to the command, as with `dropcap run`; after `limit` it and all that it started get SIGTERM, and ten
/// seconds later SIGKILL. Without a limit, what it leaves running in the background is watched until
/// it ends or somebody says that it is enough.
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
    let settling = Settling::new(options.settle);
    let ended = wait(&forwarding, &mut tracer, settling, &mut child, limit)?;
    Ok((Observed::of(tracer.finish()?), ended))
}

/// Looks after the tracer until the command has ended, with everything it started: a daemon goes on in
/// the background, and what it does there counts.
fn wait(
    forwarding: &Forwarding,
    tracer: &mut Tracer,
    mut settling: Settling,
    child: &mut Child,
    limit: Option<Duration>,
) -> Result<Ended, ObserveError> {
    let start = Instant::now();
    let mut exit = None;
    let mut asked: Option<Instant> = None;
    loop {
        exit = match exit {
            None => forwarding.wait_for(child, Some(TICK))?,
            // Nobody is left to pass a signal on to: the first that comes ends the watch.
            Some(_) if tracer.living()?.is_empty() || forwarding.stopped(TICK)? => {
                return Ok(Ended { exit, time_up: asked.is_some(), run_on: Vec::new() });
            }
            done => done,
        };
        let progress = tracer.poll()?;
        settling.look(tracer, &progress)?;
        let run_on = match asked {
            None if limit.is_some_and(|limit| start.elapsed() >= limit) => {
                asked = Some(Instant::now());
                end(tracer, child, TERM)?
            }
            Some(since) if since.elapsed() >= GRACE => end(tracer, child, KILL)?,
            _ => Vec::new(),
        };
        if !run_on.is_empty() {
            return Ok(Ended { exit, time_up: true, run_on });
        }
    }
}

/// Sends a signal to the command and to all that it started and that still runs. Those that may not be
/// sent one.
fn end(tracer: &mut Tracer, child: &Child, signal: i32) -> Result<Vec<u32>, ObserveError> {
    let mut refused = Vec::new();
    if let Err(error) = child.signal(signal) {
        match error {
            LaunchError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                refused.push(child.pid());
            }
            error => return Err(error.into()),
        }
    }
    for pid in tracer.living()?.into_iter().filter(|pid| *pid != child.pid()) {
        // It may have ended meanwhile.
        let sent = sys::signal::send_to(pid, signal);
        if sent.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            refused.push(pid);
        }
    }
    Ok(refused)
}
