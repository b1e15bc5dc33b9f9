//! Loading and attaching programs, one function for each kind.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use aya::programs::{
    BtfTracePoint, FEntry, FExit, KProbe, Program, ProgramError, RawTracePoint, TracePoint,
};
use aya::{Btf, Ebpf};

/// The function of the kernel that answers every capability check (`security/commoncap.c`).
const CHECK: &str = "cap_capable";

pub(crate) fn fexit(ebpf: &mut Ebpf, btf: &Btf) -> Result<(), ProgramError> {
    let program: &mut FExit = program(ebpf, "check_fexit")?;
    load_again(|| program.load(CHECK, btf))?;
    program.attach()?;
    Ok(())
}

pub(crate) fn tp_btf(ebpf: &mut Ebpf, btf: &Btf) -> Result<(), ProgramError> {
    let program: &mut BtfTracePoint = program(ebpf, "check_tp_btf")?;
    load_again(|| program.load(CHECK, btf))?;
    program.attach()?;
    Ok(())
}

/// Loads a raw tracepoint's program and attaches it.
pub(crate) fn raw_tp(ebpf: &mut Ebpf, name: &str, tracepoint: &str) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program(ebpf, name)?;
    load_again(|| program.load())?;
    program.attach(tracepoint)?;
    Ok(())
}

/// Loads the program of one of perf's tracepoints and attaches it.
pub(crate) fn perf_tracepoint(
    ebpf: &mut Ebpf,
    name: &str,
    category: &str,
    tracepoint: &str,
) -> Result<(), ProgramError> {
    let program: &mut TracePoint = program(ebpf, name)?;
    load_again(|| program.load())?;
    program.attach(category, tracepoint)?;
    Ok(())
}

/// The return first: of two probes of one function the later one sees its entry first
/// (`add_new_kprobe` of `kernel/kprobes.c`), and the entry has to be seen before the return address on
/// the stack is another.
pub(crate) fn kprobes(ebpf: &mut Ebpf) -> Result<(), ProgramError> {
    kprobe(ebpf, "check_kretprobe", CHECK)?;
    kprobe(ebpf, "check_kprobe", CHECK)
}

/// Loads a kprobe's or kretprobe's program and attaches it to a function.
pub(crate) fn kprobe(ebpf: &mut Ebpf, name: &str, function: &str) -> Result<(), ProgramError> {
    let program: &mut KProbe = program(ebpf, name)?;
    load_again(|| program.load())?;
    program.attach(function, 0)?;
    Ok(())
}

/// Loads a program for the entry into a function and attaches it.
pub(crate) fn fentry(
    ebpf: &mut Ebpf,
    name: &str,
    function: &str,
    btf: &Btf,
) -> Result<(), ProgramError> {
    let program: &mut FEntry = program(ebpf, name)?;
    load_again(|| program.load(function, btf))?;
    program.attach()?;
    Ok(())
}

/// Detaches and unloads a program, if it is loaded.
pub(crate) fn unload(ebpf: &mut Ebpf, name: &str) {
    // What was not loaded says so: that is as well.
    let _ = match ebpf.program_mut(name) {
        Some(Program::BtfTracePoint(program)) => program.unload(),
        Some(Program::FEntry(program)) => program.unload(),
        Some(Program::FExit(program)) => program.unload(),
        Some(Program::KProbe(program)) => program.unload(),
        Some(Program::RawTracePoint(program)) => program.unload(),
        Some(Program::TracePoint(program)) => program.unload(),
        _ => Ok(()),
    };
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
