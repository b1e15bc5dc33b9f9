//! Containers followed by name, pod or image, whenever they start: those that are there, those that
//! come, and those that restart.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use record::observation::{Exit, Recording, Target};
use sys::container::{Container, Containers, Registry};
use sys::procfs::Procfs;
use sys::signal::Blocked;
use trace::{Options, Results, Scope, Tracer};

use crate::ObserveError;
use crate::command::TICK;
use crate::starts::starts;
use crate::target::{INT, TERM};

/// What was seen is read whole every so many ticks; in between only what engines write down is.
const LOOK: u32 = 3;

/// A container that was followed.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Everything it did, all starts together.
    pub recording: Recording,
    /// The same, start by start, the latest last.
    pub starts: Vec<Recording>,
}

/// How to trace for a diagnosis: what every refused call returned, and every call that failed.
#[must_use]
pub fn failing() -> Options {
    Options { results: Results::Always, failures: true, settle: false, ..Options::default() }
}

/// Follows the containers that `wanted` says yes to, each apart. Everything that enters a container on
/// this machine is watched, so that one that lives for a moment only is seen from its entrypoint on.
///
/// Ends after `limit`, or when somebody says that it is enough (SIGINT, SIGTERM). Without a limit also
/// once a start of a wanted container has ended that was seen from its begin, or that ended badly.
/// `watching` is called once everything is seen, with the files that name containers and could not be
/// read.
///
/// # Errors
/// [`ObserveError`].
pub fn follow(
    wanted: impl Fn(&Container) -> bool,
    options: Options,
    limit: Option<Duration>,
    watching: impl FnOnce(&Tracer, &[String]),
) -> Result<Vec<Followed>, ObserveError> {
    let enough = Blocked::new([INT, TERM]).map_err(ObserveError::Signal)?;
    let mut tracer = Tracer::load(options)?;
    let mut known = Known::new(wanted);
    known.look();
    tracer.watch(Scope::containers()?)?;
    watching(&tracer, known.registry.unread());
    let start = Instant::now();
    for tick in 1_u32.. {
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
        let wait = left.map_or(TICK, |left| left.min(TICK));
        if enough.next(Some(wait)).map_err(ObserveError::Signal)?.is_some() {
            break;
        }
        tracer.poll()?;
        known.registry.refresh();
        if tick % LOOK == 0 {
            known.look();
            let all = known.followed(&tracer.snapshot()?);
            if limit.is_none() && all.iter().any(Followed::is_answer) {
                break;
            }
        }
    }
    let recording = tracer.finish()?;
    known.registry.refresh();
    Ok(known.followed(&recording))
}

impl Followed {
    /// Whether a start has ended from which there is something to learn.
    fn is_answer(&self) -> bool {
        self.starts.iter().any(|start| {
            let Some(main) = judge::why::main(start) else { return false };
            let gone = main.ended_ns.is_some() && !Procfs::new().folder(main.pid).exists();
            let badly = !matches!(main.exit, Some(Exit::Code(0)) | Some(Exit::Signal(TERM)) | None);
            gone && (start.start_seen || badly)
        })
    }
}

/// What is known of containers meanwhile.
struct Known<F> {
    wanted: F,
    registry: Registry,
}

impl<F: Fn(&Container) -> bool> Known<F> {
    fn new(wanted: F) -> Self {
        Self { wanted, registry: Registry::new() }
    }

    /// Looks what is written down of containers, and which run.
    fn look(&mut self) {
        self.registry.refresh();
        let procfs = Procfs::new();
        // What cannot be listed now is listed the next time.
        if let Ok(all) = procfs.processes() {
            self.registry.learn(&Containers::discover(&procfs, &all.processes));
        }
    }

    /// The wanted containers of a recording of all.
    fn followed(&mut self, all: &Recording) -> Vec<Followed> {
        let mut containers: BTreeMap<String, (Container, Vec<u32>)> = BTreeMap::new();
        for (number, process) in &all.processes {
            let Some(container) =
                process.cgroup.as_deref().and_then(|c| self.registry.of_cgroup(c))
            else {
                continue;
            };
            if !(self.wanted)(&container) {
                continue;
            }
            let id = container.id.clone();
            containers.entry(id).or_insert((container, Vec::new())).1.push(*number);
        }
        let followed = |(container, numbers): (Container, Vec<u32>)| {
            let mut recording = crate::starts::only(all, &numbers);
            recording.target = Target::Container(trace::describe(&container));
            goes_on(&mut recording);
            recording.still_running = living(&recording);
            recording.root = container.root.unwrap_or(0);
            Followed { starts: starts(&recording), recording }
        };
        containers.into_values().map(followed).collect()
    }
}

/// A process that is there has not ended: what ended was one that it had forked, of the same program.
fn goes_on(recording: &mut Recording) {
    let procfs = Procfs::new();
    for process in recording.processes.values_mut() {
        if process.exit.is_some() && procfs.folder(process.pid).exists() {
            (process.exit, process.ended_ns) = (None, None);
        }
    }
}

/// How many of its programs still run.
fn living(recording: &Recording) -> u32 {
    let procfs = Procfs::new();
    let runs = |pid: u32| procfs.folder(pid).exists();
    let living = recording.processes.values().filter(|p| p.exit.is_none() && runs(p.pid)).count();
    u32::try_from(living).unwrap_or(u32::MAX)
}
