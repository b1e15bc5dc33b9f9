//! The edits of a whole manifest: round after round, until nothing more is to be done.
//!
//! Each edit is tried in memory, on the request, against the container as it was in the
//! beginning; only then is the text touched. What the text comes to is read again.

use std::collections::BTreeMap;

use caps::CapSet;
use manifest::{CapList, Capabilities, ContainerId, Edit, Manifest, Refused, Source, Spanned};
use runtime::Request;

use crate::assess::{Assessment, Verdict};
use crate::checked::{Checked, Checker};
use crate::finding::Finding;
use crate::fix::Class;
use crate::holding::{Entrypoint, Held};
use crate::options::Options;
use crate::rules::{RULES, over_granted};

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
    /// Edits that the text did not allow, with a snippet to paste.
    pub refused: Vec<Refused>,
}

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The container.
    pub container: ContainerId,
    /// The name of the rule that asked for it.
    pub rule: &'static str,
    /// What was done, as an instruction.
    pub title: String,
    /// Its class when it was made.
    pub class: Class,
    /// What could take effect somewhere and no longer can.
    pub lost: CapSet,
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

    /// What each container would hold after all edits, unsafe ones too, without touching the text:
    /// as [`Checker::repair`], but an edit that the text would not allow counts as made. `checked`
    /// is what this checker found in `manifest`.
    #[must_use]
    pub fn foresee(&self, manifest: &Manifest, checked: &Checked) -> Vec<Option<Held>> {
        self.foresee_but(manifest, checked, &|_| {})
    }

    /// As [`Checker::foresee`], but without touching what `answer` sets aside; `checked` was answered
    /// already.
    #[must_use]
    pub fn foresee_but(
        &self,
        manifest: &Manifest,
        checked: &Checked,
        answer: &dyn Fn(&mut Checked),
    ) -> Vec<Option<Held>> {
        let mut after = Vec::with_capacity(checked.containers.len());
        let mut findings = checked.findings.as_slice();
        for (place, workload) in manifest.workloads.iter().enumerate() {
            // Containers and findings are in the order of the text.
            let first = after.len();
            let containers = &checked.containers[first..];
            let count = containers.iter().take_while(|c| c.id.workload == place).count();
            let containers = &containers[..count];
            let end = findings.partition_point(|finding| finding.container < Some(first + count));
            let (found, behind) = findings.split_at(end);
            findings = behind;
            if found.iter().all(|finding| finding.remedy.fix().is_none()) {
                after.extend(containers.iter().map(|container| container.held));
                continue;
            }
            // No rule looks beyond the pod, so that a copy of one pod at a time is enough.
            let mut alone = Checked { containers: containers.to_vec(), findings: found.to_vec() };
            alone.containers.iter_mut().for_each(|container| container.id.workload = 0);
            for finding in &mut alone.findings {
                finding.container = finding.container.map(|at| at - first);
            }
            let manifest = Manifest {
                source: manifest.source.clone(),
                documents: Vec::new(),
                workloads: vec![workload.clone()],
                problems: Vec::new(),
            };
            let alone = self.foresee_one(manifest, alone, answer);
            after.extend(alone.containers.iter().map(|container| container.held));
        }
        after
    }

    fn foresee_one(
        &self,
        mut model: Manifest,
        mut checked: Checked,
        answer: &dyn Fn(&mut Checked),
    ) -> Checked {
        let original = requests(&model, &self.options);
        // Where comments would stand beside what is not written yet nobody knows: what is set aside now
        // stays so.
        let set_aside: Vec<Finding> = checked
            .findings
            .iter()
            .filter(|finding| !finding.standing.is_open())
            .cloned()
            .collect();
        for _ in 0..MAX_ROUNDS {
            let round = Round::of(&model, &checked, &original, self, Consent::Unsafe);
            if round.edits.is_empty() {
                break;
            }
            for (id, request) in round.requests {
                write(&mut model, id, &request);
            }
            checked = self.check_beside(&model, &[]);
            for finding in &mut checked.findings {
                let same = set_aside.iter().find(|aside| {
                    (aside.container, aside.rule, aside.capabilities)
                        == (finding.container, finding.rule, finding.capabilities)
                });
                if let Some(aside) = same {
                    finding.standing = aside.standing.clone();
                }
            }
            answer(&mut checked);
        }
        checked
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
    for _ in 0..MAX_ROUNDS {
        let Repaired { manifest, checked, .. } = &repaired;
        let round = Round::of(manifest, checked, &original, checker, consent);
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
    repaired.source = repaired.manifest.source.clone();
    repaired
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
        consent: Consent,
    ) -> Self {
        let options = &checker.options;
        let (mut edits, mut applied) = (Vec::new(), Vec::new());
        let before = requests(manifest, options);
        let entrypoints = entrypoints(manifest, options);
        let mut now = before.clone();
        for finding in in_order(&checked.findings) {
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
            let by_profile = *finding.rule == over_granted::RULE;
            let panel = if by_profile { &judging.own } else { &judging.panel };
            let step = Assessment::new(panel, current, &after, entrypoint);
            let whole = Assessment::new(panel, first, &after, entrypoint);
            let known = options.learnt.of(workload, &workload.pod.containers[id.container]);
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
                title: fix.title.clone(),
                class,
                lost: step.lost(),
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

/// Puts the lists of `request` into a container in memory; where they would be written nobody
/// knows, so their place is the container's.
fn write(manifest: &mut Manifest, id: ContainerId, request: &Request) {
    let container = manifest
        .workloads
        .get_mut(id.workload)
        .and_then(|workload| workload.pod.containers.get_mut(id.container));
    let Some(container) = container else { return };
    let span = container.name_span;
    let list = |words: &[String]| {
        let items = words.iter().map(|word| Spanned { value: word.clone(), span });
        (!words.is_empty()).then(|| CapList { span, items: items.collect() })
    };
    let (add, drop) = (list(&request.add), list(&request.drop));
    container.security.capabilities = Some(Capabilities { span, add, drop });
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
