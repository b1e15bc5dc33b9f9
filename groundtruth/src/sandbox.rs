//! The side that stays outside: starts a run in namespaces of its own, attaches the tracer to it if
//! it is asked to, and takes the report.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use caps::CapSet;
use observe::Observed;
use record::observation::Recording;
use serde::{Deserialize, Serialize};
use trace::{Options, Results, Scope, Tracer};

use crate::Result;
use crate::order::{ENDED, INIT, Order, Outcome, Root};
use crate::program::Program;
use crate::rootfs::{Rootfs, remove};
use crate::tree::Tree;

/// What a run may take beyond the program's own limit: setup, the last test, the end.
const MORE: Duration = Duration::from_secs(40);
/// How often the tracer is looked after.
const TICK: Duration = Duration::from_millis(50);

/// What the root file system of a run lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// Overlayfs, as in containers.
    Overlayfs,
    /// The disk's own.
    Plain,
}

impl FileSystem {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Overlayfs, Self::Plain];

    /// Reads its name.
    pub fn parse(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|one| one.to_string() == word)
            .ok_or_else(|| format!("no such file system: {word}"))
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Overlayfs => "overlayfs",
            Self::Plain => "plain",
        })
    }
}

/// Everything this machine can grant: what this process has.
pub fn grantable() -> Result<CapSet> {
    let own = sys::credentials::own_state().map_err(|e| format!("own capabilities: {e}"))?;
    Ok(own.permitted & own.bounding)
}

/// One trace.
#[derive(Debug)]
pub struct Traced {
    /// How the run went.
    pub outcome: Outcome,
    /// What was seen until the test had passed: the stretch that the truth speaks of.
    pub tested: Observed,
    /// What was seen in all, a service's end included.
    pub whole: Observed,
}

/// A place where one program at a time runs.
#[derive(Debug)]
pub struct Sandbox {
    lower: PathBuf,
    folder: PathBuf,
    place: FileSystem,
    tree: Option<Tree>,
}

impl Sandbox {
    /// Makes one; `number` tells it from its neighbours.
    pub fn new(root: &Rootfs, place: FileSystem, number: usize) -> Result<Self> {
        let folder = root.work.join(format!("{place}-{number}"));
        remove(&folder)?;
        fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        fs::create_dir(folder.join("stage")).map_err(|e| format!("{}: {e}", folder.display()))?;
        let tree = match place {
            FileSystem::Plain => Some(Tree::copy(&root.tree, &folder.join("tree"))?),
            FileSystem::Overlayfs => None,
        };
        Ok(Self { lower: root.tree.clone(), folder, place, tree })
    }

    /// The file system.
    pub fn place(&self) -> FileSystem {
        self.place
    }

    /// Runs a program with exactly this set and tests it.
    pub fn run(&mut self, program: &Program, set: CapSet) -> Result<Outcome> {
        let mut running = self.start(program, set, false)?;
        let outcome = running.report(|| Ok(()));
        self.put_right(&mut running)?;
        outcome
    }

    /// Runs a program with exactly this set under trace, and tests it: what was seen until the test
    /// had its answer. The tracer may be used again and again.
    pub fn observe(
        &mut self,
        program: &Program,
        set: CapSet,
        tracer: &mut Tracer,
    ) -> Result<(Outcome, Observed)> {
        let options = Options { results: Results::Always, ..Options::default() };
        tracer.again(options).map_err(|e| e.to_string())?;
        let mut running = self.start(program, set, true)?;
        let tested = running.tested(tracer);
        self.put_right(&mut running)?;
        let (outcome, recording) = tested?;
        Ok((outcome, Observed::of(recording)))
    }

    /// Runs a program with everything that can be granted, under trace, a service's end included.
    pub fn trace(&mut self, program: &Program) -> Result<Traced> {
        let set = grantable()?;
        let mut tracer = Tracer::load(Options::default()).map_err(|e| e.to_string())?;
        let mut running = self.start(program, set, true)?;
        let traced = running.ended(&mut tracer);
        self.put_right(&mut running)?;
        let (outcome, tested) = traced?;
        let whole = tracer.finish().map_err(|e| e.to_string())?;
        Ok(Traced { outcome, tested: Observed::of(tested), whole: Observed::of(whole) })
    }

    /// Whether a plain tree is what it was.
    pub fn verify(&self) -> Result {
        self.tree.as_ref().map_or(Ok(()), Tree::verify)
    }

    fn start(&self, program: &Program, set: CapSet, traced: bool) -> Result<Running> {
        let description = &program.description;
        let order = Order {
            folder: program.folder.clone(),
            root: self.root()?,
            stage: self.folder.join("stage"),
            set,
            seconds: description.seconds,
            service: description.service,
            signal: description.signal,
            environment: description.environment.clone(),
            traced,
        };
        Running::start(&order)
    }

    fn root(&self) -> Result<Root> {
        if let Some(tree) = &self.tree {
            return Ok(Root::Plain { tree: tree.path().to_owned() });
        }
        let (upper, work) = (self.folder.join("upper"), self.folder.join("work"));
        for folder in [&upper, &work] {
            remove(folder)?;
            fs::create_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        Ok(Root::Overlay { lower: self.lower.clone(), upper, work })
    }

    fn put_right(&mut self, running: &mut Running) -> Result {
        running.end();
        self.tree.as_mut().map_or(Ok(()), Tree::restore)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = remove(&self.folder);
    }
}

/// A run that was started. Dropped, it is killed with all that belongs to it.
struct Running {
    unshare: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    deadline: Instant,
}

impl Running {
    fn start(order: &Order) -> Result<Self> {
        let exe = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
        let text = serde_json::to_string(order).map_err(|e| format!("order: {e}"))?;
        // The network's namespace is the driver's own doing: it brings up the loopback, too.
        let mut unshare = Command::new("unshare")
            .args(["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"])
            .args(["--propagation", "private", "--"])
            .arg(exe)
            .args([INIT, &text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start unshare: {e}"))?;
        let (said, lines) = channel();
        if let Some(stdout) = unshare.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
                    if said.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let (said, errors) = channel();
        if let Some(mut stderr) = unshare.stderr.take() {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                let _ = said.send(String::from_utf8_lossy(&text).into_owned());
            });
        }
        let deadline = Instant::now() + Duration::from_secs(u64::from(order.seconds)) + MORE;
        Ok(Self { unshare, lines, errors, deadline })
    }

    /// The next line; meanwhile `tick` is called now and then.
    fn line(&mut self, mut tick: impl FnMut() -> Result) -> Result<String> {
        loop {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) if Instant::now() < self.deadline => tick()?,
                Err(RecvTimeoutError::Timeout) => {
                    return Err("a run did not come to an end".to_owned());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.end();
                    let said = self.errors.recv().unwrap_or_default();
                    return Err(format!("a run could not be made: {}", said.trim()));
                }
            }
        }
    }

    fn report(&mut self, tick: impl FnMut() -> Result) -> Result<Outcome> {
        let line = self.line(tick)?;
        serde_json::from_str(&line).map_err(|e| format!("report: {e}: {line}"))
    }

    /// Attaches the tracer to the held program, lets it go, and looks after the tracer until the
    /// test has its answer.
    fn tested(&mut self, tracer: &mut Tracer) -> Result<(Outcome, Recording)> {
        let line = self.line(|| Ok(()))?;
        let inside = line.strip_prefix("held ").and_then(|pid| pid.parse().ok());
        let inside: u32 = inside.ok_or_else(|| format!("not a held process: {line}"))?;
        let pid = self.find(inside)?;
        let argv = vec!["/bin/sh".to_owned(), "/groundtruth/run".to_owned()];
        tracer.watch(Scope::held(pid, argv)).map_err(|e| e.to_string())?;
        self.tell("go")?;
        let outcome = self.report(|| tracer.poll().map(drop).map_err(|e| e.to_string()))?;
        let tested = tracer.snapshot().map_err(|e| e.to_string())?;
        Ok((outcome, tested))
    }

    /// The same, and goes on until a service has been asked to end, and has.
    fn ended(&mut self, tracer: &mut Tracer) -> Result<(Outcome, Recording)> {
        let (outcome, tested) = self.tested(tracer)?;
        self.tell("end")?;
        let line = self.line(|| tracer.poll().map(drop).map_err(|e| e.to_string()))?;
        if line == ENDED { Ok((outcome, tested)) } else { Err(format!("not an end: {line}")) }
    }

    fn tell(&mut self, word: &str) -> Result {
        let Some(stdin) = &mut self.unshare.stdin else { return Ok(()) };
        writeln!(stdin, "{word}").map_err(|e| format!("{word}: {e}"))
    }

    /// The process that is `inside` in the run's process namespace: a grandchild of its process 1,
    /// whose parent is the `unshare` that was started here.
    fn find(&self, inside: u32) -> Result<u32> {
        let held = children(self.unshare.id())
            .into_iter()
            .flat_map(children)
            .flat_map(children)
            .find(|pid| inside_pid(*pid) == Some(inside));
        held.ok_or_else(|| format!("the held process {inside} is not to be found"))
    }

    /// Ends everything; when this returns, no process of the run is left.
    fn end(&mut self) {
        // Its input ends, upon which the driver does, and with it the namespace.
        drop(self.unshare.stdin.take());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            if !matches!(self.unshare.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // --kill-child: process 1 goes with it.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn children(pid: u32) -> Vec<u32> {
    let file = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(Path::new(&file)).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The last number of `NSpid`, proc_pid_status(5).
fn inside_pid(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}
