//! The demo: the whole job once, on a service and a manifest built into this program.
//!
//! Where the kernel may be traced, the service is traced and its set proven. Where it may not, the
//! set is found by leaving one out at a time; and where this user is not root, in a user namespace,
//! which can try only what does not take a second user.

pub mod harness;
pub mod probe;
pub mod service;
pub mod verify;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use caps::{CapSet, Capability};
use fit::{Answer, Outcome, Ran, Rigour, Runner};
use observe::Observed;
use record::profile::{Profile, Target};
use record::requirement::{Requirement, Verdict};
use runtime::Runtime;
use sys::isolate::{self, IsolateError};
use trace::{Options, Scope, TraceError, Tracer};

use harness::{Harness, HarnessError, serve};

/// The manifest that the demo works on.
pub const MANIFEST: &str = include_str!("../data/demo.yaml");
/// The test of a trial, in words.
pub const TEST: &str = "an answer on port 80 from the user it steps down to";

/// The port of the service: below 1024, so that binding it takes a capability.
const PORT: u16 = 80;
/// `www-data`, the user the service steps down to.
const USER: u32 = 33;

/// What a user namespace with one user can decide of a runtime's default set: what is checked against
/// the namespace itself and takes no second user. Of the others, CHOWN, SETUID, FOWNER and their kin
/// need a user that is not mapped; MKNOD and AUDIT_WRITE are asked of the initial namespace.
const DECIDABLE_BY_ONE_USER: CapSet = CapSet::of(&[
    Capability::NET_BIND_SERVICE,
    Capability::NET_RAW,
    Capability::SETPCAP,
    Capability::SYS_CHROOT,
]);

/// How much can be found out here.
#[derive(Debug)]
pub enum Means {
    /// The kernel may be traced.
    Traced,
    /// It may not; trials as root can do all the same.
    Tried(TraceError),
    /// It may not, and this user is not root: trials in a user namespace that maps this user alone.
    OneUser,
}

/// Why the demo cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Not even a user namespace is to be had.
    #[error("the demo takes root with {lacks} besides what it has, or a user namespace: {source}")]
    NoUserNamespace {
        /// What is lacking for the whole of it.
        lacks: CapSet,
        /// Why there is no user namespace.
        source: IsolateError,
    },
    /// No network of its own is to be had.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// The service could not be run.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// It could not be traced after all.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The service does not work under the runtime's default set.
    #[error("the demo's service does not work under {set}: {why}")]
    Service {
        /// The set.
        set: CapSet,
        /// What it said.
        why: String,
    },
    /// The manifest could not be written.
    #[error("cannot write {path}: {error}")]
    Manifest {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The service, the manifest, and what can be done with them here.
#[derive(Debug)]
pub struct Demo {
    /// How much can be found out.
    pub means: Means,
    /// The runtime whose default set the service starts with.
    pub runtime: Runtime,
    /// That set, as far as this machine can give it.
    pub start: CapSet,
    /// The manifest's file; it goes away with the demo.
    pub manifest: PathBuf,
    harness: Harness,
}

impl Demo {
    /// Gives this thread a network of its own, and where it must be a user namespace; finds out what
    /// can be done. `program` is this executable.
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn prepare(program: PathBuf) -> Result<Self, DemoError> {
        let held = sys::credentials::own_state()
            .map_or(CapSet::EMPTY, |state| state.permitted & state.bounding);
        let whole = crate::needs::of("demo.whole").map_or(CapSet::EMPTY, |mode| mode.takes());
        let lacks = whole - held;
        let root = lacks.is_empty() && sys::credentials::own_user().0 == 0;
        if !root {
            isolate::own_user_namespace()
                .map_err(|source| DemoError::NoUserNamespace { lacks, source })?;
        }
        isolate::own_network()?;
        let means = if root {
            match Tracer::load(Options::default()) {
                Ok(_) => Means::Traced,
                Err(why) => Means::Tried(why),
            }
        } else {
            Means::OneUser
        };
        let harness = Harness::new(program, if root { USER } else { 0 }, PORT)?;
        let runtime = Runtime::assumed_for_kubernetes();
        let own = sys::credentials::own_state()
            .map_or(CapSet::EMPTY, |state| state.permitted & state.bounding);
        let manifest = harness.folder().join("demo.yaml");
        fs::write(&manifest, MANIFEST)
            .map_err(|error| DemoError::Manifest { path: manifest.clone(), error })?;
        Ok(Self { means, start: runtime.default_set() & own, runtime, manifest, harness })
    }

    /// The folder the demo works in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.harness.folder()
    }

    /// What cannot be decided here, though it may be needed.
    #[must_use]
    pub fn undecided(&self) -> CapSet {
        match self.means {
            Means::Traced | Means::Tried(_) => CapSet::EMPTY,
            Means::OneUser => self.start - DECIDABLE_BY_ONE_USER,
        }
    }

    /// Runs the service under the runtime's default set, traced from its `execve` on.
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn trace(&mut self) -> Result<Observed, DemoError> {
        let mut tracer = Tracer::load(Options::default())?;
        let (service, held, _) = self.harness.hold(self.start)?;
        tracer.watch(Scope::held(held.pid(), vec!["the demo's service".to_owned()]))?;
        let child = held.release().map_err(HarnessError::from)?;
        let serving =
            serve(&service, child)?.map_err(|why| DemoError::Service { set: self.start, why })?;
        serving.stop()?;
        let recording = tracer.finish()?;
        Ok(Observed::of(recording))
    }

    /// Finds the minimal set by trials, and proves it; `traced` is what the first run showed. What is
    /// undecided is held all the time, and is in the answer.
    ///
    /// # Errors
    /// [`DemoError`] if a trial cannot be run.
    pub fn prove(&mut self, traced: Option<&Observed>) -> Result<Answer, DemoError> {
        let undecided = self.undecided();
        let first = traced.map(|observed| Ran {
            outcome: Outcome::Passed,
            observed: Some(observed.clone()),
            took: Duration::ZERO,
        });
        let options = fit::Options {
            rigour: Rigour::Proven,
            traced: false,
            first,
            ..fit::Options::default()
        };
        let mut trials = Trials { harness: &mut self.harness, held: undecided };
        let mut answer =
            fit::fit(&mut trials, self.start - undecided, options, |_| ControlFlow::Continue(()))?;
        answer.set = answer.set | undecided;
        for trial in &mut answer.trials {
            trial.set = trial.set | undecided;
        }
        Ok(answer)
    }

    /// Drops these and nothing else in the manifest: what is known to be not needed while the rest is
    /// undecided.
    ///
    /// # Errors
    /// [`DemoError::Manifest`].
    pub fn drop_only(&self, dropped: CapSet) -> Result<(), DemoError> {
        let failed = |error| DemoError::Manifest { path: self.manifest.clone(), error };
        let manifest =
            manifest::parse("demo.yaml", fs::read_to_string(&self.manifest).map_err(failed)?);
        let words = dropped.iter().map(|c| manifest::Item::new(c.to_string())).collect();
        let change = manifest::Change::Set(manifest::List::Drop, words);
        let container = manifest::ContainerId { workload: 0, container: 0 };
        let edited = manifest::apply(&manifest, &[manifest::Edit { container, change }]);
        fs::write(&self.manifest, edited.source.text()).map_err(failed)
    }

    /// Runs the service and a probe under exactly `set`, and says what they hold and can do.
    ///
    /// # Errors
    /// [`verify::VerifyError`].
    pub fn verify(&mut self, set: CapSet) -> Result<verify::Verified, verify::VerifyError> {
        verify::verify(&mut self.harness, set)
    }
}

/// The demo's service as the search runs it. It is not traced: the answer that the demo shows is the
/// functional minimum.
struct Trials<'d> {
    harness: &'d mut Harness,
    held: CapSet,
}

impl Runner for Trials<'_> {
    type Error = DemoError;

    fn run(&mut self, set: CapSet, _: bool) -> Result<Ran, DemoError> {
        let start = std::time::Instant::now();
        let outcome = self.harness.trial(set | self.held)?;
        Ok(Ran { outcome, observed: None, took: start.elapsed() })
    }
}

/// The profile of a set that was found without a trace.
#[must_use]
pub fn untraced_profile(answer: &Answer, undecided: CapSet) -> Profile {
    let verdict = |c| if undecided.contains(c) { Verdict::Doubtful } else { Verdict::Needed };
    let stated = answer.set.iter().map(|c| Requirement::stated(c, verdict(c))).collect();
    Profile::new("demo", Target::default(), stated, Vec::new())
}
