//! What `execve` makes of a process's ids and capabilities, as a pure function.

use crate::{CapSet, CapState, Capability, FileCaps, Ids, Process, Securebits};

/// A program file, as far as `execve` takes privilege from it. Whether the process may execute it
/// at all (mode, `noexec`, an LSM) is not asked here.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct ExecFile {
    /// Owner, as a uid of the process's user namespace, through an idmapped mount if it is one.
    pub uid: u32,
    /// Group, likewise.
    pub gid: u32,
    /// Mode bits as `st_mode` has them; 04000, 02000 and 00010 are looked at.
    pub mode: u32,
    /// Whether the mount gives no privilege, `mnt_may_suid()` in `fs/namespace.c`: it is `nosuid`, or
    /// of another mount namespace, or its filesystem was mounted in a user namespace that the
    /// process is not in.
    pub nosuid: bool,
    /// Whether owner or group has no number in the process's user namespace; set-id is ignored then.
    pub unmapped: bool,
    /// Its file capabilities.
    pub caps: Option<FileCaps>,
    /// For a script (`#!`) its interpreter, and for a file of another binary format the program
    /// binfmt_misc names: that file's owner, mode and capabilities count, and the script's never do.
    /// A binfmt_misc entry with the flag `C` counts the file itself: leave this `None`.
    pub interpreter: Option<Box<ExecFile>>,
}

impl ExecFile {
    /// A plain program: mode 0755, owned by root, no capabilities.
    #[must_use]
    pub fn plain() -> Self {
        Self { mode: 0o755, ..Self::default() }
    }

    /// This script under an interpreter.
    #[must_use]
    pub fn script(self, interpreter: ExecFile) -> Self {
        Self { interpreter: Some(Box::new(interpreter)), ..self }
    }

    /// The file whose owner, mode and capabilities count (`bprm->file` when
    /// `bprm_creds_from_file()` runs).
    #[must_use]
    pub fn privileged_file(&self) -> &ExecFile {
        let mut file = self;
        while let Some(interpreter) = &file.interpreter {
            file = interpreter;
        }
        file
    }

    /// The ids after `bprm_fill_uid()` in `fs/exec.c`.
    fn effective_ids(&self, process: &Process) -> (u32, u32) {
        let (mut uid, mut gid) = (process.uid.effective, process.gid.effective);
        if self.nosuid || process.no_new_privs || self.unmapped {
            return (uid, gid);
        }
        if self.mode & 0o4000 != 0 {
            uid = self.uid;
        }
        // Without the group's execute bit, set-gid is a leftover of mandatory locking.
        if self.mode & 0o2010 == 0o2010 {
            gid = self.gid;
        }
        (uid, gid)
    }

    /// The file capabilities that count for this process (`get_file_caps()` and
    /// `get_vfs_caps_from_disk()`), cut to what the kernel knows (`CAP_VALID_MASK`).
    fn effective_caps(&self, process: &Process, kernel: Kernel) -> Option<FileCaps> {
        let caps = self.caps?;
        if self.nosuid || !process.namespace.roots.contains(&caps.rootid()) {
            return None;
        }
        let known = CapSet::up_to(kernel.last_capability);
        Some(FileCaps {
            permitted: caps.permitted & known,
            inheritable: caps.inheritable & known,
            ..caps
        })
    }
}

/// What differs between kernels in this transition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Kernel {
    /// Its last capability (`/proc/sys/kernel/cap_last_cap`).
    pub last_capability: Capability,
    /// What it calls a set-id `execve`, the one that clears ambient.
    pub set_id: SetIdRule,
}

/// When `cap_bprm_creds_from_file()` sees a set-id `execve`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum SetIdRule {
    /// Before Linux 6.17 (`is_setid`): the new effective id differs from the old *real* one. A
    /// process whose real and effective ids differ loses ambient at every `execve`.
    DiffersFromReal,
    /// From Linux 6.17 (`id_changed`; commit 337490f0007f "exec: Correct the permission check for unsafe exec"): the
    /// effective uid changes, or the new effective gid is not among the process's groups.
    Changes,
}

impl Kernel {
    /// Linux 6.17 and 6.18.
    pub const CURRENT: Kernel =
        Kernel { last_capability: Capability::LAST_KNOWN, set_id: SetIdRule::Changes };

    /// Linux 5.9 to 6.16.
    pub const BEFORE_6_17: Kernel =
        Kernel { last_capability: Capability::LAST_KNOWN, set_id: SetIdRule::DiffersFromReal };
}

impl Default for Kernel {
    fn default() -> Self {
        Self::CURRENT
    }
}

/// Why the kernel refuses the `execve`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExecError {
    /// `EPERM`: the file's effective bit is set and the process cannot have all that the file's
    /// permitted set names, not even as root (`bprm_caps_from_vfs_caps()`, "insufficient to execute
    /// correctly").
    #[error(
        "the file's capabilities with the effective bit name {missing}, which the bounding set lacks: EPERM"
    )]
    FileCapsExceedBounding {
        /// What the file names and the process cannot have.
        missing: CapSet,
    },
    /// Not a state a process can be in: the kernel keeps ambient within permitted and inheritable
    /// (`cap_ambient_invariant_ok()`).
    #[error(
        "ambient holds {excess}, which is not both permitted and inheritable: no process can be like that"
    )]
    AmbientInvariant {
        /// What is ambient against the rule.
        excess: CapSet,
    },
}

/// The process after it executed `file`, on the newest kernel known; [`exec_on`] says which rules.
///
/// # Errors
/// If the kernel refuses; see [`ExecError`].
pub fn exec(process: &Process, file: &ExecFile) -> Result<Process, ExecError> {
    exec_on(Kernel::CURRENT, process, file)
}

/// The process after it executed `file` on `kernel`: `bprm_fill_uid()` (`fs/exec.c`), then
/// `cap_bprm_creds_from_file()` (`security/commoncap.c`), step by step in the kernel's order.
/// Checked against Linux 6.18 and 6.12.
///
/// ```text
/// P' = (file permitted & bounding) | (file inheritable & inheritable)      non-root
/// P' = bounding | inheritable                                              uid 0, unless NOROOT
/// A' = {} if set-id or the file has capabilities, else A
/// P' = P' | A'
/// E' = P' if effective uid 0 or the file's effective bit, else A'
/// ```
///
/// With no_new_privs, a shared filesystem context or an unprivileged tracer, an `execve` that would
/// gain gets no more than was already permitted.
///
/// # Errors
/// If the kernel refuses; see [`ExecError`].
pub fn exec_on(kernel: Kernel, process: &Process, file: &ExecFile) -> Result<Process, ExecError> {
    let old = process;
    let excess = old.caps.ambient - (old.caps.permitted & old.caps.inheritable);
    if !excess.is_empty() {
        return Err(ExecError::AmbientInvariant { excess });
    }
    let file = file.privileged_file();
    let (mut uid, mut gid) = file.effective_ids(old);

    // bprm_caps_from_vfs_caps()
    let file_caps = file.effective_caps(old, kernel);
    let mut permitted = CapSet::EMPTY;
    let mut effective = false;
    if let Some(caps) = file_caps {
        permitted =
            (old.caps.bounding & caps.permitted) | (old.caps.inheritable & caps.inheritable);
        effective = caps.effective;
        let missing = caps.permitted - permitted;
        if effective && !missing.is_empty() {
            return Err(ExecError::FileCapsExceedBounding { missing });
        }
    }

    // handle_privileged_root(): a set-uid root program with file capabilities, run by another user,
    // gets only those.
    let only_file_caps = file_caps.is_some() && uid == 0 && old.uid.real != 0;
    if !old.securebits.contains(Securebits::NOROOT) && !only_file_caps {
        if uid == 0 || old.uid.real == 0 {
            permitted = old.caps.bounding | old.caps.inheritable;
        }
        effective |= uid == 0;
    }

    let set_id = match kernel.set_id {
        SetIdRule::DiffersFromReal => uid != old.uid.real || gid != old.gid.real,
        // in_group_p() looks at the filesystem gid and the supplementary groups.
        SetIdRule::Changes => {
            uid != old.uid.effective || (gid != old.gid.filesystem && !old.groups.contains(&gid))
        }
    };
    let gains = set_id || !permitted.is_subset(old.caps.permitted);
    if gains && (old.no_new_privs || old.shares_fs || old.traced_by_unprivileged) {
        if old.no_new_privs || !old.caps.effective.contains(Capability::SETUID) {
            (uid, gid) = (old.uid.real, old.gid.real);
        }
        permitted = permitted & old.caps.permitted;
    }

    let ambient = if set_id || file_caps.is_some() { CapSet::EMPTY } else { old.caps.ambient };
    permitted = permitted | ambient;
    Ok(Process {
        uid: Ids::new(old.uid.real, uid, uid),
        gid: Ids::new(old.gid.real, gid, gid),
        caps: CapState {
            permitted,
            effective: if effective { permitted } else { ambient },
            ambient,
            ..old.caps
        },
        securebits: old.securebits & !Securebits::KEEP_CAPS,
        // begin_new_exec() unshares nothing here: fs sharing, tracer, namespace, groups stay.
        ..old.clone()
    })
}
