//! What tells that the program works.
//!
//! Every test is asked by the calling thread, and opens its connections and starts its programs there:
//! whoever enters the namespaces of the program first asks from inside. None is ever part of what is
//! traced, and none runs with the set that is tried.

mod command;
mod http;
mod log;
mod tcp;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use launch::Exit;

pub use command::Command;
pub use http::{Http, ParseHttpError};
pub use log::{Log, ParseLogError};
pub use tcp::{ParseTcpError, Tcp};

use crate::clock::{Clock, Going, Limit};
use crate::trial::Outcome;
use crate::words;
use crate::zero::renamed;

/// How long a test waits until it is asked again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the last round of tests may take once the program has ended, however little of its time is
/// left.
const LAST: Duration = Duration::from_secs(5);

/// A round of tests that takes longer than this is not slow by chance.
const HANGS: Duration = Duration::from_secs(1);

/// One test.
#[derive(Debug, Clone)]
pub enum Test {
    /// A command that ends well.
    Command(Command),
    /// An answer over HTTP.
    Http(Http),
    /// A port that takes connections.
    Tcp(Tcp),
    /// Something that the program prints.
    Log(Log),
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => command.fmt(f),
            Self::Http(http) => http.fmt(f),
            Self::Tcp(tcp) => tcp.fmt(f),
            Self::Log(log) => log.fmt(f),
        }
    }
}

/// The program that is tested.
pub trait Subject {
    /// What it has printed, the end of it if that is much.
    ///
    /// # Errors
    /// It cannot be read.
    fn output(&mut self) -> io::Result<Vec<u8>>;

    /// How its first process ended, if it has.
    ///
    /// # Errors
    /// It cannot be told.
    fn exit(&mut self) -> io::Result<Option<Exit>>;

    /// Whether something of it runs on after that: what goes into the background serves from there.
    ///
    /// # Errors
    /// It cannot be told.
    fn is_busy(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// How tests are asked.
#[derive(Debug, Clone)]
pub struct Asking<'a> {
    /// The environment of test commands.
    pub environment: &'a [(OsString, OsString)],
    /// Their working directory.
    pub folder: PathBuf,
    /// Set when somebody says that it is enough: then they end at once, and fail.
    pub stop: &'a AtomicBool,
}

impl Asking<'_> {
    /// Whether it is enough.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What one test is asked with.
pub(crate) struct Question<'a> {
    pub(crate) asking: &'a Asking<'a>,
    /// How the program ended, if it has.
    pub(crate) exit: Option<Exit>,
    /// What it printed.
    pub(crate) output: &'a [u8],
    /// What is left of its time.
    pub(crate) clock: &'a Clock,
    /// It has so long in any case.
    pub(crate) least: Option<Instant>,
}

impl Question<'_> {
    /// How much time is left; `None` if none is, or somebody said that it is enough.
    pub(crate) fn left(&self) -> Option<Duration> {
        let least = self.least.map(|until| until.saturating_duration_since(Instant::now()));
        let left = self.clock.left().max(least.unwrap_or_default());
        (!left.is_zero() && !self.asking.stopped()).then_some(left)
    }
}

/// What the program must show to pass: all of it.
#[derive(Debug, Clone)]
pub struct Tests {
    /// The tests.
    pub each: Vec<Test>,
    /// Whether it must end, with status 0; the tests are asked after that.
    pub until_exit: bool,
    /// How long it has.
    pub timeout: Duration,
    /// How long one that does not end is watched after its tests have passed: one that ends with
    /// another status than 0 meanwhile has failed.
    pub settle: Duration,
}

/// As it stands in a profile: `ends with status 0; curl -fs localhost`.
impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = self.until_exit.then(|| "ends with status 0".to_owned());
        let each = self.each.iter().map(ToString::to_string);
        let settles = !self.until_exit && !self.settle.is_zero();
        let watched = settles.then(|| words::watched(self.settle));
        f.write_str(&ends.into_iter().chain(each).chain(watched).collect::<Vec<_>>().join("; "))
    }
}

impl Tests {
    /// The same of another port, where they name this one.
    #[must_use]
    pub fn moved(&self, from: u16, to: u16) -> Self {
        let new = |port: u16| if port == from { to } else { port };
        let each = self.each.iter().map(|test| match test {
            Test::Http(http) => Test::Http(Http { port: new(http.port), ..http.clone() }),
            Test::Tcp(tcp) => Test::Tcp(Tcp { port: new(tcp.port), ..tcp.clone() }),
            Test::Command(command) => {
                let text = command.to_string();
                Test::Command(Command::new(renamed(&text, from, to).unwrap_or(text)))
            }
            Test::Log(log) => Test::Log(log.clone()),
        });
        Self { each: each.collect(), ..self.clone() }
    }

    /// Asks until every test has passed, the time is up, or the program has ended and the tests have
    /// been asked once more. A program that ends with another status than 0 has failed, whatever the
    /// tests say: they may have asked somebody else.
    ///
    /// # Errors
    /// The subject's, and what keeps a test command from being started.
    pub(crate) fn wait_for(
        &self,
        subject: &mut dyn Subject,
        asking: &Asking<'_>,
        clock: &Clock,
    ) -> io::Result<Outcome> {
        let mut open: Vec<&Test> = self.each.iter().collect();
        let mut said = String::new();
        loop {
            let round = Instant::now();
            let exit = subject.exit()?;
            if let Some(exit) = exit.filter(|exit| !exit.success()) {
                return Ok(failed(&format!("ended with {exit}"), &subject.output()?, ""));
            }
            // Before the tests are asked: what ends meanwhile is asked about once more.
            let over = exit.is_some() && !subject.is_busy()?;
            if exit.is_some() || !self.until_exit {
                let least = over.then(|| Instant::now() + LAST);
                let question = Question { asking, exit, output: &[], clock, least };
                let says = self.round(&mut open, subject, &question)?;
                // A test that was cut short says less than the one before, unless it hung.
                let hung = round.elapsed() >= HANGS;
                if said.is_empty() || hung || question.left().is_some() {
                    said = says;
                }
                let ended = subject.exit()?;
                if open.is_empty() && ended.is_none_or(Exit::success) {
                    return self.watch_on(subject, asking);
                }
                if over {
                    return Ok(failed("ended with status 0", &subject.output()?, &said));
                }
            }
            if asking.stopped() {
                return Ok(failed("stopped", &[], ""));
            }
            if clock.is_up() {
                let late = format!("not done after {}", words::duration(clock.whole()));
                return Ok(failed(&late, &subject.output()?, &said));
            }
            sleep(self.pause(round, clock));
        }
    }

    /// Whether it goes on without a failure once its tests have passed.
    fn watch_on(&self, subject: &mut dyn Subject, asking: &Asking<'_>) -> io::Result<Outcome> {
        let until = Instant::now() + self.settle;
        while !self.until_exit && Instant::now() < until {
            let exit = subject.exit()?;
            if let Some(exit) = exit.filter(|exit| !exit.success()) {
                let how = format!("passed, and then ended with {exit}");
                return Ok(failed(&how, &subject.output()?, ""));
            }
            if exit.is_some() && !subject.is_busy()? {
                break;
            }
            if asking.stopped() {
                return Ok(failed("stopped", &[], ""));
            }
            sleep(AGAIN.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(Outcome::Passed)
    }

    /// Whether they must fail without the program: all that tells of it is what they say.
    pub(crate) fn tell_of_runs(&self) -> bool {
        !self.until_exit && !self.each.is_empty()
    }

    /// Whether every test passes though the program does not run: then they test something else.
    ///
    /// # Errors
    /// What keeps a test command from being started.
    pub fn pass_without(&self, asking: &Asking<'_>) -> io::Result<bool> {
        let mut open: Vec<&Test> = self.each.iter().collect();
        let clock = &Clock::start(Limit::fixed(self.timeout), &Going::default());
        let question = Question { asking, exit: None, output: &[], clock, least: None };
        self.round(&mut open, &mut Nobody, &question)?;
        Ok(!self.each.is_empty() && open.is_empty())
    }

    /// Asks those that have not passed; what the first that fails says.
    fn round(
        &self,
        open: &mut Vec<&Test>,
        subject: &mut dyn Subject,
        question: &Question<'_>,
    ) -> io::Result<String> {
        let output = subject.output()?;
        let question = Question { output: &output, ..*question };
        while let Some(test) = open.first() {
            let answer = match test {
                Test::Command(command) => command.ask(&question)?,
                Test::Http(http) => http.ask(&question),
                Test::Tcp(tcp) => tcp.ask(&question),
                Test::Log(log) => log.ask(&question),
            };
            if let Err(said) = answer {
                return Ok(said);
            }
            open.remove(0);
        }
        Ok(String::new())
    }

    fn pause(&self, since: Instant, clock: &Clock) -> Duration {
        // Of what only ends, nothing is asked meanwhile: it is noticed the sooner.
        let pause = if self.until_exit { AGAIN / 25 } else { AGAIN };
        pause.saturating_sub(since.elapsed()).min(clock.left())
    }
}

/// What a failure says: how the program ended, its last lines, and what the test said.
fn failed(how: &str, output: &[u8], test: &str) -> Outcome {
    let said = words::last_lines(output);
    let parts = [how, &said, test].into_iter().filter(|part| !part.is_empty());
    Outcome::Failed(parts.collect::<Vec<_>>().join(" | "))
}

/// A program that does not run.
struct Nobody;

impl Subject for Nobody {
    fn output(&mut self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn exit(&mut self) -> io::Result<Option<Exit>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends at its n-th look, and prints something.
    struct Fake {
        looks: u32,
        ends_at: u32,
        exit: Exit,
        busy: u32,
    }

    impl Subject for Fake {
        fn output(&mut self) -> io::Result<Vec<u8>> {
            Ok(b"starting\nready to serve\n".to_vec())
        }

        fn exit(&mut self) -> io::Result<Option<Exit>> {
            self.looks += 1;
            Ok((self.looks > self.ends_at).then_some(self.exit))
        }

        fn is_busy(&mut self) -> io::Result<bool> {
            self.busy = self.busy.saturating_sub(1);
            Ok(self.busy > 0)
        }
    }

    fn ask(tests: &Tests, subject: &mut Fake) -> Outcome {
        let stop = AtomicBool::new(false);
        let environment = [("PATH".into(), "/usr/bin:/bin".into())];
        let asking = Asking { environment: &environment, folder: "/".into(), stop: &stop };
        let clock = Clock::start(Limit::fixed(tests.timeout), &Going::default());
        tests.wait_for(subject, &asking, &clock).unwrap()
    }

    fn tests(each: Vec<Test>, until_exit: bool) -> Tests {
        Tests { each, until_exit, timeout: Duration::from_millis(300), settle: Duration::ZERO }
    }

    fn fake(ends_at: u32, exit: Exit) -> Fake {
        Fake { looks: 0, ends_at, exit, busy: 0 }
    }

    /// With time enough for a busy machine, where the tests are to pass.
    fn patient(tests: Tests) -> Tests {
        Tests { timeout: Duration::from_secs(60), ..tests }
    }

    fn command(text: &str) -> Test {
        Test::Command(Command::new(text))
    }

    fn said(outcome: Outcome) -> String {
        if let Outcome::Failed(said) = outcome { said } else { "passed".to_owned() }
    }

    #[test]
    fn a_service_passes_once_all_its_tests_have() {
        let log = Test::Log(Log::parse("^ready").unwrap());
        let all = patient(tests(vec![log, command("true")], false));
        assert_eq!(ask(&all, &mut fake(u32::MAX, Exit::Code(0))), Outcome::Passed);
        assert_eq!(all.to_string(), "prints /^ready/; true");
        let one_fails = tests(vec![command("true"), command("echo no >&2; exit 3")], false);
        let one_fails = Tests { timeout: HANGS * 2, ..one_fails };
        assert_eq!(
            said(ask(&one_fails, &mut fake(u32::MAX, Exit::Code(0)))),
            "not done after 2 s | starting / ready to serve | test ended with status 3: no"
        );
    }

    #[test]
    fn what_ends_badly_has_failed_whatever_its_tests_say() {
        let all = patient(tests(vec![command("true")], false));
        assert_eq!(
            said(ask(&all, &mut fake(0, Exit::Code(1)))),
            "ended with status 1 | starting / ready to serve"
        );
        // Also if it ends while it is tested.
        assert_eq!(
            said(ask(&all, &mut fake(1, Exit::Signal(11)))),
            "ended with signal 11 | starting / ready to serve"
        );
    }

    #[test]
    fn the_end_is_waited_for_and_its_status_told() {
        let ends = tests(vec![command("test \"$STATUS\" = 0")], true);
        assert_eq!(ask(&patient(ends.clone()), &mut fake(3, Exit::Code(0))), Outcome::Passed);
        assert_eq!(ends.to_string(), "ends with status 0; test \"$STATUS\" = 0");
        let never = said(ask(&ends, &mut fake(u32::MAX, Exit::Code(0))));
        assert!(never.starts_with("not done after 0.3 s"), "{never}");
        let wrong = patient(tests(vec![command("exit 4")], true));
        assert_eq!(
            said(ask(&wrong, &mut fake(1, Exit::Code(0)))),
            "ended with status 0 | starting / ready to serve | test ended with status 4"
        );
    }

    #[test]
    fn what_went_into_the_background_is_asked_on() {
        // Its first process has ended; the test passes at its third try.
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("n").display().to_string();
        let third = format!("echo x >> {count}; test $(wc -l < {count}) = 3");
        let all = patient(tests(vec![command(&third)], false));
        assert_eq!(ask(&all, &mut Fake { busy: 9, ..fake(0, Exit::Code(0)) }), Outcome::Passed);
        std::fs::remove_file(folder.path().join("n")).unwrap();
        // With nothing left there is one round.
        assert_ne!(ask(&all, &mut fake(0, Exit::Code(0))), Outcome::Passed);
    }

    #[test]
    fn a_test_that_hangs_is_ended() {
        let hangs = tests(vec![command("sleep 600")], false);
        let since = Instant::now();
        let said = said(ask(&hangs, &mut fake(u32::MAX, Exit::Code(0))));
        assert!(said.ends_with("test took too long"), "{said}");
        assert!(since.elapsed() < Duration::from_secs(300), "it waited for the sleep");
    }

    #[test]
    fn what_hangs_at_the_end_is_told_and_not_what_failed_before() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen").display().to_string();
        let then = format!("test -e {seen} && sleep 600; touch {seen}; echo refused; exit 1");
        let hangs = Tests { timeout: HANGS * 2, ..tests(vec![command(&then)], false) };
        let said = said(ask(&hangs, &mut fake(u32::MAX, Exit::Code(0))));
        assert!(said.ends_with("test took too long"), "{said}");
    }

    #[test]
    fn tests_that_pass_without_the_program_are_found_out() {
        let stop = AtomicBool::new(false);
        let asking = Asking { environment: &[], folder: "/".into(), stop: &stop };
        let passes = |each| tests(each, false).pass_without(&asking).unwrap();
        assert!(passes(vec![command("true")]));
        assert!(!passes(vec![command("true"), Test::Log(Log::parse("ready").unwrap())]));
        assert!(!passes(Vec::new()));
    }
}
