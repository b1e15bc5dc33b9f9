//! The judgement: what a recording amounts to.

use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use record::observation::{Exit, NamespaceRelation, Observation, Recording, Target};
use record::requirement::{self, Remedy, Requirement, Solution, Use, Verdict};
use serde::Serialize;

use crate::gained;
use crate::given;
use crate::outside;
use crate::refusal::{self, Refusal};
use crate::remedy;
use crate::role;
use crate::settled;
use crate::site::Site;
use crate::table::{Credentials, Decision, Outcome, Release, Row, SiteTable, Unasked};
use crate::twins::Twins;
use crate::words::{self, printable};

/// What a recording amounts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// One for each capability of the list, by number.
    pub needs: Vec<Need>,
    /// Checks that are no need, by reason and place, the most frequent first.
    pub dismissed: Vec<Dismissed>,
    /// Call sites the table does not know; their capabilities are among the doubtful.
    pub unknown_sites: Vec<UnknownSite>,
    /// Whether the recording holds everything the target asked for, from its start.
    pub complete: bool,
    /// Why not.
    pub incomplete: Vec<String>,
    /// Processes outside of the target that it asked for something, each in a sentence.
    pub helpers: Vec<String>,
    /// What the needs were chosen from.
    #[serde(skip)]
    pub requirements: Vec<Requirement>,
}

impl Judgement {
    /// The needed and the doubtful.
    #[must_use]
    pub fn solution(&self) -> Solution {
        let set = |verdict| {
            self.needs.iter().filter(|n| n.verdict == verdict).map(|n| n.capability).collect()
        };
        Solution { needed: set(Verdict::Needed), doubtful: set(Verdict::Doubtful) }
    }

    /// What to add after `drop: [ALL]`: the needed and the doubtful.
    #[must_use]
    pub fn add(&self) -> CapSet {
        self.solution().add()
    }
}

/// A capability that the target needs, or may need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// Whether it is sure.
    pub verdict: Verdict,
    /// Any one of these would serve all of the uses instead.
    pub alternatives: CapSet,
    /// What it is for, the needed uses first.
    pub uses: Vec<Use>,
    /// How to do without, the cheapest place first.
    pub remedies: Vec<Remedy>,
}

/// Checks that are no need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dismissed {
    /// The capability asked for.
    pub capability: Capability,
    /// The kind of reason.
    pub reason: Dismissal,
    /// Where it was asked, innermost function first.
    pub site: String,
    /// The reason in words.
    pub why: String,
    /// How many checks.
    pub count: u64,
    /// How many of them were refused.
    pub refused: u64,
}

/// Why a check is no need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Dismissal {
    /// The table says that nothing depends on the answer here.
    Site,
    /// The credentials are not the task's own: the kernel asked on its own behalf.
    ForeignCredentials,
    /// Asked of a user namespace that the target made itself.
    InnerNamespace,
    /// Asked of a user namespace above the target's: no capability of the target can grant it.
    OuterNamespace,
    /// Refused, and the call succeeded all the same.
    CallSucceeded,
    /// Refused although the container has it: the process gave it up itself.
    GivenUp,
}

/// A call site that the table does not know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownSite {
    /// The capability asked for.
    pub capability: Capability,
    /// The system call, if known.
    pub syscall: Option<String>,
    /// Kernel functions, innermost first; empty when the stack was lost.
    pub stack: Vec<String>,
    /// How many checks.
    pub count: u64,
}

impl UnknownSite {
    /// On one line: `SYS_ADMIN at foo < bar in ioctl`.
    #[must_use]
    pub fn line(&self) -> String {
        let at = if self.stack.is_empty() {
            "an unknown place (no kernel stack)".to_owned()
        } else {
            printable(&self.stack[..self.stack.len().min(4)].join(" < "))
        };
        match &self.syscall {
            Some(syscall) => format!("{} at {at} in {syscall}", self.capability),
            None => format!("{} at {at}", self.capability),
        }
    }
}

/// Judges a recording by the built-in table.
#[must_use]
pub fn judge(recording: &Recording) -> Judgement {
    judge_with(recording, SiteTable::builtin())
}

/// Judges a recording by a table of one's own.
#[must_use]
pub fn judge_with(recording: &Recording, table: &SiteTable) -> Judgement {
    let twins = Twins::of(recording, table);
    let kernel = Release::of(&recording.machine.kernel);
    let mut requirements = Vec::new();
    let mut dismissed: BTreeMap<(Capability, Dismissal, String, String), (u64, u64)> =
        BTreeMap::new();
    let mut unknown: BTreeMap<(Capability, Option<String>, Vec<String>), u64> = BTreeMap::new();
    for observation in &recording.observations {
        let site = Site::of(observation, &table.frames);
        let gives_away = |u: &&Unasked| u.shows(observation, &table.frames, recording);
        for unasked in table.unasked.iter().filter(gives_away) {
            requirements.push(require(
                recording,
                observation,
                &site,
                vec![unasked.needs],
                Some(&unasked.what),
                unasked.judged(),
            ));
        }
        let bounding = given::bounding(recording, observation.process);
        match weigh(observation, &site, (table, kernel), bounding) {
            Weighed::Dismissed { reason, why } => {
                let key = (observation.capability, reason, site.shown(2), why);
                let (count, refused) = dismissed.entry(key).or_default();
                *count += observation.count;
                *refused += if observation.granted { 0 } else { observation.count };
            }
            Weighed::Asked { row, verdict, why } => {
                if row.is_none() {
                    let syscall = observation.syscall.as_ref().and_then(|s| s.name.clone());
                    let key = (observation.capability, syscall, site.frames().to_vec());
                    *unknown.entry(key).or_default() += observation.count;
                }
                let any_of = twins.any_of(observation, &site, row);
                requirements.push(require(
                    recording,
                    observation,
                    &site,
                    any_of,
                    row.and_then(|row| row.what.as_deref()),
                    (verdict, why),
                ));
            }
        }
    }
    requirements.extend(gained::requirements(recording));
    requirements.extend(settled::requirements(recording));
    let mut requirements = requirement::tally(requirements);
    gained::bind_remedies(&mut requirements);
    let helpers = outside::asked(recording);
    let mut incomplete = incomplete(recording);
    if outside::makes_incomplete(recording) {
        incomplete.extend(helpers.iter().cloned());
    }
    Judgement {
        needs: needs(&requirements),
        dismissed: by_count(dismissed),
        unknown_sites: unknown
            .into_iter()
            .map(|((capability, syscall, stack), count)| UnknownSite {
                capability,
                syscall,
                stack,
                count,
            })
            .collect(),
        complete: incomplete.is_empty(),
        incomplete,
        helpers,
        requirements,
    }
}

/// What one observation is worth.
enum Weighed<'t> {
    Dismissed { reason: Dismissal, why: String },
    Asked { row: Option<&'t Row>, verdict: Verdict, why: String },
}

fn weigh<'t>(
    observation: &Observation,
    site: &Site,
    (table, kernel): (&'t SiteTable, Option<Release>),
    bounding: CapSet,
) -> Weighed<'t> {
    let dismissed = |reason, why: &str| Weighed::Dismissed { reason, why: why.to_owned() };
    match observation.namespace {
        NamespaceRelation::Own => {}
        NamespaceRelation::Inner => {
            return dismissed(
                Dismissal::InnerNamespace,
                "asked of a user namespace that the program made itself",
            );
        }
        NamespaceRelation::Outer => {
            return dismissed(
                Dismissal::OuterNamespace,
                "asked of a user namespace above the container's: nothing the container holds counts there",
            );
        }
    }
    let row = table.find(site, observation.capability, observation.syscall.as_ref(), kernel);
    let never = row.is_some_and(|r| r.verdict == Decision::Never);
    if !observation.own_credentials
        && !never
        && row.is_none_or(|r| r.credentials == Credentials::Own)
        && !table.overrides.iter().any(|o| o.lends(site))
    {
        return dismissed(
            Dismissal::ForeignCredentials,
            "asked of other credentials than the task's own: the kernel's own business",
        );
    }
    let outcome = row.map_or(Outcome::Call, |r| r.outcome);
    let refusal = refusal::of(observation, outcome, bounding);
    let decision = match (row, refusal) {
        (Some(Row { refused: Some(decision), .. }), Refusal::CallFailed) => *decision,
        (row, _) => row.map_or(Decision::Doubtful, |r| r.verdict),
    };
    let why = row.map_or("a call site that the table does not know", |r| &r.why);
    let Some(verdict) = decision.verdict() else {
        return dismissed(Dismissal::Site, why);
    };
    match refusal {
        Refusal::None => Weighed::Asked { row, verdict, why: why.to_owned() },
        Refusal::GivenUp => dismissed(
            Dismissal::GivenUp,
            "refused although the container has it: the process gave it up itself",
        ),
        Refusal::CallSucceeded => {
            dismissed(Dismissal::CallSucceeded, "refused, and the call succeeded all the same")
        }
        Refusal::CallFailed => Weighed::Asked {
            row,
            verdict: Verdict::Doubtful,
            why: format!("{why}; refused here, and only a trial tells whether the program minds"),
        },
        Refusal::Unclear => Weighed::Asked {
            row,
            verdict: Verdict::Doubtful,
            why: format!("{why}; refused here, and how the call ended does not tell why"),
        },
    }
}

fn require(
    recording: &Recording,
    observation: &Observation,
    site: &Site,
    any_of: Vec<Capability>,
    what: Option<&str>,
    (verdict, why): (Verdict, String),
) -> Requirement {
    let milliseconds = |ns: u64| ns / 1_000_000;
    let refused = if observation.granted { 0 } else { observation.count };
    Requirement {
        any_of,
        stated: None,
        uses: vec![Use {
            what: printable(&words::describe(observation, what)),
            by: printable(&role::of(recording, observation.process)),
            site: site.shown(2),
            verdict,
            why,
            count: observation.count,
            refused,
            returned: (refused > 0).then(|| observation.result.map(words::returned)).flatten(),
            first_ms: milliseconds(observation.first_ns),
            last_ms: milliseconds(observation.last_ns),
            at_start: role::at_start(recording, observation),
            trial: None,
        }],
        remedies: remedy::of(recording, observation),
    }
}

/// One need for each capability that was chosen.
fn needs(requirements: &[Requirement]) -> Vec<Need> {
    let solution = requirement::solve(requirements);
    let need = |capability: Capability| {
        let served: Vec<&Requirement> =
            requirements.iter().filter(|r| solution.serves(r) == Some(capability)).collect();
        let common = served.iter().fold(!CapSet::EMPTY, |common, r| common & r.set());
        let uses = requirement::for_reading(served.iter().flat_map(|r| &r.uses));
        let mut remedies: Vec<Remedy> =
            served.iter().flat_map(|r| r.remedies.iter().cloned()).collect();
        remedies.sort_by(|a, b| (a.place, a).cmp(&(b.place, b)));
        remedies.dedup();
        Need {
            capability,
            verdict: if solution.needed.contains(capability) {
                Verdict::Needed
            } else {
                Verdict::Doubtful
            },
            alternatives: common.without(capability),
            uses,
            remedies,
        }
    };
    solution.add().iter().map(need).collect()
}

type Counted = BTreeMap<(Capability, Dismissal, String, String), (u64, u64)>;

fn by_count(dismissed: Counted) -> Vec<Dismissed> {
    let mut list: Vec<Dismissed> = dismissed
        .into_iter()
        .map(|((capability, reason, site, why), (count, refused))| Dismissed {
            capability,
            reason,
            site,
            why,
            count,
            refused,
        })
        .collect();
    list.sort_by_key(|d| std::cmp::Reverse(d.count));
    list
}

/// Why the recording does not hold everything.
fn incomplete(recording: &Recording) -> Vec<String> {
    let mut reasons = Vec::new();
    if !recording.start_seen {
        reasons.push(record::profile::START_NOT_SEEN.to_owned());
    }
    if recording.observations.is_empty() {
        reasons.push("no check was seen: nothing seen is not nothing needed".to_owned());
    }
    let lost = recording.lost;
    for (count, what) in [
        (lost.checks, "checks were lost"),
        (lost.stacks, "checks were seen without their kernel stack"),
        (lost.processes, "processes could not be followed"),
    ] {
        if count > 0 {
            reasons.push(format!("{count} {what}"));
        }
    }
    let blind: u64 = recording
        .observations
        .iter()
        .filter(|o| o.stack.is_empty() && o.namespace == NamespaceRelation::Own)
        .map(|o| o.count)
        .sum();
    if blind > 0 && lost.stacks == 0 {
        reasons.push(format!("{blind} checks have no kernel stack (are kernel symbols hidden?)"));
    }
    if let Some(end) = failed(recording.exit) {
        reasons
            .push(format!("the program ended with {end}: what it would have done next is unknown"));
    }
    if matches!(recording.target, Target::Command { .. }) && recording.still_running > 0 {
        reasons.push(format!(
            "{} of its processes still ran when the watch ended: what they do next is unknown",
            recording.still_running
        ));
    }
    reasons
}

/// How the program failed; `None` for success and for the signals by which one asks a service
/// to end. SIGKILL is not among them: it is also how the kernel ends who uses too much memory.
pub(crate) fn failed(exit: Option<Exit>) -> Option<String> {
    match exit? {
        Exit::Code(0 | 130 | 143) | Exit::Signal(2 | 15) => None,
        Exit::Code(code) => Some(format!("status {code}")),
        Exit::Signal(signal) => Some(words::signal(signal)),
    }
}
