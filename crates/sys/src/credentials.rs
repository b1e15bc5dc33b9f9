//! The credentials of a process: what this one has, and the steps that change them.
//!
//! What applies a change runs in a forked child, where nothing may allocate; see `process`.

use std::fs;
use std::io;

use caps::{CapSet, CapState, Capability, Ids, Securebits};
use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use rustix::thread::{Gid, Uid};

/// The calling thread's five sets: capget(2), and one prctl(2) a capability for the bounding and
/// the ambient set, so that it works without `/proc`.
///
/// # Errors
/// What the kernel says; capget of oneself does not fail on a kernel that has capabilities.
pub fn own_state() -> io::Result<CapState> {
    let sets = thread::capabilities(None)?;
    let mut state = CapState {
        permitted: CapSet::from_bits(sets.permitted.bits()),
        effective: CapSet::from_bits(sets.effective.bits()),
        inheritable: CapSet::from_bits(sets.inheritable.bits()),
        ..CapState::default()
    };
    for capability in (0..64).filter_map(Capability::from_number) {
        // EINVAL above the kernel's last capability, capabilities(7).
        match thread::capability_is_in_bounding_set(one(capability)) {
            Ok(true) => state.bounding.insert(capability),
            Ok(false) => {}
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
        // Kernels before 4.3 have no ambient set: EINVAL, and nothing in it.
        if thread::capability_is_in_ambient_set(one(capability)).unwrap_or(false) {
            state.ambient.insert(capability);
        }
    }
    Ok(state)
}

/// The highest capability this kernel has, `/proc/sys/kernel/cap_last_cap`; asked of prctl(2)
/// where that cannot be read.
#[must_use]
pub fn last_capability() -> Capability {
    let written = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .and_then(Capability::from_number);
    written.unwrap_or_else(|| {
        (0..64)
            .filter_map(Capability::from_number)
            .take_while(|c| thread::capability_is_in_bounding_set(one(*c)).is_ok())
            .last()
            .unwrap_or(Capability::LAST_KNOWN)
    })
}

/// The calling thread's securebits, `linux/securebits.h`, with bits newer than this program.
///
/// # Errors
/// What prctl(2) says; it does not fail on a kernel that has capabilities.
pub fn own_securebits() -> io::Result<Securebits> {
    // SAFETY: PR_GET_SECUREBITS takes no argument and returns the bits.
    let bits = unsafe { libc::prctl(libc::PR_GET_SECUREBITS) };
    if bits < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(Securebits::from_bits(bits.cast_unsigned()))
    }
}

/// The calling process's effective user and group ID.
#[must_use]
pub fn own_user() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// The real, effective and saved user and group IDs of the calling process.
///
/// # Errors
/// None that the kernel documents for valid pointers, getresuid(2).
pub fn own_ids() -> io::Result<(Ids, Ids)> {
    let (mut r, mut e, mut s) = (0, 0, 0);
    // SAFETY: three valid pointers to u32, which the call fills.
    let done = unsafe { libc::getresuid(&raw mut r, &raw mut e, &raw mut s) };
    let user = Ids::new(r, e, s);
    // SAFETY: likewise.
    let also = unsafe { libc::getresgid(&raw mut r, &raw mut e, &raw mut s) };
    if done != 0 || also != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((user, Ids::new(r, e, s)))
}

/// The supplementary groups of the calling process, sorted.
///
/// # Errors
/// None that the kernel documents, getgroups(2).
pub fn own_groups() -> io::Result<Vec<u32>> {
    let groups = rustix::process::getgroups()?;
    let mut groups: Vec<u32> = groups.into_iter().map(|group| group.as_raw()).collect();
    groups.sort_unstable();
    Ok(groups)
}

/// Credentials a child is to have before its `execve`.
#[derive(Debug, Clone)]
pub struct Change {
    /// User IDs; `None` keeps them. The file system's ID follows the effective one, setresuid(2).
    pub uid: Option<Ids>,
    /// Group IDs; `None` keeps them.
    pub gid: Option<Ids>,
    /// Supplementary groups; `None` keeps them.
    pub groups: Option<Vec<u32>>,
    /// The five sets, all of them exactly.
    pub state: CapState,
    /// Securebits; `None` keeps them.
    pub securebits: Option<Securebits>,
    /// Whether to set no_new_privs; it cannot be taken back.
    pub no_new_privs: bool,
}

/// Where a [`Change`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// dup2(2) onto standard input, output or error.
    Stdio,
    /// setpgid(2).
    ProcessGroup,
    /// chdir(2).
    WorkingDirectory,
    /// `PR_SET_KEEPCAPS`.
    KeepCaps,
    /// setgroups(2).
    Groups,
    /// setresgid(2).
    GroupId,
    /// setresuid(2).
    UserId,
    /// capset(2) with the inheritable set, everything permitted still there.
    Inheritable,
    /// `PR_CAP_AMBIENT_CLEAR_ALL`.
    AmbientClear,
    /// `PR_CAP_AMBIENT_RAISE`.
    AmbientRaise,
    /// `PR_CAPBSET_DROP`.
    BoundingDrop,
    /// `PR_SET_SECUREBITS`.
    SecureBits,
    /// capset(2) with the sets asked for.
    Capset,
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivs,
    /// `PR_SET_PDEATHSIG`.
    DeathSignal,
    /// Reading `/proc/thread-self/status`.
    ReadBack,
    /// execve(2).
    Exec,
}

impl Step {
    /// All of them, in the order of their numbers.
    const ALL: [Step; 17] = [
        Step::Stdio,
        Step::ProcessGroup,
        Step::WorkingDirectory,
        Step::KeepCaps,
        Step::Groups,
        Step::GroupId,
        Step::UserId,
        Step::Inheritable,
        Step::AmbientClear,
        Step::AmbientRaise,
        Step::BoundingDrop,
        Step::SecureBits,
        Step::Capset,
        Step::NoNewPrivs,
        Step::DeathSignal,
        Step::ReadBack,
        Step::Exec,
    ];

    /// By number, as a child reports it.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What it does, for "cannot …".
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Step::Stdio => "connect standard input and output",
            Step::ProcessGroup => "make a process group",
            Step::WorkingDirectory => "enter the working directory",
            Step::KeepCaps => "keep capabilities over the change of user",
            Step::Groups => "set the supplementary groups",
            Step::GroupId => "set the group",
            Step::UserId => "set the user",
            Step::Inheritable => "set the inheritable capabilities",
            Step::AmbientClear => "clear the ambient capabilities",
            Step::AmbientRaise => "raise an ambient capability",
            Step::BoundingDrop => "take a capability out of the bounding set",
            Step::SecureBits => "set the securebits",
            Step::Capset => "set the permitted and effective capabilities",
            Step::NoNewPrivs => "set no_new_privs",
            Step::DeathSignal => "tie the process to its parent",
            Step::ReadBack => "read the sets back from /proc/thread-self/status",
            Step::Exec => "execute the program",
        })
    }
}

/// A step that the kernel refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) step: Step,
    /// The capability's number, the PATH entry's index, or 0.
    pub(crate) detail: u32,
    pub(crate) errno: i32,
}

impl Refused {
    pub(crate) fn at(step: Step) -> impl Fn(Errno) -> Refused {
        move |errno| Refused { step, detail: 0, errno: errno.raw_os_error() }
    }

    fn with(step: Step, capability: Capability) -> impl Fn(Errno) -> Refused {
        move |errno| Refused {
            step,
            detail: u32::from(capability.number()),
            errno: errno.raw_os_error(),
        }
    }
}

/// [`Change`], made ready before the fork: nothing in it needs to be converted, hence allocated.
#[derive(Debug)]
pub(crate) struct Prepared {
    uid: Option<Ids>,
    gid: Option<Ids>,
    groups: Option<Vec<Gid>>,
    state: CapState,
    securebits: Option<Securebits>,
    no_new_privs: bool,
}

impl From<&Change> for Prepared {
    fn from(change: &Change) -> Self {
        Self {
            uid: change.uid,
            gid: change.gid,
            groups: change.groups.as_ref().map(|g| g.iter().map(|g| Gid::from_raw(*g)).collect()),
            state: change.state,
            securebits: change.securebits,
            no_new_privs: change.no_new_privs,
        }
    }
}

impl Prepared {
    /// Does it, to the calling thread. Allocates nothing: it runs between fork and exec.
    ///
    /// The order: user while everything is still permitted, kept over the change by keep-caps, as
    /// runc's `finalizeNamespace` does (`libcontainer/init_linux.go`); then what SETPCAP is needed
    /// for; the permitted and effective sets last. A runtime drops the bounding set first; doing it
    /// later ends in the same sets and reaches some more (inheritable outside the bounding set).
    pub(crate) fn apply(&self) -> Result<(), Refused> {
        let keep_caps = self.change_user()?;
        let sets = thread::capabilities(None).map_err(Refused::at(Step::Inheritable))?;
        let all = CapabilitySets {
            effective: sets.permitted,
            permitted: sets.permitted,
            inheritable: set(self.state.inheritable),
        };
        thread::set_capabilities(None, all).map_err(Refused::at(Step::Inheritable))?;
        self.set_ambient()?;
        for capability in (0..64).filter_map(Capability::from_number) {
            match thread::capability_is_in_bounding_set(one(capability)) {
                Ok(true) if !self.state.bounding.contains(capability) => {
                    thread::remove_capability_from_bounding_set(one(capability))
                        .map_err(Refused::with(Step::BoundingDrop, capability))?;
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        match self.securebits {
            Some(bits) => set_securebits(bits)?,
            None if keep_caps => {
                thread::set_keep_capabilities(false).map_err(Refused::at(Step::KeepCaps))?;
            }
            None => {}
        }
        let asked = CapabilitySets {
            effective: set(self.state.effective),
            permitted: set(self.state.permitted),
            inheritable: set(self.state.inheritable),
        };
        thread::set_capabilities(None, asked).map_err(Refused::at(Step::Capset))?;
        if self.no_new_privs {
            thread::set_no_new_privs(true).map_err(Refused::at(Step::NoNewPrivs))?;
        }
        Ok(())
    }

    /// Groups first: without its user IDs the process could not change them. Returns whether
    /// keep-caps was set here.
    fn change_user(&self) -> Result<bool, Refused> {
        if (self.uid.is_some() || self.gid.is_some() || self.groups.is_some())
            && let Ok(sets) = thread::capabilities(None)
        {
            // What is permitted may be used; a failure shows at the call that needed it.
            let _ = thread::set_capabilities(
                None,
                CapabilitySets { effective: sets.permitted, ..sets },
            );
        }
        let keep_caps = self.uid.is_some()
            && !thread::get_keep_capabilities().map_err(Refused::at(Step::KeepCaps))?;
        if keep_caps {
            thread::set_keep_capabilities(true).map_err(Refused::at(Step::KeepCaps))?;
        }
        if let Some(groups) = &self.groups {
            thread::set_thread_groups(groups).map_err(Refused::at(Step::Groups))?;
        }
        if let Some(Ids { real, effective, saved, .. }) = self.gid {
            let [real, effective, saved] = [real, effective, saved].map(Gid::from_raw);
            thread::set_thread_res_gid(real, effective, saved)
                .map_err(Refused::at(Step::GroupId))?;
        }
        if let Some(Ids { real, effective, saved, .. }) = self.uid {
            let [real, effective, saved] = [real, effective, saved].map(Uid::from_raw);
            thread::set_thread_res_uid(real, effective, saved)
                .map_err(Refused::at(Step::UserId))?;
        }
        Ok(keep_caps)
    }

    fn set_ambient(&self) -> Result<(), Refused> {
        match thread::clear_ambient_capability_set() {
            Ok(()) => {}
            // A kernel without ambient sets, before 4.3, has nothing to clear.
            Err(Errno::INVAL) if self.state.ambient.is_empty() => {}
            Err(errno) => return Err(Refused::at(Step::AmbientClear)(errno)),
        }
        for capability in self.state.ambient {
            thread::configure_capability_in_ambient_set(one(capability), true)
                .map_err(Refused::with(Step::AmbientRaise, capability))?;
        }
        Ok(())
    }
}

fn set_securebits(bits: Securebits) -> Result<(), Refused> {
    // SAFETY: PR_SET_SECUREBITS takes the bits as its one argument; no pointer is involved.
    let done = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, libc::c_ulong::from(bits.bits())) };
    if done == 0 { Ok(()) } else { Err(Refused::at(Step::SecureBits)(last_errno())) }
}

/// `errno` as rustix has it.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn set(caps: CapSet) -> CapabilitySet {
    CapabilitySet::from_bits_retain(caps.bits())
}

fn one(capability: Capability) -> CapabilitySet {
    CapabilitySet::from_bits_retain(1 << capability.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_sets_are_those_of_proc() {
        let text = fs::read_to_string("/proc/thread-self/status").unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap();
            CapSet::from_bits(u64::from_str_radix(line.trim(), 16).unwrap())
        };
        let proc = CapState {
            bounding: field("CapBnd:"),
            permitted: field("CapPrm:"),
            effective: field("CapEff:"),
            inheritable: field("CapInh:"),
            ambient: field("CapAmb:"),
        };
        assert_eq!(own_state().unwrap(), proc);
    }

    #[test]
    fn steps_have_their_numbers() {
        for (number, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, number);
            assert_eq!(Step::from_number(number as u8), Some(*step));
        }
        assert_eq!(Step::from_number(Step::ALL.len() as u8), None);
    }
}
