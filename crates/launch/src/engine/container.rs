//! One container, from its making to its end.

use std::io::{self, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sys::procfs::Procfs;

use super::{Call, EmptyFolder, Engine, EngineError, name, said};

/// What is kept of what a container prints: the end of it is what says why it failed.
const MOST: usize = 1 << 20;
/// How often a daemon is asked whether its container runs.
const PAUSE: Duration = Duration::from_millis(20);

/// A container made for one run. Dropped, it is killed and removed, with its anonymous volumes.
#[derive(Debug)]
pub struct Container {
    engine: Engine,
    /// Its name.
    pub name: String,
    /// Its full identifier.
    pub id: String,
    empty: Vec<EmptyFolder>,
    attached: Option<Attached>,
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
    printed: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Container {
    pub(super) fn named(engine: Engine, name: String, empty: Vec<EmptyFolder>) -> Self {
        Self { engine, name, id: String::new(), empty, attached: None, removed: false }
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
    /// [`EngineError`].
    pub fn prepare(&self) -> Result<Option<u32>, EngineError> {
        match self.engine {
            Engine::Docker => Ok(None),
            Engine::Podman => {
                said(self.engine, "init", self.engine.call(["init", &self.name]))?;
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
    /// [`EngineError`].
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
        loop {
            let over = self.has_ended()?;
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
            return Err(EngineError::Said { engine: self.engine, what: "start".to_owned(), said });
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
    /// [`EngineError`].
    pub fn exit(&mut self) -> Result<Option<i32>, EngineError> {
        if !self.has_ended()? {
            return Ok(None);
        }
        if let Some(attached) = &mut self.attached {
            // Nothing comes any more: all of it is to be there.
            attached.printed();
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
        self.attached.as_ref().map(|attached| Arc::clone(&attached.printed)).unwrap_or_default()
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
            let _ = name::remove(self.engine, &self.name).output();
        }
        self.let_go();
    }
}

/// Executes a command in the container of this name, as the kubelet does with a probe, and waits for its
/// end; from any thread.
///
/// # Errors
/// [`EngineError`]; a command that fails or takes too long is none.
pub fn exec(
    engine: Engine,
    name: &str,
    command: &[String],
    limit: Duration,
) -> Result<Output, EngineError> {
    let program = |source| EngineError::Program { engine, source };
    let mut exec = engine.call(["exec", name]);
    exec.args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut attached = Attached::new(exec.spawn().map_err(program)?);
    let deadline = Instant::now() + limit;
    while !attached.has_ended().map_err(program)? {
        if Instant::now() >= deadline {
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
        Self { readers: readers.collect(), client, ended: None, printed }
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
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Reads to the end and keeps the last of it.
fn collect(mut from: impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 14];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
                let surplus = kept.len().saturating_sub(MOST);
                kept.drain(..surplus);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
