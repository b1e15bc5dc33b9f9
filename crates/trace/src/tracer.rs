//! The tracer: loads the kernel side, tells it what to watch, and reads what it saw.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use record::observation::{Exit, Recording, Settled};
use rustix::time::{ClockId, clock_gettime};
use sys::procfs::Procfs;

use crate::abi::{self, Config, KINDS_ROOM, State};
use crate::backend::{self, Attempt, Backend};
use crate::error::TraceError;
use crate::existing;
use crate::hooks::{Hooks, Returns};
use crate::kernel::Kernel;
use crate::look::Looker;
use crate::options::{Options, Results};
use crate::recording::{self, Frame};
use crate::scope::{Entry, Place, Scope};

/// How long no new kind of refused check must have been seen before the returns of system calls
/// are no longer looked at.
const QUIET: Duration = Duration::from_secs(5);
/// Images of processes that were there before: numbers the kernel side does not give.
const EXISTING: u32 = 1 << 31;

/// How far the target has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether a first `execve` of the target was seen.
    pub started: bool,
    /// How its first process ended, if it has.
    pub exit: Option<Exit>,
    /// Whether the returns of refused calls are being recorded.
    pub results: bool,
    /// How many kinds of checks were seen: while it stays the same, there is nothing new to judge.
    pub kinds: u32,
    /// How many kernel stacks were unwound; the others were known again by their words.
    pub unwound: u64,
}

/// The loaded kernel side. Dropped, it leaves no program, map or link behind.
#[derive(Debug)]
pub struct Tracer {
    kernel: Kernel,
    options: Options,
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    scope: Scope,
    config: Config,
    since: u64,
    start_seen: bool,
    existing: HashMap<u32, existing::Image>,
    /// The hook on returning system calls, while it is attached.
    returns: Option<Returns>,
    refused: u32,
    changed: Instant,
    settled: BTreeMap<Capability, Settled>,
    root: u32,
}

impl Tracer {
    /// Loads the programs and attaches them; they watch nothing yet.
    ///
    /// # Errors
    /// [`TraceError`]: what is missing on this machine, and how to get it.
    pub fn load(options: Options) -> Result<Self, TraceError> {
        backend::check_privilege()?;
        let mut ebpf = backend::load_object(&options.rooms)?;
        let btf = backend::read_btf()?;
        let hooks = Hooks::attach(&mut ebpf)?;
        let wanted: Vec<Backend> = options
            .backend
            .map_or_else(|| backend::by_preference(&hooks).to_vec(), |backend| vec![backend]);
        let mut attempts = Vec::new();
        for backend in wanted {
            match backend::attach(backend, &mut ebpf, &btf) {
                Ok(()) => {
                    let mut kernel = Kernel::prepare(ebpf, backend, hooks)?;
                    // Of what was tried to find the way, nothing is the target's.
                    kernel.empty()?;
                    return Ok(Self { kernel, options, watched: None });
                }
                Err(why) => attempts.push(Attempt { backend, outcome: Err(why), loses: None }),
            }
        }
        Err(TraceError::NoBackend { attempts })
    }

    /// The backend in use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.kernel.backend()
    }

    /// What may be lost under load with the backend in use, because this kernel preempts its programs and
    /// skips them for other processes meanwhile; `None` if nothing. What was lost is counted.
    #[must_use]
    pub fn loses(&self) -> Option<String> {
        self.kernel.loses()
    }

    /// Starts watching. When this returns, every check of the target is seen.
    ///
    /// # Errors
    /// [`TraceError`]; a second call is one.
    pub fn watch(&mut self, scope: Scope) -> Result<(), TraceError> {
        if self.watched.is_some() {
            return Err(TraceError::Watching);
        }
        let mut watched = Watched {
            config: scope.configure(&self.options)?,
            start_seen: true,
            existing: HashMap::new(),
            since: now(),
            returns: None,
            refused: 0,
            changed: Instant::now(),
            settled: BTreeMap::new(),
            root: scope.root(),
            scope,
        };
        if let Err(error) = self.begin(&mut watched) {
            self.stop(&mut watched);
            return Err(error);
        }
        self.watched = Some(watched);
        Ok(())
    }

    /// Tells the kernel side what to watch.
    fn begin(&mut self, watched: &mut Watched) -> Result<(), TraceError> {
        if self.options.results != Results::Never {
            watched.returns = Some(self.kernel.attach_returns()?);
            watched.config.results = 1;
        }
        self.kernel.configure(watched.config)?;
        match watched.scope.place.clone() {
            Place::Tree { pid, held: true } => {
                let process = abi::Process {
                    image: 0,
                    state: abi::AWAITS_EXEC,
                    file: 0,
                    user_namespace: watched.config.user_namespace,
                    forked: 0,
                    cgroup: 0,
                    mount_namespace: 0,
                    level: 0,
                };
                self.kernel.follow(pid, &process)?;
            }
            Place::Tree { pid, held: false } => {
                watched.start_seen = false;
                self.follow(watched, || existing::tree(pid), Entry::Any)?;
            }
            Place::Cgroup { folder, entry, .. } => {
                let seen = self.follow(watched, || existing::in_cgroup(&folder), entry)?;
                watched.start_seen = seen == 0;
            }
        }
        Ok(())
    }

    /// As if nothing had been watched, as far as that can be done: another target may be.
    fn stop(&mut self, watched: &mut Watched) {
        if let Some(link) = watched.returns.take() {
            let _ = self.kernel.detach_returns(link);
        }
        (watched.config.mode, watched.config.results) = (abi::MODE_OFF, 0);
        let _ = self.kernel.configure(watched.config);
        for pid in self.kernel.living().unwrap_or_default() {
            let _ = self.kernel.forget(pid);
        }
    }

    /// To be called now and then, about every 100 ms: decides whether the returns of refused calls
    /// are still looked at, and says how far the target is.
    ///
    /// # Errors
    /// [`TraceError::NotWatching`], and what bpf(2) says.
    pub fn poll(&mut self) -> Result<Progress, TraceError> {
        let state = self.kernel.state()?;
        let mut watched = self.watched.take().ok_or(TraceError::NotWatching)?;
        let adjusted =
            self.adjust(&mut watched, &state).and_then(|()| self.count_settled(&mut watched));
        let results = watched.returns.is_some();
        self.watched = Some(watched);
        adjusted?;
        Ok(Progress {
            started: state.started_ns != 0,
            exit: recording::exit(&state),
            results,
            kinds: state.kinds,
            unwound: state.unwound,
        })
    }

    /// From now on, checks of these capabilities are only counted, if they are granted, of the
    /// target's own credentials and against its own user namespace: somebody has judged that they
    /// are needed whatever else is seen. Capabilities of an earlier call stay settled.
    ///
    /// # Errors
    /// [`TraceError::NotWatching`], and what bpf(2) says.
    pub fn settle(&mut self, needs: CapSet) -> Result<(), TraceError> {
        let watched = self.watched.as_mut().ok_or(TraceError::NotWatching)?;
        let known = watched.settled.len();
        for capability in needs.iter() {
            let fresh = Settled { capability, count: 0, last_ns: 0 };
            watched.settled.entry(capability).or_insert(fresh);
        }
        if watched.settled.len() == known {
            return Ok(());
        }
        let mut kinds = [false; KINDS_ROOM];
        for capability in watched.settled.keys() {
            kinds[settled_kind(*capability)] = true;
        }
        self.kernel.settle(&kinds)
    }

    /// The processes of the target that run now, by their IDs on the node.
    ///
    /// # Errors
    /// What bpf(2) says.
    pub fn living(&mut self) -> Result<Vec<u32>, TraceError> {
        let mut living = Vec::new();
        for pid in self.kernel.living()? {
            if existing::start_time(pid)?.is_some() {
                living.push(pid);
            } else if !Procfs::new().folder(pid).exists() {
                // It ended just as it began to be followed: unseen, and it stays in the map else.
                self.kernel.forget(pid)?;
            }
        }
        Ok(living)
    }

    /// What was seen so far.
    ///
    /// # Errors
    /// [`TraceError::NotWatching`], and what bpf(2) says.
    pub fn snapshot(&mut self) -> Result<Recording, TraceError> {
        let living = self.living()?.len();
        let mut maps = self.kernel.read()?;
        maps.living = u32::try_from(living).unwrap_or(u32::MAX);
        let mut watched = self.watched.take().ok_or(TraceError::NotWatching)?;
        let counted = self.count_settled(&mut watched);
        let watched = self.watched.insert(watched);
        counted?;
        Ok(recording::build(
            &maps,
            &Frame {
                target: &watched.scope.target,
                backend: self.kernel.backend(),
                start_seen: watched.start_seen,
                since: watched.since,
                until: now(),
                existing: &watched.existing,
                settled: &watched.settled,
                root: watched.root,
            },
        ))
    }

    /// Stops watching and tells what was seen.
    ///
    /// # Errors
    /// As [`Tracer::snapshot`].
    pub fn finish(mut self) -> Result<Recording, TraceError> {
        self.snapshot()
    }

    /// Stops watching and forgets the target, so that another one may be watched, with these options: loading
    /// takes the kernel longer than all the rest of a short run. The backend and the rooms stay as they were
    /// loaded. The target should have ended: what it asks while this is done may count as the next one's.
    ///
    /// # Errors
    /// What bpf(2) says; the tracer is of no more use then.
    pub fn again(&mut self, options: Options) -> Result<(), TraceError> {
        if let Some(mut watched) = self.watched.take() {
            self.stop(&mut watched);
        }
        self.options = Options { rooms: self.options.rooms, ..options };
        self.kernel.empty()
    }

    /// Attaches the program that sees checks to another tracepoint, too, where it sees nonsense: so
    /// that a test can make it interrupt itself. The backend must be [`Backend::RawTp`].
    ///
    /// # Errors
    /// What bpf(2) says.
    #[doc(hidden)]
    pub fn also_on(&mut self, tracepoint: &str) -> Result<(), TraceError> {
        self.kernel.also_on(tracepoint)
    }

    /// Attaches or detaches the hook on returning system calls.
    fn adjust(&mut self, watched: &mut Watched, state: &State) -> Result<(), TraceError> {
        if self.options.results != Results::WhileNew {
            return Ok(());
        }
        if state.refused != watched.refused {
            watched.refused = state.refused;
            watched.changed = Instant::now();
            if watched.returns.is_none() {
                watched.returns = Some(self.kernel.attach_returns()?);
                watched.config.results = 1;
                self.kernel.configure(watched.config)?;
            }
        } else if watched.changed.elapsed() > QUIET
            && let Some(link) = watched.returns.take()
        {
            watched.config.results = 0;
            self.kernel.configure(watched.config)?;
            self.kernel.detach_returns(link)?;
        }
        Ok(())
    }

    /// Reads how often what is settled was asked for, and when that last grew: the kernel side
    /// keeps no time of it.
    fn count_settled(&mut self, watched: &mut Watched) -> Result<(), TraceError> {
        let since = watched.since;
        for (capability, settled) in &mut watched.settled {
            let count = self.kernel.counted(settled_kind(*capability))?;
            if count != settled.count {
                (settled.count, settled.last_ns) = (count, now().saturating_sub(since));
            }
        }
        Ok(())
    }

    /// Follows processes that are there already, and those that they start meanwhile: looks until
    /// there is none that is not followed. How many were found.
    fn follow(
        &mut self,
        watched: &mut Watched,
        list: impl Fn() -> Result<BTreeSet<u32>, TraceError>,
        entry: Entry,
    ) -> Result<usize, TraceError> {
        let mut looked_at = BTreeSet::new();
        let mut looker = Looker::default();
        loop {
            let new: Vec<u32> = list()?.difference(&looked_at).copied().collect();
            if new.is_empty() {
                return Ok(watched.existing.len());
            }
            let looks = looker.at_all(new.iter().copied())?;
            for pid in new {
                looked_at.insert(pid);
                let Some(started) = existing::start_time(pid)? else { continue };
                let Some(look) = looks.get(&pid).filter(|look| entry.has_entered(look)) else {
                    continue;
                };
                let Some(image) = existing::image(pid, look)? else { continue };
                let id = EXISTING | watched.existing.len() as u32;
                let process = abi::Process {
                    image: id,
                    state: abi::COUNTS,
                    file: image.file,
                    user_namespace: match watched.config.user_namespace {
                        0 => look.user_namespace,
                        target => target,
                    },
                    forked: 0,
                    cgroup: image.cgroup_id,
                    mount_namespace: look.mount_namespace,
                    // Whoever runs already has come through its runtime.
                    level: 1,
                };
                // It may have executed meanwhile: then the kernel side knows it better.
                if self.kernel.follow(pid, &process)? {
                    // Or ended before it was followed, unseen: its number is somebody else's soon. An
                    // end that was seen has taken it out already.
                    if existing::start_time(pid)? != Some(started) && self.kernel.forget(pid)? {
                        looked_at.remove(&pid);
                        continue;
                    }
                    watched.existing.insert(id, image);
                }
            }
        }
    }
}

/// The kind of checks that a settled need is about: `kind_of()` of `bpf/check.h`.
fn settled_kind(capability: Capability) -> usize {
    usize::from(capability.number() & 63) * 12 + usize::from(abi::GRANTED | abi::OWN_CREDENTIALS)
}

/// `CLOCK_MONOTONIC`, the clock of `bpf_ktime_get_ns`, nanoseconds.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
