//! What a refused check came to: a check denied is not yet a call failed.

use caps::CapSet;
use record::observation::Observation;

use crate::table::Outcome;

/// `EPERM` and `EACCES`, `include/uapi/asm-generic/errno-base.h`: what a call returns that failed
/// for want of a capability.
const PERMISSION: [i64; 2] = [-1, -13];
/// The last error number a system call returns, `include/linux/err.h`.
const MAX_ERRNO: i64 = 4095;

/// Calls that carry operations whose results are in a queue: io_uring_enter(2) returns how many it
/// took, io_submit(2) likewise.
const CARRIERS: [&str; 2] = ["io_uring_enter", "io_submit"];

/// What became of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The check was granted.
    None,
    /// The container has the capability; this process does not: `setuid(2)` away from root,
    /// `capset(2)`, or never root. More in the container's list would change nothing.
    GivenUp,
    /// The call succeeded.
    CallSucceeded,
    /// The call failed with `EPERM` or `EACCES`.
    CallFailed,
    /// How the call ended is not known, or does not tell.
    Unclear,
}

/// Of an observation, at a site where a refusal shows as `outcome` says, of a target that was given
/// this bounding set: what a process drops from its own later, it gave up.
pub(crate) fn of(observation: &Observation, outcome: Outcome, bounding: CapSet) -> Refusal {
    if observation.granted {
        return Refusal::None;
    }
    if observation.in_bounding == Some(true) || bounding.contains(observation.capability) {
        return Refusal::GivenUp;
    }
    let name = observation.syscall.as_ref().and_then(|syscall| syscall.name.as_deref());
    if name.is_some_and(|name| CARRIERS.contains(&name)) {
        return Refusal::Unclear;
    }
    match (observation.result, outcome) {
        (Some(result), _) if PERMISSION.contains(&result) => Refusal::CallFailed,
        (Some(result), Outcome::Call) if !(-MAX_ERRNO..0).contains(&result) => {
            Refusal::CallSucceeded
        }
        _ => Refusal::Unclear,
    }
}
