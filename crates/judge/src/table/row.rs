//! A row of the table: a place, what is asked there and in which call, and what that means.

use caps::Capability;
use serde::Deserialize;

use super::pattern::{is_call, matches};
use crate::site::Site;
use record::observation::Syscall;
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
    /// Whether a check fits it, on a kernel of this release.
    pub(super) fn matches(
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
