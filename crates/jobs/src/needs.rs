//! The capabilities that dropcap itself takes for each thing it does: `data/needs.toml`.
//!
//! What is there was found by trying, and a test of the command line tries it again: everything works
//! with exactly that, and not without each.

mod machine;
mod markdown;

use std::sync::LazyLock;

use caps::{CapSet, Capability};
use serde::Deserialize;
use trace::Backend;

pub use machine::Machine;
pub use markdown::markdown;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a test reads the file that is built in")]
    toml::from_str(include_str!("../data/needs.toml")).expect("data/needs.toml is a table")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mode: Vec<Mode>,
    backend: Vec<BackendNeeds>,
}

/// Something that dropcap does, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// A name that does not change: `trace.command`.
    pub id: String,
    /// How it is asked for, without the name of the program: `trace -- CMD`.
    pub usage: Vec<String>,
    /// Whether it takes what the backend in use takes, too.
    #[serde(default)]
    pub tracing: bool,
    /// Whether only user 0 can have it: what it starts gets its capabilities as root does.
    #[serde(default)]
    pub as_root: bool,
    /// What a command that is started takes besides, in words.
    pub given: Option<String>,
    /// Without one of these it fails.
    #[serde(default)]
    pub required: Vec<Want>,
    /// Without one of these it does less, and says so.
    #[serde(default)]
    pub better: Vec<Want>,
}

/// What a backend takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendNeeds {
    /// The backends, by [`Backend::name`].
    pub names: Vec<String>,
    /// Without one of these it sees nothing.
    pub required: Vec<Want>,
    /// Without one of these it sees less.
    #[serde(default)]
    pub better: Vec<Want>,
}

/// A capability that something takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Want {
    /// Which.
    pub capability: Capability,
    /// What the kernel takes in its place.
    pub instead: Option<Capability>,
    /// Only then; always, if there is none.
    pub when: Option<When>,
    /// What it is for.
    pub why: String,
    /// What happens without it.
    pub without: String,
    /// The kernel function that asks, and its file.
    pub check: String,
}

/// When a [`Want`] is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// This process is user 0.
    Root,
    /// It is not.
    NotRoot,
    /// Its bounding set is larger than what it gives.
    Drops,
    /// The kernel counts the memory of BPF maps against `RLIMIT_MEMLOCK`, as before Linux 5.11.
    Memlock,
    /// The kernel does not name its functions to BPF programs (`bpf_snprintf`, Linux 5.13) and hides
    /// their addresses (`kallsyms_show_value`).
    Unnamed,
    /// `kernel.perf_event_paranoid` is 3 or more, a patch of Debian and Ubuntu.
    Paranoid,
    /// The kernel preempts itself, or may: its kind of preemption is neither none nor voluntary.
    Preempts,
}

impl When {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Root => "as user 0",
            Self::NotRoot => "unless user 0",
            Self::Drops => "if something is dropped",
            Self::Memlock => "before Linux 5.11",
            Self::Unnamed => "before Linux 5.13, if symbols are hidden",
            Self::Paranoid => "if perf_event_paranoid is 3 or more (Debian, Ubuntu)",
            Self::Preempts => "if the kernel preempts itself",
        }
    }
}

impl Want {
    /// The capability that meets it on this machine: the one it is about, unless the kernel is older
    /// than that. `None` if it is not wanted there.
    #[must_use]
    pub fn on(&self, machine: &Machine) -> Option<Capability> {
        if self.when.is_some_and(|when| !machine.is(when)) {
            return None;
        }
        let known = self.capability <= machine.last_capability;
        Some(if known { self.capability } else { self.instead.unwrap_or(self.capability) })
    }

    /// Whether these capabilities meet it.
    #[must_use]
    pub fn is_met(&self, held: CapSet) -> bool {
        held.contains(self.capability) || self.instead.is_some_and(|other| held.contains(other))
    }
}

impl Mode {
    /// What it takes at most, without what a backend takes.
    #[must_use]
    pub fn takes(&self) -> CapSet {
        self.required.iter().map(|want| want.capability).collect()
    }

    /// What it takes, and what makes it better, with what this backend takes and what makes that better.
    #[must_use]
    pub fn wants(&'static self, backend: Backend) -> (Vec<&'static Want>, Vec<&'static Want>) {
        let backend = self.tracing.then(|| of_backend(backend)).flatten();
        let of_backend = |which: fn(&BackendNeeds) -> &[Want]| backend.map(which).unwrap_or(&[]);
        (
            self.required.iter().chain(of_backend(|b| &b.required)).collect(),
            self.better.iter().chain(of_backend(|b| &b.better)).collect(),
        )
    }
}

/// Everything that dropcap does.
#[must_use]
pub fn modes() -> &'static [Mode] {
    &TABLE.mode
}

/// One by its `id`.
#[must_use]
pub fn of(id: &str) -> Option<&'static Mode> {
    modes().iter().find(|mode| mode.id == id)
}

/// What the backends take, those together that take the same.
#[must_use]
pub fn backends() -> &'static [BackendNeeds] {
    &TABLE.backend
}

/// What a backend takes.
#[must_use]
pub fn of_backend(backend: Backend) -> Option<&'static BackendNeeds> {
    backends().iter().find(|needs| needs.names.iter().any(|name| name == backend.name()))
}

/// Those of these wants that are wanted on a machine and not met by what is held there.
#[must_use]
pub fn lacking(wants: &[&Want], machine: &Machine) -> CapSet {
    // What the kernel takes in its place may be wanted anyway.
    taken(wants, machine)
        & wants
            .iter()
            .filter(|want| !want.is_met(machine.held))
            .filter_map(|want| want.on(machine))
            .collect()
}

/// What these wants come to on a machine.
#[must_use]
pub fn taken(wants: &[&Want], machine: &Machine) -> CapSet {
    let of = |wants: &mut dyn Iterator<Item = &&Want>| -> CapSet {
        wants.filter_map(|want| want.on(machine)).collect()
    };
    let plain = of(&mut wants.iter().filter(|want| want.instead.is_none()));
    let open = |want: &&&Want| want.instead.is_some_and(|other| !plain.contains(other));
    plain | of(&mut wants.iter().filter(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_has_its_needs_and_no_name_twice() {
        for backend in Backend::ALL {
            assert!(of_backend(backend).is_some(), "{backend}");
        }
        let mut ids: Vec<&str> = modes().iter().map(|mode| mode.id.as_str()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!((ids.len(), count > 5), (count, true));
    }

    #[test]
    fn a_kernel_without_the_capability_takes_the_other() {
        let want = &backends()[0].required[0];
        assert_eq!((want.capability, want.instead), (Capability::BPF, Some(Capability::SYS_ADMIN)));
        let mut machine = Machine { last_capability: Capability::AUDIT_READ, ..Machine::read() };
        assert_eq!(want.on(&machine), Some(Capability::SYS_ADMIN));
        machine.last_capability = Capability::CHECKPOINT_RESTORE;
        assert_eq!(want.on(&machine), Some(Capability::BPF));
        assert!(want.is_met(CapSet::from(Capability::SYS_ADMIN)));
        assert!(!want.is_met(CapSet::from(Capability::PERFMON)));
    }
}
