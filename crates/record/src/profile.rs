//! The profile: what was concluded about a workload, in the shape of a Kubernetes custom resource.
//!
//! ```yaml
//! apiVersion: dropcap.dev/v1
//! kind: CapabilityProfile
//! metadata: { name: web }
//! spec:
//!   target: { image: "nginx:1.27" }
//!   capabilities: { needed: [NET_BIND_SERVICE], add: [NET_BIND_SERVICE] }
//! ```
//!
//! `spec.evidence` and `status.runs` are what is known; `spec.capabilities`, `status.complete`
//! and `status.proof` follow from them and are recomputed by [`Profile::settle`]. A profile that
//! a person wrote by hand may leave out everything that is not above.

use std::collections::{BTreeMap, BTreeSet};

use caps::{CapSet, Capability};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::observation::{self, Exit, Lost};
use crate::requirement::{self, Requirement, Solution, Trial, Verdict};
use crate::schema::CapabilityName;
use crate::search::Search;
use crate::zero::Zero;

/// `apiVersion` of the one version this program reads and writes.
pub const API_VERSION: &str = "dropcap.dev/v1";
/// `kind` of a profile.
pub const KIND: &str = "CapabilityProfile";

/// Why a profile is incomplete when no run of it saw the target start.
pub const START_NOT_SEEN: &str =
    "start not seen: the target was already running, and what it did at start is unknown";

/// The capabilities a workload needs, why, and how well that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Always `dropcap.dev/v1`: the version of this format.
    pub api_version: ApiVersion,
    /// Always `CapabilityProfile`.
    pub kind: Kind,
    /// Name and labels.
    pub metadata: Metadata,
    /// What the workload is and what it needs.
    pub spec: Spec,
    /// How that is known. Missing in a profile written by hand, which is therefore incomplete.
    #[serde(default)]
    pub status: Status,
}

/// The versions of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first.
    #[default]
    #[serde(rename = "dropcap.dev/v1")]
    V1,
}

/// The kinds of document in this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// A profile.
    #[default]
    CapabilityProfile,
}

/// Name and labels, as Kubernetes has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The profile's name.
    pub name: String,
    /// Its namespace, once it lives in a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What the workload is and what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// What the profile is about.
    #[serde(default, skip_serializing_if = "Target::is_empty")]
    pub target: Target,
    /// The answer.
    pub capabilities: Capabilities,
    /// What it rests on: each requirement with its uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Requirement>,
}

/// What a profile is about. What exactly was watched in each run is in [`Run::target`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Program and arguments; of a container what it runs in place of the image's ENTRYPOINT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Of a container, what the image's ENTRYPOINT was called with in place of its CMD.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Of a container that was watched, all that it executed first, the image's own words among it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// As which user it ran, where somebody chose another one than the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// The image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image's digest: the node's truth about which image it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The container's name within its pod or engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The workload (or the pod, where no owner is known) as `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The workload's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Target {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `drop: [ALL]`, then `add`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capabilities {
    /// What a call failed or would fail without.
    #[serde(default)]
    #[schemars(with = "Vec<CapabilityName>")]
    pub needed: CapSet,
    /// What a trace cannot decide.
    #[serde(default)]
    #[schemars(with = "Vec<CapabilityName>")]
    pub doubtful: CapSet,
    /// Both: what to add after `drop: [ALL]`. May be left out by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CapabilityName>>")]
    pub add: Option<CapSet>,
}

impl Capabilities {
    /// Needed and doubtful.
    #[must_use]
    pub fn add(&self) -> CapSet {
        self.needed | self.doubtful
    }
}

/// How the answer is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// Whether the runs saw everything, from the start, and lost nothing. `false` without a run.
    #[serde(default)]
    pub complete: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// Whether trials have shown what `spec.capabilities.needed` says; what is doubtful is there besides.
    #[serde(default)]
    pub proof: ProofState,
    /// The trials' results; each counts for the set it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The searches that were made, each with all its runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Search>,
    /// What was tried to do without any capability.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zero: Vec<Zero>,
    /// Call sites nobody has judged yet: their capabilities are among the doubtful.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown_sites: BTreeSet<String>,
    /// The runs it was seen in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

/// Whether the list is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProofState {
    /// Traced only.
    #[default]
    Unproven,
    /// A test passed with exactly the needed (or the whole list) and failed with any of these left out.
    Proven,
}

/// Trials that showed a set to be enough, and each member of it to be required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proof {
    /// The set.
    #[schemars(with = "Vec<CapabilityName>")]
    pub capabilities: CapSet,
    /// The test that passed with it: the proof is only as good as this.
    pub test: String,
    /// How many runs it took.
    pub trials: u32,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub recorded: Option<Timestamp>,
}

/// One run that was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    /// Identifies the run; the same recording has the same one.
    pub id: String,
    /// When it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub recorded: Option<Timestamp>,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub architecture: String,
    /// The kernel hook it was seen with.
    pub backend: String,
    /// What was watched.
    pub target: observation::Target,
    /// Whether the target's first `execve` was seen.
    pub start_seen: bool,
    /// Whether the target's first program ran as root of its user namespace, if its start was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_root: Option<bool>,
    /// How long it was watched, milliseconds.
    pub duration_ms: u64,
    /// How the target's first process ended, if it did while watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// What could not be kept.
    #[serde(default)]
    pub lost: Lost,
    /// Why the run does not say everything, but for a missed start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// Processes outside of the target that it asked over a local socket, each in a sentence: what
    /// they did for it was not seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helpers: Vec<String>,
}

impl Profile {
    /// A profile of these requirements, seen in these runs; everything else follows.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        target: Target,
        evidence: Vec<Requirement>,
        runs: Vec<Run>,
    ) -> Self {
        let mut profile = Self {
            api_version: ApiVersion::V1,
            kind: Kind::CapabilityProfile,
            metadata: Metadata { name: name.into(), ..Metadata::default() },
            spec: Spec { target, capabilities: Capabilities::default(), evidence },
            status: Status { runs, ..Status::default() },
        };
        profile.settle();
        profile
    }

    /// What to add after `drop: [ALL]`.
    #[must_use]
    pub fn add(&self) -> CapSet {
        self.spec.capabilities.add()
    }

    /// The requirements that `capability` is in the list for.
    pub fn why(&self, capability: Capability) -> impl Iterator<Item = &Requirement> {
        let solution = self.solution();
        self.spec.evidence.iter().filter(move |r| solution.serves(r) == Some(capability))
    }

    /// The proofs that count for the list as it is: of all of it, or of what is needed. What is doubtful
    /// is in the list besides, and with more no program works less.
    pub fn proofs(&self) -> impl Iterator<Item = &Proof> {
        let Capabilities { needed, .. } = self.spec.capabilities;
        let sets = [needed, self.add()];
        self.status.proofs.iter().filter(move |proof| sets.contains(&proof.capabilities))
    }

    /// What the evidence amounts to.
    #[must_use]
    pub fn solution(&self) -> Solution {
        requirement::solve(&self.spec.evidence)
    }

    /// Puts the evidence in order and recomputes what follows from it: call it after a change.
    pub fn settle(&mut self) {
        self.spec.evidence = requirement::join(std::mem::take(&mut self.spec.evidence));
        let solution = self.solution();
        self.spec.capabilities = Capabilities {
            needed: solution.needed,
            doubtful: solution.doubtful,
            add: Some(solution.add()),
        };
        let status = &mut self.status;
        status.runs.sort_by(|a, b| (a.recorded, &a.id).cmp(&(b.recorded, &b.id)));
        status.runs.dedup_by(|a, b| a.id == b.id);
        status.incomplete = incomplete(&status.runs);
        status.incomplete.extend(undecided(&status.searches, solution.add()));
        status.complete = status.incomplete.is_empty();
        status.proofs.sort();
        status.proofs.dedup();
        status.searches.sort();
        status.searches.dedup();
        status.zero.sort();
        status.zero.dedup();
        let proven = self.proofs().next().is_some();
        self.status.proof = if proven { ProofState::Proven } else { ProofState::Unproven };
    }

    /// Takes in what trials proved: the test passed with exactly `proof.capabilities`, and failed
    /// without each of `required`. The list is then that set.
    pub fn tried(&mut self, proof: Proof, required: CapSet) {
        let enough = proof.capabilities;
        self.status.proofs.push(proof);
        self.passed_with(enough, required);
    }

    /// Takes in what trials showed and did not prove: the test passed with exactly `enough`, and was
    /// seen to fail without each of `required`. The list is then `enough`.
    pub fn passed_with(&mut self, enough: CapSet, required: CapSet) {
        for requirement in &mut self.spec.evidence {
            let kept = requirement.set() & enough;
            if kept.is_empty() {
                requirement.stated = None;
                for seen in &mut requirement.uses {
                    seen.trial = Some(Trial::PassedWithout);
                }
                continue;
            }
            requirement.any_of.retain(|c| enough.contains(*c));
            if kept.is_subset(required) && kept.len() == 1 {
                for seen in &mut requirement.uses {
                    seen.trial = Some(Trial::FailedWithout);
                }
            }
        }
        // Said outright, so that no member is left out because another would serve its uses too,
        // and none that only a trial found is missing.
        self.spec.evidence.extend(enough.iter().map(|c| Requirement::stated(c, Verdict::Needed)));
        self.settle();
    }

    /// Takes what a person wrote into the lists as a requirement of its own, so that it takes
    /// part in merging like what was seen.
    pub(crate) fn adopt_lists(&mut self) {
        let solution = self.solution();
        let Capabilities { needed, doubtful, .. } = self.spec.capabilities;
        let by_hand = [
            (needed - solution.needed, Verdict::Needed),
            (doubtful - solution.add(), Verdict::Doubtful),
        ];
        for (set, verdict) in by_hand {
            self.spec.evidence.extend(set.iter().map(|c| Requirement::stated(c, verdict)));
        }
    }
}

/// What searches left open and the list has not, as a reason why it does not say everything.
fn undecided(searches: &[Search], list: CapSet) -> Option<String> {
    let open = searches.iter().map(|search| search.undecided);
    let open = open.fold(CapSet::EMPTY, |all, some| all | some) - list;
    (!open.is_empty()).then(|| format!("undecided in a user namespace: {open}"))
}

/// Why these runs together do not say everything. A start missed by one run is made good by
/// another that saw it; what was lost stays lost.
fn incomplete(runs: &[Run]) -> Vec<String> {
    if runs.is_empty() {
        return vec!["no run was watched".to_owned()];
    }
    let mut reasons = BTreeSet::new();
    if !runs.iter().any(|run| run.start_seen) {
        reasons.insert(START_NOT_SEEN.to_owned());
    }
    reasons.extend(runs.iter().flat_map(|run| run.incomplete.iter().cloned()));
    reasons.into_iter().collect()
}
