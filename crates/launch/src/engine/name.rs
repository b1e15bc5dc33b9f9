//! Names of containers made here: they say whose a container is, so that what a killed dropcap left can be
//! told from what another one uses.

use std::sync::atomic::{AtomicU32, Ordering};

use sys::procfs::Procfs;

use super::call::{Call, said};
use super::{Engine, EngineError};

/// The label of every container made here.
pub(super) const LABEL: &str = "dropcap.fit";
/// What their names begin with.
const PREFIX: &str = "dropcap-fit";

/// Whose: process IDs are told apart by their namespace, and an ID that is used again by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    namespace: u64,
    pid: u32,
    started: u64,
}

impl Owner {
    /// Of this process.
    fn own() -> Self {
        let (procfs, pid) = (Procfs::new(), std::process::id());
        Self {
            namespace: procfs.namespaces(pid).pid.unwrap_or_default(),
            pid,
            started: started(pid).unwrap_or_default(),
        }
    }

    /// Of a container's name.
    fn of(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?.strip_prefix('-')?;
        let mut parts = rest.split('-');
        let owner = Self {
            namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
        };
        parts.next()?.parse::<u32>().ok()?;
        parts.next().is_none().then_some(owner)
    }

    /// Whether it runs; also if that cannot be told from here.
    fn is_alive(self) -> bool {
        let own = Self::own();
        self.namespace != own.namespace || started(self.pid) == Some(self.started)
    }
}

fn started(pid: u32) -> Option<u64> {
    Procfs::new().process(pid).ok().flatten().map(|process| process.start_time)
}

/// The name of the next container of this process.
pub(super) fn next() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Owner { namespace, pid, started } = Owner::own();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}-{namespace}-{pid}-{started}-{count}")
}

/// Removes the containers of dropcaps that are gone: killed before they could do it. Their names.
///
/// # Errors
/// [`EngineError`].
pub fn remove_leftovers(engine: Engine) -> Result<Vec<String>, EngineError> {
    let filter = format!("label={LABEL}");
    let list = engine.call(["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
    let list = said(engine, "ps", list)?;
    let left = |name: &&str| Owner::of(name).is_some_and(|owner| !owner.is_alive());
    let names: Vec<String> = list.lines().map(str::trim).filter(left).map(str::to_owned).collect();
    for name in &names {
        said(engine, "rm", remove(engine, name))?;
    }
    Ok(names)
}

/// The call that ends a container at once and removes it with its anonymous volumes.
pub(super) fn remove(engine: Engine, name: &str) -> std::process::Command {
    let mut remove = engine.call(["rm", "--force", "--volumes"]);
    if engine == Engine::Podman {
        // No SIGTERM first, and no error where there is none.
        remove.args(["--time", "0", "--ignore"]);
    }
    remove.arg(name);
    remove
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let name = next();
        assert_eq!(Owner::of(&name), Some(Owner::own()));
        assert!(Owner::own().is_alive());
        let gone = Owner { started: Owner::own().started + 1, ..Owner::own() };
        assert!(!gone.is_alive());
        assert!(Owner { namespace: 1, ..gone }.is_alive());
        for other in ["web", "dropcap-fit-x", "dropcap-fit-1-2-3", "dropcap-fit-1-2-3-4-5"] {
            assert_eq!(Owner::of(other), None, "{other}");
        }
        assert_ne!(next(), name);
    }
}
