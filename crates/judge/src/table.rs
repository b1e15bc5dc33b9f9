//! The table of call sites, `data/sites.toml`.

mod frames;
mod lent;
mod pattern;
mod row;
mod unasked;

use std::sync::LazyLock;

use caps::Capability;
use serde::Deserialize;

use crate::site::Site;
use record::observation::Syscall;

pub(crate) use frames::Frames;
use lent::Override;
pub(crate) use pattern::{is_call, matches};
pub use row::Decision;
pub(crate) use row::{Credentials, Outcome, Release, Row};
pub(crate) use unasked::Unasked;

/// A second question where the first was refused: the same place asks `broad` after `specific`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Pair {
    /// Asked first.
    pub(crate) first: Capability,
    /// Asked when the first was refused.
    pub(crate) second: Capability,
    /// At these functions only; everywhere if empty.
    #[serde(default)]
    pub(crate) at: Vec<String>,
    /// Both, the one to prefer first.
    pub(crate) any_of: Vec<Capability>,
    /// Whether the first is always followed by the second, so that the second serves wherever
    /// the first is asked for.
    #[serde(default)]
    pub(crate) always: bool,
    /// The reason.
    why: String,
}

impl Pair {
    pub(crate) fn is_at(&self, site: &Site) -> bool {
        self.at.is_empty()
            || site.innermost().is_some_and(|f| self.at.iter().any(|p| matches(p, f)))
    }
}

/// The table of call sites.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteTable {
    pub(crate) frames: Frames,
    #[serde(rename = "override")]
    pub(crate) overrides: Vec<Override>,
    #[serde(rename = "pair")]
    pub(crate) pairs: Vec<Pair>,
    #[serde(default)]
    pub(crate) unasked: Vec<Unasked>,
    #[serde(rename = "site")]
    pub(crate) rows: Vec<Row>,
}

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the table of call sites cannot be read: {0}")]
pub struct TableError(#[from] toml::de::Error);

impl SiteTable {
    /// Reads a table in the form of `data/sites.toml`.
    ///
    /// # Errors
    /// When it is not TOML, or a field, a capability or a verdict is not known.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        Ok(toml::from_str(text)?)
    }

    /// The table this program was built with.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<SiteTable> =
            LazyLock::new(|| match SiteTable::parse(include_str!("../data/sites.toml")) {
                Ok(table) => table,
                Err(error) => unreachable!("a test reads the built-in table: {error}"),
            });
        &TABLE
    }

    /// The first row that fits, on a kernel of this release.
    pub(crate) fn find(
        &self,
        site: &Site,
        capability: Capability,
        syscall: Option<&Syscall>,
        kernel: Option<Release>,
    ) -> Option<&Row> {
        self.rows.iter().find(|row| row.matches(site, capability, syscall, kernel))
    }
}

/// An argument on which a verdict depends: observations that differ in it must be kept apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecidingArgument {
    /// The system call.
    pub syscall: String,
    /// Which argument, from 0.
    pub index: usize,
}

/// The arguments on which a verdict of the built-in table depends.
#[must_use]
pub fn deciding_arguments() -> Vec<DecidingArgument> {
    let mut found: Vec<DecidingArgument> = SiteTable::builtin()
        .rows
        .iter()
        .filter_map(|row| Some((row, row.argument.as_ref()?)))
        .flat_map(|(row, argument)| {
            row.syscall
                .iter()
                .map(move |s| DecidingArgument { syscall: s.clone(), index: argument.index })
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_can_be_reached_and_says_why() {
        let table = SiteTable::builtin();
        assert!(table.rows.len() > 100);
        for row in &table.rows {
            let name = format!("{:?} {:?} in {:?}", row.capability, row.at, row.syscall);
            assert!(!row.capability.is_empty(), "{name}");
            assert!(!row.at.is_empty() || !row.syscall.is_empty(), "fits anything: {name}");
            assert!(!row.why.is_empty() && !row.why.ends_with('.'), "{name}");
            assert!(!row.kernels.is_empty(), "{name}");
            assert!(row.argument.is_none() || !row.syscall.is_empty(), "{name}");
            assert_ne!(Some(row.verdict), row.refused, "{name}");
            for pattern in row.at.iter().chain(&row.under) {
                let inner = pattern.trim_start_matches('*').trim_end_matches('*');
                assert!(!inner.is_empty() && !inner.contains('*'), "{pattern} in {name}");
                // A frame that is skipped is never the innermost one.
                assert!(!table.frames.is_helper(pattern), "{pattern} in {name}");
                assert!(!table.frames.is_entry(pattern), "{pattern} in {name}");
                assert_eq!(crate::site::normalise(pattern), *pattern, "{name}");
            }
            for error in &row.errors {
                assert!(crate::words::is_error(error), "{error} in {name}");
            }
        }
    }

    /// Nothing earlier in the table takes such a site for one of the task's own credentials.
    #[test]
    fn a_site_that_judges_a_file_or_a_tracer_is_found_as_one() {
        let table = SiteTable::builtin();
        let mut looked_at = 0;
        for row in table.rows.iter().filter(|r| r.credentials == Credentials::Any) {
            let syscall = row.syscall.first().map(|name| Syscall {
                number: 0,
                name: Some(name.clone()),
                compat: false,
                arguments: [0; 6],
                path: None,
                address: None,
            });
            let outer = row.under.first().cloned().unwrap_or_else(|| "vfs_write".to_owned());
            for at in row.at.iter().filter(|at| !at.contains('*')) {
                let site = Site::named(&[at, &outer]);
                for capability in &row.capability {
                    let found = table.find(&site, *capability, syscall.as_ref(), None).unwrap();
                    let kept =
                        found.credentials == Credentials::Any || found.verdict == Decision::Never;
                    assert!(kept, "{capability} at {at}: {found:?}");
                    looked_at += 1;
                }
            }
        }
        assert!(looked_at > 50, "{looked_at}");
    }

    #[test]
    fn every_capability_has_a_row() {
        let named: BTreeSet<Capability> =
            SiteTable::builtin().rows.iter().flat_map(|r| r.capability.clone()).collect();
        assert_eq!(named, Capability::known().collect());
    }

    #[test]
    fn a_table_with_a_slip_is_refused() {
        let good = "[frames]\nhelpers = []\nentries = []\n[[override]]\nunder = []\n\
                    unless-within = []\nown-check = []\nwhy = \"\"\n[[pair]]\nfirst = \"BPF\"\n\
                    second = \"KILL\"\nany-of = []\nwhy = \"\"\n[[site]]\nat = [\"x\"]\n\
                    capability = [\"KILL\"]\nverdict = \"needed\"\nwhy = \"y\"\nkernels = [\"6.18\"]\n";
        assert!(SiteTable::parse(good).is_ok());
        for (this, that) in
            [("KILL\"]", "KIL\"]"), ("needed", "perhaps"), ("at =", "att ="), ("why", "")]
        {
            assert!(SiteTable::parse(&good.replace(this, that)).is_err(), "{this} -> {that}");
        }
    }
}
