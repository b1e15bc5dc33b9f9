//! The kernel side's maps and programs, by their names.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;

use aya::maps::{Array, HashMap as BpfMap, Map, MapData, MapError, PerCpuArray, PerCpuValues};
use aya::programs::RawTracePoint;
use aya::{Ebpf, Pod};

use crate::abi::{self, Config, KINDS, KINDS_ROOM, State};
use crate::attach;
use crate::backend::{self, Backend};
use crate::btf;
use crate::direct;
use crate::error::TraceError;
use crate::hooks::{Hooks, Returns};
use crate::open::Open;
use crate::recording::Maps;
use crate::symbols::Symbols;
use crate::syscalls;

/// `BPF_NOEXIST`.
const NOEXIST: u64 = 1;

/// What is loaded. Dropped, it leaves no program, map or link behind.
#[derive(Debug)]
pub(crate) struct Kernel {
    ebpf: Ebpf,
    backend: Backend,
    hooks: Hooks,
    /// Whether the backend sees the options of `cap_capable`, and this kernel's has them.
    opts_known: bool,
    /// The kernel's functions, once they had to be asked for.
    symbols: Option<Symbols>,
    /// What was missed when the maps were emptied last: the kernel's own counters only grow.
    missed_before: Missed,
}

impl Kernel {
    /// Fills the table of system calls; `backend` and `hooks` are attached already.
    pub fn prepare(ebpf: Ebpf, backend: Backend, hooks: Hooks) -> Result<Self, TraceError> {
        let opts_known = backend.sees_options() && btf::cap_capable_has_opts();
        let missed_before = Missed::default();
        let mut this = Self { ebpf, backend, hooks, opts_known, symbols: None, missed_before };
        let mut shapes = this.array::<abi::Shape>("shapes")?;
        for (index, shape) in syscalls::shapes() {
            shapes.set(index, shape, 0).map_err(TraceError::bpf("write the map shapes"))?;
        }
        Ok(this)
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// [`crate::Tracer::loses`].
    pub fn loses(&self) -> Option<String> {
        backend::loses(self.backend, &self.hooks)
    }

    pub fn configure(&mut self, config: Config) -> Result<(), TraceError> {
        let config = Config {
            opts_known: self.opts_known.into(),
            mmap_min_addr: direct::mmap_min_addr(),
            ..config
        };
        let mut map = self.array::<Config>(".data.config")?;
        map.set(0, config, 0).map_err(TraceError::bpf("write the map .data.config"))
    }

    pub fn state(&mut self) -> Result<State, TraceError> {
        let map = self.array::<State>(".bss")?;
        map.get(&0, 0).map_err(TraceError::bpf("read the map .bss"))
    }

    /// Says which kinds of checks are settled.
    pub fn settle(&mut self, kinds: &[bool; KINDS_ROOM]) -> Result<(), TraceError> {
        let mut map = self.array::<[u8; KINDS_ROOM]>(".data.settled")?;
        map.set(0, kinds.map(u8::from), 0).map_err(TraceError::bpf("write the map .data.settled"))
    }

    /// How many checks of a kind were only counted, because it was settled.
    pub fn counted(&mut self, kind: usize) -> Result<u64, TraceError> {
        let totals = self.per_cpu("totals")?;
        sum(&totals, KINDS + kind)
    }

    /// Attaches the program that sees checks to another tracepoint.
    pub fn also_on(&mut self, tracepoint: &str) -> Result<(), TraceError> {
        let attach = |ebpf: &mut Ebpf| {
            let program: &mut RawTracePoint = attach::program(ebpf, "check_raw_tp")?;
            program.attach(tracepoint).map(drop)
        };
        attach(&mut self.ebpf)
            .map_err(TraceError::bpf(format!("attach to the tracepoint {tracepoint}")))
    }

    /// Looks at what system calls return, from now on.
    pub fn attach_returns(&mut self) -> Result<Returns, TraceError> {
        self.forget_open_calls()?;
        let attached = self.hooks.attach_returns(&mut self.ebpf);
        attached.map_err(TraceError::bpf("attach to the tracepoint sys_exit"))
    }

    /// Stops that.
    pub fn detach_returns(&mut self, link: Returns) -> Result<(), TraceError> {
        let detached = self.hooks.detach_returns(&mut self.ebpf, link);
        detached.map_err(TraceError::bpf("detach from the tracepoint sys_exit"))?;
        self.forget_open_calls()
    }

    /// What is still open will return, or has returned, unseen; a later return is not its. The kernel side
    /// opens none meanwhile, but for one whose check it is looking at just now: so it is done before returns
    /// are looked at again, too.
    fn forget_open_calls(&mut self) -> Result<(), TraceError> {
        let mut pending = self.hash::<u32, abi::Pending>("pendings")?;
        let open: Vec<u32> = pending.keys().filter_map(Result::ok).collect();
        for thread in open {
            let _ = pending.remove(&thread);
        }
        let mut count = self.array::<u32>(".data.open_calls")?;
        count.set(0, 0, 0).map_err(TraceError::bpf("write the map .data.open_calls"))
    }

    /// Everything that was seen.
    pub fn read(&mut self) -> Result<Maps, TraceError> {
        // Read last, what was lost before is in the state; the totals are needed only then.
        let mut maps = Maps {
            tallies: self.entries("tallies")?,
            failures: self.entries("failures")?,
            helpers: self.entries("helpers")?,
            images: self
                .entries::<abi::ImageKey, abi::Image>("images")?
                .into_iter()
                .map(|(_, image)| image)
                .collect(),
            exits: self.entries("exits")?.into_iter().collect(),
            runtimes: self.entries::<u32, u32>("runtimes")?.into_iter().map(|(id, _)| id).collect(),
            stacks: self.entries("stacks")?.into_iter().collect(),
            symbols: self.entries("symbols")?.into_iter().collect(),
            totals: Vec::new(),
            missed: self.missed().since(self.missed_before),
            living: 0,
            state: self.state()?,
        };
        if maps.state.lost_checks > 0 {
            let totals = self.per_cpu("totals")?;
            maps.totals = (0..KINDS).map(|kind| sum(&totals, kind)).collect::<Result<_, _>>()?;
        }
        self.name(&mut maps.symbols);
        maps.leave_out_runtimes();
        Ok(maps)
    }

    /// Names the functions that the kernel side could not name itself (before 5.13).
    fn name(&mut self, symbols: &mut HashMap<u64, abi::Symbol>) {
        if !symbols.values().any(|symbol| symbol.name[0] == 0) {
            return;
        }
        let known = self.symbols.get_or_insert_with(Symbols::read);
        symbols.retain(|address, symbol| {
            // A return address may lie behind the end of a function that does not return.
            symbol.name[0] != 0 || known.name(address - 1).is_some_and(|name| symbol.set(name))
        });
    }

    /// The processes of the target that run now, by their IDs on the node.
    pub fn living(&mut self) -> Result<Vec<u32>, TraceError> {
        let processes = self.entries::<u32, abi::Process>("processes")?;
        Ok(processes.into_iter().map(|(pid, _)| pid).collect())
    }

    /// Follows a process; whether it was not followed yet.
    pub fn follow(&mut self, pid: u32, process: &abi::Process) -> Result<bool, TraceError> {
        self.insert_new("processes", &pid, process)
    }

    /// Follows a process no longer; whether it was followed.
    pub fn forget(&mut self, pid: u32) -> Result<bool, TraceError> {
        let mut map = self.hash::<u32, abi::Process>("processes")?;
        remove(&mut map, &pid).map_err(TraceError::bpf("write the map processes"))
    }

    /// Runs of programs that the kernel skipped, because they ran on that CPU already.
    fn missed(&self) -> Missed {
        let of = |program: &str| attach::recursion_misses(&self.ebpf, program);
        let all = |programs: &[&str]| programs.iter().map(|program| of(program)).sum::<u64>();
        Missed {
            checks: all(self.backend.programs())
                + direct::programs(self.backend).map(|program| of(&program)).sum::<u64>(),
            processes: all(&self.hooks.programs()),
            returns: of(self.hooks.returns_program()),
        }
    }

    /// Forgets all that was seen. What the kernel's stacks and functions are, and where the return
    /// addresses of a stack lie (`bpf/memory.h`), stays: it is true of every target.
    pub fn empty(&mut self) -> Result<(), TraceError> {
        self.remove_all::<u32, abi::Process>("processes")?;
        self.remove_all::<abi::ImageKey, abi::Image>("images")?;
        self.remove_all::<u32, u32>("ended")?;
        self.remove_all::<u32, abi::Exit>("exits")?;
        self.remove_all::<u32, u32>("runtimes")?;
        self.remove_all::<abi::Key, abi::Tally>("tallies")?;
        self.remove_all::<u32, abi::Pending>("pendings")?;
        self.remove_all::<abi::CallKey, abi::Tally>("failures")?;
        self.remove_all::<abi::CallKey, abi::Tally>("helpers")?;
        self.settle(&[false; KINDS_ROOM])?;
        zero(&mut *self.per_cpu("totals")?).map_err(TraceError::bpf("write the map totals"))?;
        self.missed_before = self.missed();
        let mut state = self.array::<State>(".bss")?;
        state.set(0, State::default(), 0).map_err(TraceError::bpf("write the map .bss"))
    }

    fn remove_all<K: Pod, V: Pod>(&mut self, name: &str) -> Result<(), TraceError> {
        let mut map = self.hash::<K, V>(name)?;
        let keys: Result<Vec<K>, MapError> = map.keys().collect();
        keys.and_then(|keys| keys.iter().try_for_each(|key| remove(&mut map, key).map(drop)))
            .map_err(TraceError::bpf(format!("empty the map {name}")))
    }

    fn array<V: Pod>(&mut self, name: &str) -> Result<Open<Array<&mut MapData, V>>, TraceError> {
        self.open(name)
    }

    fn per_cpu(&mut self, name: &str) -> Result<Open<PerCpuArray<&mut MapData, u64>>, TraceError> {
        self.open(name)
    }

    fn hash<K: Pod, V: Pod>(
        &mut self,
        name: &str,
    ) -> Result<Open<BpfMap<&mut MapData, K, V>>, TraceError> {
        self.open(name)
    }

    /// Every use of a map is one that the kernel may skip programs for ([`crate::open`]).
    fn open<'a, M>(&'a mut self, name: &str) -> Result<Open<M>, TraceError>
    where
        M: TryFrom<&'a mut Map, Error = MapError>,
    {
        let may_be_preempted = backend::is_skipped_beside_maps(self.backend, &self.hooks);
        let map = self.ebpf.map_mut(name).ok_or(MapError::ElementNotFound);
        let map = map.and_then(M::try_from);
        let map = map.map_err(TraceError::bpf(format!("open the map {name}")))?;
        Ok(Open::new(map, may_be_preempted))
    }

    fn entries<K: Pod, V: Pod>(&mut self, name: &str) -> Result<Vec<(K, V)>, TraceError> {
        self.hash::<K, V>(name)?
            .iter()
            .collect::<Result<_, _>>()
            .map_err(TraceError::bpf(format!("read the map {name}")))
    }

    /// Whether it was not there yet.
    fn insert_new<K: Pod + Eq + Hash, V: Pod>(
        &mut self,
        name: &str,
        key: &K,
        value: &V,
    ) -> Result<bool, TraceError> {
        let mut map = self.hash::<K, V>(name)?;
        match map.insert(key, value, NOEXIST) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == io::ErrorKind::AlreadyExists =>
            {
                Ok(false)
            }
            Err(error) => Err(TraceError::bpf(format!("write the map {name}"))(error)),
        }
    }
}

/// Runs of programs that the kernel skipped.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Missed {
    pub checks: u64,
    pub processes: u64,
    pub returns: u64,
}

impl Missed {
    fn since(self, before: Self) -> Self {
        Self {
            checks: self.checks.saturating_sub(before.checks),
            processes: self.processes.saturating_sub(before.processes),
            returns: self.returns.saturating_sub(before.returns),
        }
    }
}

/// What all CPUs counted.
fn sum(totals: &PerCpuArray<&mut MapData, u64>, index: usize) -> Result<u64, TraceError> {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let values = totals.get(&index, 0).map_err(TraceError::bpf("read the map totals"))?;
    Ok(values.iter().sum())
}

/// Removes an entry; whether it was there. One that was listed a moment ago need not be: a process may be ending on
/// another CPU, and of a map that keeps what was used last the kernel lets go of others to make room.
fn remove<K: Pod, V: Pod>(map: &mut BpfMap<&mut MapData, K, V>, key: &K) -> Result<bool, MapError> {
    match map.remove(key) {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Sets what is not zero to zero.
fn zero(totals: &mut PerCpuArray<&mut MapData, u64>) -> Result<(), MapError> {
    for index in 0..totals.len() {
        let counted = totals.get(&index, 0)?;
        if counted.iter().any(|count| *count != 0) {
            totals.set(index, PerCpuValues::try_from(vec![0; counted.len()])?, 0)?;
        }
    }
    Ok(())
}
