//! What a program was seen to require, and the smallest list that serves all of it.
//!
//! The kernel often accepts one of several capabilities (`capable(CAP_PERFMON) ||
//! capable(CAP_SYS_ADMIN)`), so a requirement names alternatives. Which of them ends up in the
//! list depends on the other requirements; [`solve`] decides it, the same way whatever the order.

use std::collections::{BTreeMap, BTreeSet};

use caps::{CapSet, Capability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How sure it is that a capability is needed. There is no "not needed" here: what is never a
/// need is dismissed before it gets this far, and counted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// A trace cannot tell: the program may do as well without it. Only a trial decides.
    Doubtful,
    /// The kernel function that asked refuses the call without it.
    Needed,
}

impl Verdict {
    /// The word in the profile.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Doubtful => "doubtful",
            Verdict::Needed => "needed",
        }
    }
}

/// What a trial said of a use, if there was one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Trial {
    /// The test passed without the capability.
    PassedWithout,
    /// The test failed without the capability.
    FailedWithout,
}

/// Something the program did for which the kernel asked for a capability.
///
/// Two uses with the same [`Use::key`] are the same use, seen again: counts are the most seen in
/// one run, times the earliest and latest, so that merging a run twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Use {
    /// In a person's words: `bind 0.0.0.0:80`, `chown /var/lib/x to 33:33`.
    pub what: String,
    /// The process: its name, and `(main)` behind it for the target's first.
    pub by: String,
    /// Kernel functions, innermost first, at which it was judged: `ns_capable < inet_bind` is
    /// written `inet_bind`. Empty when the kernel stack was not to be had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// Whether the site makes it a need.
    pub verdict: Verdict,
    /// Why the site is judged so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How many checks, at most, in one run.
    pub count: u64,
    /// How many of them were refused, at most, in one run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// What the system call returned when it was refused: `EPERM`, `ok`, a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    /// When it was first seen, milliseconds from the start of the run.
    pub first_ms: u64,
    /// When it was last seen, milliseconds from the start of the run.
    pub last_ms: u64,
    /// Whether it was seen only while the target was starting, in every run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_start: bool,
    /// What a trial said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Use {
    /// What makes two uses the same.
    #[must_use]
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.what, &self.by, &self.site)
    }

    /// On one line, with how many checks the kernel made (a call may ask more than once): `bind 0.0.0.0:80 by nginx (main), at start, refused 2 times: EPERM`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("{} by {}", self.what, self.by);
        if self.at_start {
            line.push_str(", at start");
        }
        let times = |n: u64| if n == 1 { "once".to_owned() } else { format!("{n} times") };
        if self.refused > 0 {
            line.push_str(&format!(", refused {}", times(self.refused)));
            if let Some(returned) = &self.returned {
                line.push_str(&format!(": {returned}"));
            }
        } else if self.count > 1 {
            line.push_str(&format!(", {} checks", self.count));
        }
        line
    }

    /// Whether it still asks for a capability: a trial that passed without it has settled it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.trial != Some(Trial::PassedWithout)
    }

    /// The same use seen again in the same run: as [`Use::join`], but counts add up.
    fn add(&mut self, other: &Use) {
        let (count, refused) = (self.count + other.count, self.refused + other.refused);
        self.join(other);
        (self.count, self.refused) = (count, refused);
    }

    /// The same use seen in another run. Idempotent and independent of order: each field takes
    /// the greater of two values of a total order (the lesser for [`Use::first_ms`]).
    fn join(&mut self, other: &Use) {
        // A refusal that failed the call says more than one that did not.
        let rank = |returned: &Option<String>| match returned.as_deref() {
            None => (0, String::new()),
            Some("ok") => (1, String::new()),
            Some(word) => (2, word.to_owned()),
        };
        if rank(&other.returned) > rank(&self.returned) {
            self.returned.clone_from(&other.returned);
        }
        if (other.verdict, &other.why) > (self.verdict, &self.why) {
            self.why.clone_from(&other.why);
        }
        self.verdict = self.verdict.max(other.verdict);
        self.count = self.count.max(other.count);
        self.refused = self.refused.max(other.refused);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.at_start &= other.at_start;
        self.trial = self.trial.max(other.trial);
    }
}

/// A way to do without the capability.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Remedy {
    /// What to change, as an instruction: `set securityContext.runAsUser: 33`.
    pub how: String,
    /// Why that removes the need.
    pub why: String,
    /// Where the change is made.
    #[serde(rename = "where")]
    pub place: Place,
}

/// Where a remedy is applied, the cheapest place first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Nothing to change: the runtime's own default already removes the need.
    Nothing,
    /// The manifest.
    Manifest,
    /// The program's configuration or arguments.
    Configuration,
    /// The image.
    Image,
    /// The node, or somebody with power over it.
    Node,
}

/// One or more uses that any one of a few capabilities would serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Any one of these serves; the one to prefer stands first.
    #[schemars(with = "Vec<crate::schema::CapabilityName>", length(min = 1))]
    pub any_of: Vec<Capability>,
    /// What a person said of it, in a profile written by hand, or what trials showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<Verdict>,
    /// What it was for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
    /// How to do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
}

impl Requirement {
    /// A requirement somebody wrote down, without a use to show for it.
    #[must_use]
    pub fn stated(capability: Capability, verdict: Verdict) -> Self {
        Self {
            any_of: vec![capability],
            stated: Some(verdict),
            uses: Vec::new(),
            remedies: Vec::new(),
        }
    }

    /// The strongest of what was stated and of its uses that no trial has settled; `None` when
    /// there is nothing of the kind.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let seen = self.uses.iter().filter(|u| u.is_open()).map(|u| u.verdict).max();
        seen.max(self.stated)
    }

    /// The alternatives as a set.
    #[must_use]
    pub fn set(&self) -> CapSet {
        self.any_of.iter().copied().collect()
    }
}

/// Joins requirements of different runs: one for each list of alternatives, one use for each key,
/// in a fixed order. Idempotent, and independent of order.
#[must_use]
pub fn join(requirements: impl IntoIterator<Item = Requirement>) -> Vec<Requirement> {
    gather(requirements, Use::join)
}

/// Gathers requirements of one run, as [`join`] does, but counts add up.
#[must_use]
pub fn tally(requirements: impl IntoIterator<Item = Requirement>) -> Vec<Requirement> {
    gather(requirements, Use::add)
}

fn gather(
    requirements: impl IntoIterator<Item = Requirement>,
    again: impl Fn(&mut Use, &Use),
) -> Vec<Requirement> {
    type Uses = BTreeMap<(String, String, String), Use>;
    type Gathered = (Option<Verdict>, Uses, BTreeSet<Remedy>);
    let mut gathered: BTreeMap<Vec<Capability>, Gathered> = BTreeMap::new();
    for requirement in requirements {
        let (stated, uses, remedies) = gathered.entry(requirement.any_of).or_default();
        *stated = (*stated).max(requirement.stated);
        remedies.extend(requirement.remedies);
        for seen in requirement.uses {
            let (what, by, site) = seen.key();
            let key = (what.to_owned(), by.to_owned(), site.to_owned());
            match uses.get_mut(&key) {
                Some(known) => again(known, &seen),
                None => {
                    uses.insert(key, seen);
                }
            }
        }
    }
    gathered
        .into_iter()
        .map(|(any_of, (stated, uses, remedies))| Requirement {
            any_of,
            stated,
            uses: sorted(uses.into_values().collect()),
            remedies: by_place(remedies.into_iter().collect()),
        })
        .collect()
}

/// What matters first: needed before doubtful, then in the order of time.
fn sorted(mut uses: Vec<Use>) -> Vec<Use> {
    uses.sort_by(|a, b| (b.verdict, a.first_ms, a.key()).cmp(&(a.verdict, b.first_ms, b.key())));
    uses
}

/// Uses as a person reads them: what was done by whom, once, whatever kernel functions asked; the
/// needed first, then in the order of time. What a trial has settled is left out.
#[must_use]
pub fn for_reading<'u>(uses: impl IntoIterator<Item = &'u Use>) -> Vec<Use> {
    let mut read: BTreeMap<(&str, &str), Use> = BTreeMap::new();
    for seen in uses.into_iter().filter(|u| u.is_open()) {
        match read.get_mut(&(seen.what.as_str(), seen.by.as_str())) {
            Some(known) => known.add(seen),
            None => {
                read.insert((&seen.what, &seen.by), seen.clone());
            }
        }
    }
    sorted(read.into_values().collect())
}

/// The cheapest place first.
fn by_place(mut remedies: Vec<Remedy>) -> Vec<Remedy> {
    remedies.sort_by(|a, b| (a.place, a).cmp(&(b.place, b)));
    remedies
}

/// The list that serves a set of requirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Solution {
    /// Needed.
    pub needed: CapSet,
    /// Doubtful, and not needed.
    pub doubtful: CapSet,
}

impl Solution {
    /// Both: what to add until a trial has decided the doubtful.
    #[must_use]
    pub fn add(self) -> CapSet {
        self.needed | self.doubtful
    }

    /// Which of the solution serves `requirement`: the surest, then the most preferred. `None`
    /// when its uses are all settled and nothing else brought one of them in.
    #[must_use]
    pub fn serves(self, requirement: &Requirement) -> Option<Capability> {
        let find = |set: CapSet| requirement.any_of.iter().copied().find(|c| set.contains(*c));
        find(self.needed).or_else(|| find(self.doubtful))
    }
}

/// Chooses among the alternatives.
///
/// What has no alternative is taken. A requirement that something taken serves, as surely as it
/// asks, adds nothing; any other takes its first alternative. The needed are chosen before the
/// doubtful, and a doubtful capability never serves a needed requirement: a trial that removes
/// it would take the need away with it.
#[must_use]
pub fn solve(requirements: &[Requirement]) -> Solution {
    let mut open: Vec<(Verdict, &Requirement)> =
        requirements.iter().filter_map(|r| Some((r.verdict()?, r))).collect();
    open.sort_by(|(v, a), (w, b)| {
        (a.any_of.len() > 1, &a.any_of, v).cmp(&(b.any_of.len() > 1, &b.any_of, w))
    });
    let mut solution = Solution::default();
    for verdict in [Verdict::Needed, Verdict::Doubtful] {
        for (_, requirement) in open.iter().filter(|(v, _)| *v == verdict) {
            let taken = match verdict {
                Verdict::Needed => solution.needed,
                Verdict::Doubtful => solution.add(),
            };
            if (requirement.set() & taken).is_empty()
                && let Some(first) = requirement.any_of.first()
            {
                match verdict {
                    Verdict::Needed => solution.needed.insert(*first),
                    Verdict::Doubtful => solution.doubtful.insert(*first),
                }
            }
        }
    }
    solution.doubtful = solution.doubtful - solution.needed;
    solution
}
