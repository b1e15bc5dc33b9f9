//! Tests of a container: asked again until they pass, the time is up, or the container has ended.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use launch::Exit;
use launch::engine::{self, Engine};

use crate::clock::Clock;
use crate::test::{Asking, Subject, Tests};
use crate::trial::Outcome;
use crate::words;
use crate::zero::renamed;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// What tells whether a container works.
#[derive(Debug, Clone)]
pub enum Probe {
    /// Tests of this machine, in the container's network namespace.
    Tests(Tests),
    /// A command executed in the container, with what the container holds, as an `exec` probe or a
    /// HEALTHCHECK is: ends with 0. What it asks for is traced as the container's own: without it
    /// the container would be called ill.
    Exec {
        /// The words.
        command: Vec<String>,
        /// How long one attempt may take.
        limit: Duration,
    },
    /// A command executed once in the container at its start, as its `postStart` hook: if it fails, so
    /// has the container.
    Hook {
        /// The words.
        command: Vec<String>,
        /// How long it may take.
        limit: Duration,
    },
    /// Each of these, one after the other.
    All(Vec<Probe>),
    /// None: it runs for so long, or ends well. Nothing is shown of whether it works.
    Runs(Duration),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tests(tests) => tests.fmt(f),
            Self::Exec { command, .. } => write!(f, "{}, in the container", command.join(" ")),
            Self::Hook { command, .. } => write!(f, "{}, once at the start", command.join(" ")),
            Self::All(each) => {
                let each: Vec<String> = each.iter().map(ToString::to_string).collect();
                f.write_str(&each.join("; "))
            }
            Self::Runs(time) => write!(f, "none, it ran for {}", words::duration(*time)),
        }
    }
}

impl Probe {
    /// Whether it waits for the end of the container, or watches it by itself.
    fn watches(&self) -> bool {
        match self {
            Self::Tests(tests) => tests.until_exit,
            Self::All(each) => each.iter().any(Self::watches),
            Self::Runs(_) => true,
            Self::Exec { .. } | Self::Hook { .. } => false,
        }
    }

    /// The same of another port, where it names this one.
    #[must_use]
    pub fn moved(&self, from: u16, to: u16) -> Self {
        let words = |words: &[String]| -> Vec<String> {
            let new = |word: &String| renamed(word, from, to).unwrap_or_else(|| word.clone());
            words.iter().map(new).collect()
        };
        match self {
            Self::Tests(tests) => Self::Tests(tests.moved(from, to)),
            Self::Exec { command, limit } => Self::Exec { command: words(command), limit: *limit },
            Self::Hook { command, limit } => Self::Hook { command: words(command), limit: *limit },
            Self::All(each) => Self::All(each.iter().map(|one| one.moved(from, to)).collect()),
            Self::Runs(time) => Self::Runs(*time),
        }
    }

    /// Whether it executes a command in the container.
    #[must_use]
    pub fn executes(&self) -> bool {
        match self {
            Self::All(each) => each.iter().any(Self::executes),
            Self::Exec { .. } | Self::Hook { .. } => true,
            Self::Tests(_) | Self::Runs(_) => false,
        }
    }
}

/// What is known of a container meanwhile.
#[derive(Debug)]
pub(super) struct Seen {
    printed: Arc<Mutex<Vec<u8>>>,
    exit: Mutex<Option<Exit>>,
    /// Set once nobody waits for an answer.
    pub(super) stop: AtomicBool,
}

impl Seen {
    pub(super) fn new(printed: Arc<Mutex<Vec<u8>>>) -> Self {
        Self { printed, exit: Mutex::new(None), stop: AtomicBool::new(false) }
    }

    /// It has ended so.
    pub(super) fn ended(&self, exit: Exit) {
        *self.exit.lock().unwrap_or_else(PoisonError::into_inner) = Some(exit);
    }

    fn exit(&self) -> Option<Exit> {
        *self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn printed(&self) -> Vec<u8> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it failed: how it ended or what the test said, and the last it printed.
    fn failed(&self, test: &str) -> Outcome {
        let ended = self.exit().map(|exit| format!("ended with {exit}"));
        self.fails(&ended.unwrap_or_else(|| test.to_owned()))
    }

    /// It has ended, after this.
    fn failed_after(&self, what: &str) -> Outcome {
        let exit = self.exit().map(|exit| exit.to_string()).unwrap_or_default();
        self.fails(&format!("{what}ended with {exit}"))
    }

    fn fails(&self, how: &str) -> Outcome {
        let said = words::last_lines(&self.printed());
        let parts = [how, &said].into_iter().filter(|part| !part.is_empty());
        Outcome::Failed(parts.collect::<Vec<_>>().join(" | "))
    }
}

impl Subject for &Seen {
    fn output(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.printed())
    }

    fn exit(&mut self) -> io::Result<Option<Exit>> {
        Ok(Seen::exit(self))
    }
}

/// The attempts at one container.
pub(super) struct Attempts {
    pub(super) probe: Arc<Probe>,
    pub(super) engine: Engine,
    /// The container.
    pub(super) name: String,
    /// Its first process; `None` if it has ended.
    pub(super) pid: Option<u32>,
    pub(super) clock: Arc<Clock>,
    /// How long it is watched after it has passed.
    pub(super) settle: Duration,
    pub(super) seen: Arc<Seen>,
}

impl Attempts {
    /// Tries until it passes.
    pub(super) fn make(self) -> io::Result<Outcome> {
        let outcome = self.ask(&self.probe)?;
        if outcome.passed() && !self.probe.watches() {
            return Ok(self.watch_on());
        }
        Ok(outcome)
    }

    fn ask(&self, probe: &Probe) -> io::Result<Outcome> {
        match probe {
            Probe::All(each) => {
                for one in each {
                    let outcome = self.ask(one)?;
                    if !outcome.passed() {
                        return Ok(outcome);
                    }
                }
                Ok(Outcome::Passed)
            }
            // In a thread that stays in the container's network; the engine is called from outside.
            Probe::Tests(tests) => std::thread::scope(|scope| {
                let asked = scope.spawn(|| self.ask_from_inside(tests)).join();
                asked.unwrap_or_else(|_| Err(io::Error::other("a test panicked")))
            }),
            _ => Ok(self.watch(probe)),
        }
    }

    /// Whether it goes on without a failure.
    fn watch_on(&self) -> Outcome {
        let until = Instant::now() + self.settle;
        while Instant::now() < until && !self.seen.stop.load(Ordering::Relaxed) {
            match self.seen.exit() {
                Some(exit) if !exit.success() => {
                    return self.seen.failed_after("passed, and then ");
                }
                Some(_) => break,
                None => std::thread::sleep(PAUSE),
            }
        }
        Outcome::Passed
    }

    fn ask_from_inside(&self, tests: &Tests) -> io::Result<Outcome> {
        let entered = match self.pid {
            Some(pid) => sys::namespace::enter_network_of(pid),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match entered {
            Ok(()) => {}
            // It has ended meanwhile, and its network with it: in an empty one nobody else is asked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                sys::isolate::own_network().map_err(io::Error::other)?;
            }
            Err(error) => {
                let what = format!("enter the container's network namespace: {error}");
                return Err(io::Error::new(error.kind(), what));
            }
        }
        let environment: Vec<_> = std::env::vars_os().collect();
        let folder = std::env::current_dir()?;
        let asking = Asking { environment: &environment, folder, stop: &self.seen.stop };
        let tests = Tests { settle: Duration::ZERO, ..tests.clone() };
        tests.wait_for(&mut &*self.seen, &asking, &self.clock)
    }

    /// What takes no test of this machine.
    fn watch(&self, probe: &Probe) -> Outcome {
        let since = Instant::now();
        let mut said = String::new();
        while !self.is_late() {
            if let Some(exit) = self.seen.exit() {
                let runs = matches!(probe, Probe::Runs(_));
                let well = runs && exit.success();
                return if well { Outcome::Passed } else { self.seen.failed("") };
            }
            match probe {
                Probe::Runs(time) if since.elapsed() >= *time => return Outcome::Passed,
                Probe::Exec { command, limit } => match self.exec(command, *limit) {
                    Ok(()) => return Outcome::Passed,
                    Err(why) => said = why,
                },
                Probe::Hook { command, limit } => {
                    return match self.exec(command, *limit) {
                        Ok(()) => Outcome::Passed,
                        Err(why) => self.seen.failed(&format!("postStart: {why}")),
                    };
                }
                Probe::Runs(_) | Probe::Tests(_) | Probe::All(_) => {}
            }
            std::thread::sleep(PAUSE);
        }
        self.seen.failed(&format!("not done in time | {said}"))
    }

    fn is_late(&self) -> bool {
        self.seen.stop.load(Ordering::Relaxed) || self.clock.is_up()
    }

    fn exec(&self, command: &[String], limit: Duration) -> Result<(), String> {
        let output = engine::exec(self.engine, &self.name, command, limit, &self.seen.stop)
            .map_err(|error| error.to_string())?;
        let last = words::last_lines(output.printed.as_bytes());
        match output.status {
            Some(0) => Ok(()),
            Some(status) => Err(format!("test ended with status {status}: {last}")),
            None => Err(format!("test did not end within {}", words::duration(limit))),
        }
    }
}
