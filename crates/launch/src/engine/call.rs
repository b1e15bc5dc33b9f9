//! Calls of an engine's command line: to their end, unless somebody has asked to stop and the engine does
//! not answer.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use sys::signal::{self, KILL, STOP};

use super::{Engine, EngineError};

/// How often it is looked whether a call has ended.
const TICK: Duration = Duration::from_millis(5);
/// How long an engine has to come to an end once somebody has asked to stop. Half-way ended, it leaves
/// containers behind; but one that does not answer at all must not hold a person up.
const GRACE: Duration = Duration::from_secs(5);

/// A call of an engine: in a process group of its own, so that Ctrl-C does not end it half-way.
pub(super) trait Call {
    fn call<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Command;
}

impl Call for Engine {
    fn call<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(self.word());
        command.args(words.into_iter().map(OsStr::new)).stdin(Stdio::null()).process_group(0);
        command
    }
}

/// Whether an engine has had its time since somebody asked to stop: by a signal that waits to be taken,
/// in a program that has blocked those.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    pub(super) fn is_over(&mut self) -> bool {
        if !signal::is_pending(&STOP) {
            return false;
        }
        self.0.get_or_insert_with(Instant::now).elapsed() >= GRACE
    }
}

/// What it printed, if it succeeds.
pub(super) fn said(
    engine: Engine,
    what: &'static str,
    mut command: Command,
) -> Result<String, EngineError> {
    let program = |source| EngineError::Program { engine, source };
    let mut client =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(program)?;
    let [out, err] = [reader(client.stdout.take()), reader(client.stderr.take())];
    let Some(status) = end_of(&mut client).map_err(program)? else {
        return Err(EngineError::Silent { engine, what });
    };
    let read = |reader: JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    let (out, err) = (read(out), read(err));
    if status.success() {
        return Ok(String::from_utf8_lossy(&out).into_owned());
    }
    Err(EngineError::Said { engine, what: what.to_owned(), said: last_words(&err) })
}

/// How it ended; `None` if it did not in time, and was killed.
fn end_of(client: &mut Child) -> io::Result<Option<ExitStatus>> {
    let mut patience = Patience::default();
    loop {
        if let Some(status) = client.try_wait()? {
            return Ok(Some(status));
        }
        if patience.is_over() {
            kill(client);
            return Ok(None);
        }
        sleep(TICK);
    }
}

/// Ends a client with what it has started in its process group, and reaps it.
pub(super) fn kill(client: &mut Child) {
    if let Some(leader) = i32::try_from(client.id()).ok().and_then(Pid::from_raw) {
        let _ = signal::send_to_group(leader, KILL);
    }
    let _ = client.kill();
    let _ = client.wait();
}

/// Reads to the end, so that the writer never waits.
fn reader(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut text = Vec::new();
        // What was read until then is told.
        let _ = from.map(|mut from| from.read_to_end(&mut text));
        text
    })
}

/// What an engine says, without the log lines that Podman prints before.
fn last_words(text: &[u8]) -> String {
    let said = String::from_utf8_lossy(text);
    let said = said.lines().filter(|line| !line.trim().is_empty() && !is_warning(line));
    said.collect::<Vec<_>>().join("; ")
}

/// Podman's log lines stand before what it has to say.
fn is_warning(line: &str) -> bool {
    line.starts_with("time=") && line.contains("level=warning")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_not_what_an_engine_says() {
        assert!(is_warning("time=\"2026-11-30T00:56:03Z\" level=warning msg=\"x\""));
        assert!(!is_warning("Error: no such container"));
        let text = b"time=\"x\" level=warning msg=\"y\"\n\nError: a\nError: b\n";
        assert_eq!(last_words(text), "Error: a; Error: b");
    }

    #[test]
    fn what_is_printed_is_read_whole_whatever_the_pipe_holds() {
        let mut much = Command::new("/bin/sh");
        much.args(["-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"]);
        assert_eq!(said(Engine::Podman, "create", much).unwrap().len(), 300_000);
        let mut fails = Command::new("/bin/sh");
        fails.args(["-c", "echo sorry >&2; exit 125"]);
        let error = said(Engine::Podman, "create", fails).unwrap_err();
        assert_eq!(error.to_string(), "podman create failed: sorry");
    }
}
