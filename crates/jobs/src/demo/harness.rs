//! Runs the demo's service under a chosen set, and asks it whether it works.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use caps::{CapSet, CapState};
use fit::Outcome;
use launch::{Child, Exit, Held, LaunchError, Spec};

use super::service::Service;

/// How long the service may take to serve, before its test has failed. It takes milliseconds; only a
/// service that hangs takes all of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// `SIGTERM`, signal(7): how one ends a service.
const TERM: i32 = 15;

/// Why the service could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// It could not be started with the set.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// There is no place for its files.
    #[error("cannot make a temporary folder: {0}")]
    Folder(io::Error),
}

/// The service of this program, with a folder for its files.
#[derive(Debug)]
pub struct Harness {
    program: PathBuf,
    user: u32,
    port: u16,
    folder: tempfile::TempDir,
    runs: u32,
}

/// The service, running, and answering as it should.
#[derive(Debug)]
pub struct Serving {
    child: Child,
}

impl Harness {
    /// For the service in `program` (this executable), which steps down to `user`.
    ///
    /// # Errors
    /// [`HarnessError::Folder`].
    pub fn new(program: PathBuf, user: u32, port: u16) -> Result<Self, HarnessError> {
        let folder = tempfile::Builder::new().prefix("dropcap-demo-").tempdir();
        let folder = folder.map_err(HarnessError::Folder)?;
        open(folder.path())?;
        Ok(Self { program, user, port, folder, runs: 0 })
    }

    /// A folder that goes away with the demo.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The executable that holds the service.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// One run: starts the service with exactly `set`, tests it, and ends it.
    ///
    /// # Errors
    /// [`HarnessError`] if it cannot be started with that set.
    pub fn trial(&mut self, set: CapSet) -> Result<Outcome, HarnessError> {
        let (service, held, _) = self.hold(set)?;
        let child = held.release()?;
        Ok(match serve(&service, child)? {
            Ok(serving) => {
                serving.stop()?;
                Outcome::Passed
            }
            Err(why) => Outcome::Failed(why),
        })
    }

    /// The service before its `execve`, so that a tracer can be attached; its description, for
    /// [`serve`]; and the folder it works in, which nobody has used: a run must not profit from the
    /// one before.
    ///
    /// # Errors
    /// [`HarnessError`].
    pub fn hold(&mut self, set: CapSet) -> Result<(Service, Held, PathBuf), HarnessError> {
        self.runs += 1;
        let folder = self.folder.path().join(format!("run-{}", self.runs));
        fs::create_dir(&folder).map_err(HarnessError::Folder)?;
        open(&folder)?;
        let service = Service { port: self.port, user: self.user };
        let held = self.held(&service, &folder, set)?;
        Ok((service, held, folder))
    }

    fn held(&self, service: &Service, folder: &Path, set: CapSet) -> Result<Held, HarnessError> {
        let args: [OsString; 3] = [
            "demo-service".into(),
            service.port.to_string().into(),
            service.user.to_string().into(),
        ];
        // As a runtime starts a container's root: no inheritable, no ambient set.
        let state =
            CapState { bounding: set, permitted: set, effective: set, ..CapState::default() };
        let mut spec = Spec::new(&self.program, state).args(args).captured();
        spec.working_directory = Some(folder.to_owned());
        spec.die_with_parent = true;
        Ok(launch::spawn_held(spec)?)
    }
}

/// Waits until the started service passes its test, or has failed it: then with the reason.
///
/// # Errors
/// [`HarnessError`] if the process cannot be watched.
pub fn serve(service: &Service, mut child: Child) -> Result<Result<Serving, String>, HarnessError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let wrong = match service.test() {
            Ok(()) => return Ok(Ok(Serving { child })),
            Err(wrong) => wrong,
        };
        if child.wait_for(Duration::from_millis(5))?.is_some() {
            let output = child.output(None)?;
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let said = said.strip_prefix("error: ").unwrap_or(&said).to_owned();
            return Ok(Err(if said.is_empty() {
                format!("ended with {}", shown(output.exit))
            } else {
                said
            }));
        }
        if Instant::now() > end {
            child.kill()?;
            return Ok(Err(wrong));
        }
    }
}

impl Serving {
    /// Its process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`HarnessError`] if it cannot be killed or reaped.
    pub fn stop(mut self) -> Result<(), HarnessError> {
        self.child.signal(TERM)?;
        if self.child.wait_for(PATIENCE)?.is_none() {
            self.child.kill()?;
        }
        Ok(())
    }
}

/// The service is to enter it as an ordinary user, whatever the umask.
fn open(folder: &Path) -> Result<(), HarnessError> {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(HarnessError::Folder)
}

fn shown(exit: Exit) -> String {
    format!("status {}", exit.status())
}
