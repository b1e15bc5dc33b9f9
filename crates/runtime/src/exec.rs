//! The `execve` that starts the entrypoint, as the OCI runtime does it: security/commoncap.c
//! `cap_bprm_creds_from_file`.

use caps::{CapSet, CapState};

/// The capabilities of the entrypoint's file, as far as they decide, capabilities(7) "File
/// capabilities".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileCapabilities {
    /// What the file grants, within the bounding set.
    pub permitted: CapSet,
    /// What the file lets through of the process's inheritable set.
    pub inheritable: CapSet,
    /// Whether what is permitted becomes effective at once.
    pub effective: bool,
}

/// The five sets after `execve`, or what of the file is not in the bounding set.
pub(crate) fn exec(
    before: CapState,
    root: bool,
    no_new_privs: bool,
    file: Option<FileCapabilities>,
) -> Result<CapState, CapSet> {
    let ambient = before.ambient & before.permitted & before.inheritable;
    let granted = file.map_or(CapSet::EMPTY, |file| {
        (file.permitted & before.bounding) | (file.inheritable & before.inheritable)
    });
    if let Some(file) = file
        && file.effective
        && !file.permitted.is_subset(granted)
    {
        return Err(file.permitted - granted);
    }
    let ambient = if file.is_some() { CapSet::EMPTY } else { ambient };
    let (mut permitted, raise) = if root {
        (before.bounding | before.inheritable, true)
    } else {
        (granted | ambient, file.is_some_and(|file| file.effective))
    };
    if no_new_privs && !permitted.is_subset(before.permitted) {
        permitted = permitted & before.permitted;
    }
    let effective = if raise { permitted } else { ambient };
    Ok(CapState { permitted, effective, ambient, ..before })
}
