//! In which way a container has a capability: not only what the process holds at start counts,
//! but also what something in its image could bring back.

use caps::{CapSet, CapState, Capability, FileCaps};
use runtime::{Resolution, Sets};

/// What is known of the file that the container executes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Entrypoint {
    /// Nobody has looked: it may carry file capabilities, as those of CoreDNS and caddy do.
    #[default]
    Unknown,
    /// It carries none.
    Plain,
    /// It carries these, as getcap(8) prints them. The sets of a [`Resolution`] have them in already.
    Carries(FileCaps),
    /// It is set-uid, and may carry capabilities, too. The sets of a [`Resolution`] have that in already.
    SetUid {
        /// Its owner.
        owner: u32,
        /// What it carries.
        carries: Option<FileCaps>,
    },
}

impl Entrypoint {
    /// What it is known to carry.
    #[must_use]
    pub const fn carried(self) -> Option<FileCaps> {
        match self {
            Self::Unknown | Self::Plain => None,
            Self::Carries(file) => Some(file),
            Self::SetUid { carries, .. } => carries,
        }
    }

    /// Its owner, if it is known to be set-uid.
    #[must_use]
    pub const fn set_uid(self) -> Option<u32> {
        match self {
            Self::SetUid { owner, .. } => Some(owner),
            Self::Unknown | Self::Plain | Self::Carries(_) => None,
        }
    }

    /// Whether the file could not be executed, or would lack something, without `capability` in the
    /// bounding set. Nobody knows where nobody has looked.
    #[must_use]
    pub fn may_ask_for(self, capability: Capability) -> bool {
        match self {
            Self::Unknown => true,
            Self::Plain | Self::SetUid { carries: None, .. } => false,
            Self::Carries(file) | Self::SetUid { carries: Some(file), .. } => {
                (file.permitted | file.inheritable).contains(capability)
            }
        }
    }
}

/// In which way a capability is had, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holding {
    /// Not at all.
    No,
    /// Only if the entrypoint's file carries it, capabilities(7) "File capabilities".
    ByEntrypoint,
    /// By a set-uid-root program or a file with capabilities in the container: nothing stops those
    /// without no_new_privs.
    Regainable,
    /// The process may raise it itself, or its children inherit it.
    Permitted,
    /// The kernel grants it when asked.
    Effective,
}

/// The sets of one answer without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BareSets {
    /// Whether they are root's.
    pub root: bool,
    /// The five in the OCI spec.
    pub spec: CapState,
    /// The five of the process.
    pub process: CapState,
    /// What a set-uid-root program could have beyond what the process has.
    pub regainable: CapSet,
}

impl From<&Sets> for BareSets {
    fn from(sets: &Sets) -> Self {
        Self {
            root: sets.root,
            spec: sets.spec,
            process: sets.process,
            regainable: sets.regainable,
        }
    }
}

/// What a container has, by the way it has it. Where nobody knows the user, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// In the effective set.
    pub effective: CapSet,
    /// In the permitted, inheritable or ambient set.
    pub permitted: CapSet,
    /// What a set-uid-root program, or another file with capabilities, could have.
    pub regainable: CapSet,
    /// What the entrypoint's file could have.
    pub entrypoint: CapSet,
}

impl Held {
    /// What `sets` amount to.
    #[must_use]
    pub fn of_sets(sets: &BareSets, no_new_privs: bool, entrypoint: Entrypoint) -> Self {
        let process = sets.process;
        // no_new_privs caps what `execve` may add at what was permitted before it
        // (`cap_bprm_creds_from_file`), and the runtime's permitted set is still full then.
        let by_file = if no_new_privs { sets.spec.permitted } else { !CapSet::EMPTY };
        Self {
            effective: process.effective,
            permitted: process.permitted | process.inheritable | process.ambient,
            regainable: sets.regainable,
            entrypoint: match entrypoint {
                Entrypoint::Unknown => by_file & sets.spec.bounding,
                Entrypoint::Plain | Entrypoint::Carries(_) | Entrypoint::SetUid { .. } => {
                    CapSet::EMPTY
                }
            },
        }
    }

    /// What `resolution` amounts to, whoever the user is.
    #[must_use]
    pub fn of(resolution: &Resolution, no_new_privs: bool, entrypoint: Entrypoint) -> Self {
        resolution.sets().fold(Self::default(), |held, sets| {
            held.union(Self::of_sets(&sets.into(), no_new_privs, entrypoint))
        })
    }

    /// Both together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            effective: self.effective | other.effective,
            permitted: self.permitted | other.permitted,
            regainable: self.regainable | other.regainable,
            entrypoint: self.entrypoint | other.entrypoint,
        }
    }

    /// In which way `capability` is had.
    #[must_use]
    pub fn by(&self, capability: Capability) -> Holding {
        if self.effective.contains(capability) {
            Holding::Effective
        } else if self.permitted.contains(capability) {
            Holding::Permitted
        } else if self.regainable.contains(capability) {
            Holding::Regainable
        } else if self.entrypoint.contains(capability) {
            Holding::ByEntrypoint
        } else {
            Holding::No
        }
    }

    /// Everything that could take effect, in whatever way.
    #[must_use]
    pub fn reach(&self) -> CapSet {
        self.effective | self.permitted | self.regainable | self.entrypoint
    }

    /// The strongest way in which anything of `set` is had.
    #[must_use]
    pub fn strongest(&self, set: CapSet) -> Holding {
        set.iter().map(|capability| self.by(capability)).max().unwrap_or(Holding::No)
    }
}

#[cfg(test)]
mod tests {
    use runtime::{Request, Runtime, User, resolve};

    use super::*;

    fn held(runtime: &str, user: User, no_new_privs: bool, entrypoint: Entrypoint) -> Held {
        let runtime: Runtime = runtime.parse().unwrap();
        let request = Request { user, no_new_privs, ..Request::default() };
        Held::of(&resolve(&runtime, &request).unwrap(), no_new_privs, entrypoint)
    }

    #[test]
    fn a_capability_is_had_in_the_strongest_way() {
        let by = |user, no_new_privs, entrypoint| {
            held("containerd", user, no_new_privs, entrypoint).by(Capability::NET_RAW)
        };
        assert_eq!(by(User::Root, true, Entrypoint::Plain), Holding::Effective);
        assert_eq!(by(User::Unknown, true, Entrypoint::Plain), Holding::Effective);
        assert_eq!(by(User::NonRoot, false, Entrypoint::Plain), Holding::Regainable);
        assert_eq!(by(User::NonRoot, true, Entrypoint::Unknown), Holding::ByEntrypoint);
        assert_eq!(by(User::NonRoot, true, Entrypoint::Plain), Holding::No);
    }

    #[test]
    fn podman_leaves_nothing_to_the_entrypoint_under_no_new_privs() {
        let held = held("podman", User::NonRoot, true, Entrypoint::Unknown);
        assert_eq!(held, Held::default());
    }
}
