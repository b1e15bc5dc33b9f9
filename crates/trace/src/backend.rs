//! The ways in which the kernel lets capability checks be seen; which of them work here is found
//! out by trying, never by the kernel's version.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use aya::programs::ProgramError;
use aya::{Btf, BtfError, Ebpf, EbpfLoader};
use caps::{CapSet, Capability};

use crate::attach;
use crate::direct;
use crate::error::{TraceError, chain};
use crate::hooks::Hooks;
use crate::lockdown;
use crate::memlock;
use crate::options::Rooms;
use crate::preemption::Model;

/// Where the kernel's type information is.
pub const BTF: &str = "/sys/kernel/btf/vmlinux";

#[cfg(target_arch = "x86_64")]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!("bpf/captrace.x86_64.bpf.o"));
#[cfg(target_arch = "aarch64")]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!("bpf/captrace.arm64.bpf.o"));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static OBJECT: Option<&[u8]> = None;

/// A way of seeing capability checks. All give the same observations, but for the options of
/// `cap_capable` (whether the check is for the audit log), which a tracepoint does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The return from `cap_capable` by a BPF trampoline (Linux 5.5 and newer on x86, 6.4 on arm64;
    /// CONFIG_FUNCTION_TRACER). It tells the options.
    FExit,
    /// The tracepoint `capability:cap_capable` (commit d48da4d5ed7b, Linux 6.14), its arguments typed.
    TpBtf,
    /// The same tracepoint, its arguments as plain numbers.
    RawTp,
    /// The entry into `cap_capable` by a kprobe and the return by a kretprobe (CONFIG_KPROBES). It
    /// tells the options; it costs most, and the kernel may miss some, which are counted as lost, but for one case
    /// (`docs/kernels.md`). The kernel does not preempt its programs.
    Kprobe,
}

impl Backend {
    /// All, the preferred first where the kernel does not preempt their programs: what tells most, then
    /// what costs least. Where it may, those that miss nothing come first.
    pub const ALL: [Self; 4] = [Self::FExit, Self::TpBtf, Self::RawTp, Self::Kprobe];

    /// The word for it in a recording: `fexit`, `tp_btf`, `raw_tp`, `kprobe`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FExit => "fexit",
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
            Self::Kprobe => "kprobe",
        }
    }

    /// Whether it sees the options of `cap_capable`, where the kernel's has such a parameter.
    pub(crate) fn sees_options(self) -> bool {
        matches!(self, Self::FExit | Self::Kprobe)
    }

    /// The BPF programs that see the checks.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::FExit => &["check_fexit"],
            Self::TpBtf => &["check_tp_btf"],
            Self::RawTp => &["check_raw_tp"],
            Self::Kprobe => &["check_kprobe", "check_kretprobe"],
        }
    }
}

/// No backend has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no backend {word:?}; there are fexit, tp_btf, raw_tp and kprobe")]
pub struct ParseBackendError {
    word: String,
}

impl FromStr for Backend {
    type Err = ParseBackendError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == word)
            .ok_or_else(|| ParseBackendError { word: word.to_owned() })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One backend tried.
#[derive(Debug)]
pub struct Attempt {
    /// Which.
    pub backend: Backend,
    /// Whether it works, or why not.
    pub outcome: Result<(), Unavailable>,
    /// What it loses where the kernel preempts its programs, if it does.
    pub loses: Option<String>,
}

/// Why a backend does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The kernel has no such tracepoint.
    #[error("the kernel has no tracepoint cap_capable (Linux 6.14 and newer do)")]
    NoTracepoint,
    /// The kernel has no function that could be traced so.
    #[error("the kernel's type information has no function cap_capable")]
    NoFunction,
    /// The kernel puts no BPF program behind a function.
    #[error("the kernel has no BPF trampolines (on arm64 Linux 6.4 and newer do)")]
    NoTrampoline,
    /// The kernel has no kprobes.
    #[error("the kernel has no kprobes (CONFIG_KPROBES, CONFIG_KPROBE_EVENTS)")]
    NoKprobes,
    /// Whether this kernel shows all checks by it cannot be tried: that takes a check of this process's
    /// own, and the kernel side knows this process by another number.
    #[error("dropcap runs in a PID namespace of its own, and must not for this")]
    PidNamespace,
    /// perf_event_open(2) is for others.
    #[error(
        "perf_event_open is refused: kernel.perf_event_paranoid is {paranoid}, and with that \
         this kernel wants {wanted}"
    )]
    Perf {
        /// The setting.
        paranoid: i32,
        /// The capability that would do.
        wanted: Capability,
    },
    /// Lockdown forbids it ([`lockdown`]).
    #[error("BPF may not read kernel memory here, as the kernel is locked down (confidentiality)")]
    LockedDown,
    /// The kernel refused although the capabilities are there.
    #[error("the kernel refuses it ({source}){lockdown}")]
    Refused {
        /// What bpf(2) said.
        source: io::Error,
        /// `; lockdown is …` if that is on (kernel_lockdown(7)), else empty.
        lockdown: String,
    },
    /// Anything else, the verifier's complaint included.
    #[error("{0}")]
    Failed(String),
}

/// Tries every backend, loads and attaches it, and lets go of it again. For `doctor`.
///
/// # Errors
/// What is missing for all of them: BTF, privilege, an object for this architecture.
pub fn probe() -> Result<Vec<Attempt>, TraceError> {
    check_privilege()?;
    let mut ebpf = load_object(&Rooms::default())?;
    let btf = read_btf()?;
    let hooks = Hooks::attach(&mut ebpf)?;
    Ok(by_preference(&hooks)
        .into_iter()
        .map(|backend| {
            let outcome = attach(backend, &mut ebpf, &btf);
            // Two at once would count for one another.
            detach(backend, &mut ebpf);
            Attempt { backend, outcome, loses: loses(backend, &hooks) }
        })
        .collect())
}

/// The backends in the order in which they are tried.
pub(crate) fn by_preference(hooks: &Hooks) -> [Backend; 4] {
    let mut order = Backend::ALL;
    // As they are otherwise, among those that miss nothing and among those that do.
    order.sort_by_key(|backend| is_preempted(*backend, hooks));
    order
}

/// Whether the kernel may preempt a backend's programs, and skip them for other tasks meanwhile.
fn is_preempted(backend: Backend, hooks: &Hooks) -> bool {
    hooks.model != Model::Never
        && match backend {
            Backend::FExit => true,
            Backend::TpBtf | Backend::RawTp => hooks.raw_is_preempted,
            Backend::Kprobe => false,
        }
}

/// Whether the kernel skips programs that are in use while an operation on a map is preempted.
pub(crate) fn is_skipped_beside_maps(backend: Backend, hooks: &Hooks) -> bool {
    hooks.model != Model::Never && (backend == Backend::Kprobe || hooks.uses_perf())
}

/// What a backend loses on this kernel, in words.
pub(crate) fn loses(backend: Backend, hooks: &Hooks) -> Option<String> {
    let Model::Preempts(model) = &hooks.model else { return None };
    is_preempted(backend, hooks).then(|| {
        format!(
            "checks are lost under load, and counted: this kernel (preemption: {model}) may preempt \
             its program, and then skips it for other processes"
        )
    })
}

/// The capabilities that tracing needs and this process does not have.
///
/// `BPF` and `PERFMON`, or `SYS_ADMIN` for both (`bpf_capable`, `perfmon_capable` in
/// `include/linux/capability.h`).
///
/// # Errors
/// If `/proc` cannot be read.
pub fn missing_privilege() -> Result<CapSet, TraceError> {
    let own = sys::credentials::own_state()
        .map_err(TraceError::bpf("read this process's own capabilities"))?
        .effective;
    if own.contains(Capability::SYS_ADMIN) {
        return Ok(CapSet::EMPTY);
    }
    Ok([Capability::BPF, Capability::PERFMON].into_iter().filter(|c| !own.contains(*c)).collect())
}

/// # Errors
/// [`TraceError::NoPrivilege`].
pub(crate) fn check_privilege() -> Result<(), TraceError> {
    let missing = missing_privilege()?;
    if missing.is_empty() { Ok(()) } else { Err(TraceError::NoPrivilege { missing }) }
}

/// Reads and parses [`BTF`]. It takes some twenty megabytes for as long as it is held.
pub(crate) fn read_btf() -> Result<Btf, TraceError> {
    Btf::from_sys_fs().map_err(|error| match error {
        BtfError::FileError { path, error } => TraceError::NoBtf { path, source: error },
        other => TraceError::Bpf { what: format!("understand {BTF}"), source: other.into() },
    })
}

/// Makes the maps and relocates the programs; none is loaded yet.
///
/// The loader parses [`BTF`] for itself, whether it is given one or not, and lets go of it when this
/// returns: nobody holds another one meanwhile, or there would be two in memory.
pub(crate) fn load_object(rooms: &Rooms) -> Result<Ebpf, TraceError> {
    if let Err(source) = fs::File::open(BTF) {
        return Err(TraceError::NoBtf { path: BTF.into(), source });
    }
    let object = OBJECT.ok_or(TraceError::Architecture { architecture: std::env::consts::ARCH })?;
    let mut loader = EbpfLoader::new();
    for (map, room) in rooms.maps() {
        loader.map_max_entries(map, room);
    }
    let _raised = memlock::raise();
    loader.load(object).map_err(|error| {
        memlock::refused(&error).unwrap_or_else(|| TraceError::bpf("load the BPF object")(error))
    })
}

/// Loads and attaches the programs of a backend; none stays if one cannot.
pub(crate) fn attach(backend: Backend, ebpf: &mut Ebpf, btf: &Btf) -> Result<(), Unavailable> {
    let _raised = memlock::raise();
    let outcome = match backend {
        Backend::FExit => attach::fexit(ebpf, btf),
        Backend::TpBtf => attach::tp_btf(ebpf, btf),
        Backend::RawTp => attach::raw_tp(ebpf, "check_raw_tp", "cap_capable"),
        Backend::Kprobe => attach::kprobes(ebpf),
    };
    let outcome = outcome.map_err(|error| explain(backend, &error)).and_then(|()| {
        if backend.sees_options() { direct::attach(backend, ebpf, btf) } else { Ok(()) }
    });
    if outcome.is_err() {
        detach(backend, ebpf);
    }
    outcome
}

/// Detaches and unloads what [`attach`] did.
fn detach(backend: Backend, ebpf: &mut Ebpf) {
    let own = backend.programs().iter().map(|name| (*name).to_owned());
    for name in own.chain(direct::programs(backend)) {
        attach::unload(ebpf, &name);
    }
}

fn explain(backend: Backend, error: &ProgramError) -> Unavailable {
    if lockdown::forbids(error) {
        return Unavailable::LockedDown;
    }
    let io_error = match error {
        // The verifier says EACCES too, and then why.
        ProgramError::LoadError { verifier_log, .. } if !verifier_log.to_string().is_empty() => {
            return Unavailable::Failed(error.to_string());
        }
        ProgramError::LoadError { io_error, .. } => io_error,
        ProgramError::SyscallError(error) if error.call == "perf_event_open" => {
            match (paranoid(), error.io_error.kind()) {
                (Some(paranoid), io::ErrorKind::PermissionDenied) => {
                    return Unavailable::Perf { paranoid, wanted: wanted_for_perf(paranoid) };
                }
                _ => &error.io_error,
            }
        }
        ProgramError::SyscallError(error) => &error.io_error,
        ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }) if backend == Backend::FExit => {
            return Unavailable::NoFunction;
        }
        ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }) => {
            return Unavailable::NoTracepoint;
        }
        ProgramError::KProbeError(_) | ProgramError::IOError(_) if backend == Backend::Kprobe => {
            return Unavailable::NoKprobes;
        }
        other => return Unavailable::Failed(other.to_string()),
    };
    match io_error.kind() {
        // bpf_get_raw_tracepoint() did not find it.
        io::ErrorKind::NotFound if backend == Backend::RawTp => Unavailable::NoTracepoint,
        io::ErrorKind::NotFound if backend == Backend::Kprobe => Unavailable::NoKprobes,
        io::ErrorKind::PermissionDenied => {
            Unavailable::Refused { source: copy(io_error), lockdown: said_of_lockdown() }
        }
        _ if backend == Backend::FExit && io_error.raw_os_error() == Some(ENOTSUPP) => {
            Unavailable::NoTrampoline
        }
        _ => Unavailable::Failed(chain(error)),
    }
}

/// `include/linux/errno.h`: meant for the kernel alone, and no libc has a word for it.
const ENOTSUPP: i32 = 524;

fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// The setting `kernel.perf_event_paranoid` (Documentation/admin-guide/sysctl/kernel.rst).
fn paranoid() -> Option<i32> {
    fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// What perf_event_open(2) asks for: `perfmon_capable()`; from 3 on, which Debian, Ubuntu and Android
/// added, `capable(CAP_SYS_ADMIN)` before all else.
fn wanted_for_perf(paranoid: i32) -> Capability {
    if paranoid >= 3 { Capability::SYS_ADMIN } else { Capability::PERFMON }
}

/// Says that lockdown is on, if it is.
fn said_of_lockdown() -> String {
    let said = |mode| format!("; the kernel is locked down ({mode}, {})", lockdown::FILE);
    lockdown::mode().map(said).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_found_by_its_name() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
        }
        let error = "ftrace".parse::<Backend>().unwrap_err().to_string();
        assert_eq!(error, "no backend \"ftrace\"; there are fexit, tp_btf, raw_tp and kprobe");
    }

    #[test]
    fn a_kernel_without_trampolines_is_told() {
        let said = |backend, number| {
            let io_error = io::Error::from_raw_os_error(number);
            let call = "bpf_raw_tracepoint_open";
            let error = aya::sys::SyscallError { call, io_error };
            explain(backend, &ProgramError::SyscallError(error))
        };
        assert!(matches!(said(Backend::FExit, ENOTSUPP), Unavailable::NoTrampoline));
        assert!(matches!(said(Backend::TpBtf, ENOTSUPP), Unavailable::Failed(_)));
        assert!(matches!(said(Backend::FExit, 22), Unavailable::Failed(_)));
    }
}
