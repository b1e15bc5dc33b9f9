//! What is to be done at once: of each finding that is open its edit, if that may be made.

use std::collections::{BTreeMap, BTreeSet};

use manifest::{ContainerId, Edit, Manifest};
use runtime::Request;

use super::{Applied, Phase};
use crate::absorb;
use crate::assess::{Assessment, Verdict};
use crate::checked::{Checked, Checker};
use crate::finding::Finding;
use crate::fix::{Change, Class, costs};
use crate::holding::Entrypoint;
use crate::learnt::Learnt;
use crate::options::Options;
use crate::rules::RULES;

/// Of a round what is tried by itself: of containers of which the text does not allow all, one change.
pub(super) struct Piece<'a> {
    pub(super) of: &'a BTreeSet<ContainerId>,
    pub(super) change: &'a Change,
}

impl Piece<'_> {
    /// What of a change belongs to it.
    fn part(&self, id: ContainerId, change: &Change) -> Option<Change> {
        let is_it = |part: &Change| part.beside() == self.change.beside();
        pieces_of(change).find(|part| self.of.contains(&id) && is_it(part))
    }

    /// All that can be tried of what these containers are to have, each once.
    pub(super) fn all(
        manifest: &Manifest,
        checked: &Checked,
        by_profile: bool,
        of: &BTreeSet<ContainerId>,
    ) -> Vec<Change> {
        let mut all: Vec<Change> = Vec::new();
        for finding in in_order(&checked.findings) {
            let container = finding.container.and_then(|at| checked.containers.get(at));
            let Some(id) = container.map(|c| c.id).filter(|id| of.contains(id)) else { continue };
            let open = finding.standing.is_open() && finding.rule.writes_profile() == by_profile;
            let Some(fix) = finding.remedy.fix().filter(|_| open) else { continue };
            let Some(workload) = manifest.workloads.get(id.workload) else { continue };
            let change = absorb::leaving(&fix.change, workload, finding, &checked.findings);
            for piece in pieces_of(&change).map(|piece| piece.beside()) {
                if !all.contains(&piece) {
                    all.push(piece);
                }
            }
        }
        all
    }
}

/// The change, and what it can be taken apart to.
fn pieces_of(change: &Change) -> impl Iterator<Item = Change> {
    std::iter::once(change.clone()).chain(change.parts())
}

/// One round: for each container all edits that go together.
pub(super) struct Round {
    pub(super) edits: Vec<Edit>,
    pub(super) applied: Vec<Applied>,
    /// The requests of all containers after it.
    pub(super) requests: BTreeMap<ContainerId, Request>,
}

impl Round {
    pub(super) fn of(
        manifest: &Manifest,
        checked: &Checked,
        original: &BTreeMap<ContainerId, Request>,
        checker: &Checker,
        Phase { by_profile, consent }: Phase,
        piece: Option<&Piece<'_>>,
    ) -> Self {
        let options = &checker.options;
        let (mut edits, mut applied) = (Vec::new(), Vec::new());
        let before = requests(manifest, checker);
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
            let Some(workload) = manifest.workloads.get(id.workload) else { continue };
            let change = absorb::leaving(&fix.change, workload, finding, &checked.findings);
            let part = match piece {
                Some(piece) => piece.part(id, &change),
                None => Some(change.clone()),
            };
            let Some(part) = part else { continue };
            let (is_whole, change) = (part == change, part);
            let after = change.apply(current);
            if after == *current {
                continue;
            }
            let entrypoint = entrypoints.get(&id).copied().unwrap_or_default();
            let judging = checker.of(workload.pod.format);
            // As it was planned.
            let panel = if by_profile { &judging.own } else { &judging.panel };
            let container = &workload.pod.containers[id.container];
            let known = checker.learnt_of(workload, container);
            let step = Assessment::new(panel, current, &after, entrypoint);
            let whole = Assessment::new(panel, first, &after, entrypoint);
            let verdict = step.verdict_with(known.usable());
            if !consent.covers(verdict) || !consent.covers(whole.verdict_with(known.usable())) {
                continue;
            }
            let class = if verdict == Verdict::Safe { Class::Safe } else { Class::Unsafe };
            let changes = change.edits().into_iter();
            let title = match is_whole {
                true => fix.title.clone(),
                false => change.title(workload.pod.format),
            };
            edits.extend(changes.map(|change| Edit { container: id, change }));
            applied.push(Applied {
                container: id,
                rule: finding.rule.id,
                span: finding.primary.span,
                capabilities: finding.capabilities,
                title,
                change,
                class,
                lost: step.lost(),
                costs: match is_whole {
                    true => fix.costs.clone(),
                    false => costs(&step, class, known.usable()),
                },
                safe_if_plain: fix.safe_if_plain,
                unseen: by_profile && known.usable().is_some_and(Learnt::saw_nothing),
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

/// What each container asks for.
pub(super) fn requests(manifest: &Manifest, checker: &Checker) -> BTreeMap<ContainerId, Request> {
    let options = &checker.options;
    let workloads = manifest.workloads.iter().enumerate();
    let containers = workloads.flat_map(|(workload, object)| {
        object.pod.containers.iter().enumerate().map(move |(container, found)| {
            let context = options.context(&object.pod, found);
            let known = checker.learnt_of(object, found);
            let request = options.request(&context, found, known.usable());
            (ContainerId { workload, container }, request)
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
