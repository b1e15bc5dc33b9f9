//! What tells of forks, executions, ends and returns: the kernel's raw tracepoints, or perf's where the
//! kernel may preempt the programs of those (`bpf/processes.h`).

use aya::Ebpf;
use aya::maps::{Array, MapData, MapError};
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::trace_point::TracePointLinkId;
use aya::programs::{ProgramError, RawTracePoint, TracePoint};

use crate::abi::State;
use crate::attach;
use crate::error::TraceError;
use crate::lockdown;
use crate::memlock;
use crate::preemption::Model;

/// Programs and raw tracepoints, the one that is tried out first.
const RAW: [(&str, &str); 3] = [
    ("on_fork", "sched_process_fork"),
    ("on_exec", "sched_process_exec"),
    ("on_exit", "sched_process_exit"),
];

/// Programs and perf's tracepoints.
const PERF: [(&str, (&str, &str)); 3] = [
    ("on_fork_perf", ("task", "task_newtask")),
    ("on_exec_perf", ("sched", "sched_process_exec")),
    ("on_exit_perf", ("sched", "sched_process_exit")),
];

/// Which are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Raw,
    Perf,
}

/// The hooks on processes, attached.
#[derive(Debug)]
pub(crate) struct Hooks {
    kind: Kind,
    /// Whether the program of a raw tracepoint may be preempted.
    pub raw_is_preempted: bool,
    pub model: Model,
}

/// The hook on returning system calls, while it is attached.
#[derive(Debug)]
pub(crate) enum Returns {
    Raw(RawTracePointLinkId),
    Perf(TracePointLinkId),
}

impl Hooks {
    /// Attaches those that miss nothing, if there are such.
    ///
    /// # Errors
    /// What bpf(2) says of the raw ones, [`TraceError::LockedDown`] for one. Where perf's are refused, the raw ones do; what the kernel skips of
    /// them is counted.
    pub fn attach(ebpf: &mut Ebpf) -> Result<Self, TraceError> {
        let _raised = memlock::raise();
        let model = Model::of_kernel();
        let raw = |ebpf: &mut Ebpf, hooks: &[(&str, &str)]| {
            hooks.iter().try_for_each(|(program, tracepoint)| {
                attach::raw_tp(ebpf, program, tracepoint)
                    .map_err(|e| lockdown::or(e, format!("attach to the tracepoint {tracepoint}")))
            })
        };
        raw(ebpf, &RAW[..1])?;
        let raw_is_preempted = model != Model::Never && is_only_pinned(ebpf)?;
        let kind = if raw_is_preempted && perf(ebpf) { Kind::Perf } else { Kind::Raw };
        match kind {
            Kind::Raw => raw(ebpf, &RAW[1..])?,
            Kind::Perf => attach::unload(ebpf, RAW[0].0),
        }
        Ok(Self { kind, raw_is_preempted, model })
    }

    /// Whether perf's tracepoints are in use.
    pub fn uses_perf(&self) -> bool {
        self.kind == Kind::Perf
    }

    /// The programs in use that see processes.
    pub fn programs(&self) -> [&'static str; 3] {
        match self.kind {
            Kind::Raw => RAW.map(|(program, _)| program),
            Kind::Perf => PERF.map(|(program, _)| program),
        }
    }

    /// The program that sees returns.
    pub fn returns_program(&self) -> &'static str {
        match self.kind {
            Kind::Raw => "on_return",
            Kind::Perf => "on_return_perf",
        }
    }

    /// Looks at what system calls return, from now on.
    pub fn attach_returns(&self, ebpf: &mut Ebpf) -> Result<Returns, ProgramError> {
        let _raised = memlock::raise();
        let loaded = |loaded| match loaded {
            Err(ProgramError::AlreadyLoaded) => Ok(()),
            other => other,
        };
        match self.kind {
            Kind::Raw => {
                let program: &mut RawTracePoint = attach::program(ebpf, self.returns_program())?;
                loaded(program.load())?;
                program.attach("sys_exit").map(Returns::Raw)
            }
            Kind::Perf => {
                let program: &mut TracePoint = attach::program(ebpf, self.returns_program())?;
                loaded(program.load())?;
                program.attach("raw_syscalls", "sys_exit").map(Returns::Perf)
            }
        }
    }

    /// Stops that.
    pub fn detach_returns(&self, ebpf: &mut Ebpf, link: Returns) -> Result<(), ProgramError> {
        match link {
            Returns::Raw(link) => {
                let program: &mut RawTracePoint = attach::program(ebpf, "on_return")?;
                program.detach(link)
            }
            Returns::Perf(link) => {
                let program: &mut TracePoint = attach::program(ebpf, "on_return_perf")?;
                program.detach(link)
            }
        }
    }
}

/// Attaches perf's, all or none; whether they are.
fn perf(ebpf: &mut Ebpf) -> bool {
    let all = PERF.iter().try_for_each(|(program, (category, tracepoint))| {
        attach::perf_tracepoint(ebpf, program, category, tracepoint)
    });
    if all.is_err() {
        PERF.iter().for_each(|(program, _)| attach::unload(ebpf, program));
    }
    all.is_ok()
}

/// Whether the kernel only keeps the program of a raw tracepoint from moving to another CPU: makes a
/// thread, which that on forks sees.
fn is_only_pinned(ebpf: &mut Ebpf) -> Result<bool, TraceError> {
    let failed = |error: MapError| TraceError::bpf("read the map .bss")(error);
    // Whether it can be made or not, others are made all the time.
    let _ = std::thread::Builder::new().spawn(|| {}).map(std::thread::JoinHandle::join);
    let map = ebpf.map_mut(".bss").ok_or(MapError::ElementNotFound).map_err(failed)?;
    let map: Array<&mut MapData, State> = map.try_into().map_err(failed)?;
    Ok(map.get(&0, 0).map_err(failed)?.preemptible != 0)
}
