//! How a command fails: one message for a person, one exit code for a script.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use manifest::WriteError;

use crate::ui::Ui;

/// Exit code of `check` and `fix --check` when something was found.
pub const FOUND: u8 = 1;
/// Exit code when a command could not do its work: bad input, missing privilege, I/O.
pub const ERROR: u8 = 2;

/// An expected error on its way to the user.
#[derive(Debug)]
pub struct Failure {
    message: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure with exit code [`ERROR`]. The message names the file, the line, the value and
    /// what was expected, as a lowercase fragment.
    pub fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), help: None, code: ERROR }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// With another exit code.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Prints it to standard error.
    pub fn report(self, ui: &Ui) -> ExitCode {
        if !self.message.is_empty() {
            ui.error(&self.message, self.help.as_deref());
        }
        ExitCode::from(self.code)
    }
}

/// A file that could not be written: where the message does not say what to do, that.
impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let help = match &error {
            WriteError::Io { error, .. } => match error.kind() {
                io::ErrorKind::NotFound => {
                    "is its folder there? Make that first, or name another file"
                }
                io::ErrorKind::PermissionDenied => {
                    "name a file in a folder that you may write to, or let who owns that one do it"
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "nothing can be written there: name another file"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room there, or name a file elsewhere"
                }
                _ => "name another file, or see what is in the way there",
            },
            WriteError::NotRegular { .. } => "name a file",
            WriteError::NotSynced { .. }
            | WriteError::ReadOnly { .. }
            | WriteError::HardLinked { .. }
            | WriteError::Changed { .. } => return Self::new(error),
        };
        Self::new(&error).help(help)
    }
}

/// A reader that went away (`dropcap … | head`) is not an error: leave quietly, with the status a
/// shell gives a program that SIGPIPE ended.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { message: String::new(), help: None, code: 128 + 13 };
        }
        Self::new(format_args!("cannot write the output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_says_what_to_do() {
        for (path, way) in [
            ("/no/such/folder/x.yaml", "is its folder there?"),
            ("/proc/x.yaml", "name "),
            ("/dev/null", "name a file"),
        ] {
            let failure = Failure::from(manifest::write_whole(Path::new(path), "x").unwrap_err());
            assert!(failure.help.as_ref().is_some_and(|help| help.contains(way)), "{failure:?}");
        }
    }
}
