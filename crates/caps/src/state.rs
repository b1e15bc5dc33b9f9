//! The five capability sets of a thread.

use crate::CapSet;

/// The five sets of a thread, capabilities(7) "Thread capability sets", as `/proc/PID/status`
/// shows them (`CapBnd`, `CapPrm`, `CapEff`, `CapInh`, `CapAmb`).
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Default, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct CapState {
    /// What an `execve` can ever gain from a file or from being root.
    pub bounding: CapSet,
    /// What may be made effective.
    pub permitted: CapSet,
    /// What the kernel checks.
    pub effective: CapSet,
    /// What a file's inheritable set may turn into permitted.
    pub inheritable: CapSet,
    /// What survives `execve` of a plain program by a non-root user.
    pub ambient: CapSet,
}
