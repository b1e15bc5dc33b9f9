//! What to start, and with which credentials.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

use caps::{CapState, Ids, Securebits};

/// A command and the credentials it is executed with.
#[derive(Debug)]
pub struct Spec {
    /// The program, a path or a name to look for in the child's own `PATH`.
    pub program: OsString,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Its environment; `None` is that of this process.
    pub env: Option<Vec<(OsString, OsString)>>,
    /// Its working directory; `None` is that of this process. Entered before the credentials
    /// change, as runc does first (`finalizeNamespace`).
    pub working_directory: Option<PathBuf>,
    /// User IDs; `None` keeps those of this process. The file system's ID follows the effective
    /// one, setresuid(2).
    pub uid: Option<Ids>,
    /// Group IDs; `None` keeps those of this process.
    pub gid: Option<Ids>,
    /// Supplementary groups; `None` keeps those of this process.
    pub groups: Option<Vec<u32>>,
    /// The five sets right before `execve`.
    pub state: CapState,
    /// Securebits right before `execve`, `linux/securebits.h`; `None` keeps those of this process.
    pub securebits: Option<Securebits>,
    /// Whether no_new_privs is set.
    pub no_new_privs: bool,
    /// Standard input.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
    /// Whether it leads a process group of its own, so that it can be killed with its children.
    /// A terminal's Ctrl-C then does not reach it, and reading from the terminal stops it.
    pub process_group: bool,
    /// Whether it leads a session of its own, and with it a process group: it has no terminal, and what
    /// asks for a password finds none.
    pub session: bool,
    /// Whether it is killed when the *thread* that started it ends.
    pub die_with_parent: bool,
}

/// Where a standard stream leads.
#[derive(Debug, Default)]
pub enum Stdio {
    /// Where that of this process leads.
    #[default]
    Inherit,
    /// `/dev/null`.
    Null,
    /// A pipe, taken from the [`crate::Child`] or read by [`crate::Child::output`].
    Pipe,
    /// An open file.
    File(File),
}

impl Spec {
    /// This program with these five sets, and all else as in this process.
    #[must_use]
    pub fn new(program: impl Into<OsString>, state: CapState) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: None,
            working_directory: None,
            uid: None,
            gid: None,
            groups: None,
            state,
            securebits: None,
            no_new_privs: false,
            stdin: Stdio::Inherit,
            stdout: Stdio::Inherit,
            stderr: Stdio::Inherit,
            process_group: false,
            session: false,
            die_with_parent: false,
        }
    }

    /// With these arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// As this user, this group, and exactly these supplementary groups.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        self.uid = Some(Ids::all(uid));
        self.gid = Some(Ids::all(gid));
        self.groups = Some(groups);
        self
    }

    /// With no_new_privs, or without.
    #[must_use]
    pub fn no_new_privs(mut self, set: bool) -> Self {
        self.no_new_privs = set;
        self
    }

    /// With standard output and standard error in pipes, standard input empty, and a process
    /// group of its own: for a run that is captured and may be killed.
    #[must_use]
    pub fn captured(mut self) -> Self {
        self.stdin = Stdio::Null;
        self.stdout = Stdio::Pipe;
        self.stderr = Stdio::Pipe;
        self.process_group = true;
        self
    }
}
