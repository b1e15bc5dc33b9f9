//! A process, as far as its privilege goes: ids, capability sets, securebits, user namespace.

use crate::{CapSet, CapState, Securebits};

/// The uids or gids of a thread, credentials(7), in the order of `Uid:` and `Gid:` in
/// `/proc/PID/status`, as numbers of the thread's own user namespace.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Default, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Ids {
    /// Who started it.
    pub real: u32,
    /// Whom it acts as.
    pub effective: u32,
    /// Whom it may go back to.
    pub saved: u32,
    /// Whom the filesystem sees; follows the effective id unless `setfsuid(2)` was called.
    pub filesystem: u32,
}

impl Ids {
    /// All four the same.
    #[must_use]
    pub const fn all(id: u32) -> Self {
        Self { real: id, effective: id, saved: id, filesystem: id }
    }

    /// As `setresuid(2)` and `setresgid(2)` leave them.
    #[must_use]
    pub const fn new(real: u32, effective: u32, saved: u32) -> Self {
        Self { real, effective, saved, filesystem: effective }
    }
}

/// A user namespace, as far as file capabilities look at it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct UserNamespace {
    /// The uids, in the initial user namespace, that are uid 0 in this one and in each of its
    /// ancestors; one in which 0 is not mapped adds none. The initial one: `[0]`.
    pub roots: Vec<u32>,
}

impl Default for UserNamespace {
    fn default() -> Self {
        Self { roots: vec![0] }
    }
}

impl UserNamespace {
    /// A child of the initial user namespace whose uid 0 is `root` outside (`uid_map`: `0 root N`).
    #[must_use]
    pub fn with_root(root: u32) -> Self {
        Self { roots: vec![root, 0] }
    }
}

/// All that decides what a thread is after `execve`.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Process {
    /// User ids.
    pub uid: Ids,
    /// Group ids.
    pub gid: Ids,
    /// Supplementary groups. Since Linux 6.17 set-gid to one of them is not a change of identity.
    pub groups: Vec<u32>,
    /// The five capability sets.
    pub caps: CapState,
    /// How special uid 0 is.
    pub securebits: Securebits,
    /// `prctl(PR_SET_NO_NEW_PRIVS)`, `allowPrivilegeEscalation: false`.
    pub no_new_privs: bool,
    /// Whether another process shares its working directory and root (`clone(CLONE_FS)`,
    /// `LSM_UNSAFE_SHARE`). Threads of the same process do not count.
    pub shares_fs: bool,
    /// Whether a tracer without CAP_SYS_PTRACE is attached (`ptracer_capable()` is false).
    pub traced_by_unprivileged: bool,
    /// Its user namespace.
    pub namespace: UserNamespace,
}

impl Process {
    /// A process of one user and group without supplementary groups, securebits or no_new_privs.
    #[must_use]
    pub fn new(uid: u32, gid: u32, caps: CapState) -> Self {
        Self { uid: Ids::all(uid), gid: Ids::all(gid), caps, ..Self::default() }
    }

    /// The ids after `setresuid(real, effective, saved)` that succeeded, with what
    /// `cap_emulate_setxuid()` in `security/commoncap.c` does to the sets: leaving uid 0 with all
    /// three clears permitted and effective (permitted stays with [`Securebits::KEEP_CAPS`]) and
    /// always ambient; leaving it with the effective uid clears effective; coming back to it makes
    /// all permitted effective. [`Securebits::NO_SETUID_FIXUP`] turns all of it off.
    #[must_use]
    pub fn set_uids(&self, real: u32, effective: u32, saved: u32) -> Self {
        let mut new = self.clone();
        new.uid = Ids::new(real, effective, saved);
        if self.securebits.contains(Securebits::NO_SETUID_FIXUP) {
            return new;
        }
        let any_root = |ids: &Ids| ids.real == 0 || ids.effective == 0 || ids.saved == 0;
        if any_root(&self.uid) && !any_root(&new.uid) {
            if !self.securebits.contains(Securebits::KEEP_CAPS) {
                new.caps.permitted = CapSet::EMPTY;
                new.caps.effective = CapSet::EMPTY;
            }
            new.caps.ambient = CapSet::EMPTY;
        }
        match (self.uid.effective == 0, new.uid.effective == 0) {
            (true, false) => new.caps.effective = CapSet::EMPTY,
            (false, true) => new.caps.effective = new.caps.permitted,
            _ => {}
        }
        new
    }
}
