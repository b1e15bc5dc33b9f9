//! What all edits come to, in memory: the text is not touched, and an edit that it would not allow counts
//! as made. What `check` announces is this, and so is what `fix` holds back.

use std::collections::BTreeMap;

use manifest::{CapList, Capabilities, ContainerId, Edit, Manifest, SetLists, Spanned};
use runtime::Request;

use super::round::{MAX_ROUNDS, Phase, Round, requests};
use super::work::Work;
use super::{Applied, Consent};
use crate::checked::{Checked, Checker};
use crate::finding::Finding;
use crate::holding::Held;

/// What all edits of a manifest come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreseen {
    /// What each container would hold after all of them, unsafe ones too; `None` on Windows.
    pub after: Vec<Option<Held>>,
    /// Those that write what was learnt.
    pub by_profile: Vec<Applied>,
    /// Those that are made without further consent, behind those.
    pub safe: Vec<Applied>,
    /// Those that take consent, and what they make possible, behind the safe ones.
    pub not_safe: Vec<Applied>,
    /// Containers that the text does not allow to be edited as they should; [`Checker::announce`] looks
    /// for them.
    pub refused: usize,
    /// All that in terms of the text.
    pub(super) edits: Vec<Edit>,
}

impl Foreseen {
    /// Everything, in the order in which it is made.
    pub(super) fn applied(self) -> Vec<Applied> {
        let Self { by_profile, safe, not_safe, .. } = self;
        [by_profile, safe, not_safe].into_iter().flatten().collect()
    }

    /// With more of it, of those containers that are wanted.
    pub(super) fn extend(&mut self, more: Self, is_wanted: impl Fn(ContainerId) -> bool) {
        for (edits, more) in [
            (&mut self.by_profile, more.by_profile),
            (&mut self.safe, more.safe),
            (&mut self.not_safe, more.not_safe),
        ] {
            edits.extend(more.into_iter().filter(|edit| is_wanted(edit.container)));
        }
        self.edits.extend(more.edits.into_iter().filter(|edit| is_wanted(edit.container)));
    }

    /// The edits of a phase.
    pub(super) fn of(&mut self, phase: Phase) -> &mut Vec<Applied> {
        match (phase.by_profile, phase.consent) {
            (true, _) => &mut self.by_profile,
            (false, Consent::Safe) => &mut self.safe,
            (false, Consent::Unsafe) => &mut self.not_safe,
        }
    }
}

impl Checker {
    /// What all edits come to, unsafe ones too. `checked` is what this checker found in `manifest`.
    #[must_use]
    pub fn foresee(&self, manifest: &Manifest, checked: &Checked) -> Foreseen {
        self.foresee_but(manifest, checked, Consent::Unsafe, &|_| {})
    }

    /// What `fix` comes to in this text: as [`Checker::foresee`], but without touching what `answer` sets
    /// aside, of which `checked` has no more; tried, where the text may not allow it.
    #[must_use]
    pub fn announce(
        &self,
        manifest: &Manifest,
        checked: &Checked,
        answer: &dyn Fn(&mut Checked),
    ) -> Foreseen {
        let consent = Consent::Unsafe;
        let foreseen = self.foresee_but(manifest, checked, consent, answer);
        if manifest.is_plain || foreseen.edits.is_empty() {
            return foreseen;
        }
        let done = Work { checker: self, consent, answer }.done(manifest, checked.clone());
        Foreseen {
            after: done.checked.containers.iter().map(|container| container.held).collect(),
            refused: done.refused.len(),
            ..done.made
        }
    }

    /// What all edits with this consent come to, but for what `answer` sets aside.
    pub(super) fn foresee_but(
        &self,
        manifest: &Manifest,
        checked: &Checked,
        consent: Consent,
        answer: &dyn Fn(&mut Checked),
    ) -> Foreseen {
        let mut foreseen = Foreseen::default();
        let mut findings = checked.findings.as_slice();
        for (place, workload) in manifest.workloads.iter().enumerate() {
            // Containers and findings are in the order of the text.
            let first = foreseen.after.len();
            let containers = &checked.containers[first..];
            let count = containers.iter().take_while(|c| c.id.workload == place).count();
            let containers = &containers[..count];
            let end = findings.partition_point(|finding| finding.container < Some(first + count));
            let (found, behind) = findings.split_at(end);
            findings = behind;
            if found.iter().all(|finding| finding.remedy.fix().is_none()) {
                foreseen.after.extend(containers.iter().map(|container| container.held));
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
                is_plain: true,
            };
            self.foresee_one(manifest, alone, (consent, answer), (place, &mut foreseen));
        }
        foreseen
    }

    /// One workload, which is the one at `place` of all.
    fn foresee_one(
        &self,
        mut model: Manifest,
        mut checked: Checked,
        (consent, answer): (Consent, &dyn Fn(&mut Checked)),
        (place, foreseen): (usize, &mut Foreseen),
    ) {
        let original = requests(&model, &self.options);
        // Where comments would stand beside what is not written yet nobody knows: what is set aside now
        // stays so.
        let set_aside: Vec<Finding> = checked
            .findings
            .iter()
            .filter(|finding| !finding.standing.is_open())
            .cloned()
            .collect();
        for phase in consent.phases() {
            for _ in 0..MAX_ROUNDS {
                let round = Round::of(&model, &checked, &original, self, phase);
                if round.edits.is_empty() {
                    break;
                }
                let there = |id| ContainerId { workload: place, ..id };
                let applied = round.applied.into_iter();
                foreseen
                    .of(phase)
                    .extend(applied.map(|one| Applied { container: there(one.container), ..one }));
                let edits = round.edits.into_iter();
                let edits = edits.map(|edit| Edit { container: there(edit.container), ..edit });
                foreseen.edits.extend(edits);
                write_all(&mut model, round.requests);
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
        }
        foreseen.after.extend(checked.containers.iter().map(|container| container.held));
    }
}

/// Puts the lists of all requests into their containers in memory; where they would be written nobody
/// knows, so their place is the container's.
fn write_all(manifest: &mut Manifest, requests: BTreeMap<ContainerId, Request>) {
    for (id, request) in requests {
        let workload = manifest.workloads.get_mut(id.workload);
        let container = workload.and_then(|workload| workload.pod.containers.get_mut(id.container));
        let Some(container) = container else { continue };
        let span = container.name_span;
        let items = |words: &[String]| -> Vec<Spanned<String>> {
            words.iter().map(|word| Spanned { value: word.clone(), span }).collect()
        };
        let list =
            |words: &[String]| (!words.is_empty()).then(|| CapList { span, items: items(words) });
        let (add, drop) = (list(&request.add), list(&request.drop));
        container.security.capabilities = Some(Capabilities { span, add, drop });
        container.sets = request.spec.map(|spec| SetLists {
            effective: items(&spec.effective),
            permitted: items(&spec.permitted),
            inheritable: items(&spec.inheritable),
            ambient: items(&spec.ambient),
        });
    }
}
