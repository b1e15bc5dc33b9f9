//! Why a command was not started as asked.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

use caps::{CapSet, Capability};
use sys::credentials::Step;

/// One of the five sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetName {
    /// `CapBnd`.
    Bounding,
    /// `CapPrm`.
    Permitted,
    /// `CapEff`.
    Effective,
    /// `CapInh`.
    Inheritable,
    /// `CapAmb`.
    Ambient,
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SetName::Bounding => "bounding",
            SetName::Permitted => "permitted",
            SetName::Effective => "effective",
            SetName::Inheritable => "inheritable",
            SetName::Ambient => "ambient",
        })
    }
}

/// Why a command was not started as asked. Nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Capabilities that this process cannot give, because it does not have them itself.
    #[error("cannot have {capabilities}: not in this process's {own} set")]
    CannotHave {
        /// Which.
        capabilities: CapSet,
        /// The set they were asked for in.
        wanted: SetName,
        /// The set of this process that lacks them.
        own: SetName,
    },
    /// Sets that contradict each other: no process can have them.
    #[error("cannot have {capabilities} {set} without having it {within} too")]
    Contradiction {
        /// Which.
        capabilities: CapSet,
        /// The set that holds them.
        set: SetName,
        /// The set that would have to.
        within: SetName,
    },
    /// Something that takes a capability of this process that it lacks.
    #[error("cannot {what}: this process lacks {needs}")]
    Lacks {
        /// What was to be done.
        what: String,
        /// What it takes.
        needs: Capability,
    },
    /// The one number that is no ID: -1 as the system calls take it, where it means "leave it as it is".
    #[error("{number} is not the ID of a {what}: the largest is 4294967294")]
    NotAnId {
        /// `user` or `group`.
        what: &'static str,
        /// As it was given.
        number: u32,
    },
    /// A string with a NUL byte in it, which no system call can take.
    #[error("{what} holds a NUL byte: {value:?}")]
    Nul {
        /// The argument, environment variable or path.
        what: &'static str,
        /// As it was given.
        value: OsString,
    },
    /// The kernel refused a step before `execve`.
    #[error("cannot {step}{}: {source}", about(*.capability))]
    Step {
        /// Which.
        step: Step,
        /// The capability it was about.
        capability: Option<Capability>,
        /// What the kernel said.
        source: io::Error,
    },
    /// The working directory cannot be entered.
    #[error("cannot enter the working directory {}: {source}", directory.display())]
    WorkingDirectory {
        /// Which.
        directory: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What was read back before `execve` is not what was asked for.
    #[error("the process is not as asked: {}", list(.differences))]
    NotAsAsked {
        /// Every difference.
        differences: Vec<Difference>,
    },
    /// No such program.
    #[error("no such program: {}{}", program.display(), searched.as_ref().map(|p| format!(" (PATH is {})", p.display())).unwrap_or_default())]
    NotFound {
        /// As it was given.
        program: OsString,
        /// The `PATH` that was searched, for a bare name.
        searched: Option<OsString>,
    },
    /// The program is there and cannot be executed.
    #[error("cannot execute {}: {reason}", file.display())]
    NotExecutable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: Unexecutable,
    },
    /// No process could be made, or no pipe, or the like.
    #[error("cannot {what}: {source}")]
    Io {
        /// What failed.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The process was killed from outside before it could execute the program.
    #[error("the process ended before it could execute the program")]
    Gone,
}

/// Why a file that is there cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum Unexecutable {
    /// EACCES: no right to execute it or to enter a folder above it, or a `noexec` mount.
    #[error(
        "permission denied for user {uid}: no right to execute it or to enter a folder above it, or mounted noexec"
    )]
    Denied {
        /// The effective user ID it was tried as.
        uid: u32,
    },
    /// EACCES, and nobody may execute it: its mode has no execute bit.
    #[error("its mode is {mode:04o}, without an execute bit")]
    NoExecuteBit {
        /// The lower 12 bits of the mode.
        mode: u32,
    },
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// ENOEXEC: no program for this machine, and no script with a `#!` line.
    #[error("not a program for this machine, and not a script with a \"#!\" line")]
    Format,
    /// ENOENT although it is there: its interpreter or its dynamic loader is missing.
    #[error("its interpreter is missing: {interpreter}")]
    Interpreter {
        /// The interpreter of the `#!` line, or what is to be looked for.
        interpreter: String,
    },
    /// EPERM: its file capabilities have the effective bit and cannot all be granted,
    /// capabilities(7) "Safety checking for capability-dumb binaries".
    #[error("its file capabilities cannot be granted: {missing} not in the bounding set")]
    FileCapabilities {
        /// Which.
        missing: CapSet,
    },
    /// Anything else the kernel said.
    #[error("{0}")]
    Other(io::Error),
}

/// One value that was read back and is not as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A set that lacks or exceeds what was asked for.
    Set {
        /// Which set.
        set: SetName,
        /// Asked for and not there.
        missing: CapSet,
        /// There and not asked for.
        surplus: CapSet,
    },
    /// Another value of `/proc/PID/status`.
    Field {
        /// Its name there.
        field: &'static str,
        /// What was asked for.
        asked: String,
        /// What was read.
        got: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Set { set, missing, surplus } => {
                write!(f, "{set} set")?;
                if !missing.is_empty() {
                    write!(f, " lacks {missing}")?;
                }
                if !surplus.is_empty() {
                    let and = if missing.is_empty() { "" } else { " and" };
                    write!(f, "{and} has {surplus} besides")?;
                }
                Ok(())
            }
            Difference::Field { field, asked, got } => {
                write!(f, "{field} is {got:?}, asked for {asked:?}")
            }
        }
    }
}

impl LaunchError {
    /// The exit code that `docker run` gives for it: 127 if the program is not there, 126 if it
    /// cannot be executed, 125 for all else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            LaunchError::NotFound { .. } => 127,
            LaunchError::NotExecutable { reason: Unexecutable::Interpreter { .. }, .. } => 127,
            LaunchError::NotExecutable { .. } => 126,
            _ => 125,
        }
    }
}

fn about(capability: Option<Capability>) -> String {
    capability.map(|c| format!(" ({c})")).unwrap_or_default()
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
