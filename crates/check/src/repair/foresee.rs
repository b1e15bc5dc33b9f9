//! What all edits come to, in memory: the text is not touched, and an edit that it would not allow counts
//! as made. What `check` announces is this, and so is what `fix` holds back.

use std::collections::BTreeMap;

use caps::Capability;
use manifest::{
    CapList, Capabilities, ContainerId, Edit, Format, Manifest, SetLists, Spanned, Workload,
};
use runtime::Request;

use super::round::{Round, requests};
use super::work::Work;
use super::{Applied, Consent, MAX_ROUNDS, Phase};
use crate::checked::{Checked, Checker};
use crate::finding::Finding;
use crate::holding::Held;
use crate::inline;
use crate::rule::Rule;

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
    edits: Vec<(Phase, Edit)>,
}

impl Foreseen {
    /// Nothing is done.
    pub(crate) fn nothing(checked: &Checked) -> Self {
        let after = checked.containers.iter().map(|container| container.held).collect();
        Self { after, ..Self::default() }
    }

    /// What is to be done in the text with this consent.
    pub(super) fn edits(&self, consent: Consent) -> impl Iterator<Item = &Edit> {
        let covered =
            move |phase: &Phase| phase.consent == Consent::Safe || consent == phase.consent;
        self.edits.iter().filter(move |(phase, _)| covered(phase)).map(|(_, edit)| edit)
    }

    /// Without the edits that are not about this capability.
    pub(crate) fn only_about(&mut self, capability: Capability) {
        for edits in [&mut self.by_profile, &mut self.safe, &mut self.not_safe] {
            edits.retain(|edit| edit.capabilities.contains(capability));
        }
    }

    /// The edits of a phase.
    fn of(&mut self, phase: Phase) -> &mut Vec<Applied> {
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
        self.foresee_but(manifest, checked, &|_| {})
    }

    /// What `fix` comes to in this text: as [`Checker::foresee_but`]; tried, where several containers may
    /// be written in one place, words are written as they hardly ever are, or comments answer for findings.
    #[must_use]
    pub fn announce(
        &self,
        manifest: &Manifest,
        checked: &Checked,
        answer: &dyn Fn(&mut Checked),
    ) -> Foreseen {
        let foreseen = self.foresee_but(manifest, checked, answer);
        let tried = may_share(manifest) || has_blocks(manifest) || has_comments(manifest);
        if foreseen.edits.is_empty() || !tried {
            return foreseen;
        }
        let mut work = Work::of(self, answer, manifest, checked.clone());
        work.settle(Consent::Unsafe, Consent::Safe);
        let safe = work.count();
        work.settle(Consent::Unsafe, Consent::Unsafe);
        let all = work.done();
        let mut foreseen = Foreseen {
            after: all.checked.containers.iter().map(|container| container.held).collect(),
            refused: all.refused.len(),
            ..Foreseen::default()
        };
        for (index, one) in all.applied.into_iter().enumerate() {
            let by_profile = Rule::find(one.rule).is_some_and(Rule::writes_profile);
            let consent = if index < safe { Consent::Safe } else { Consent::Unsafe };
            foreseen.of(Phase { by_profile, consent }).push(one);
        }
        foreseen
    }

    /// As [`Checker::foresee`], but without touching what `answer` sets aside; `checked` was answered
    /// already.
    #[must_use]
    pub fn foresee_but(
        &self,
        manifest: &Manifest,
        checked: &Checked,
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
            };
            self.foresee_one(manifest, alone, answer, (place, &mut foreseen));
        }
        foreseen
    }

    /// One workload, which is the one at `place` of all.
    fn foresee_one(
        &self,
        mut model: Manifest,
        mut checked: Checked,
        answer: &dyn Fn(&mut Checked),
        (place, foreseen): (usize, &mut Foreseen),
    ) {
        // Where comments would stand beside what is not written yet nobody knows: what is set aside now
        // stays so.
        let set_aside: Vec<Finding> = checked
            .findings
            .iter()
            .filter(|finding| !finding.standing.is_open())
            .cloned()
            .collect();
        for phase in Consent::Unsafe.phases(Consent::Unsafe) {
            let original = requests(&model, &self.options);
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
                foreseen.edits.extend(edits.map(|edit| (phase, edit)));
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

/// Whether containers may read the same place of the text: by aliases, or by Compose's `extends`.
fn may_share(manifest: &Manifest) -> bool {
    let text = manifest.source.text();
    let extends = || {
        let is_compose = |workload: &Workload| workload.pod.format == Format::Compose;
        text.contains("extends") && manifest.workloads.iter().any(is_compose)
    };
    (text.contains('&') && text.contains('*')) || extends()
}

/// Whether a comment may answer for a finding: where it stands beside what is written anew only that tells.
fn has_comments(manifest: &Manifest) -> bool {
    manifest.source.text().contains(inline::HEAD)
}

/// Whether a word begins a line of its own, as that of a block scalar does: those are not edited.
fn has_blocks(manifest: &Manifest) -> bool {
    let text = manifest.source.text();
    manifest.containers().any(|(_, container)| {
        let mut words = container.security.add().chain(container.security.drop());
        words.any(|word| {
            let before = text.get(..word.span.start).unwrap_or_default();
            let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
            let quoted = text[before.len()..].starts_with(['"', '\'']);
            line.trim().is_empty() && !quoted
        })
    })
}

/// Puts the lists of all requests into their containers in memory; where they would be written nobody
/// knows, so their place is the container's. But words of `drop` that are there stay in theirs, for the
/// comments beside them.
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
        let (add, mut drop) = (list(&request.add), list(&request.drop));
        let old = container.security.capabilities.take().and_then(|old| old.drop);
        if let (Some(drop), Some(old)) = (&mut drop, old) {
            let as_many = drop.items.len() == old.items.len();
            drop.span = old.span;
            for (at, item) in drop.items.iter_mut().enumerate() {
                let same = old.items.iter().find(|old| old.value == item.value);
                // One in another spelling stands where it stood.
                let there = same.or(old.items.get(at).filter(|_| as_many));
                item.span = there.map_or(span, |there| there.span);
            }
        }
        container.security.capabilities = Some(Capabilities { span, add, drop });
        container.sets = request.spec.map(|spec| SetLists {
            effective: items(&spec.effective),
            permitted: items(&spec.permitted),
            inheritable: items(&spec.inheritable),
            ambient: items(&spec.ambient),
        });
    }
}
