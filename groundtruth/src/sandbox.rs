//! The side that stays outside: gives each run a sandbox of the product's own (`launch::Sandbox`) over
//! the programs' root, and attaches the tracer to it if it is asked to.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use caps::CapSet;
use observe::Observed;
use record::observation::Recording;
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};
use trace::{Options, Results, Scope, Tracer};

use crate::Result;
use crate::inside::{Line, Outcome, Said, carry_out};
use crate::program::Program;
use crate::rootfs::{HOST, Rootfs, remove};
use crate::tree::Tree;

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

/// Makes this process such that what it starts finds what an engine gives containers, whatever the
/// limits, the priority and the umask of who calls this. To be done before any thread is started.
///
/// # Errors
/// What the kernel says.
pub fn as_an_engine() -> Result {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::setpriority_process(None, 0).map_err(|e| format!("setpriority: {e}"))?;
    let files = rustix::process::getrlimit(Resource::Nofile);
    let maximum = Some(files.maximum.map_or(4096, |most| most.min(4096)));
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(1024), maximum })
        .map_err(|e| format!("setrlimit: {e}"))
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
    sandbox: launch::Sandbox,
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
        let tree = match place {
            FileSystem::Plain => Some(Tree::copy(&root.tree, &folder.join("tree"))?),
            FileSystem::Overlayfs => None,
        };
        let sandbox = match &tree {
            Some(tree) => launch::Sandbox::of_tree(tree.path(), None, HOST),
            None => launch::Sandbox::of_tree(&root.tree, Some(folder.clone()), HOST),
        };
        Ok(Self { sandbox: sandbox.map_err(|e| e.to_string())?, folder, place, tree })
    }

    /// The file system.
    pub fn place(&self) -> FileSystem {
        self.place
    }

    /// Runs a program with exactly this set and tests it.
    pub fn run(&mut self, program: &Program, set: CapSet) -> Result<Outcome> {
        let fresh = self.sandbox.fresh().map_err(|e| e.to_string())?;
        let ran = std::thread::scope(|scope| {
            let run = scope.spawn(|| carry_out(&fresh, program, set, None));
            run.join().unwrap_or_else(|_| Err("a run failed".to_owned()))
        });
        drop(fresh);
        self.put_right()?;
        ran
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
        let (outcome, recording) = self.watched(program, set, tracer, false)?;
        Ok((outcome, Observed::of(recording)))
    }

    /// Runs a program with everything that can be granted, under trace, a service's end included.
    pub fn trace(&mut self, program: &Program) -> Result<Traced> {
        let mut tracer = Tracer::load(Options::default()).map_err(|e| e.to_string())?;
        let (outcome, tested) = self.watched(program, grantable()?, &mut tracer, true)?;
        let whole = tracer.finish().map_err(|e| e.to_string())?;
        Ok(Traced { outcome, tested: Observed::of(tested), whole: Observed::of(whole) })
    }

    /// Whether a plain tree is what it was.
    pub fn verify(&self) -> Result {
        self.tree.as_ref().map_or(Ok(()), Tree::verify)
    }

    fn watched(
        &mut self,
        program: &Program,
        set: CapSet,
        tracer: &mut Tracer,
        to_the_end: bool,
    ) -> Result<(Outcome, Recording)> {
        let fresh = self.sandbox.fresh().map_err(|e| e.to_string())?;
        let (say, said) = channel();
        let (go, hear) = channel();
        let line = Line { say, hear, to_the_end };
        let (ran, seen) = std::thread::scope(|scope| {
            let fresh = &fresh;
            let run = scope.spawn(move || carry_out(fresh, program, set, Some(&line)));
            let seen = watch(tracer, &said, go);
            (run.join().unwrap_or_else(|_| Err("a run failed".to_owned())), seen)
        });
        drop(fresh);
        self.put_right()?;
        // If it could not be traced, the run ended for that.
        let seen = seen?;
        Ok((ran?, seen.ok_or("a run ended before it was tested")?))
    }

    fn put_right(&mut self) -> Result {
        self.tree.as_mut().map_or(Ok(()), Tree::restore)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = remove(&self.folder);
    }
}

/// Attaches the tracer to the held program, lets it go, and looks after the tracer until the run is
/// over: what was seen until the test had its answer. On an error `go` is dropped, upon which the run ends.
fn watch(tracer: &mut Tracer, said: &Receiver<Said>, go: Sender<()>) -> Result<Option<Recording>> {
    let mut tested = None;
    let mut watching = false;
    loop {
        match said.recv_timeout(TICK) {
            Ok(Said::Held(pid)) => {
                let argv = vec!["/bin/sh".to_owned(), "/groundtruth/run".to_owned()];
                tracer.watch(Scope::held(pid, argv)).map_err(|e| e.to_string())?;
                watching = true;
            }
            Ok(Said::Tested) => tested = Some(tracer.snapshot().map_err(|e| e.to_string())?),
            Ok(Said::Ended) => watching = false,
            Err(RecvTimeoutError::Timeout) if watching => {
                tracer.poll().map_err(|e| e.to_string())?;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(tested),
        }
        // If the other side is gone, its end is why.
        let _ = go.send(());
    }
}
