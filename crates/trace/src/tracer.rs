//! The tracer: loads the kernel side, tells it what to watch, and reads what it saw.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::hash::Hash;
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use aya::maps::{Array, HashMap as BpfMap, MapData};
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, Pod};
use record::observation::{Exit, Recording};
use rustix::time::{ClockId, clock_gettime};
use sys::namespace::INITIAL_PID_NAMESPACE;
use sys::procfs::Procfs;

use crate::abi::{self, Config, State};
use crate::backend::{self, Attempt, Backend};
use crate::error::TraceError;
use crate::recording::{self, Frame, Maps};
use crate::scope::{Entry, Place, Scope};
use crate::{existing, syscalls};

/// How long no new kind of refused check must have been seen before the returns of system calls
/// are no longer looked at.
const QUIET: Duration = Duration::from_secs(5);
/// `BPF_NOEXIST`.
const NOEXIST: u64 = 1;
/// Images of processes that were there before: numbers the kernel side does not give.
const EXISTING: u32 = 1 << 31;

/// How to trace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// This backend only; else the first that works.
    pub backend: Option<Backend>,
    /// When the returns of refused calls are recorded.
    pub results: Results,
    /// How many kinds of checks are kept apart; `None` for 16384. What finds no room keeps its
    /// capability and its count, and loses its call site ([`record::observation::Lost::checks`]).
    pub room: Option<u32>,
}

/// When the returns of system calls with a refused check are recorded. Meanwhile every system call
/// of the machine takes the kernel's slow path (`SYSCALL_WORK_SYSCALL_TRACEPOINT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Results {
    /// From the start, until five seconds have passed without a new kind of refused check; again
    /// once there is one. Needs [`Tracer::poll`] to be called.
    #[default]
    WhileNew,
    /// All the time.
    Always,
    /// Never.
    Never,
}

/// How far the target has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether a first `execve` of the target was seen.
    pub started: bool,
    /// How its first process ended, if it has.
    pub exit: Option<Exit>,
    /// Whether the returns of refused calls are being recorded.
    pub results: bool,
}

/// The loaded kernel side. Dropped, it leaves no program, map or link behind.
#[derive(Debug)]
pub struct Tracer {
    ebpf: Ebpf,
    backend: Backend,
    results: Results,
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
    returns: Option<RawTracePointLinkId>,
    refused: u32,
    changed: Instant,
}

impl Tracer {
    /// Loads the programs and attaches them; they watch nothing yet.
    ///
    /// # Errors
    /// [`TraceError`]: what is missing on this machine, and how to get it.
    pub fn load(options: Options) -> Result<Self, TraceError> {
        backend::check_privilege()?;
        let btf = backend::read_btf()?;
        let mut ebpf = backend::load_object(&btf, options.room)?;
        let wanted: Vec<Backend> =
            options.backend.map_or_else(|| Backend::ALL.to_vec(), |backend| vec![backend]);
        let mut attempts = Vec::new();
        for backend in wanted {
            match backend::attach(backend, &mut ebpf, &btf) {
                Ok(()) => {
                    let mut tracer =
                        Self { ebpf, backend, results: options.results, watched: None };
                    tracer.prepare()?;
                    return Ok(tracer);
                }
                Err(why) => attempts.push(Attempt { backend, outcome: Err(why) }),
            }
        }
        Err(TraceError::NoBackend { attempts })
    }

    /// The backend in use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
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
            config: configure(&scope)?,
            start_seen: true,
            existing: HashMap::new(),
            since: now(),
            returns: None,
            refused: 0,
            changed: Instant::now(),
            scope,
        };
        if self.results != Results::Never {
            watched.returns = Some(self.attach_returns()?);
            watched.config.results = 1;
        }
        self.configure(watched.config)?;
        match watched.scope.place.clone() {
            Place::Tree { pid, held: true } => {
                let process = abi::Process { image: 0, state: abi::AWAITS_EXEC, file: 0 };
                self.insert("processes", &pid, &process)?;
            }
            Place::Tree { pid, held: false } => {
                watched.start_seen = false;
                self.follow(&mut watched, || existing::tree(pid), |_| true)?;
            }
            Place::Cgroup { folder, entry, .. } => {
                let seen = self.follow(
                    &mut watched,
                    || existing::in_cgroup(&folder),
                    |p| entry.has_entered(p),
                )?;
                watched.start_seen = seen == 0;
            }
        }
        self.watched = Some(watched);
        Ok(())
    }

    /// To be called now and then, about every 100 ms: decides whether the returns of refused calls
    /// are still looked at, and says how far the target is.
    ///
    /// # Errors
    /// [`TraceError::NotWatching`], and what bpf(2) says.
    pub fn poll(&mut self) -> Result<Progress, TraceError> {
        let state = self.state()?;
        let mut watched = self.watched.take().ok_or(TraceError::NotWatching)?;
        let adjusted = self.adjust(&mut watched, &state);
        let results = watched.returns.is_some();
        self.watched = Some(watched);
        adjusted?;
        Ok(Progress { started: state.started_ns != 0, exit: recording::exit(&state), results })
    }

    /// The processes of the target that run now, by their IDs on the node.
    ///
    /// # Errors
    /// What bpf(2) says.
    pub fn living(&mut self) -> Result<Vec<u32>, TraceError> {
        Ok(self
            .entries::<u32, abi::Process>("processes")?
            .into_iter()
            .map(|(pid, _)| pid)
            .collect())
    }

    /// What was seen so far.
    ///
    /// # Errors
    /// [`TraceError::NotWatching`], and what bpf(2) says.
    pub fn snapshot(&mut self) -> Result<Recording, TraceError> {
        let maps = self.read()?;
        let watched = self.watched.as_ref().ok_or(TraceError::NotWatching)?;
        Ok(recording::build(
            &maps,
            &Frame {
                target: &watched.scope.target,
                backend: self.backend,
                start_seen: watched.start_seen,
                since: watched.since,
                until: now(),
                existing: &watched.existing,
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

    /// Loads what every backend needs and fills the table of system calls.
    fn prepare(&mut self) -> Result<(), TraceError> {
        for (program, tracepoint) in [
            ("on_fork", "sched_process_fork"),
            ("on_exec", "sched_process_exec"),
            ("on_exit", "sched_process_exit"),
        ] {
            backend::attach_raw_tp(&mut self.ebpf, program, tracepoint)
                .map_err(TraceError::bpf(format!("attach to the tracepoint {tracepoint}")))?;
        }
        let mut shapes: Array<&mut MapData, abi::Shape> = self.array("shapes")?;
        for (index, shape) in syscalls::shapes() {
            shapes.set(index, shape, 0).map_err(TraceError::bpf("write the map shapes"))?;
        }
        Ok(())
    }

    fn attach_returns(&mut self) -> Result<RawTracePointLinkId, TraceError> {
        let attach = |ebpf: &mut Ebpf| {
            let program: &mut RawTracePoint = backend::program(ebpf, "on_return")?;
            match program.load() {
                Ok(()) | Err(ProgramError::AlreadyLoaded) => program.attach("sys_exit"),
                Err(error) => Err(error),
            }
        };
        attach(&mut self.ebpf).map_err(TraceError::bpf("attach to the tracepoint sys_exit"))
    }

    /// Attaches or detaches the hook on returning system calls.
    fn adjust(&mut self, watched: &mut Watched, state: &State) -> Result<(), TraceError> {
        if self.results != Results::WhileNew {
            return Ok(());
        }
        if state.refused != watched.refused {
            watched.refused = state.refused;
            watched.changed = Instant::now();
            if watched.returns.is_none() {
                watched.returns = Some(self.attach_returns()?);
                watched.config.results = 1;
                self.configure(watched.config)?;
            }
        } else if watched.changed.elapsed() > QUIET
            && let Some(link) = watched.returns.take()
        {
            watched.config.results = 0;
            self.configure(watched.config)?;
            let program: &mut RawTracePoint = backend::program(&mut self.ebpf, "on_return")
                .map_err(TraceError::bpf("find the program on_return"))?;
            program.detach(link).map_err(TraceError::bpf("detach from the tracepoint sys_exit"))?;
            // What is still open will return unseen; a later return is not its.
            let mut pending: BpfMap<_, u32, abi::Pending> = self.hash("pendings")?;
            let open: Vec<u32> = pending.keys().filter_map(Result::ok).collect();
            for thread in open {
                let _ = pending.remove(&thread);
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
        belongs: impl Fn(u32) -> bool,
    ) -> Result<usize, TraceError> {
        let mut looked_at = BTreeSet::new();
        loop {
            let new: Vec<u32> = list()?.difference(&looked_at).copied().collect();
            if new.is_empty() {
                return Ok(watched.existing.len());
            }
            for pid in new {
                looked_at.insert(pid);
                let Some(image) = existing::image(pid).filter(|_| belongs(pid)) else { continue };
                let id = EXISTING | watched.existing.len() as u32;
                let process = abi::Process { image: id, state: abi::COUNTS, file: image.file };
                // It may have executed meanwhile: then the kernel side knows it better.
                if self.insert_new("processes", &pid, &process)? {
                    watched.existing.insert(id, image);
                }
            }
        }
    }

    fn configure(&mut self, config: Config) -> Result<(), TraceError> {
        let mut map: Array<&mut MapData, Config> = self.array(".data.config")?;
        map.set(0, config, 0).map_err(TraceError::bpf("write the map .data.config"))
    }

    fn state(&mut self) -> Result<State, TraceError> {
        let map: Array<&mut MapData, State> = self.array(".bss")?;
        map.get(&0, 0).map_err(TraceError::bpf("read the map .bss"))
    }

    fn read(&mut self) -> Result<Maps, TraceError> {
        // Read last, what was lost before is in it; the totals are needed only then.
        let mut maps = Maps {
            tallies: self.entries("tallies")?,
            images: self
                .entries::<abi::ImageKey, abi::Image>("images")?
                .into_iter()
                .map(|(_, image)| image)
                .collect(),
            stacks: self.entries("stacks")?.into_iter().collect(),
            symbols: self.entries("symbols")?.into_iter().collect(),
            totals: Vec::new(),
            missed: self.missed(),
            living: u32::try_from(self.living()?.len()).unwrap_or(u32::MAX),
            state: self.state()?,
        };
        if maps.state.lost_checks > 0 {
            let totals: Array<&mut MapData, u64> = self.array("totals")?;
            maps.totals = totals
                .iter()
                .collect::<Result<_, _>>()
                .map_err(TraceError::bpf("read the map totals"))?;
        }
        Ok(maps)
    }

    /// Runs of the check's program that the kernel skipped, because it ran on that CPU already.
    fn missed(&mut self) -> u64 {
        let fd = backend::check_program_fd(self.backend, &mut self.ebpf);
        let text = fd.map(|fd| fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())));
        let text = text.and_then(Result::ok).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok())
            .unwrap_or(0)
    }

    fn array<V: Pod>(&mut self, name: &str) -> Result<Array<&mut MapData, V>, TraceError> {
        let map = self.ebpf.map_mut(name).ok_or(aya::maps::MapError::ElementNotFound);
        map.and_then(Array::try_from).map_err(TraceError::bpf(format!("open the map {name}")))
    }

    fn hash<K: Pod, V: Pod>(
        &mut self,
        name: &str,
    ) -> Result<BpfMap<&mut MapData, K, V>, TraceError> {
        let map = self.ebpf.map_mut(name).ok_or(aya::maps::MapError::ElementNotFound);
        map.and_then(BpfMap::try_from).map_err(TraceError::bpf(format!("open the map {name}")))
    }

    fn entries<K: Pod, V: Pod>(&mut self, name: &str) -> Result<Vec<(K, V)>, TraceError> {
        self.hash::<K, V>(name)?
            .iter()
            .collect::<Result<_, _>>()
            .map_err(TraceError::bpf(format!("read the map {name}")))
    }

    fn insert<K: Pod, V: Pod>(&mut self, name: &str, key: &K, value: &V) -> Result<(), TraceError> {
        let mut map: BpfMap<_, K, V> = self.hash(name)?;
        map.insert(key, value, 0).map_err(TraceError::bpf(format!("write the map {name}")))
    }

    /// Whether it was not there yet.
    fn insert_new<K: Pod + Eq + Hash, V: Pod>(
        &mut self,
        name: &str,
        key: &K,
        value: &V,
    ) -> Result<bool, TraceError> {
        let mut map: BpfMap<_, K, V> = self.hash(name)?;
        match map.insert(key, value, NOEXIST) {
            Ok(()) => Ok(true),
            Err(aya::maps::MapError::SyscallError(error))
                if error.io_error.kind() == io::ErrorKind::AlreadyExists =>
            {
                Ok(false)
            }
            Err(error) => Err(TraceError::bpf(format!("write the map {name}"))(error)),
        }
    }
}

/// What the kernel side is told about a scope.
fn configure(scope: &Scope) -> Result<Config, TraceError> {
    let procfs = Procfs::new();
    let user_namespace =
        |pid| procfs.namespaces(pid).user.and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0);
    let mut config = Config {
        mode: abi::MODE_TREE,
        entry: abi::ENTRY_ANY,
        cgroup: 0,
        cgroup_level: 0,
        mount_namespace: 0,
        user_namespace: 0,
        results: 0,
        first_process: 0,
        unused: 0,
    };
    match &scope.place {
        Place::Tree { pid, .. } => {
            let own = procfs.namespaces(std::process::id()).pid;
            if own.is_some_and(|own| own != INITIAL_PID_NAMESPACE) {
                return Err(TraceError::PidNamespace);
            }
            if !procfs.folder(*pid).exists() {
                return Err(TraceError::NoProcess { pid: *pid });
            }
            config.first_process = *pid;
            config.user_namespace = user_namespace(*pid);
        }
        Place::Cgroup { folder, level, entry, first } => {
            config.mode = abi::MODE_CGROUP;
            config.cgroup = sys::cgroup::id(folder)
                .map_err(TraceError::io(format!("look at {}", folder.display())))?;
            config.cgroup_level = *level;
            (config.entry, config.mount_namespace) = Entry::to_config(*entry);
            config.first_process = first.unwrap_or(0);
            config.user_namespace = first.map_or(0, user_namespace);
        }
    }
    Ok(config)
}

/// `CLOCK_MONOTONIC`, the clock of `bpf_ktime_get_ns`, nanoseconds.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
