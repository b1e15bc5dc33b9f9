//! Who holds a capability by default: the sets of the `runtime` crate, release by release.

use caps::Capability;
use runtime::{Engine, Runtime, Version, default_sets};

/// One runtime's default set and one capability.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The runtime; `linux` is a process that root starts outside any container.
    pub runtime: Engine,
    /// Whether its newest release holds it.
    pub held: bool,
    /// The releases at which that changed, oldest first.
    pub changes: Vec<Change>,
    /// Where the newest release's set was read; plain Linux has all there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

/// A release that holds, or does not hold, what the one before did not, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The first release with it.
    pub since: Version,
    /// Whether it is held from then on.
    pub held: bool,
}

/// All runtimes, in the order they are shown.
pub fn of(capability: Capability) -> Vec<Holder> {
    Engine::ALL
        .into_iter()
        .map(|runtime| {
            let mut changes: Vec<Change> = Vec::new();
            let mut before = None;
            let mut source = None;
            for row in default_sets().iter().filter(|row| row.engine == runtime) {
                let held = row.set.contains(capability);
                if before.is_some_and(|before| before != held) {
                    changes.push(Change { since: row.since, held });
                }
                before = Some(held);
                source = Some(row.source.as_str());
            }
            let held = Runtime::new(runtime).default_set().contains(capability);
            Holder { runtime, held, changes, source }
        })
        .collect()
}

impl Holder {
    /// Whether it is a container runtime.
    pub fn is_container(&self) -> bool {
        self.runtime != Engine::Linux
    }

    /// The name, with the releases that were otherwise: `CRI-O (before 1.18 yes)`.
    pub fn phrase(&self) -> String {
        let mut notes = Vec::new();
        let mut held = self.changes.first().map_or(self.held, |first| !first.held);
        let mut start = None;
        for change in &self.changes {
            if held != self.held {
                let (end, word) = (change.since, yes_or_no(held));
                notes.push(match start {
                    None => format!("before {end} {word}"),
                    Some(start) => format!("{word} from {start} until {end}"),
                });
            }
            (held, start) = (change.held, Some(change.since));
        }
        if notes.is_empty() {
            return self.runtime.to_string();
        }
        format!("{} ({})", self.runtime, notes.join(", "))
    }
}

fn yes_or_no(held: bool) -> &'static str {
    if held { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use caps::CapSet;
    use runtime::{Request, Resolution, User, resolve};

    use super::*;

    /// What a container holds that asks for nothing but this user and this privilege, and what a
    /// set-uid program in it could regain.
    fn holds(engine: Engine, user: User, privileged: bool) -> (CapSet, CapSet) {
        let request = Request { user, privileged, ..Request::default() };
        let Ok(Resolution::Known(sets)) = resolve(&Runtime::new(engine), &request) else {
            panic!("{engine} refuses {request:?}");
        };
        (sets.process.effective, sets.regainable)
    }

    /// What the card says beside the lists.
    #[test]
    fn users_hold_nothing_by_default_and_a_privileged_root_everything() {
        for engine in Engine::ALL.into_iter().filter(|engine| *engine != Engine::Linux) {
            let default = Runtime::new(engine).default_set();
            assert_eq!(holds(engine, User::Root, false).0, default, "{engine}");
            assert_eq!(holds(engine, User::NonRoot, false), (CapSet::EMPTY, default), "{engine}");
            assert_eq!(holds(engine, User::Root, true).0, CapSet::all_known(), "{engine}");
        }
        assert_eq!(holds(Engine::Linux, User::Root, false).0, CapSet::all_known());
    }

    fn phrase(capability: Capability, runtime: Engine) -> (bool, String) {
        let holder = of(capability).into_iter().find(|h| h.runtime == runtime).unwrap();
        (holder.held, holder.phrase())
    }

    #[test]
    fn what_changed_with_a_release_is_said() {
        let raw = Capability::NET_RAW;
        assert_eq!(phrase(raw, Engine::Containerd), (true, "containerd".to_owned()));
        assert_eq!(phrase(raw, Engine::Crio), (false, "CRI-O (before 1.18 yes)".to_owned()));
        assert_eq!(phrase(raw, Engine::Podman), (false, "Podman (before 4.4 yes)".to_owned()));
        let chroot = Capability::SYS_CHROOT;
        assert_eq!(
            phrase(chroot, Engine::Podman),
            (true, "Podman (no from 4.4 until 4.5)".to_owned())
        );
    }

    #[test]
    fn sys_module_is_in_no_containers_default_set() {
        let holders = of(Capability::SYS_MODULE);
        assert_eq!(holders.len(), 6);
        let held: Vec<_> = holders.iter().filter(|h| h.held).map(|h| h.runtime).collect();
        assert_eq!(held, [Engine::Linux]);
        assert!(holders.iter().all(|h| h.changes.is_empty()));
    }
}
