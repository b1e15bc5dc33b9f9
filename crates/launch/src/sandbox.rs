//! A sandbox for a run: namespaces of its own and a layer over the file system, so that a run leaves
//! nothing behind and others can go on beside it. It is for measuring, and no prison: what runs in it
//! as root is root.

mod error;
mod layers;
mod root;
mod survey;
mod user_namespace;

use std::fs::File;
use std::path::{Path, PathBuf};

use sys::init::Init;
use tempfile::TempDir;

pub use error::SandboxError;
use layers::{Layers, Writes};
pub use survey::Survey;
pub use user_namespace::Within;

/// How many bytes, or files, left to be written are next to nothing.
const FULL: (u64, u64) = (64 * 1024, 4);

/// How sandboxes are made: found out once, used for every run.
#[derive(Debug, Clone)]
pub struct Sandbox {
    layers: Layers,
    upper: Option<PathBuf>,
    host_name: String,
    within: Option<Box<Within>>,
}

impl Sandbox {
    /// Looks what is mounted here.
    ///
    /// `upper` is a folder for what a run writes; without one it is kept in memory, in half of it at
    /// most. `kept` is a folder that is there in the sandbox also if it lies below `/tmp`, which is
    /// empty else: the working directory.
    ///
    /// # Errors
    /// [`SandboxError::Mounts`]; [`SandboxError::Upper`] if the folder cannot be written to.
    pub fn prepare(upper: Option<PathBuf>, kept: Option<&Path>) -> Result<Self, SandboxError> {
        let mounts = sys::mounts::own().map_err(SandboxError::Mounts)?;
        let layers = Layers::over(&mounts, kept);
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let sandbox = Self { layers, upper, host_name, within: None };
        // Whether there is room for it is known before the first run.
        sandbox.fresh().map(drop)?;
        Ok(sandbox)
    }

    /// The same for a process that has entered a user namespace of its own
    /// ([`sys::user_namespace::enter`]): whoever enters the sandbox becomes the namespace's root.
    ///
    /// # Errors
    /// As [`Sandbox::prepare`].
    pub fn prepare_within(
        within: Within,
        upper: Option<PathBuf>,
        kept: Option<&Path>,
    ) -> Result<Self, SandboxError> {
        Ok(Self { within: Some(Box::new(within)), ..Self::prepare(upper, kept)? })
    }

    /// One with a folder as its root, and nothing else of this machine's files; `/sys` is not there. What
    /// a run writes is kept in a layer in `upper`; without one it stays in the folder.
    ///
    /// # Errors
    /// [`SandboxError::Upper`].
    pub fn of_tree(
        tree: &Path,
        upper: Option<PathBuf>,
        host_name: &str,
    ) -> Result<Self, SandboxError> {
        let writes = if upper.is_some() { Writes::Layer } else { Writes::Files };
        let layers = Layers::of_tree(tree, writes);
        let sandbox = Self { layers, upper, host_name: host_name.to_owned(), within: None };
        sandbox.fresh().map(drop)?;
        Ok(sandbox)
    }

    /// The files of a new run: nothing written yet.
    ///
    /// # Errors
    /// [`SandboxError::Upper`].
    pub fn fresh(&self) -> Result<Fresh<'_>, SandboxError> {
        let make = |folder: &PathBuf| {
            let made = tempfile::Builder::new().prefix("dropcap-").tempdir_in(folder);
            made.map_err(|source| SandboxError::Upper { folder: folder.clone(), source })
        };
        Ok(Fresh { sandbox: self, upper: self.upper.as_ref().map(make).transpose()? })
    }
}

/// The files of one run. Dropped, they are removed.
#[derive(Debug)]
pub struct Fresh<'a> {
    sandbox: &'a Sandbox,
    upper: Option<TempDir>,
}

impl Fresh<'_> {
    /// Moves the calling thread into the sandbox; what it starts from now on runs there. The thread is
    /// to be of no other use and to end afterwards: it cannot leave, can start no other thread, and is
    /// not in the `/proc` that it sees. The rest of the process stays where it is.
    ///
    /// Inside are: the files as they are outside, with a layer that takes all writes; `/proc` and
    /// `/dev` of its own, an empty `/tmp`, `/sys` read-only; a loopback interface and no other. The
    /// user namespace is the caller's: capabilities mean what they mean outside. File systems that
    /// are mounted elsewhere have a layer of their own, or are read-only where the kernel lays none
    /// over them ([`Inside::read_only`]); those of the kernel itself are not there.
    ///
    /// # Errors
    /// [`SandboxError`]; nothing is left then but the thread.
    pub fn enter(&self) -> Result<Inside, SandboxError> {
        if self.sandbox.within.is_some() {
            sys::user_namespace::become_root().map_err(SandboxError::BecomeRoot)?;
        }
        sys::isolate::own_namespaces()?;
        rustix::system::sethostname(self.sandbox.host_name.as_bytes())
            .map_err(|error| SandboxError::Init(error.into()))?;
        let (layers, upper) = (&self.sandbox.layers, self.upper.as_ref().map(TempDir::path));
        let made = match &self.sandbox.within {
            Some(within) => user_namespace::make(layers, within, upper)?,
            None => root::make(layers, upper)?,
        };
        let init = Init::start().map_err(SandboxError::Init)?;
        Ok(Inside { init, upper: made.upper, read_only: made.read_only })
    }
}

/// A sandbox that this thread is in. Dropped, everything that runs in it is killed; what this thread
/// itself has started must have been reaped by then: the kernel waits for that, and so does this.
#[derive(Debug)]
pub struct Inside {
    init: Init,
    upper: File,
    read_only: Vec<PathBuf>,
}

impl Inside {
    /// Where nothing can be written, as the kernel lays no layer over what is mounted there.
    #[must_use]
    pub fn read_only(&self) -> &[PathBuf] {
        &self.read_only
    }

    /// Whether next to nothing can be written any more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        rustix::fs::fstatvfs(&self.upper).is_ok_and(|room| {
            let (bytes, files) = FULL;
            // Some file systems count no files: then there are none in all.
            room.f_bavail.saturating_mul(room.f_frsize) < bytes
                || (room.f_files > 0 && room.f_favail < files)
        })
    }

    /// Whether anything runs in it but process 1.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|number| *number != 1).count() > 0
    }

    /// Kills everything that runs in it, also what this process may not send a signal to, and waits for
    /// nothing.
    ///
    /// # Errors
    /// [`SandboxError::Init`].
    pub fn kill(&self) -> Result<(), SandboxError> {
        self.init.kill_all().map_err(SandboxError::Init)
    }

    /// Kills everything that runs in it. When this returns, no process of it is left.
    ///
    /// # Errors
    /// [`SandboxError::Init`] if process 1 was reaped by somebody else.
    pub fn end(self) -> Result<(), SandboxError> {
        self.init.end().map(drop).map_err(SandboxError::Init)
    }
}
