//! The edits of a whole manifest: round after round, until nothing more is to be done.
//!
//! First what was learnt is written, then the safe edits are made, then the unsafe ones: so that a
//! container of which an unsafe edit cannot be written has its safe ones all the same. Each edit is
//! tried in memory, on the request, against the container as it was in the beginning; only then is the
//! text touched. What the text comes to is read again. What all of it comes to without touching the text
//! is in `foresee`.

mod foresee;

use std::collections::BTreeMap;

use caps::CapSet;
use manifest::{ContainerId, Edit, Manifest, Refused, Source, Span};
use runtime::Request;

use crate::assess::{Assessment, Verdict};
use crate::checked::{Checked, Checker};
use crate::finding::Finding;
use crate::fix::Class;
use crate::holding::Entrypoint;
use crate::options::Options;
use crate::rules::RULES;

pub use foresee::Foreseen;

/// More rounds than any manifest takes: every edit makes a list smaller or its spelling better.
const MAX_ROUNDS: usize = 16;

/// Up to which class edits are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Only safe ones.
    #[default]
    Safe,
    /// Unsafe ones too.
    Unsafe,
}

impl Consent {
    fn covers(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Safe => true,
            Verdict::Unsafe => self == Consent::Unsafe,
            Verdict::Widens | Verdict::Breaks => false,
        }
    }
}

/// A part of the work: its edits are all made before those of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Phase {
    /// Whether what was learnt is written, or all else.
    by_profile: bool,
    /// Which edits of it.
    consent: Consent,
}

impl Consent {
    /// What is done with this consent, one after the other.
    fn phases(self) -> impl Iterator<Item = Phase> {
        let phase = |by_profile, consent| Phase { by_profile, consent };
        let all = [phase(true, self), phase(false, Consent::Safe), phase(false, Consent::Unsafe)];
        all.into_iter().take(if self == Consent::Unsafe { 3 } else { 2 })
    }
}

/// A manifest after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The text; as it was if there was nothing to do.
    pub source: Source,
    /// What was done, in order.
    pub applied: Vec<Applied>,
    /// What the manifest came to, with the findings that are left.
    pub manifest: Manifest,
    /// What is found in it.
    pub checked: Checked,
    /// Containers of which the text does not allow what is left to be done, with all of that as a
    /// snippet to paste.
    pub refused: Vec<Refused>,
}

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The container.
    pub container: ContainerId,
    /// The name of the rule that asked for it.
    pub rule: &'static str,
    /// Where it was asked for, in the text as it was then.
    pub span: Span,
    /// The capabilities that the finding is about.
    pub capabilities: CapSet,
    /// What was done, as an instruction.
    pub title: String,
    /// Its class when it was made.
    pub class: Class,
    /// What could take effect somewhere and no longer can.
    pub lost: CapSet,
    /// What it costs, a sentence each; empty for a safe edit.
    pub costs: Vec<String>,
    /// Whether it would be safe if the image's entrypoint were known to carry no file capability.
    pub safe_if_plain: bool,
}

impl Checker {
    /// Makes all edits of `manifest` that `consent` covers.
    #[must_use]
    pub fn repair(&self, manifest: &Manifest, consent: Consent) -> Repaired {
        self.repair_but(manifest, consent, &|_| {})
    }

    /// As [`Checker::repair`], but what `answer` sets aside, asked anew in each round, stays as it
    /// is: see [`crate::waiver::judge::Judged::answer`].
    #[must_use]
    pub fn repair_but(
        &self,
        manifest: &Manifest,
        consent: Consent,
        answer: &dyn Fn(&mut Checked),
    ) -> Repaired {
        all_rounds(manifest, self, consent, answer)
    }
}

/// Makes all edits of one manifest; for several, a [`Checker`] is quicker.
#[must_use]
pub fn repair(manifest: &Manifest, options: &Options, consent: Consent) -> Repaired {
    Checker::new(options.clone()).repair(manifest, consent)
}

fn all_rounds(
    manifest: &Manifest,
    checker: &Checker,
    consent: Consent,
    answer: &dyn Fn(&mut Checked),
) -> Repaired {
    let check = |manifest: &Manifest| {
        let mut checked = checker.check(manifest);
        answer(&mut checked);
        checked
    };
    let original = requests(manifest, &checker.options);
    let mut repaired = Repaired {
        source: manifest.source.clone(),
        applied: Vec::new(),
        manifest: manifest.clone(),
        checked: check(manifest),
        refused: Vec::new(),
    };
    let (mut edits, mut rounds) = (Vec::new(), 0);
    for phase in consent.phases() {
        for _ in 0..MAX_ROUNDS {
            let Repaired { manifest, checked, .. } = &repaired;
            let round = Round::of(manifest, checked, &original, checker, phase);
            if round.edits.is_empty() {
                break;
            }
            let edited = manifest::apply(manifest, &round.edits);
            // What is refused beside what others are to have may be possible when they have it.
            repaired.refused = edited.refused;
            if edited.changed.is_empty() {
                break;
            }
            let changed = |container: ContainerId| edited.changed.contains(&container);
            repaired.applied.extend(round.applied.into_iter().filter(|a| changed(a.container)));
            edits.extend(round.edits.into_iter().filter(|edit| changed(edit.container)));
            repaired.manifest = edited.manifest;
            repaired.checked = check(&repaired.manifest);
            rounds += 1;
        }
    }
    if rounds > 1 {
        // Round after round leaves traces: a comment in a list that shrinks stands behind it before all
        // of it goes. All edits at once are what a person would write.
        let edited = manifest::apply(manifest, &edits);
        let once = edited.manifest;
        if edited.refused.is_empty()
            && requests(&once, &checker.options) == requests(&repaired.manifest, &checker.options)
        {
            repaired.checked = check(&once);
            repaired.manifest = once;
        }
    }
    if !repaired.refused.is_empty() {
        repaired.refused = wanted(&repaired, checker, consent, answer);
    }
    repaired.source = repaired.manifest.source.clone();
    repaired
}

/// The same refusals with all that is left to be done: one round's edits make others possible, which
/// it does not know.
fn wanted(
    repaired: &Repaired,
    checker: &Checker,
    consent: Consent,
    answer: &dyn Fn(&mut Checked),
) -> Vec<Refused> {
    let Repaired { manifest, checked, refused, .. } = repaired;
    let foreseen = checker.foresee_but(manifest, checked, answer);
    let is_refused = |edit: &&Edit| refused.iter().any(|one| one.container == edit.container);
    let edits: Vec<Edit> = foreseen.edits(consent).filter(is_refused).cloned().collect();
    let mut whole = manifest::apply(manifest, &edits).refused;
    let same = |one: &Refused| {
        let at = whole.iter().position(|other| other.container == one.container);
        at.map_or_else(|| one.clone(), |at| whole.swap_remove(at))
    };
    refused.iter().map(same).collect()
}

/// One round: for each container all edits that go together.
struct Round {
    edits: Vec<Edit>,
    applied: Vec<Applied>,
    /// The requests of all containers after it.
    requests: BTreeMap<ContainerId, Request>,
}

impl Round {
    fn of(
        manifest: &Manifest,
        checked: &Checked,
        original: &BTreeMap<ContainerId, Request>,
        checker: &Checker,
        Phase { by_profile, consent }: Phase,
    ) -> Self {
        let options = &checker.options;
        let (mut edits, mut applied) = (Vec::new(), Vec::new());
        let before = requests(manifest, options);
        let entrypoints = entrypoints(manifest, options);
        let mut now = before.clone();
        let findings = in_order(&checked.findings).into_iter();
        for finding in findings.filter(|finding| finding.rule.writes_profile() == by_profile) {
            // What somebody answers for stays as it is.
            let open = Some(finding).filter(|finding| finding.standing.is_open());
            let Some(fix) = open.and_then(|finding| finding.remedy.fix()) else { continue };
            let container = finding.container.and_then(|at| checked.containers.get(at));
            let Some(id) = container.map(|c| c.id) else { continue };
            let (Some(first), Some(current)) = (original.get(&id), now.get(&id)) else { continue };
            let after = fix.change.apply(current);
            if after == *current {
                continue;
            }
            let entrypoint = entrypoints.get(&id).copied().unwrap_or_default();
            let Some(workload) = manifest.workloads.get(id.workload) else { continue };
            let judging = checker.of(workload.pod.format);
            // As it was planned.
            let panel = if by_profile { &judging.own } else { &judging.panel };
            let step = Assessment::new(panel, current, &after, entrypoint);
            let whole = Assessment::new(panel, first, &after, entrypoint);
            let container = &workload.pod.containers[id.container];
            let runtime = &judging.options.runtime;
            let known = options.learnt.of(workload, container, runtime);
            let verdict = step.verdict_with(known.usable());
            if !consent.covers(verdict) || !consent.covers(whole.verdict_with(known.usable())) {
                continue;
            }
            let class = if verdict == Verdict::Safe { Class::Safe } else { Class::Unsafe };
            let changes = fix.change.edits().into_iter();
            edits.extend(changes.map(|change| Edit { container: id, change }));
            applied.push(Applied {
                container: id,
                rule: finding.rule.id,
                span: finding.primary.span,
                capabilities: finding.capabilities,
                title: fix.title.clone(),
                class,
                lost: step.lost(),
                costs: fix.costs.clone(),
                safe_if_plain: fix.safe_if_plain,
            });
            now.insert(id, after);
        }
        // An `add` that has become empty is no use to anybody.
        for (id, request) in before {
            if !request.add.is_empty() && now.get(&id).is_some_and(|after| after.add.is_empty()) {
                let change = manifest::Change::RemoveList(manifest::List::Add);
                edits.push(Edit { container: id, change });
            }
        }
        Self { edits, applied, requests: now }
    }
}

/// Container by container, in the order of the rules.
fn in_order(findings: &[Finding]) -> Vec<&Finding> {
    let mut ordered: Vec<&Finding> = findings.iter().collect();
    let place = |finding: &Finding| RULES.iter().position(|rule| *rule == finding.rule);
    ordered.sort_by_key(|finding| (finding.container, place(finding)));
    ordered
}

fn requests(manifest: &Manifest, options: &Options) -> BTreeMap<ContainerId, Request> {
    let workloads = manifest.workloads.iter().enumerate();
    let containers = workloads.flat_map(|(workload, object)| {
        object.pod.containers.iter().enumerate().map(move |(container, found)| {
            let context = options.context(&object.pod, found);
            (ContainerId { workload, container }, options.request(&context, found))
        })
    });
    containers.collect()
}

/// What is known of what each container executes first.
fn entrypoints(manifest: &Manifest, options: &Options) -> BTreeMap<ContainerId, Entrypoint> {
    let workloads = manifest.workloads.iter().enumerate();
    let containers = workloads.flat_map(|(workload, object)| {
        object.pod.containers.iter().enumerate().map(move |(container, found)| {
            let context = options.context(&object.pod, found);
            (ContainerId { workload, container }, options.entrypoint(&context))
        })
    });
    containers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two containers that read the same lists, of which the second, which is not root, is to keep the
    /// default set.
    fn shared(lists: &str) -> Repaired {
        let text = format!(
            "\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {{ name: one }}
    spec:
      securityContext: {{ runAsUser: 0 }}
      containers:
        - name: one
          securityContext: &sc
            allowPrivilegeEscalation: false
            capabilities: {lists}
  - apiVersion: v1
    kind: Pod
    metadata: {{ name: two }}
    spec:
      securityContext: {{ runAsUser: 1 }}
      containers:
        # dropcap: ignore[drop-all-missing] it is a shell
        - name: two
          securityContext: *sc
"
        );
        repair(&manifest::parse("two.yaml", text), &Options::default(), Consent::Unsafe)
    }

    #[test]
    fn a_container_whose_unsafe_edit_cannot_be_written_gets_its_safe_ones() {
        let repaired = shared("{ drop: [net_raw] }");
        assert!(
            repaired.source.text().contains("{ drop: [NET_RAW] }"),
            "{}",
            repaired.source.text()
        );
        let [refused] = repaired.refused.as_slice() else { panic!("{:?}", repaired.refused) };
        assert_eq!(
            refused.snippet,
            "securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [NET_RAW, ALL]\n"
        );
    }

    /// With ALL dropped it is the `add` alone that grants CHOWN, which is another edit.
    #[test]
    fn a_snippet_has_what_later_rounds_would_do() {
        let repaired = shared("{ add: [CHOWN] }");
        assert_eq!(repaired.applied, []);
        let [refused] = repaired.refused.as_slice() else { panic!("{:?}", repaired.refused) };
        assert_eq!(
            refused.snippet,
            "securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [ALL]\n"
        );
    }

    /// Whether it can be written is known before: what cannot be is not announced.
    #[test]
    fn what_is_announced_can_be_written() {
        let pod = |lists: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: p }}\nspec:\n  containers:\n    - name: p\n      \
                 securityContext:\n        runAsUser: 0\n        capabilities:\n{lists}"
            );
            let manifest = manifest::parse("p.yaml", text);
            let checker = Checker::new(Options::default());
            let foreseen = checker.announce(&manifest, &checker.check(&manifest), &|_| {});
            (foreseen.safe.len(), foreseen.not_safe.len(), foreseen.refused)
        };
        assert_eq!(pod("          drop:\n            - all\n"), (1, 0, 0));
        assert_eq!(pod("          drop:\n            - |-\n              all\n"), (0, 0, 1));
    }
}
