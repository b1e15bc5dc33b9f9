//! The ways in which the kernel lets capability checks be seen; which of them work here is found
//! out by trying, never by the kernel's version.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use aya::programs::{BtfTracePoint, ProgramError, RawTracePoint};
use aya::{Btf, BtfError, Ebpf, EbpfLoader};
use caps::{CapSet, Capability};

use crate::error::TraceError;
use crate::options::Rooms;

/// Where the kernel's type information is.
pub const BTF: &str = "/sys/kernel/btf/vmlinux";

#[cfg(target_arch = "x86_64")]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!("bpf/captrace.x86_64.bpf.o"));
#[cfg(not(target_arch = "x86_64"))]
static OBJECT: Option<&[u8]> = None;

/// A way of seeing capability checks. All give the same observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The tracepoint `capability:cap_capable` (commit d48da4d5ed7b, Linux 6.14), its arguments typed.
    TpBtf,
    /// The same tracepoint, its arguments as plain numbers.
    RawTp,
}

impl Backend {
    /// All, the preferred first.
    pub const ALL: [Self; 2] = [Self::TpBtf, Self::RawTp];

    /// The word for it in a recording: `tp_btf`, `raw_tp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
        }
    }

    /// The BPF program that sees the checks.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::TpBtf => "check_tp_btf",
            Self::RawTp => "check_raw_tp",
        }
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
}

/// Why a backend does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The kernel has no such tracepoint.
    #[error("the kernel has no tracepoint cap_capable (Linux 6.14 and newer do)")]
    NoTracepoint,
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
    Ok(Backend::ALL
        .into_iter()
        .map(|backend| Attempt { backend, outcome: attach(backend, &mut ebpf, &btf) })
        .collect())
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
    loader.load(object).map_err(TraceError::bpf("load the BPF object"))
}

/// Loads and attaches the program of a backend.
pub(crate) fn attach(backend: Backend, ebpf: &mut Ebpf, btf: &Btf) -> Result<(), Unavailable> {
    let outcome = match backend {
        Backend::TpBtf => attach_tp_btf(ebpf, btf),
        Backend::RawTp => attach_raw_tp(ebpf, backend.program(), "cap_capable"),
    };
    outcome.map_err(|error| explain(&error))
}

/// How often the kernel skipped a program because it ran on that CPU already; 0 if it is not
/// loaded. Linux 5.12 and newer count it (`bpf_prog_show_fdinfo`).
pub(crate) fn recursion_misses(ebpf: &Ebpf, program: &str) -> u64 {
    let fd = ebpf.program(program).and_then(|program| program.fd().ok());
    let text = fd
        .and_then(|fd| {
            fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).ok()
        })
        .unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok())
        .unwrap_or(0)
}

fn attach_tp_btf(ebpf: &mut Ebpf, btf: &Btf) -> Result<(), ProgramError> {
    let program: &mut BtfTracePoint = program(ebpf, Backend::TpBtf.program())?;
    load_again(|| program.load("cap_capable", btf))?;
    program.attach()?;
    Ok(())
}

/// Loads a raw tracepoint's program and attaches it.
pub(crate) fn attach_raw_tp(
    ebpf: &mut Ebpf,
    name: &str,
    tracepoint: &str,
) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program(ebpf, name)?;
    load_again(|| program.load())?;
    program.attach(tracepoint)?;
    Ok(())
}

/// How often a load is tried, as libbpf does (`PROG_LOAD_ATTEMPTS`).
const ATTEMPTS: usize = 5;

/// Loads; again if the kernel says EAGAIN: its verifier gives up when a signal is pending
/// (`do_check` of `kernel/bpf/verifier.c`).
fn load_again(load: impl FnMut() -> Result<(), ProgramError>) -> Result<(), ProgramError> {
    again_while(load, |error| {
        matches!(error, ProgramError::LoadError { io_error, .. }
            if io_error.kind() == io::ErrorKind::WouldBlock)
    })
}

fn again_while<E>(
    mut attempt: impl FnMut() -> Result<(), E>,
    passes: impl Fn(&E) -> bool,
) -> Result<(), E> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if passes(&error) => {}
            done => return done,
        }
    }
    attempt()
}

/// A program of the object by its name.
pub(crate) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, ProgramError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.to_owned() })?
        .try_into()
}

fn explain(error: &ProgramError) -> Unavailable {
    let io_error = match error {
        // The verifier says EACCES too, and then why.
        ProgramError::LoadError { verifier_log, .. } if !verifier_log.to_string().is_empty() => {
            return Unavailable::Failed(error.to_string());
        }
        ProgramError::LoadError { io_error, .. } => io_error,
        ProgramError::SyscallError(error) => &error.io_error,
        ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }) => {
            return Unavailable::NoTracepoint;
        }
        other => return Unavailable::Failed(other.to_string()),
    };
    match io_error.kind() {
        // bpf_get_raw_tracepoint() did not find it.
        io::ErrorKind::NotFound => Unavailable::NoTracepoint,
        io::ErrorKind::PermissionDenied => {
            let source = io_error
                .raw_os_error()
                .map_or_else(|| io_error.kind().into(), io::Error::from_raw_os_error);
            Unavailable::Refused { source, lockdown: lockdown() }
        }
        _ => Unavailable::Failed(error.to_string()),
    }
}

/// Says that lockdown is on: in its confidentiality mode BPF may not read kernel memory.
fn lockdown() -> String {
    let file = Path::new("/sys/kernel/security/lockdown");
    let text = fs::read_to_string(file).unwrap_or_default();
    match text.split(['[', ']']).nth(1) {
        None | Some("none") => String::new(),
        Some(mode) => format!("; the kernel is locked down ({mode}, {})", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_not_for_ever() {
        // It passes after two; it does not; it is of another kind.
        for (kind, failures, calls, done) in
            [("passes", 2, 3, true), ("passes", 99, ATTEMPTS, false), ("stays", 99, 1, false)]
        {
            let mut called = 0;
            let attempt = || {
                called += 1;
                if called > failures { Ok(()) } else { Err(kind) }
            };
            let outcome = again_while(attempt, |kind| *kind == "passes");
            assert_eq!((called, outcome.is_ok()), (calls, done), "{kind}");
        }
    }
}
