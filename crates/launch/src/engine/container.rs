//! One container, from its making to its end.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sys::procfs::Procfs;

use super::call::{self, Call, Patience, said};
use super::log::Follower;
use super::{EmptyFolder, Engine, EngineError, name};

/// What is kept of what a container prints: the end of it is what says why it failed.
const MOST: usize = 1 << 20;
/// How often a daemon is asked whether its container runs.
const PAUSE: Duration = Duration::from_millis(20);
/// How long after its client has ended a container may still be told to run.
const LATE: Duration = Duration::from_secs(5);

/// A container made for one run. Dropped, it is killed and removed, with its anonymous volumes.
#[derive(Debug)]
pub struct Container {
    engine: Engine,
    /// Its name.
    pub name: String,
    /// Its full identifier.
    pub id: String,
    empty: Vec<EmptyFolder>,
    /// Where what it prints is written as lines of time, stream and text.
    pub(super) log: Option<PathBuf>,
    attached: Option<Attached>,
    follower: Option<Follower>,
    removed: bool,
}

/// What a command that was executed in a container printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 125 and more as Docker has it; `None` if its time was up.
    pub status: Option<i32>,
    /// Both streams.
    pub printed: String,
}

/// The engine's client that started the container and gets what it prints.
#[derive(Debug)]
struct Attached {
    client: Child,
    ended: Option<ExitStatus>,
    /// Since when it has ended, as far as somebody has looked.
    alone: Option<Instant>,
    printed: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Container {
    pub(super) fn named(engine: Engine, name: String, empty: Vec<EmptyFolder>) -> Self {
        let (id, log) = (String::new(), None);
        Self { engine, name, id, empty, log, attached: None, follower: None, removed: false }
    }

    /// A field of its inspection, by a Go template.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn inspect(&self, template: &str) -> Result<String, EngineError> {
        let words = ["container", "inspect", "--format", template, &self.name];
        Ok(said(self.engine, "inspect", self.engine.call(words))?.trim().to_owned())
    }

    /// Makes its namespaces and its cgroup and lets its runtime's init wait in them, where the engine can
    /// do that by itself (`podman init`). Its process; `None` with Docker, which does it in one step with
    /// the start.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::NotExecutable`] already here, as runtimes look for the program
    /// before they wait.
    pub fn prepare(&self) -> Result<Option<u32>, EngineError> {
        match self.engine {
            Engine::Docker => Ok(None),
            Engine::Podman => {
                match said(self.engine, "init", self.engine.call(["init", &self.name])) {
                    Err(EngineError::Said { said, .. }) => {
                        Err(not_started(self.engine, "init", said))
                    }
                    other => other,
                }?;
                let pid = self.pid()?;
                for folder in &self.empty {
                    let path = folder.path.clone();
                    let failed = |source| EngineError::Folder { path, source };
                    folder.settle(pid).map_err(failed)?;
                }
                Ok(Some(pid))
            }
        }
    }

    /// Starts it. Its first process on the node; `None` if it has ended already.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::NotExecutable`] if its program is why it does not start.
    pub fn start(&mut self) -> Result<Option<u32>, EngineError> {
        let program = |source| EngineError::Program { engine: self.engine, source };
        let mut start = self.engine.call(["start", "--attach"]);
        if self.engine == Engine::Podman {
            start.arg("--sig-proxy=false");
        }
        start.arg(&self.name);
        let client =
            start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(program)?;
        self.attached = Some(Attached::new(client));
        self.follower = self.log.clone().map(Follower::new);
        let mut patience = Patience::default();
        loop {
            let over = self.has_ended()?;
            if patience.is_over() {
                return Err(EngineError::Silent { engine: self.engine, what: "start" });
            }
            match self.inspect("{{.State.Pid}} {{.State.Running}}")?.split_once(' ') {
                Some((pid, "true")) => {
                    let expected = "a process ID";
                    let said = pid.to_owned();
                    return pid.parse().map(Some).map_err(|_| EngineError::Unread {
                        engine: self.engine,
                        said,
                        expected,
                    });
                }
                // Its client went first, and then nothing ran: it came and went, or could not start.
                _ if over => return self.came_and_went().map(|()| None),
                _ => std::thread::sleep(PAUSE),
            }
        }
    }

    /// A container that could not be started is an error, one that ran and has ended is none.
    fn came_and_went(&mut self) -> Result<(), EngineError> {
        let started = self.inspect("{{.State.StartedAt}}")?;
        // Go's zero time: nothing was ever executed.
        let never = started.starts_with("0001-01-01");
        let error = self.inspect("{{.State.Error}}").unwrap_or_default();
        if never || !error.is_empty() {
            let printed = self.attached.as_mut().map(Attached::printed).unwrap_or_default();
            let said = if error.is_empty() { printed.trim().to_owned() } else { error };
            return Err(not_started(self.engine, "start", said));
        }
        Ok(())
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn has_ended(&mut self) -> Result<bool, EngineError> {
        let engine = self.engine;
        let Some(attached) = &mut self.attached else { return Ok(false) };
        attached.has_ended().map_err(|source| EngineError::Program { engine, source })
    }

    /// Its exit status, once it has ended.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::LetGo`] if it runs on and nobody attends to it.
    pub fn exit(&mut self) -> Result<Option<i32>, EngineError> {
        if !self.has_ended()? {
            return Ok(None);
        }
        if let Some(attached) = &mut self.attached {
            // Nothing comes any more: all of it is to be there.
            attached.printed();
            self.follower.iter_mut().for_each(Follower::finish);
            let since = *attached.alone.get_or_insert_with(Instant::now);
            if since.elapsed() >= LATE {
                return Err(EngineError::LetGo { engine: self.engine });
            }
        }
        let words = self.inspect("{{.State.Running}} {{.State.ExitCode}}")?;
        match words.split_once(' ') {
            Some(("false", code)) => Ok(code.parse().ok()),
            _ => Ok(None),
        }
    }

    /// What it prints, both streams, at most the last megabyte of it: as it comes.
    #[must_use]
    pub fn output(&self) -> Arc<Mutex<Vec<u8>>> {
        let logged = self.follower.as_ref().map(|follower| &follower.printed);
        let attached = self.attached.as_ref().map(|attached| &attached.printed);
        logged.or(attached).map(Arc::clone).unwrap_or_default()
    }

    /// Ends it and takes away what it has written, where its engine keeps that in `store` as a layer of
    /// overlayfs. On a full disk an engine cannot write down that a container is gone, and leaves all that
    /// (podman 4 and 5: "removing container root filesystem: no space left on device").
    pub fn discard(&self, store: &Path) {
        let _ = said(self.engine, "kill", self.engine.call(["kill", &self.name]));
        let Ok(layer) = self.inspect("{{.GraphDriver.Data.UpperDir}}") else { return };
        let layer = Path::new(&layer);
        // Nothing else is to be emptied, whatever the engine says.
        let below = layer.strip_prefix(store).is_ok_and(|rest| rest.components().count() == 3);
        if below && layer.ends_with("diff") {
            for entry in std::fs::read_dir(layer).into_iter().flatten().flatten() {
                let path = entry.path();
                let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
            }
        }
    }

    /// Ends it at once and removes it.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn remove(mut self) -> Result<(), EngineError> {
        self.removed = true;
        said(self.engine, "rm", name::remove(self.engine, &self.name)).map(drop)?;
        self.let_go();
        Ok(())
    }

    /// Reaps the client.
    fn let_go(&mut self) {
        if let Some(mut attached) = self.attached.take() {
            attached.let_go();
        }
    }

    fn pid(&self) -> Result<u32, EngineError> {
        let said = self.inspect("{{.State.Pid}}")?;
        match said.parse() {
            Ok(pid) if pid > 0 && Procfs::new().folder(pid).exists() => Ok(pid),
            _ => Err(EngineError::Unread { engine: self.engine, said, expected: "a process ID" }),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.removed {
            let _ = said(self.engine, "rm", name::remove(self.engine, &self.name));
        }
        self.let_go();
    }
}

/// Executes a command in the container of this name, as the kubelet does with a probe, and waits for its
/// end; from any thread. `stop` set, nobody waits for it any more.
///
/// # Errors
/// [`EngineError`]; a command that fails or takes too long is none.
pub fn exec(
    engine: Engine,
    name: &str,
    command: &[String],
    limit: Duration,
    stop: &AtomicBool,
) -> Result<Output, EngineError> {
    let program = |source| EngineError::Program { engine, source };
    let mut exec = engine.call(["exec", name]);
    exec.args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut attached = Attached::new(exec.spawn().map_err(program)?);
    let deadline = Instant::now() + limit;
    while !attached.has_ended().map_err(program)? {
        if Instant::now() >= deadline || stop.load(Ordering::Relaxed) {
            attached.let_go();
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let status = attached.ended.and_then(|status| status.code());
    Ok(Output { status, printed: attached.printed() })
}

impl Attached {
    /// Of a client whose streams are pipes.
    fn new(mut client: Child) -> Self {
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            client.stdout.take().map(|from| Box::new(from) as Box<dyn Read + Send>),
            client.stderr.take().map(|from| Box::new(from) as Box<dyn Read + Send>),
        ];
        let printed = Arc::new(Mutex::new(Vec::new()));
        let readers = streams.into_iter().flatten().map(|from| {
            let into = Arc::clone(&printed);
            std::thread::spawn(move || collect(from, &into))
        });
        Self { readers: readers.collect(), client, ended: None, alone: None, printed }
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        if self.ended.is_none() {
            self.ended = self.client.try_wait()?;
        }
        Ok(self.ended.is_some())
    }

    /// What came; all of it once the client has ended.
    fn printed(&mut self) -> String {
        if self.ended.is_some() {
            self.readers.drain(..).for_each(|reader| drop(reader.join()));
        }
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// Ends and reaps the client.
    fn let_go(&mut self) {
        if self.ended.is_none() {
            call::kill(&mut self.client);
        }
    }
}

/// Why a container was not started: of its program, or of something else.
fn not_started(engine: Engine, what: &str, said: String) -> EngineError {
    // As the runtimes say it (runc, crun): EACCES, EPERM; ENOENT, and a name that is in no folder of PATH.
    let lower = said.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    let refused = is(&["permission denied", "operation not permitted"]);
    let missing =
        is(&["no such file or directory", "executable file not found", "not found in $path"]);
    // Whatever else is refused to the runtime (a mount, a user) is refused to that.
    let of_program = is(&["exec: \"", "exec /", "executable", "exec container process"]);
    match of_program && (refused || missing) {
        true => EngineError::NotExecutable { said, missing: missing && !refused },
        false => EngineError::Said { engine, what: what.to_owned(), said },
    }
}

/// Adds to what was printed, and keeps the last of it.
pub(super) fn keep(into: &Mutex<Vec<u8>>, more: &[u8]) {
    let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend_from_slice(more);
    let surplus = kept.len().saturating_sub(MOST);
    kept.drain(..surplus);
}

/// Reads to the end and keeps the last of it.
fn collect(mut from: impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 14];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => keep(into, &buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_executed_is_told_from_an_engine_that_fails() {
        let kind = |said: &str| match not_started(Engine::Podman, "start", said.to_owned()) {
            EngineError::NotExecutable { missing: true, .. } => "missing",
            EngineError::NotExecutable { .. } => "refused",
            _ => "engine",
        };
        let no_shell = "Error: OCI runtime error: runc: runc create failed: unable to start container \
                        process: exec: \"/bin/sh\": stat /bin/sh: no such file or directory";
        let missing = "crun: executable file `web` not found in $PATH: No such file or directory";
        let refused = "exec: \"/web\": permission denied: OCI permission denied";
        assert_eq!([no_shell, missing, refused].map(kind), ["missing", "missing", "refused"]);
        let full = "Error: mount overlay: no space left on device";
        let other = "runc create failed: unable to setup user: setgroups: operation not permitted";
        assert_eq!([full, other, "Error: cannot allocate memory"].map(kind), ["engine"; 3]);
    }
}
