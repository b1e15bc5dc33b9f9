//! One run, by the thread that enters the sandbox: the program's folder, its setup, the program with
//! exactly its set, its test, its end.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::sleep;
use std::time::{Duration, Instant};

use caps::{CapSet, CapState};
use launch::{Child, Exit, Fresh, Spec, Stdio};
use rustix::fs::Mode;
use rustix::mount::{MountFlags, mount};

use crate::Result;
use crate::program::Program;
use crate::rootfs::PATH;

/// How often a service is tested until the test passes.
const AGAIN: Duration = Duration::from_millis(50);
/// How long setup may take.
const SETUP: Duration = Duration::from_secs(40);
/// How long a test may take.
const TEST: Duration = Duration::from_secs(10);
/// How long a traced service has to end.
const GRACE: Duration = Duration::from_secs(5);

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the test passed.
    pub passed: bool,
    /// How the program ended, or that it was running still.
    pub end: String,
    /// The last lines of the program.
    pub said: String,
    /// The last lines of the test.
    pub test: String,
    /// How long it took, from `execve` to the test's answer, milliseconds.
    pub milliseconds: u64,
}

impl Outcome {
    /// Why it failed, on one line.
    pub fn why(&self) -> String {
        let parts = [&self.end, &self.said, &self.test];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
    }
}

/// What is said to whoever stays outside, who answers when it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The program waits before its `execve`, under this number outside.
    Held(u32),
    /// The test has its answer; a service still runs.
    Tested,
    /// A service was asked to end, and has, or has had its time.
    Ended,
}

/// Who is told.
#[derive(Debug)]
pub struct Line {
    /// What is said.
    pub say: Sender<Said>,
    /// An answer; if nobody is there to give one, the run is over.
    pub hear: Receiver<()>,
    /// Whether a service is ended by its signal, and waited for, once it was tested.
    pub to_the_end: bool,
}

impl Line {
    /// Whether to go on.
    fn tell(&self, said: Said) -> bool {
        self.say.send(said).is_ok() && self.hear.recv().is_ok()
    }
}

/// Runs a program under a set in a sandbox that nothing has run in.
pub fn carry_out(
    fresh: &Fresh<'_>,
    program: &Program,
    set: CapSet,
    line: Option<&Line>,
) -> Result<Outcome> {
    let files = Files::read(&program.folder)?;
    let inside = fresh.enter().map_err(|e| e.to_string())?;
    let done = files.lay().and_then(|()| set_up()).and_then(|()| run(program, set, line));
    inside.end().map_err(|e| e.to_string())?;
    done
}

/// The program's folder, as it will be at `/groundtruth`, where it is not to be seen from.
struct Files {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, fs::Permissions, Vec<u8>)>,
}

impl Files {
    fn read(folder: &Path) -> Result<Self> {
        let mut read = Self { folders: Vec::new(), files: Vec::new() };
        read.below(folder, Path::new(""))?;
        Ok(read)
    }

    fn below(&mut self, folder: &Path, at: &Path) -> Result {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (from, at) = (entry.path(), at.join(entry.file_name()));
            if from.is_dir() {
                self.folders.push(at.clone());
                self.below(&from, &at)?;
            } else {
                let permissions = fs::metadata(&from).map_err(failed)?.permissions();
                self.files.push((at, permissions, fs::read(&from).map_err(failed)?));
            }
        }
        Ok(())
    }

    /// Writes them into memory at `/groundtruth`, as the thread that is in the sandbox.
    fn lay(&self) -> Result {
        let root = Path::new("/groundtruth");
        mount("tmpfs", root, "tmpfs", MountFlags::empty(), Some(c"mode=755"))
            .map_err(|e| format!("cannot mount tmpfs at {}: {e}", root.display()))?;
        let failed = |at: &Path| format!("{}", root.join(at).display());
        for at in &self.folders {
            fs::create_dir(root.join(at)).map_err(|e| format!("{}: {e}", failed(at)))?;
        }
        for (at, permissions, bytes) in &self.files {
            fs::write(root.join(at), bytes)
                .and_then(|()| fs::set_permissions(root.join(at), permissions.clone()))
                .map_err(|e| format!("{}: {e}", failed(at)))?;
        }
        Ok(())
    }
}

/// A process of a run. Dropped, it is killed and reaped: the sandbox does not end before.
struct Process(Child);

impl Process {
    fn start(spec: Spec) -> Result<Self> {
        launch::spawn(spec).map(Self).map_err(|e| e.to_string())
    }

    fn wait_for(&mut self, limit: Duration) -> Result<Option<Exit>> {
        self.0.wait_for(limit).map_err(|e| e.to_string())
    }

    fn exit(&mut self) -> Result<Option<Exit>> {
        self.0.try_wait().map_err(|e| e.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn set_up() -> Result {
    if !Path::new("/groundtruth/setup").is_file() {
        return Ok(());
    }
    let script = script("setup", default_environment())?;
    let ended = Process::start(script)?.wait_for(SETUP)?;
    if ended.is_some_and(Exit::success) {
        return Ok(());
    }
    let how = ended.map_or("took too long".to_owned(), |exit| format!("ended with {exit}"));
    Err(format!("setup {how}: {}", last_lines("/groundtruth/setup.out")))
}

fn run(program: &Program, set: CapSet, line: Option<&Line>) -> Result<Outcome> {
    let described = &program.description;
    let state = CapState {
        bounding: set,
        permitted: set,
        effective: set,
        inheritable: CapSet::EMPTY,
        ambient: CapSet::EMPTY,
    };
    let own = described.environment.iter().map(|(n, v)| (n.into(), v.into()));
    let environment: Vec<_> = default_environment().into_iter().chain(own).collect();
    let out = create("/groundtruth/out")?;
    // What reopens /dev/stderr, as services do that log there, finds what a pipe would be: open.
    let _ = rustix::fs::fchmod(&out, Mode::from_raw_mode(0o666));
    let spec = shell("run", state, environment.clone(), out)?.user(0, 0, vec![0]);
    let held = launch::spawn_held(spec).map_err(|e| format!("cannot start the program: {e}"))?;
    if let Some(line) = line
        && !line.tell(Said::Held(held.pid()))
    {
        return Err("nobody is there to trace it".to_owned());
    }
    let start = Instant::now();
    let child = held.release().map_err(|e| format!("cannot execute /bin/sh: {e}"))?;
    let mut process = Process(child);
    let deadline = start + Duration::from_secs(u64::from(described.seconds));
    let (ended, tested) = if described.service {
        test_service(&mut process, deadline, &environment)?
    } else {
        test_command(&mut process, deadline, &environment)?
    };
    let milliseconds = start.elapsed().as_millis() as u64;
    let end = match ended {
        Some(Exit::Code(0)) if !described.service => String::new(),
        Some(exit) => format!("ended with {exit}"),
        None if described.service => String::new(),
        None => "took too long".to_owned(),
    };
    let outcome = Outcome {
        passed: tested.is_some_and(Exit::success),
        end,
        said: last_lines("/groundtruth/out"),
        test: last_lines("/groundtruth/test.out"),
        milliseconds,
    };
    if let Some(line) = line
        && line.tell(Said::Tested)
        && line.to_the_end
    {
        if ended.is_none() {
            // To it alone, as an engine does: its process group is not asked.
            let _ = sys::signal::send_to(process.0.pid(), described.signal);
            let _ = process.wait_for(GRACE);
        }
        line.tell(Said::Ended);
    }
    Ok(outcome)
}

type Tested = (Option<Exit>, Option<Exit>);

/// Tests it again and again until the test passes, the time is up or the program has ended.
fn test_service(
    process: &mut Process,
    deadline: Instant,
    environment: &[(OsString, OsString)],
) -> Result<Tested> {
    loop {
        let started = Instant::now();
        let limit = deadline.saturating_duration_since(started) + Duration::from_secs(1);
        let status = test(environment, None, limit)?;
        let ended = process.exit()?;
        // A service that ended while it was tested does not serve.
        let status = status.filter(|status| !(ended.is_some() && status.success()));
        if ended.is_some() || status.is_some_and(Exit::success) || Instant::now() >= deadline {
            return Ok((ended, status));
        }
        sleep(AGAIN.saturating_sub(started.elapsed()));
    }
}

/// Waits for the end, and tests once.
fn test_command(
    process: &mut Process,
    deadline: Instant,
    environment: &[(OsString, OsString)],
) -> Result<Tested> {
    let ended = process.wait_for(deadline.saturating_duration_since(Instant::now()))?;
    let Some(exit) = ended else { return Ok((None, None)) };
    Ok((ended, test(environment, Some(exit), TEST)?))
}

/// One test, with all privileges; `None` if it took too long.
fn test(
    environment: &[(OsString, OsString)],
    status: Option<Exit>,
    limit: Duration,
) -> Result<Option<Exit>> {
    let mut environment = environment.to_vec();
    environment.extend(status.map(|exit| ("STATUS".into(), exit.status().to_string().into())));
    Process::start(script("test", environment)?)?.wait_for(limit)
}

/// A script of the program's folder, with all privileges; what it says goes to `NAME.out` beside it.
fn script(name: &str, environment: Vec<(OsString, OsString)>) -> Result<Spec> {
    let state = sys::credentials::own_state().map_err(|e| format!("own capabilities: {e}"))?;
    shell(name, state, environment, create(&format!("/groundtruth/{name}.out"))?)
}

fn shell(
    name: &str,
    state: CapState,
    environment: Vec<(OsString, OsString)>,
    out: File,
) -> Result<Spec> {
    let script = format!("/groundtruth/{name}");
    let mut spec = Spec::new("/bin/sh", state).args([OsStr::new(&script)]);
    spec.env = Some(environment);
    spec.working_directory = Some("/".into());
    // No terminal: what asks for a password must not find one.
    spec.session = true;
    spec.stdin = Stdio::Null;
    spec.stderr = Stdio::File(out.try_clone().map_err(|e| format!("{script}: {e}"))?);
    spec.stdout = Stdio::File(out);
    Ok(spec)
}

fn default_environment() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), PATH.into()), ("HOME".into(), "/root".into())]
}

fn create(path: &str) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
        .and_then(|_| OpenOptions::new().append(true).open(path))
        .map_err(|e| format!("{path}: {e}"))
}

/// The last three lines that say something, as one.
fn last_lines(path: &str) -> String {
    let text = fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    last.join(" / ").chars().map(shown).take(300).collect()
}
