//! Tests of a container: tried again until one passes, its time is up, or the container has ended.

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use launch::engine::{self, Engine};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// What tells whether a container works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A program of this machine, in the container's network namespace: ends with 0.
    Command(Vec<OsString>),
    /// A command executed in the container, with what the container holds, as an `exec` probe or a
    /// HEALTHCHECK is: ends with 0. What it asks for is traced as the container's own: without it
    /// the container would be called ill.
    Exec {
        /// The words.
        command: Vec<String>,
        /// How long one attempt may take.
        limit: Duration,
    },
    /// The container ends by itself, with status 0.
    Exit,
    /// None: it runs for so long, or ends. Then nothing is shown of whether it works.
    Runs(Duration),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: &[String]| words.join(" ");
        match self {
            Self::Command(command) => {
                let command: Vec<String> =
                    command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                f.write_str(&words(&command))
            }
            Self::Exec { command, .. } => write!(f, "in the container: {}", words(command)),
            Self::Exit => f.write_str("the container ends with status 0"),
            Self::Runs(time) => write!(f, "none; it runs for {} s", time.as_secs()),
        }
    }
}

impl Probe {
    /// What the container's end says; `None` if it only says that the test can no longer pass.
    pub(super) fn of_the_end(&self, exit: Option<i32>) -> Option<Result<(), String>> {
        match (self, exit) {
            (Self::Exit | Self::Runs(_), Some(0)) => Some(Ok(())),
            _ => None,
        }
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
    pub(super) deadline: Instant,
    /// Set once nobody waits for an answer.
    pub(super) over: Arc<AtomicBool>,
}

impl Attempts {
    /// Tries until the test passes. What it said last if it does not.
    pub(super) fn make(self) -> Result<(), String> {
        if let (Probe::Command(_), Some(pid)) = (&*self.probe, self.pid) {
            sys::namespace::enter_network_of(pid)
                .map_err(|error| format!("cannot enter the container's network: {error}"))?;
        }
        let since = Instant::now();
        let mut said = String::new();
        while !self.over.load(Ordering::Relaxed) && Instant::now() < self.deadline {
            match &*self.probe {
                Probe::Runs(time) if since.elapsed() >= *time => return Ok(()),
                Probe::Runs(_) | Probe::Exit => {}
                Probe::Command(command) => match self.command(command) {
                    Ok(()) => return Ok(()),
                    Err(why) => said = why,
                },
                Probe::Exec { command, limit } => match self.exec(command, *limit) {
                    Ok(()) => return Ok(()),
                    Err(why) => said = why,
                },
            }
            std::thread::sleep(PAUSE);
        }
        Err(if said.is_empty() { "it did not end in time".to_owned() } else { said })
    }

    fn command(&self, command: &[OsString]) -> Result<(), String> {
        let Some((program, arguments)) = command.split_first() else {
            return Err("the test has no command".to_owned());
        };
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the test ended with {}: {}", output.status, said.trim()))
    }

    fn exec(&self, command: &[String], limit: Duration) -> Result<(), String> {
        let output = engine::exec(self.engine, &self.name, command, limit)
            .map_err(|error| error.to_string())?;
        match output.status {
            Some(0) => Ok(()),
            Some(status) => {
                Err(format!("the test ended with status {status}: {}", output.printed.trim()))
            }
            None => Err(format!("the test did not end within {} s", limit.as_secs())),
        }
    }
}
