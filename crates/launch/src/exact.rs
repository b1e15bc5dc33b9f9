//! Starting a command with exactly the credentials asked for.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use caps::CapState;
use sys::credentials::{Change, Step};
use sys::process::{ChildError, Command};
use sys::running::Running;

use crate::child::{Child, Output};
use crate::error::LaunchError;
use crate::preflight;
use crate::program::Candidates;
use crate::readback;
use crate::spec::{Spec, Stdio};

/// Starts it. When this returns, the program has been executed.
///
/// # Errors
/// [`LaunchError`]; nothing is left running then.
pub fn spawn(spec: Spec) -> Result<Child, LaunchError> {
    spawn_held(spec)?.release()
}

/// Makes the process with its credentials, verifies them, and stops it right before `execve`, so
/// that something can be attached to it first.
///
/// # Errors
/// [`LaunchError`]; nothing is left running then.
pub fn spawn_held(mut spec: Spec) -> Result<Held, LaunchError> {
    let own = preflight::Own::read()?;
    preflight::judge(&spec, &own)?;
    let candidates = Candidates::of(&spec);
    let (stdin, _) = open(std::mem::take(&mut spec.stdin), Direction::In)?;
    let (stdout, from_stdout) = open(std::mem::take(&mut spec.stdout), Direction::Out)?;
    let (stderr, from_stderr) = open(std::mem::take(&mut spec.stderr), Direction::Out)?;
    let command = Command {
        candidates: candidates
            .files
            .iter()
            .map(|file| c_string("the path of the program", file.as_os_str()))
            .collect::<Result<_, _>>()?,
        argv: std::iter::once(&spec.program)
            .chain(&spec.args)
            .map(|arg| c_string("an argument", arg))
            .collect::<Result<_, _>>()?,
        envp: environment(&spec)?,
        working_directory: spec
            .working_directory
            .as_ref()
            .map(|d| c_string("the working directory", d.as_os_str()))
            .transpose()?,
        stdio: [stdin, stdout, stderr],
        process_group: spec.process_group,
        session: spec.session,
        die_with_parent: spec.die_with_parent,
        change: Change {
            uid: spec.uid,
            gid: spec.gid,
            groups: spec.groups.clone().filter(|groups| own.must_change(groups)),
            state: spec.state,
            securebits: spec.securebits,
            no_new_privs: spec.no_new_privs,
        },
    };
    let process = match sys::process::fork_held(&command) {
        Ok(process) => process,
        Err(error) => return Err(translate(&spec, error)),
    };
    let differences = readback::differences(&spec, process.status());
    if !differences.is_empty() {
        return Err(LaunchError::NotAsAsked { differences });
    }
    Ok(Held { process, spec, candidates, from_stdout, from_stderr })
}

/// A process that is as asked and waits before `execve`. Dropped, it is killed.
#[derive(Debug)]
pub struct Held {
    process: sys::process::Held,
    spec: Spec,
    candidates: Candidates,
    from_stdout: Option<File>,
    from_stderr: Option<File>,
}

impl Held {
    /// Its process ID, in the PID namespace of this process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The five sets it has, as it read them from `/proc` itself: those asked for, or there would
    /// have been an error.
    #[must_use]
    pub fn state(&self) -> CapState {
        readback::state(self.process.status()).unwrap_or(self.spec.state)
    }

    /// `/proc/thread-self/status` as the process read it, right before `execve`.
    #[must_use]
    pub fn status(&self) -> &str {
        self.process.status()
    }

    /// Lets it execute the program. When this returns, it has.
    ///
    /// # Errors
    /// [`LaunchError::NotFound`] and [`LaunchError::NotExecutable`].
    pub fn release(self) -> Result<Child, LaunchError> {
        let Held { process, spec, candidates, from_stdout, from_stderr } = self;
        match process.release() {
            Ok(pid) => {
                let running = Running::new(pid, spec.process_group || spec.session);
                Ok(Child::new(running, from_stdout, from_stderr))
            }
            Err(ChildError::Step { step: Step::Exec, candidate, source, .. }) => {
                Err(candidates.explain(&spec, candidate, source))
            }
            Err(error) => Err(translate(&spec, error)),
        }
    }
}

/// Starts it, reads what it prints and waits for its end, at most so long.
///
/// # Errors
/// [`LaunchError`]; a command that fails or is killed for taking too long is no error.
pub fn output(spec: Spec, limit: Option<Duration>) -> Result<Output, LaunchError> {
    spawn(spec.captured())?.output(limit)
}

fn translate(spec: &Spec, error: ChildError) -> LaunchError {
    match error {
        ChildError::Step { step: Step::WorkingDirectory, source, .. } => {
            let directory = spec.working_directory.clone().unwrap_or_default();
            LaunchError::WorkingDirectory { directory, source }
        }
        ChildError::Step { step, capability, source, .. } => {
            LaunchError::Step { step, capability, source }
        }
        ChildError::Fork(source) => LaunchError::Io { what: "start a process", source },
        ChildError::Gone => LaunchError::Gone,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// The child's end, if anything is to be connected, and ours of a pipe that the child writes to.
fn open(
    stdio: Stdio,
    direction: Direction,
) -> Result<(Option<OwnedFd>, Option<File>), LaunchError> {
    let failed = |what| move |source: io::Error| LaunchError::Io { what, source };
    match stdio {
        Stdio::Inherit => Ok((None, None)),
        Stdio::Null => {
            let input = direction == Direction::In;
            let null = OpenOptions::new().read(input).write(!input).open("/dev/null");
            Ok((Some(null.map_err(failed("open /dev/null"))?.into()), None))
        }
        Stdio::Pipe => {
            let (reader, writer) = io::pipe().map_err(failed("make a pipe"))?;
            match direction {
                Direction::Out => {
                    Ok((Some(writer.into()), Some(File::from(OwnedFd::from(reader)))))
                }
                // Nobody writes to it: the child reads its end at once.
                Direction::In => Ok((Some(reader.into()), None)),
            }
        }
        Stdio::File(file) => Ok((Some(file.into()), None)),
    }
}

fn environment(spec: &Spec) -> Result<Vec<CString>, LaunchError> {
    let join = |(name, value): (&OsStr, &OsStr)| {
        let mut line = OsString::from(name);
        line.push("=");
        line.push(value);
        c_string("an environment variable", &line)
    };
    match &spec.env {
        Some(env) => env.iter().map(|(n, v)| join((n, v))).collect(),
        None => std::env::vars_os().map(|(n, v)| join((&n, &v))).collect(),
    }
}

fn c_string(what: &'static str, value: &OsStr) -> Result<CString, LaunchError> {
    CString::new(value.as_bytes()).map_err(|_| LaunchError::Nul { what, value: value.to_owned() })
}
