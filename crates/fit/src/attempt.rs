//! One run, by the thread that enters its place: setup, the program, its tests, the end, teardown.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use caps::CapSet;
use launch::{Child, Exit, LaunchError};

use crate::clock::{Clock, Going, Limit};
use crate::error::RunError;
use crate::output::{Ends, Output};
use crate::place::{Ground, Site};
use crate::program::Program;
use crate::test::{Asking, Command, Subject, Tests};
use crate::trial::Outcome;

/// How long setup and teardown may take.
const AROUND: Duration = Duration::from_secs(60);
/// How long what a program has started may take to end with it: a `tee` behind it, say.
const ENDING: Duration = Duration::from_millis(500);

/// What is done around each run.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Before it; its failure is an error.
    pub setup: Option<Command>,
    /// After it, however it went.
    pub teardown: Option<Command>,
}

/// What is said to whoever stays outside.
pub(crate) enum Said {
    /// It waits before its `execve`, under this number outside.
    Held(u32),
    /// The tests have their answer; the program still runs, if it does.
    Tested,
}

/// What one run came to.
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// What of the machine's time that was.
    pub(crate) share: Duration,
    /// Whether its time was up.
    pub(crate) late: bool,
    /// Whether it ended, as it is to, and left something that went on, where nothing did before.
    pub(crate) left: bool,
    /// Where nothing could be written, though it can outside.
    pub(crate) read_only: Vec<PathBuf>,
}

impl Attempt {
    /// It did not come to its tests.
    fn failed(said: String, took: Duration) -> Self {
        let outcome = Outcome::Failed(said);
        Self { outcome, took, share: took, late: false, left: false, read_only: Vec::new() }
    }
}

/// How one run is made.
pub(crate) struct Orders<'a> {
    pub(crate) program: &'a Program,
    pub(crate) tests: Tests,
    pub(crate) around: &'a Around,
    pub(crate) asking: Asking<'a>,
    pub(crate) output: &'a Output,
    pub(crate) set: CapSet,
    /// How long it has, among those that go on.
    pub(crate) limit: Limit,
    pub(crate) going: &'a Going,
    /// Whether somebody outside watches, and says when to go on.
    pub(crate) watched: bool,
}

impl Orders<'_> {
    /// Makes the run. `say` tells how far it is; after each word `hear` is waited for, and if nobody
    /// is there to say anything the run ends.
    pub(crate) fn carry_out(
        &self,
        ground: &Ground<'_>,
        ends: Ends,
        say: &Sender<Said>,
        hear: &Receiver<()>,
    ) -> Result<Attempt, RunError> {
        let site = ground.enter()?;
        let run = self.run(&site, ends, say, hear);
        let read_only = site.read_only();
        let full = site.is_full();
        // Before teardown: it should find what was left, and nobody who still writes.
        let cleaned = match site {
            Site::Here => site.end().map_err(RunError::from).and_then(|()| self.tear_down()),
            Site::Sandbox(_) => self.tear_down().and(site.end().map_err(RunError::from)),
        };
        let attempt = run?;
        cleaned?;
        if full && !attempt.outcome.passed() {
            return Err(RunError::Full);
        }
        Ok(Attempt { read_only, ..attempt })
    }

    /// Asks the tests without the program.
    pub(crate) fn pass_without(&self, ground: &Ground<'_>) -> Result<bool, RunError> {
        let site = ground.enter()?;
        let passed = self.set_up().and_then(|()| Ok(self.tests.pass_without(&self.asking)?));
        self.tear_down()?;
        site.end()?;
        passed
    }

    fn run(
        &self,
        site: &Site,
        ends: Ends,
        say: &Sender<Said>,
        hear: &Receiver<()>,
    ) -> Result<Attempt, RunError> {
        self.set_up()?;
        // What setup has started goes on, too: then nobody knows whose it is.
        let busy = self.tests.until_exit && goes_on(site);
        // Where an earlier run may have left what the tests look for, each run is checked.
        let may_pass = matches!(site, Site::Here) && self.tests.tell_of_runs();
        if may_pass && self.tests.pass_without(&self.asking)? {
            return Err(RunError::PassesBefore { tests: self.tests.to_string() });
        }
        let held = launch::spawn_held(self.program.spec(self.set, ends))?;
        if self.watched && (say.send(Said::Held(held.pid())).is_err() || hear.recv().is_err()) {
            return Ok(Attempt::failed("stopped".to_owned(), Duration::ZERO));
        }
        let start = Instant::now();
        let clock = Clock::start(self.limit, self.going);
        let mut child = match held.release() {
            Ok(child) => child,
            // Whether it can be executed may hang on the set: a file's capabilities, or its mode.
            Err(error @ LaunchError::NotExecutable { .. }) => {
                return Ok(Attempt::failed(error.to_string(), start.elapsed()));
            }
            Err(error) => return Err(error.into()),
        };
        let mut subject = Running { child: &mut child, site, output: self.output };
        let tested = self.tests.wait_for(&mut subject, &self.asking, &clock);
        let (took, share, late) = (start.elapsed(), clock.share(), clock.is_up());
        let passed = matches!(&tested, Ok(outcome) if outcome.passed());
        let left = passed && self.tests.until_exit && !busy && goes_on(site);
        if self.watched && say.send(Said::Tested).is_ok() {
            // What is asked for from now on is not the stretch that the tests speak of.
            let _ = hear.recv();
        }
        site.stop(&mut child)?;
        Ok(Attempt { outcome: tested?, took, share, late, left, read_only: Vec::new() })
    }

    fn set_up(&self) -> Result<(), RunError> {
        match self.done(self.around.setup.as_ref(), "setup")? {
            Some(said) => Err(RunError::Setup { said }),
            None => Ok(()),
        }
    }

    fn tear_down(&self) -> Result<(), RunError> {
        match self.done(self.around.teardown.as_ref(), "teardown")? {
            Some(said) => Err(RunError::Teardown { said }),
            None => Ok(()),
        }
    }

    /// What it said if it failed. It is done even when somebody said that it is enough.
    fn done(&self, command: Option<&Command>, what: &str) -> Result<Option<String>, RunError> {
        let Some(command) = command else { return Ok(None) };
        let never = std::sync::atomic::AtomicBool::new(false);
        let asking = Asking { stop: &never, ..self.asking.clone() };
        Ok(command.once(what, &asking, AROUND)?.err())
    }
}

/// Whether something goes on where a program has ended, for longer than its own end takes.
fn goes_on(site: &Site) -> bool {
    let until = Instant::now() + ENDING;
    while site.is_busy() {
        if Instant::now() >= until {
            return true;
        }
        std::thread::sleep(ENDING / 50);
    }
    false
}

/// The program of a run, as its tests see it.
struct Running<'a> {
    child: &'a mut Child,
    site: &'a Site,
    output: &'a Output,
}

impl Subject for Running<'_> {
    fn output(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.output.end())
    }

    fn exit(&mut self) -> io::Result<Option<Exit>> {
        self.child.try_wait().map_err(io::Error::other)
    }

    fn is_busy(&mut self) -> io::Result<bool> {
        Ok(self.site.is_busy())
    }
}
