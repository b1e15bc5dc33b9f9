//! A command that runs: waiting for it, reading from it, ending it.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use sys::process::Exit;
use sys::running::{Running, Stream};

use crate::error::LaunchError;

/// A command that has been executed. Dropped, it goes on running and is not reaped: wait for it.
#[derive(Debug)]
pub struct Child {
    running: Running,
    /// Our end of its standard output, if it was piped.
    pub stdout: Option<File>,
    /// Our end of its standard error, if it was piped.
    pub stderr: Option<File>,
}

/// What a command printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended; by SIGKILL if the time was up.
    pub exit: Exit,
    /// Whether it was killed because the time was up.
    pub timed_out: bool,
    /// Standard output, if it was piped.
    pub stdout: Vec<u8>,
    /// Standard error, if it was piped.
    pub stderr: Vec<u8>,
}

impl Child {
    pub(crate) fn new(running: Running, stdout: Option<File>, stderr: Option<File>) -> Self {
        Self { running, stdout, stderr }
    }

    /// Its process ID, in the PID namespace of this process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Whether it leads a process group of its own.
    pub(crate) fn leads_group(&self) -> bool {
        self.running.leads_group()
    }

    /// Waits for its end. A second call gives the same answer.
    ///
    /// # Errors
    /// [`LaunchError::Io`] if somebody else reaped it.
    pub fn wait(&mut self) -> Result<Exit, LaunchError> {
        self.running.wait().map_err(waiting)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn try_wait(&mut self) -> Result<Option<Exit>, LaunchError> {
        self.running.try_wait().map_err(waiting)
    }

    /// Waits at most so long; `None` if it still runs.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn wait_for(&mut self, limit: Duration) -> Result<Option<Exit>, LaunchError> {
        let nothing = &mut [Stream::default(), Stream::default()];
        self.running.read_to_end(nothing, deadline(Some(limit)), false).map_err(waiting)
    }

    /// Sends a signal, by number, to it or to the process group it leads. If it has ended, nothing
    /// is sent.
    ///
    /// # Errors
    /// [`LaunchError::Io`] with what kill(2) says.
    pub fn signal(&self, number: i32) -> Result<(), LaunchError> {
        let failed = |source| LaunchError::Io { what: "send a signal to the process", source };
        self.running.send(number).map_err(failed)
    }

    /// Kills it, with the process group it leads, and reaps it.
    ///
    /// # Errors
    /// As [`Child::signal`] and [`Child::wait`].
    pub fn kill(&mut self) -> Result<Exit, LaunchError> {
        self.signal(sys::signal::KILL)?;
        self.wait()
    }

    /// Reads what it prints into its pipes until it ends; kills it if it takes longer. What it left
    /// running in its process group is killed too.
    ///
    /// # Errors
    /// [`LaunchError::Io`]; the command is killed then.
    pub fn output(mut self, limit: Option<Duration>) -> Result<Output, LaunchError> {
        let stream = |from| Stream { from, read: Vec::new() };
        let mut streams = [stream(self.stdout.take()), stream(self.stderr.take())];
        let read = self.running.read_to_end(&mut streams, deadline(limit), true);
        let (exit, timed_out) = match read {
            Ok(Some(exit)) => (exit, false),
            Ok(None) => (self.kill()?, true),
            Err(source) => {
                let _ = self.kill();
                return Err(waiting(source));
            }
        };
        let [stdout, stderr] = streams.map(|stream| stream.read);
        Ok(Output { exit, timed_out, stdout, stderr })
    }
}

/// A limit too large to be a time is no limit.
fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

fn waiting(source: io::Error) -> LaunchError {
    LaunchError::Io { what: "wait for the process", source }
}
