//! Checks that no probe of `cap_capable` sees, because the compiler copied it into its callers
//! (`bpf/direct.h`): whether there are such is tried, and what shows them is attached.

use std::io;
use std::process;

use aya::maps::{Array, HashMap as BpfMap, MapData, MapError, PerCpuArray};
use aya::{Btf, Ebpf};
use caps::Capability;

use crate::abi::{self, KINDS, KINDS_ROOM};
use crate::attach;
use crate::backend::{Backend, Unavailable};

/// A function of `security/commoncap.c` that asks for a capability itself.
struct Function {
    name: &'static str,
    /// The beginning of its programs' names: `capset_fentry`, `capset_kprobe`.
    program: &'static str,
    capability: Capability,
    /// Makes it ask, and changes nothing.
    act: fn(),
}

const FUNCTIONS: [Function; 4] = [
    Function {
        name: "cap_capset",
        program: "capset",
        capability: Capability::SETPCAP,
        act: keep_capabilities,
    },
    Function {
        name: "cap_task_prctl",
        program: "prctl",
        capability: Capability::SETPCAP,
        act: keep_securebits,
    },
    Function {
        name: "cap_mmap_addr",
        program: "mmap_addr",
        capability: Capability::SYS_RAWIO,
        act: || drop(sys::memory::try_lowest_page()),
    },
    Function {
        name: "cap_vm_enough_memory",
        program: "memory",
        capability: Capability::SYS_ADMIN,
        act: || drop(sys::memory::try_writable_page()),
    },
];

impl Function {
    fn program(&self, backend: Backend) -> String {
        let kind = if backend == Backend::FExit { "fentry" } else { "kprobe" };
        format!("{}_{kind}", self.program)
    }
}

/// The names of the programs that may be attached beside a backend's.
pub(crate) fn programs(backend: Backend) -> impl Iterator<Item = String> {
    FUNCTIONS.iter().map(move |function| function.program(backend))
}

/// How often each is tried: more often than this process asks for the same otherwise meanwhile, by
/// bpf(2) or for its memory.
const TIMES: u64 = 16;

/// Tries each function, and attaches to those whose question was not seen. The backend is attached.
pub(crate) fn attach(backend: Backend, ebpf: &mut Ebpf, btf: &Btf) -> Result<(), Unavailable> {
    let failed = |error: MapError| Unavailable::Failed(error.to_string());
    let unseen = unseen(ebpf).map_err(failed)?.ok_or(Unavailable::PidNamespace)?;
    for function in unseen {
        let program = function.program(backend);
        let attached = match backend {
            Backend::FExit => attach::fentry(ebpf, &program, function.name, btf),
            _ => attach::kprobe(ebpf, &program, function.name),
        };
        attached.map_err(|error| {
            Unavailable::Failed(format!("{} cannot be watched: {error}", function.name))
        })?;
    }
    Ok(())
}

/// The functions whose question was not seen; `None` if not even this process's own checks are.
fn unseen(ebpf: &mut Ebpf) -> Result<Option<Vec<&'static Function>>, MapError> {
    // All is settled: only counted, nothing else is kept.
    settle(ebpf, 1)?;
    follow(ebpf, true)?;
    let mut seen = |capability, act: fn()| -> Result<bool, MapError> {
        let before = count(ebpf, capability)?;
        (0..TIMES).for_each(|_| act());
        Ok(count(ebpf, capability)? - before >= TIMES)
    };
    let mut unseen = Vec::new();
    // One that is asked by way of security_capable().
    let own = seen(Capability::SYS_ADMIN, name_host_too_long)?;
    if own {
        for function in &FUNCTIONS {
            let asks = function.capability != Capability::SYS_RAWIO || mmap_min_addr() > 0;
            if asks && !seen(function.capability, function.act)? {
                unseen.push(function);
            }
        }
    }
    follow(ebpf, false)?;
    settle(ebpf, 0)?;
    Ok(own.then_some(unseen))
}

/// Below this address, mapping asks for `SYS_RAWIO` (`vm.mmap_min_addr`).
pub(crate) fn mmap_min_addr() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/vm/mmap_min_addr").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// sethostname(2) with a name longer than any asks for `SYS_ADMIN` first, and fails.
fn name_host_too_long() {
    let _ = rustix::system::sethostname(&[b'x'; 65]);
}

fn keep_capabilities() {
    if let Ok(sets) = rustix::thread::capabilities(None) {
        let _ = rustix::thread::set_capabilities(None, sets);
    }
}

fn keep_securebits() {
    if let Ok(bits) = rustix::thread::capabilities_secure_bits() {
        let _ = rustix::thread::set_capabilities_secure_bits(bits);
    }
}

/// Follows this process, or no more.
fn follow(ebpf: &mut Ebpf, follow: bool) -> Result<(), MapError> {
    let map = ebpf.map_mut("processes").ok_or(MapError::ElementNotFound)?;
    let mut processes: BpfMap<&mut MapData, u32, abi::Process> = map.try_into()?;
    if !follow {
        return match processes.remove(&process::id()) {
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == io::ErrorKind::NotFound =>
            {
                Ok(())
            }
            done => done,
        };
    }
    let process = abi::Process {
        image: 0,
        state: abi::COUNTS,
        file: 0,
        user_namespace: 0,
        forked: 0,
        cgroup: 0,
        mount_namespace: 0,
        level: 0,
    };
    processes.insert(process::id(), process, 0)
}

fn settle(ebpf: &mut Ebpf, value: u8) -> Result<(), MapError> {
    let map = ebpf.map_mut(".data.settled").ok_or(MapError::ElementNotFound)?;
    let mut settled: Array<&mut MapData, [u8; KINDS_ROOM]> = map.try_into()?;
    settled.set(0, [value; KINDS_ROOM], 0)
}

fn totals(ebpf: &mut Ebpf) -> Result<PerCpuArray<&mut MapData, u64>, MapError> {
    ebpf.map_mut("totals").ok_or(MapError::ElementNotFound)?.try_into()
}

/// How many checks of a capability were counted.
fn count(ebpf: &mut Ebpf, capability: Capability) -> Result<u64, MapError> {
    let totals = totals(ebpf)?;
    let first = KINDS as u32 + 12 * u32::from(capability.number() & 63);
    (first..first + 12).map(|kind| Ok(totals.get(&kind, 0)?.iter().sum::<u64>())).sum()
}
