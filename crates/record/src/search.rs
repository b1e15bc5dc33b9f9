//! The runs of a search for a minimal set, as a profile keeps them.

use caps::{CapSet, Capability};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::CapabilityName;

/// A search for the least that a workload needs: what it found, and every run it made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Search {
    /// The test that tells whether the workload works.
    pub test: String,
    /// Where the runs were made.
    pub place: Place,
    /// What it came to.
    pub found: Found,
    /// What it started from: everything the workload might have been given.
    #[schemars(with = "Vec<CapabilityName>")]
    pub start: CapSet,
    /// The smallest set that passed.
    #[schemars(with = "Vec<CapabilityName>")]
    pub minimum: CapSet,
    /// The set under which nothing is refused that used to be granted; left out where nothing was
    /// traced, or nothing passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CapabilityName>>")]
    pub without_new_denials: Option<CapSet>,
    /// What the workload did without, or never passed with, and that says nothing of it: runs in a user
    /// namespace, where it may have been refused with it, too.
    #[serde(default, skip_serializing_if = "is_empty")]
    #[schemars(with = "Vec<CapabilityName>")]
    pub undecided: CapSet,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub recorded: Option<Timestamp>,
    /// Every run, in order.
    pub runs: Vec<TrialRun>,
}

impl Search {
    /// What it came to, in a word that is the same everywhere (docs/fit.md has the table).
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.found {
            Found::Proven => "proven",
            Found::Explained => "explained",
            Found::InPart => "in part",
            Found::NeverPasses if !self.undecided.is_empty() => "undecided",
            Found::Passed | Found::NeverPasses => "unproven",
            Found::Flaky => "flaky",
            Found::Stopped => "stopped",
        }
    }

    /// The word, and what keeps it from being proven: a failure that was not repeated.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self.found {
            Found::Explained => "explained, not repeated",
            _ => self.word(),
        }
    }

    /// What the last run said that shows that what passed does not do without this: it had all else.
    #[must_use]
    pub fn failure_without(&self, capability: Capability) -> Option<&str> {
        let smaller = self.minimum.without(capability);
        let shows = |run: &&TrialRun| {
            !run.passed
                && !run.capabilities.contains(capability)
                && smaller.is_subset(run.capabilities)
        };
        self.runs
            .iter()
            .rev()
            .find(shows)
            .filter(|_| self.minimum.contains(capability))?
            .said
            .as_deref()
    }

    /// What that means, behind the word.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        let open = !self.undecided.is_empty();
        match self.found {
            Found::Proven if self.minimum.is_empty() => "passes with none",
            Found::Proven => {
                "passes with exactly the needed; without any of them fails, twice in a row"
            }
            Found::Explained => {
                "passes with exactly the needed; each run without one fails, as its trace says"
            }
            Found::InPart if self.minimum.is_empty() => {
                "passes with none; whether what is undecided is needed is open"
            }
            Found::InPart => {
                "passes with exactly the needed; without any of them fails, twice in a row; whether it \
                 does without the others is decided for some of them only"
            }
            Found::Passed => "passes; whether less would do is open",
            Found::NeverPasses if open => "fails even with everything that a user namespace gives",
            Found::NeverPasses => "fails even with everything that it was given",
            Found::Flaky => "two runs contradict each other: nothing is proven",
            Found::Stopped if self.runs.iter().any(|run| run.passed) => {
                "the smallest set that passed until then"
            }
            Found::Stopped => "before any run had passed: there is no answer",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_empty(set: &CapSet) -> bool {
    set.is_empty()
}

/// Where runs were made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// On the machine as it is, one after the other: what one left behind the next one found.
    Here,
    /// Each in a sandbox of its own.
    Sandbox,
    /// Each in a new container of an engine.
    Container,
}

/// What a search came to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Found {
    /// The minimum passed, and without any of its members the test failed twice in a row.
    Proven,
    /// The minimum passed, and without any of its members the test failed: twice in a row, or once
    /// with a trace that says why.
    Explained,
    /// As proven or explained, and [`Search::undecided`] may be needed besides.
    InPart,
    /// The minimum passed; whether less would do is not shown.
    Passed,
    /// The test fails even with everything.
    NeverPasses,
    /// The test gave two answers.
    Flaky,
    /// It was stopped before its end.
    Stopped,
}

/// One run of a search.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrialRun {
    /// The set it ran under.
    #[schemars(with = "Vec<CapabilityName>")]
    pub capabilities: CapSet,
    /// What it was for: `without CHOWN`.
    pub purpose: String,
    /// Whether the test passed.
    pub passed: bool,
    /// What was said when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Whether its own trace says why it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explained: bool,
    /// Whether it repeats the run before it, which failed under the same set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeats: bool,
    /// How long it took, from the `execve` to the test's answer, milliseconds.
    pub duration_ms: u64,
    /// Whether what it asked for was seen.
    pub traced: bool,
    /// What it was refused, as far as that may have mattered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denied>,
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denied {
    /// Any one of these would have served.
    #[schemars(with = "Vec<CapabilityName>")]
    pub any_of: Vec<Capability>,
    /// What the program did: `chown /var/lib/x to 33:33`.
    pub what: String,
    /// Which process.
    pub by: String,
    /// Kernel functions at which it was judged, innermost first; empty without a kernel stack.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// How many checks.
    pub count: u64,
    /// What the call returned: `EPERM`, `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    /// Whether the same was granted in the first run.
    pub new: bool,
}
