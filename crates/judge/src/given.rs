//! What a process was given to start with.

use caps::CapSet;
use record::observation::Recording;

/// The most that a process of the target could ever have: the bounding set of the first process that
/// was seen in the same cgroup. What is not in its own any more it gave up. Another cgroup may be
/// another container, which was given something else.
pub(crate) fn bounding(recording: &Recording, process: u32) -> CapSet {
    let Some(asking) = recording.processes.get(&process) else { return CapSet::EMPTY };
    let mut same = recording.processes.values().filter(|p| p.cgroup == asking.cgroup);
    same.find_map(|first| first.bounding).unwrap_or(CapSet::EMPTY)
}
