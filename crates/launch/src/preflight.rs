//! Whether this process can give what is asked for: found out before anything is forked.

use caps::{CapSet, CapState, Capability, Ids, Securebits};

use crate::error::{LaunchError, SetName};
use crate::spec::Spec;

/// What this process has to give.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) state: CapState,
    pub(crate) uid: Ids,
    pub(crate) gid: Ids,
    pub(crate) groups: Vec<u32>,
    pub(crate) securebits: Securebits,
}

impl Own {
    /// Asks the kernel.
    pub(crate) fn read() -> Result<Self, LaunchError> {
        let failed =
            |source| LaunchError::Io { what: "read this process's own credentials", source };
        let (uid, gid) = sys::credentials::own_ids().map_err(failed)?;
        Ok(Self {
            state: sys::credentials::own_state().map_err(failed)?,
            uid,
            gid,
            groups: sys::credentials::own_groups().map_err(failed)?,
            securebits: sys::credentials::own_securebits().map_err(failed)?,
        })
    }
}

impl Own {
    /// Whether these are other supplementary groups: setgroups(2) asks for SETGID whatever it is given.
    pub(crate) fn must_change(&self, groups: &[u32]) -> bool {
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        groups != self.groups
    }
}

/// Whether [`crate::spawn`] could give exactly these credentials, as far as it can be known
/// without trying.
///
/// # Errors
/// The [`LaunchError`] that `spawn` would end with, before anything is forked: `NotAnId`,
/// `CannotHave`, `Contradiction` or `Lacks`.
pub fn check(spec: &Spec) -> Result<(), LaunchError> {
    judge(spec, &Own::read()?)
}

/// Every ID is one.
fn ids(spec: &Spec) -> Result<(), LaunchError> {
    let numbers =
        |ids: Option<Ids>| ids.into_iter().flat_map(|ids| [ids.real, ids.effective, ids.saved]);
    let users = numbers(spec.uid).map(|number| ("user", number));
    let groups = numbers(spec.gid).chain(spec.groups.iter().flatten().copied());
    match users
        .chain(groups.map(|number| ("group", number)))
        .find(|(_, number)| *number == u32::MAX)
    {
        Some((what, number)) => Err(LaunchError::NotAnId { what, number }),
        None => Ok(()),
    }
}

/// [`check`] against a given process.
pub(crate) fn judge(spec: &Spec, own: &Own) -> Result<(), LaunchError> {
    ids(spec)?;
    let asked = &spec.state;
    contradiction(asked)?;
    let lacks = |capability| !own.state.permitted.contains(capability);
    within(asked.bounding, SetName::Bounding, own.state.bounding, SetName::Bounding)?;
    let unbound = asked.permitted - own.state.bounding;
    let unpermitted = asked.permitted - own.state.permitted;
    if !(unbound & unpermitted).is_empty() {
        let own = SetName::Bounding;
        let capabilities = unbound & unpermitted;
        return Err(LaunchError::CannotHave { capabilities, wanted: SetName::Permitted, own });
    }
    within(asked.permitted, SetName::Permitted, own.state.permitted, SetName::Permitted)?;
    inheritable(asked.inheritable, own)?;
    let dropped = own.state.bounding - asked.bounding;
    if !dropped.is_empty() && lacks(Capability::SETPCAP) {
        let what = format!("take {dropped} out of the bounding set");
        return Err(LaunchError::Lacks { what, needs: Capability::SETPCAP });
    }
    if spec.securebits.is_some_and(|bits| bits != own.securebits) && lacks(Capability::SETPCAP) {
        let what = "set the securebits".to_owned();
        return Err(LaunchError::Lacks { what, needs: Capability::SETPCAP });
    }
    if let Some(uid) = spec.uid
        && !may_become(uid, own.uid)
        && lacks(Capability::SETUID)
    {
        let what = format!("become user {}", uid.effective);
        return Err(LaunchError::Lacks { what, needs: Capability::SETUID });
    }
    if let Some(gid) = spec.gid
        && !may_become(gid, own.gid)
        && lacks(Capability::SETGID)
    {
        let what = format!("become group {}", gid.effective);
        return Err(LaunchError::Lacks { what, needs: Capability::SETGID });
    }
    if spec.groups.as_deref().is_some_and(|groups| own.must_change(groups))
        && lacks(Capability::SETGID)
    {
        let what = "set the supplementary groups".to_owned();
        return Err(LaunchError::Lacks { what, needs: Capability::SETGID });
    }
    Ok(())
}

/// What no process can have: capset(2) refuses effective outside permitted, prctl(2)
/// `PR_CAP_AMBIENT_RAISE` what is not both permitted and inheritable.
fn contradiction(asked: &CapState) -> Result<(), LaunchError> {
    for (set, members, within, limit) in [
        (SetName::Effective, asked.effective, SetName::Permitted, asked.permitted),
        (SetName::Ambient, asked.ambient, SetName::Permitted, asked.permitted),
        (SetName::Ambient, asked.ambient, SetName::Inheritable, asked.inheritable),
    ] {
        let capabilities = members - limit;
        if !capabilities.is_empty() {
            return Err(LaunchError::Contradiction { capabilities, set, within });
        }
    }
    Ok(())
}

/// `cap_capset`, `security/commoncap.c`: new inheritable within the old one and the bounding set;
/// without SETPCAP also within the old one and permitted.
fn inheritable(asked: CapSet, own: &Own) -> Result<(), LaunchError> {
    let CapState { bounding, permitted, inheritable, .. } = own.state;
    within(asked, SetName::Inheritable, inheritable | bounding, SetName::Bounding)?;
    if !permitted.contains(Capability::SETPCAP) {
        within(asked, SetName::Inheritable, inheritable | permitted, SetName::Permitted)?;
    }
    Ok(())
}

fn within(asked: CapSet, wanted: SetName, limit: CapSet, own: SetName) -> Result<(), LaunchError> {
    let capabilities = asked - limit;
    if capabilities.is_empty() {
        Ok(())
    } else {
        Err(LaunchError::CannotHave { capabilities, wanted, own })
    }
}

/// setresuid(2): without privilege each ID may become any of the three there are.
fn may_become(asked: Ids, own: Ids) -> bool {
    let own = [own.real, own.effective, own.saved];
    [asked.real, asked.effective, asked.saved].iter().all(|id| own.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(bits: u64) -> Own {
        let set = CapSet::from_bits(bits);
        Own {
            state: CapState {
                bounding: set,
                permitted: set,
                effective: set,
                ..CapState::default()
            },
            uid: Ids::all(0),
            gid: Ids::all(0),
            groups: vec![0, 27],
            securebits: Securebits::NONE,
        }
    }

    fn said(spec: &Spec, own: &Own) -> String {
        judge(spec, own).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_had_is_named() {
        let mut spec = Spec::new("true", CapState::default());
        assert!(judge(&spec, &own(u64::MAX >> 23)).is_ok());
        spec.state.bounding = CapSet::of(&[Capability::CHOWN, Capability::SYS_RESOURCE]);
        let without = own(CapSet::all_known().without(Capability::SYS_RESOURCE).bits());
        assert_eq!(
            said(&spec, &without),
            "cannot have SYS_RESOURCE: not in this process's bounding set"
        );
        spec.state.bounding = CapSet::EMPTY;
        spec.state.permitted = CapSet::from(Capability::SYS_RESOURCE);
        assert_eq!(
            said(&spec, &without),
            "cannot have SYS_RESOURCE: not in this process's bounding set"
        );
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let mut spec = Spec::new("true", CapState::default());
        spec.state.effective = CapSet::from(Capability::CHOWN);
        assert_eq!(
            said(&spec, &own(u64::MAX)),
            "cannot have CHOWN effective without having it permitted too"
        );
        spec.state.permitted = CapSet::from(Capability::CHOWN);
        spec.state.ambient = CapSet::from(Capability::CHOWN);
        assert_eq!(
            said(&spec, &own(u64::MAX)),
            "cannot have CHOWN ambient without having it inheritable too"
        );
    }

    #[test]
    fn an_ordinary_user_is_told_what_it_takes() {
        let mut nobody = own(0);
        nobody.uid = Ids::all(1000);
        nobody.gid = Ids::all(1000);
        let mut spec = Spec::new("true", CapState::default());
        spec.uid = Some(Ids::all(1000));
        assert!(judge(&spec, &nobody).is_ok());
        spec.groups = Some(vec![27, 0]);
        assert!(judge(&spec, &nobody).is_ok(), "the groups it has");
        spec.groups = Some(vec![27]);
        assert_eq!(
            said(&spec, &nobody),
            "cannot set the supplementary groups: this process lacks SETGID"
        );
        spec.groups = None;
        spec.uid = Some(Ids::all(0));
        assert_eq!(said(&spec, &nobody), "cannot become user 0: this process lacks SETUID");
        spec.uid = None;
        nobody.state.bounding = CapSet::from(Capability::NET_RAW);
        assert_eq!(
            said(&spec, &nobody),
            "cannot take NET_RAW out of the bounding set: this process lacks SETPCAP"
        );
    }
}
