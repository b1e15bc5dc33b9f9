//! Who asked, and when, in a person's words.

use record::observation::{Observation, Recording};

use crate::words::printable;

/// The longest time after its first `execve` in which a program is still starting.
const START_NS: u64 = 10_000_000_000;

/// The process: the program's name, and `(main)` for the target's first process.
pub(crate) fn of(recording: &Recording, process: u32) -> String {
    let Some(known) = recording.processes.get(&process) else {
        return format!("process {process}");
    };
    let file = known.exe.as_deref().and_then(|exe| exe.rsplit('/').next()).unwrap_or_default();
    // The kernel cuts `comm` at 15 bytes; the file's name is whole. A script's `comm` is its own
    // name while the file is the interpreter's, and a program may rename itself.
    let name = if file.is_empty() || known.comm.is_empty() {
        if file.is_empty() { known.comm.as_str() } else { file }
    } else if file.starts_with(known.comm.as_str()) {
        file
    } else {
        known.comm.as_str()
    };
    let first = recording.processes.values().next().map(|p| p.pid);
    let name = printable(name);
    if first == Some(known.pid) { format!("{name} (main)") } else { name }
}

/// Whether this was seen only while the target was starting, and the target went on for at least
/// as long again without it.
pub(crate) fn at_start(recording: &Recording, observation: &Observation) -> bool {
    let settled = recording.settled.iter().filter(|s| s.capability == observation.capability);
    let last = settled.map(|s| s.last_ns).fold(observation.last_ns, u64::max);
    recording.start_seen
        && last <= START_NS
        && recording.duration_ns >= last.saturating_mul(2).max(1)
}
