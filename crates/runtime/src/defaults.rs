//! The default sets, from `data/*.toml`.

use std::sync::LazyLock;

use caps::{CapSet, Capability};

use crate::name::{Engine, Version};

/// A compiled-in default set: what a container holds that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultSet {
    /// Whose.
    pub engine: Engine,
    /// The first release that has it.
    pub since: Version,
    /// What is in it.
    pub set: CapSet,
    /// Where it was read: project, release, file.
    pub source: String,
}

/// One file of `data/`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    default: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    since: String,
    capabilities: Vec<Capability>,
    source: String,
}

/// The embedded tables.
const TABLES: [(Engine, &str); 5] = [
    (Engine::Containerd, include_str!("../data/containerd.toml")),
    (Engine::Crio, include_str!("../data/crio.toml")),
    (Engine::Docker, include_str!("../data/docker.toml")),
    (Engine::Podman, include_str!("../data/podman.toml")),
    (Engine::Nerdctl, include_str!("../data/nerdctl.toml")),
];

static SETS: LazyLock<Vec<DefaultSet>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "part of this program's text; a test reads it")]
    let rows = TABLES.iter().flat_map(|(engine, text)| {
        let table: Table = toml::from_str(text).expect("data/*.toml");
        table.default.into_iter().map(|row| DefaultSet {
            engine: *engine,
            since: row.since.parse().expect("a version"),
            set: row.capabilities.into_iter().collect(),
            source: row.source,
        })
    });
    rows.collect()
});

/// Every compiled-in default set this program knows: by engine, then by release, oldest first.
/// Plain Linux has none; a root process there holds all capabilities.
#[must_use]
pub fn default_sets() -> &'static [DefaultSet] {
    &SETS
}

/// The default of that release; of one older than the oldest known, the oldest.
pub(crate) fn of(engine: Engine, version: Option<Version>, own: CapSet) -> CapSet {
    let mut sets = SETS.iter().filter(|row| row.engine == engine);
    let Some(oldest) = sets.next() else { return own };
    sets.rfind(|row| version.is_none_or(|v| v >= row.since)).unwrap_or(oldest).set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(runtime: &str) -> u64 {
        runtime.parse::<crate::Runtime>().unwrap().default_set().bits()
    }

    #[test]
    fn the_masks_are_those_of_the_runtimes() {
        assert_eq!(mask("containerd"), 0xa804_25fb);
        assert_eq!(mask("containerd@1.6"), 0xa804_25fb);
        assert_eq!(mask("docker"), 0xa804_25fb);
        assert_eq!(mask("nerdctl"), 0xa804_25fb);
        assert_eq!(mask("crio"), 0x5fb);
        assert_eq!(mask("crio@1.18"), 0x5fb);
        assert_eq!(mask("crio@1.17"), 0x4_25fb);
        assert_eq!(mask("podman"), 0x8004_05fb);
        assert_eq!(mask("podman@4.5"), 0x8004_05fb);
        assert_eq!(mask("podman@4.4"), 0x8000_05fb);
        assert_eq!(mask("podman@4.3"), 0xa804_25fb);
        assert_eq!(mask("linux"), 0x1ff_ffff_ffff);
    }

    #[test]
    fn every_default_says_where_it_was_read() {
        assert_eq!(default_sets().len(), 8);
        for row in default_sets() {
            assert!(row.source.contains('/') && !row.set.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn no_container_runtime_grants_sys_module_by_default() {
        let holders: Vec<Engine> = Engine::ALL
            .into_iter()
            .filter(|e| crate::Runtime::new(*e).default_set().contains(Capability::SYS_MODULE))
            .collect();
        assert_eq!(holders, [Engine::Linux]);
    }
}
