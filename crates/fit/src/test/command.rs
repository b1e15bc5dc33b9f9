//! A test that is a command.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::time::Duration;

use launch::{LaunchError, Spec, Stdio};
use rustix::fs::MemfdFlags;

use super::{Asking, Question};
use crate::clock::{Clock, Going, Limit};
use crate::words;

/// How often it is looked whether it is to be ended.
const TICK: Duration = Duration::from_millis(50);

/// A command for `/bin/sh`, with all privileges of this process. Exit status 0 means that the program
/// works. `STATUS` is the program's own exit status once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    text: String,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Command {
    /// A command line.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    pub(super) fn ask(&self, question: &Question<'_>) -> io::Result<Result<(), String>> {
        let status = question.exit.map(|exit| ("STATUS".into(), exit.status().to_string().into()));
        self.run("test", question, status)
    }

    /// Runs it as setup or teardown, for at most so long; what it said if it failed.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn once(
        &self,
        what: &str,
        asking: &Asking<'_>,
        limit: Duration,
    ) -> io::Result<Result<(), String>> {
        let clock = &Clock::start(Limit::fixed(limit), &Going::default());
        let question = Question { asking, exit: None, output: &[], clock, least: None };
        self.run(what, &question, None)
    }

    fn run(
        &self,
        what: &str,
        question: &Question<'_>,
        more: Option<(std::ffi::OsString, std::ffi::OsString)>,
    ) -> io::Result<Result<(), String>> {
        let state = sys::credentials::own_state()?;
        let mut spec = Spec::new("/bin/sh", state).args(["-c", &self.text]);
        spec.env = Some(question.asking.environment.iter().cloned().chain(more).collect());
        spec.working_directory = Some(question.asking.folder.clone());
        spec.session = true;
        spec.die_with_parent = true;
        // A file and no pipe: what it leaves in the background cannot hold this up.
        let mut said = File::from(rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC)?);
        spec.stdin = Stdio::Null;
        spec.stdout = Stdio::File(said.try_clone()?);
        spec.stderr = Stdio::File(said.try_clone()?);
        let mut child = launch::spawn(spec).map_err(cannot)?;
        let exit = loop {
            let Some(left) = question.left() else {
                child.kill().map_err(cannot)?;
                return Ok(Err(format!("{what} took too long")));
            };
            if let Some(exit) = child.wait_for(left.min(TICK)).map_err(cannot)? {
                break exit;
            }
        };
        if exit.success() {
            return Ok(Ok(()));
        }
        let mut text = Vec::new();
        said.rewind()?;
        said.read_to_end(&mut text)?;
        let end = words::last_lines(&text);
        let colon = if end.is_empty() { "" } else { ": " };
        Ok(Err(format!("{what} ended with {exit}{colon}{end}")))
    }
}

fn cannot(error: LaunchError) -> io::Error {
    io::Error::other(format!("cannot run a test: {error}"))
}
