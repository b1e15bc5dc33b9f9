//! The table of call sites, `data/sites.toml`.

use std::sync::LazyLock;

use caps::Capability;
use serde::Deserialize;

use crate::site::Site;
use record::observation::{NamespaceRelation, Observation, Recording, Syscall};
use record::requirement::Verdict;

/// What a check at a site means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The call fails without the capability.
    Needed,
    /// The call may do as well, or nearly as well, without it.
    Doubtful,
    /// The kernel only asks; nothing the program can tell depends on the answer.
    Never,
}

impl Decision {
    /// The verdict, `None` for what is never a need.
    pub(crate) fn verdict(self) -> Option<Verdict> {
        match self {
            Decision::Needed => Some(Verdict::Needed),
            Decision::Doubtful => Some(Verdict::Doubtful),
            Decision::Never => None,
        }
    }
}

/// Where a refusal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// The system call fails: if it succeeded, the refusal did not matter.
    #[default]
    Call,
    /// The system call succeeds all the same: the refusal is in a netlink answer, or the effect
    /// is silently a lesser one.
    Elsewhere,
}

/// Whose credentials a site judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Credentials {
    /// The task's own: a check of others is the kernel's own business.
    #[default]
    Own,
    /// Those of an opened file or of a tracer: a need of the program's, whoever's they are.
    Any,
}

/// A condition on a system call's argument.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Argument {
    /// Which, from 0.
    pub(crate) index: usize,
    /// Holds if one of these bits is set.
    #[serde(default)]
    pub(crate) any: Option<u64>,
    /// Holds if it is one of these; any if empty.
    #[serde(default)]
    pub(crate) one_of: Vec<u64>,
}

impl Argument {
    /// System call arguments that decide are all `int` or `umode_t`: the upper half is noise.
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        let value = arguments.get(self.index).copied().unwrap_or_default() & 0xffff_ffff;
        self.any.is_none_or(|bits| value & bits != 0)
            && (self.one_of.is_empty() || self.one_of.contains(&value))
    }
}

/// A release of the kernel, as far as it counts here: `6.12` of `6.12.117+deb13-cloud-amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Release(u32, u32);

impl Release {
    /// The first two numbers of what `uname -r` prints; `None` if there are none.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

impl TryFrom<String> for Release {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::of(&text).ok_or_else(|| format!("not a release such as 5.19: {text}"))
    }
}

/// A row: what must hold, and what is then said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Row {
    /// The innermost meaningful function is one of these (a `*` at either end stands for
    /// anything). Without it the row goes by the system call alone.
    #[serde(default)]
    pub(crate) at: Vec<String>,
    /// One of these lies further out.
    #[serde(default)]
    pub(crate) under: Vec<String>,
    /// One of these was asked for.
    pub(crate) capability: Vec<Capability>,
    /// In one of these system calls.
    #[serde(default)]
    pub(crate) syscall: Vec<String>,
    /// With this argument.
    #[serde(default)]
    pub(crate) argument: Option<Argument>,
    /// On a kernel older than this. For verdicts that are the more careful ones, since a vendor may
    /// have taken the change back into his older kernel.
    #[serde(default)]
    pub(crate) before: Option<Release>,
    /// The verdict.
    pub(crate) verdict: Decision,
    /// The verdict if the check was refused and the call failed with EPERM or EACCES.
    #[serde(default)]
    pub(crate) refused: Option<Decision>,
    /// Any one of these serves; the one to prefer first.
    #[serde(default)]
    pub(crate) any_of: Vec<Capability>,
    /// Whose credentials.
    #[serde(default)]
    pub(crate) credentials: Credentials,
    /// Where a refusal shows.
    #[serde(default)]
    pub(crate) outcome: Outcome,
    /// The errors, by name, with which the call fails for want of the capability; `EPERM` and
    /// `EACCES` if none are named. Beside `outcome = "elsewhere"`: the error in the answer, by which
    /// the program learns of the refusal.
    #[serde(default)]
    pub(crate) errors: Vec<String>,
    /// What the program did, where the system call alone does not say it (`data/words.toml`).
    #[serde(default)]
    pub(crate) what: Option<String>,
    /// The reason, a fragment for the evidence.
    pub(crate) why: String,
    /// Kernels whose source was read or on which it was seen.
    pub(crate) kernels: Vec<String>,
}

impl Row {
    fn matches(
        &self,
        site: &Site,
        capability: Capability,
        syscall: Option<&Syscall>,
        kernel: Option<Release>,
    ) -> bool {
        let name = syscall.and_then(|s| s.name.as_deref());
        let at = self.at.is_empty()
            || site.innermost().is_some_and(|f| self.at.iter().any(|p| matches(p, f)));
        let under = self.under.is_empty()
            || site.frames().iter().skip(1).any(|f| self.under.iter().any(|p| matches(p, f)));
        at && under
            && self.capability.contains(&capability)
            && (self.syscall.is_empty()
                || name.is_some_and(|n| self.syscall.iter().any(|s| is_call(n, s))))
            && self.argument.as_ref().is_none_or(|a| syscall.is_some_and(|s| a.holds(&s.arguments)))
            && self.before.is_none_or(|before| kernel.is_some_and(|kernel| kernel < before))
    }
}

/// Whether a system call is `known`, or its 32-bit twin with wide ids (`chown32`).
pub(crate) fn is_call(name: &str, known: &str) -> bool {
    name == known || name.strip_suffix("32") == Some(known)
}

/// `*` at the start or the end of a pattern stands for anything.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(suffix), None) => name.ends_with(suffix),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}

/// Frames that say nothing by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frames {
    /// Between `cap_capable` and the one who asked.
    helpers: Vec<String>,
    /// Outside of every system call.
    entries: Vec<String>,
}

impl Frames {
    /// The tracer's own program is one too: a compiled BPF program is `bpf_prog_`, its tag of
    /// sixteen hexadecimal digits, and its name (`bpf_prog_load` is a kernel function).
    pub(crate) fn is_helper(&self, name: &str) -> bool {
        let tag = name.strip_prefix("bpf_prog_").and_then(|rest| rest.get(..16));
        tag.is_some_and(|tag| tag.bytes().all(|b| b.is_ascii_hexdigit()))
            || self.helpers.iter().any(|p| matches(p, name))
    }

    pub(crate) fn is_entry(&self, name: &str) -> bool {
        self.entries.iter().any(|p| matches(p, name))
    }
}

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

/// A function that lends the task other credentials, which are nevertheless its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Override {
    /// The function that lends them.
    under: Vec<String>,
    /// Functions that lend others again, further in.
    unless_within: Vec<String>,
    /// Innermost functions that such a lender calls before it lends.
    own_check: Vec<String>,
    /// The reason.
    why: String,
}

impl Override {
    /// Whether the checked credentials, though not the task's real ones, are lent by this one.
    pub(crate) fn lends(&self, site: &Site) -> bool {
        let frames = site.frames();
        let Some(lender) = frames.iter().position(|f| self.under.iter().any(|p| matches(p, f)))
        else {
            return false;
        };
        let another = (0..lender).any(|i| {
            let inner_is_own = i == 1 && self.own_check.iter().any(|p| matches(p, &frames[0]));
            !inner_is_own && self.unless_within.iter().any(|p| matches(p, &frames[i]))
        });
        !another
    }
}

/// A need for which the kernel asks nobody: it looks at the set itself (`cap_raised`), so no check
/// shows it. What is asked at the same place gives it away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Unasked {
    at: Vec<String>,
    under: Vec<String>,
    /// The capability of the check that is seen.
    asked: Capability,
    /// Whose namespace it is asked of.
    namespace: NamespaceRelation,
    /// Who asks.
    uid: u32,
    /// What is needed.
    pub(crate) needs: Capability,
    /// Where one of these was asked at the same place of the target's own namespace, by the same
    /// process, the kernel did ask, and that answer counts.
    unless: Vec<Capability>,
    verdict: Verdict,
    /// What the program did.
    pub(crate) what: String,
    why: String,
    /// Kernels whose source was read or on which it was seen.
    kernels: Vec<String>,
}

impl Unasked {
    /// Whether this check gives it away.
    pub(crate) fn shows(&self, seen: &Observation, known: &Frames, recording: &Recording) -> bool {
        seen.capability == self.asked
            && seen.granted
            && seen.namespace == self.namespace
            && seen.uid == Some(self.uid)
            && self.is_at(seen, known)
            && !recording.observations.iter().any(|other| {
                other.process == seen.process
                    && other.namespace == NamespaceRelation::Own
                    && self.unless.contains(&other.capability)
                    && self.is_under(other, known)
            })
    }

    fn is_at(&self, observation: &Observation, known: &Frames) -> bool {
        let site = Site::of(observation, known);
        site.innermost().is_some_and(|f| self.at.iter().any(|p| matches(p, f)))
            && self.is_under(observation, known)
    }

    fn is_under(&self, observation: &Observation, known: &Frames) -> bool {
        let site = Site::of(observation, known);
        site.frames().iter().skip(1).any(|f| self.under.iter().any(|p| matches(p, f)))
    }

    /// The verdict and its reason.
    pub(crate) fn judged(&self) -> (Verdict, String) {
        (self.verdict, self.why.clone())
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
    fn what_is_not_asked_is_told_by_what_is() {
        let unasked = &SiteTable::builtin().unasked;
        assert!(!unasked.is_empty());
        for row in unasked {
            assert!(!row.at.is_empty() && !row.under.is_empty(), "{row:?}");
            assert!(
                !row.what.is_empty() && !row.why.is_empty() && !row.kernels.is_empty(),
                "{row:?}"
            );
            assert_ne!(row.asked, row.needs, "{row:?}");
            assert!(!row.unless.contains(&row.asked), "{row:?}");
        }
    }

    #[test]
    fn every_capability_has_a_row() {
        let named: BTreeSet<Capability> =
            SiteTable::builtin().rows.iter().flat_map(|r| r.capability.clone()).collect();
        assert_eq!(named, Capability::known().collect());
    }

    #[test]
    fn a_star_stands_for_anything_at_its_end() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("abc*", "abc", true),
            ("abc*", "abcd", true),
            ("*bcd", "abcd", true),
            ("*bcd", "abcde", false),
            ("*bc*", "abcd", true),
            ("*bc*", "abd", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_release_is_two_numbers() {
        for (text, release) in [
            ("5.10.0-32-cloud-amd64", Some(Release(5, 10))),
            ("6.12.117+deb13-cloud-amd64", Some(Release(6, 12))),
            ("7.2-rc1", Some(Release(7, 2))),
            ("5.9", Some(Release(5, 9))),
            ("", None),
            ("linux", None),
        ] {
            assert_eq!(Release::of(text), release, "{text}");
        }
        assert!(Release(5, 9) < Release(5, 10) && Release(5, 19) < Release(6, 1));
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
