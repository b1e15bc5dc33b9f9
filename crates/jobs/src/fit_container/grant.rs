//! What an unknown program may hold in a trial: what it would get today, more where a denial matters, and
//! what reaches beyond its container only if somebody said so.

use caps::{CapSet, Capability, Reach, knowledge};
use observe::Observed;
use record::requirement::Verdict;

/// What a person grants beyond what it would get today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// These, by name; more as denials ask for it, if it stays within the container.
    Named(CapSet),
    /// Everything this machine's kernel knows: for a disposable machine.
    All,
}

impl Default for Grant {
    fn default() -> Self {
        Self::Named(CapSet::EMPTY)
    }
}

impl Grant {
    /// What the first run holds.
    pub(super) fn applied_to(self, today: CapSet) -> CapSet {
        match self {
            Self::Named(more) => today | more,
            Self::All => CapSet::up_to(sys::credentials::last_capability()),
        }
    }
}

/// A capability that a failing run was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub capability: Capability,
    /// What for.
    pub what: String,
}

/// What a failing run asks for beyond what it held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growth {
    /// What may be given: it is of use in its container only.
    pub given: Vec<Asked>,
    /// What reaches beyond the container, and takes somebody's word.
    pub to_agree: Vec<Asked>,
}

impl Growth {
    /// What may be given.
    #[must_use]
    pub fn set(&self) -> CapSet {
        self.given.iter().map(|asked| asked.capability).collect()
    }
}

/// What a failing run under `held` was refused where it may matter. Of several that would serve, the first
/// one, which is the least, unless one of them is held.
#[must_use]
pub fn grow(observed: &Observed, held: CapSet) -> Growth {
    let mut growth = Growth::default();
    for requirement in &observed.judgement.requirements {
        let of: CapSet = requirement.any_of.iter().copied().collect();
        let refused = requirement.uses.iter().find(|seen| {
            let open = matches!(seen.verdict, Verdict::Needed | Verdict::Doubtful);
            let failed = matches!(seen.returned.as_deref(), Some("EPERM" | "EACCES"));
            open && failed && seen.refused > 0
        });
        let (Some(refused), true) = (refused, (of & held).is_empty()) else { continue };
        let Some(capability) = requirement.any_of.first().copied() else { continue };
        let asked = Asked { capability, what: refused.what.clone() };
        let list = if stays_inside(capability) { &mut growth.given } else { &mut growth.to_agree };
        if list.iter().all(|known| known.capability != capability) {
            list.push(asked);
        }
    }
    growth
}

/// Whether a holder can do harm in its container only, for all that is known.
fn stays_inside(capability: Capability) -> bool {
    knowledge(capability).is_some_and(|known| known.reach <= Reach::Pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_container_is_not_given_unasked() {
        for inside in [Capability::CHOWN, Capability::NET_RAW, Capability::IPC_LOCK] {
            assert!(stays_inside(inside), "{inside}");
        }
        for outside in [
            Capability::SYS_ADMIN,
            Capability::SYS_MODULE,
            Capability::SYS_RAWIO,
            Capability::DAC_READ_SEARCH,
            Capability::SYS_TIME,
        ] {
            assert!(!stays_inside(outside), "{outside}");
        }
        let named = Grant::Named(CapSet::from(Capability::SYS_ADMIN));
        let today = CapSet::from(Capability::CHOWN);
        assert_eq!(named.applied_to(today), today.with(Capability::SYS_ADMIN));
        assert!(Grant::All.applied_to(today).contains(Capability::SYS_MODULE));
    }
}
