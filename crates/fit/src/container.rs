//! A container of the user's own engine as a [`Runner`]: made for each run, traced from its
//! entrypoint's `execve` on, tested, and removed.
//!
//! What the engine's runtime does before the entrypoint does not count, and the engine's own health
//! checks are off. Each container is new, with new anonymous volumes: what one run leaves behind does
//! not serve the next.

mod changed;
mod probe;
mod store;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use caps::CapSet;
use launch::Exit;
use launch::engine::{Container, EngineError, Recipe};
use observe::Observed;
use sys::signal::{Blocked, STOP};
use trace::{TraceError, Tracer};

use crate::hands::Hand;
use crate::overhead::Overhead;
use crate::run::Stopped;
use crate::trial::{Outcome, Ran, Runner};
use probe::{Attempts, Seen};
use store::Store;

pub use changed::{changed, flags};
pub use probe::Probe;

/// How often the container, the tracer and the signals are looked after.
const TICK: Duration = Duration::from_millis(50);

/// How many times longer than the first a run may take, and how long in any case.
const TIMES: u32 = 5;
const LEAST: Duration = Duration::from_secs(5);

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine did not do what was asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It could not be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The container's processes could not be looked at.
    #[error(transparent)]
    Procfs(#[from] sys::procfs::ProcfsError),
    /// The engine says that the container is there, and this machine has none of that identifier.
    #[error(
        "no container {id} on this machine: does {engine} run it elsewhere (a virtual machine, another \
         host)?"
    )]
    Elsewhere {
        /// Which engine.
        engine: launch::engine::Engine,
        /// The identifier.
        id: String,
    },
    /// The engine gave other capabilities than it was told: nothing is known of the set then.
    #[error("{engine} gave the container {got} in its bounding set, was told {asked}")]
    NotAsAsked {
        /// Which engine.
        engine: launch::engine::Engine,
        /// What it was told.
        asked: CapSet,
        /// What the entrypoint was executed with.
        got: CapSet,
    },
    /// What a container writes does not fit: its failure says nothing of its set.
    #[error("a run failed, and {} is full, where {engine} keeps what containers write", folder.display())]
    Full {
        /// Which engine.
        engine: launch::engine::Engine,
        /// Its folder.
        folder: PathBuf,
    },
    /// A mistake in this program.
    #[error("the test came to no answer")]
    NoAnswer,
    /// Threads, signals, a test that cannot be started.
    #[error("cannot {what}: {source}")]
    Io {
        /// What.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// Runs containers of one recipe, with one test.
#[derive(Debug)]
pub struct Containers {
    recipe: Recipe,
    probe: Arc<Probe>,
    limit: Duration,
    title: String,
    tracer: Option<Tracer>,
    signals: Arc<Blocked>,
    stop: Arc<AtomicBool>,
    /// Ends the run that goes on.
    enough: Arc<AtomicBool>,
    /// Whether the time of the last run was up.
    late: bool,
    overhead: Overhead,
    settle: Duration,
    retries: u32,
    /// Whether a container has been started: its program is there.
    started: bool,
    store: Store,
}

impl Containers {
    /// Containers of this recipe; the test has so long to pass in each. `title` is what the container is
    /// called in what is recorded. Signals that ask this program to end are held back from now on, so
    /// that no container is left behind.
    ///
    /// # Errors
    /// [`ContainerError::Io`], which no kernel gives a reason for.
    pub fn new(
        recipe: Recipe,
        probe: Probe,
        limit: Duration,
        title: &str,
    ) -> Result<Self, ContainerError> {
        let signals = Arc::new(Blocked::new(STOP).map_err(io_error("hold signals back"))?);
        let title = title.to_owned();
        let store = Store::new(recipe.engine);
        Ok(Self {
            recipe,
            probe: Arc::new(probe),
            limit,
            title,
            tracer: None,
            signals,
            stop: Arc::default(),
            enough: Arc::default(),
            late: false,
            overhead: Overhead::default(),
            settle: Duration::ZERO,
            retries: 0,
            started: false,
            store,
        })
    }

    /// So many that make runs at a time, each with a tracer of its own.
    pub fn hands(&mut self, jobs: u8) -> Vec<Self> {
        let mut tracer = self.tracer.take();
        let hand = |_| Self {
            recipe: self.recipe.clone(),
            probe: Arc::clone(&self.probe),
            limit: self.limit,
            title: self.title.clone(),
            tracer: tracer.take(),
            signals: Arc::clone(&self.signals),
            stop: Arc::clone(&self.stop),
            enough: Arc::default(),
            late: false,
            overhead: self.overhead,
            settle: self.settle,
            retries: self.retries,
            started: self.started,
            store: self.store.clone(),
        };
        (0..jobs).map(hand).collect()
    }

    /// Containers that do not end are watched for so long after their tests have passed: one that ends
    /// with another status than 0 meanwhile has failed.
    #[must_use]
    pub fn watched_for(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// A run has failed only if it fails so many times more, each in a new container.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Tells whether somebody has asked to stop (Ctrl-C, SIGTERM): the last run was cut short then, and
    /// its container is gone.
    #[must_use]
    pub fn when_stopped(&self) -> Stopped {
        Stopped(Arc::clone(&self.stop))
    }

    fn hears_stop(&self) -> Result<bool, ContainerError> {
        if self.signals.next(Some(Duration::ZERO)).map_err(signals)?.is_some() {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(self.is_over())
    }

    /// Whether the run that goes on is of no use any more.
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.enough.load(Ordering::Relaxed)
    }

    /// A run that passes has taken so long: one that takes many times longer fails, and as many times more
    /// where so many (`jobs`) share the machine. What waits for a service that does not come would take
    /// most of a search else; a run that is cut short by it is counted against leaving a capability out,
    /// never for it.
    pub fn hasten(&mut self, passed: Duration, jobs: u8) {
        let to_pass = passed.saturating_sub(self.settle);
        let jobs = u32::from(jobs);
        self.limit = (self.limit * jobs).min(LEAST.max(to_pass * TIMES * jobs));
    }

    /// Loads the tracer, if it is not: what is missing on this machine is known then, before any container
    /// is made.
    ///
    /// # Errors
    /// [`ContainerError::Trace`].
    pub fn load(&mut self) -> Result<&Tracer, ContainerError> {
        let loaded = match self.tracer.take() {
            Some(tracer) => tracer,
            None => Tracer::load(crate::options())?,
        };
        Ok(self.tracer.insert(loaded))
    }

    /// From the start to the test's answer.
    fn go(
        &mut self,
        container: &mut Container,
        mut tracer: Option<&mut Tracer>,
    ) -> Result<Outcome, ContainerError> {
        let deadline = Instant::now() + self.limit;
        let pid = match container.start() {
            Ok(pid) => pid,
            Err(error) => return self.not_started(error),
        };
        self.started = true;
        let seen = Arc::new(Seen::new(container.output()));
        let attempts = Attempts {
            probe: Arc::clone(&self.probe),
            engine: self.recipe.engine,
            name: container.name.clone(),
            pid,
            deadline,
            settle: self.settle,
            seen: Arc::clone(&seen),
        };
        let (answer, answered) = mpsc::channel();
        let testing = Testing::start(seen, move || drop(answer.send(attempts.make())))?;
        loop {
            if let Some(tracer) = tracer.as_deref_mut() {
                tracer.poll()?;
            }
            if self.hears_stop()? {
                return Ok(stopped());
            }
            match answered.recv_timeout(TICK) {
                Ok(answer) => return answer.map_err(io_error("ask the test")),
                Err(RecvTimeoutError::Disconnected) => return Err(ContainerError::NoAnswer),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(status) = container.exit()? {
                // All that it printed is there now.
                testing.seen.ended(Exit::Code(status));
            }
        }
    }

    /// Whether a program can be executed may hang on the set: a file that carries more, a folder that
    /// it may not enter, in which it is then not found. That there is none at all does not.
    fn not_started(&self, error: EngineError) -> Result<Outcome, ContainerError> {
        match error {
            EngineError::NotExecutable { said, missing } if self.started || !missing => {
                Ok(Outcome::Failed(said))
            }
            error => Err(error.into()),
        }
    }

    /// One try.
    fn once(&mut self, set: CapSet, traced: bool) -> Result<Ran, ContainerError> {
        let begun = Instant::now();
        if self.hears_stop()? {
            return Ok(Ran { outcome: stopped(), observed: None, took: begun.elapsed() });
        }
        let mut tracer = match traced {
            true => {
                self.load()?;
                self.tracer.take()
            }
            false => None,
        };
        let mut container = self.recipe.create(set)?;
        let pid = match container.prepare() {
            Ok(pid) => pid,
            Err(error) => {
                let outcome = self.not_started(error)?;
                container.remove()?;
                self.tracer = tracer.or_else(|| self.tracer.take());
                return Ok(Ran { outcome, observed: None, took: begun.elapsed() });
            }
        };
        if let Some(tracer) = &mut tracer {
            tracer.watch(watch::scope(self.recipe.engine, &container.id, pid)?)?;
        }
        let started = Instant::now();
        let outcome = self.go(&mut container, tracer.as_mut())?;
        self.late = started.elapsed() >= self.limit;
        let observed = match &mut tracer {
            Some(tracer) => {
                let recording = tracer.snapshot()?;
                let of = watch::Of {
                    engine: self.recipe.engine,
                    id: &container.id,
                    image: &self.recipe.image,
                    title: &self.title,
                };
                let recording = of.only(&recording);
                self.check(&recording, set)?;
                Some(Observed::of(recording))
            }
            None => None,
        };
        let took = begun.elapsed();
        // Before what it has written is gone.
        let full = if outcome.passed() { None } else { self.store.full() };
        if let Some(folder) = &full {
            container.discard(folder);
        }
        container.remove()?;
        if let Some(mut tracer) = tracer {
            tracer.again(crate::options())?;
            self.tracer = Some(tracer);
        }
        match full.filter(|_| !self.is_over()) {
            Some(folder) => Err(ContainerError::Full { engine: self.recipe.engine, folder }),
            None => Ok(Ran { outcome, observed, took }),
        }
    }
}

impl Containers {
    fn make(&mut self, set: CapSet, traced: bool) -> Result<Ran, ContainerError> {
        for _ in 0..self.retries {
            let ran = self.once(set, traced)?;
            if ran.outcome.passed() || self.is_over() {
                return Ok(ran);
            }
        }
        self.once(set, traced)
    }
}

impl Runner for Containers {
    type Error = ContainerError;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, ContainerError> {
        let begun = Instant::now();
        let ran = self.make(set, traced);
        self.overhead.count(begun, ran)
    }

    fn overhead(&self) -> Duration {
        self.overhead.of_one()
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.limit)
    }
}

impl Hand for Containers {
    fn enough(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.enough)
    }

    fn was_late(&self) -> bool {
        self.late
    }
}

impl Containers {
    /// The engine was told a set: the entrypoint was executed with it, as the kernel saw it.
    fn check(
        &self,
        recording: &record::observation::Recording,
        asked: CapSet,
    ) -> Result<(), ContainerError> {
        let first = recording.processes.values().next();
        match first.and_then(|process| process.bounding) {
            Some(got) if got != asked => {
                Err(ContainerError::NotAsAsked { engine: self.recipe.engine, asked, got })
            }
            _ => Ok(()),
        }
    }
}

/// The thread that asks the test. Dropped, it is told that nobody waits any more, and waited for: nothing
/// of it goes on when the container is removed.
struct Testing {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Testing {
    fn start(seen: Arc<Seen>, ask: impl FnOnce() + Send + 'static) -> Result<Self, ContainerError> {
        let named = std::thread::Builder::new().name("test".to_owned());
        let thread = named.spawn(ask).map_err(io_error("start a thread"))?;
        Ok(Self { seen, thread: Some(thread) })
    }
}

impl Drop for Testing {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        // If it panicked, that it gave no answer has been told.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn stopped() -> Outcome {
    Outcome::Failed("stopped".to_owned())
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> ContainerError {
    move |source| ContainerError::Io { what, source }
}

fn signals(source: io::Error) -> ContainerError {
    ContainerError::Io { what: "wait for a signal", source }
}
