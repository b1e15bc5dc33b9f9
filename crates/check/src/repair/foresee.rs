//! What all edits come to, in memory: the text is not touched, and an edit that it would not allow counts
//! as made. What `check` announces is this, and so is what `fix` holds back.

use std::collections::{BTreeMap, BTreeSet};

use manifest::{
    CapList, Capabilities, ContainerId, Ease, Edit, Manifest, Refusal, Refused, SetLists, Spanned,
};
use runtime::Request;

use super::round::{Round, requests};
use super::work::Work;
use super::{Applied, Consent, MAX_ROUNDS, Phase, in_result};
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
    /// for them. Each with why.
    pub refused: Vec<Refused>,
    /// All that in terms of the text.
    pub(super) edits: Vec<Edit>,
}

impl Foreseen {
    /// All edits of the text, and what they are, in the order in which they are made.
    pub(super) fn all(self) -> (Vec<Edit>, Vec<Applied>) {
        let Self { by_profile, safe, not_safe, edits, .. } = self;
        (edits, [by_profile, safe, not_safe].into_iter().flatten().collect())
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
    /// aside, of which `checked` has no more; tried, where the text may not allow it, or where comments answer
    /// for findings.
    #[must_use]
    pub fn announce(
        &self,
        manifest: &Manifest,
        checked: &Checked,
        answer: &dyn Fn(&mut Checked),
    ) -> Foreseen {
        let consent = Consent::Unsafe;
        let foreseen = self.foresee_but(manifest, checked, consent, answer);
        let tried = manifest.ease != Ease::Plain || has_comments(manifest);
        let has_room = manifest::has_room(manifest, &foreseen.edits);
        if foreseen.edits.is_empty() || has_room && !tried {
            return foreseen;
        }
        if !has_room {
            let containers: BTreeSet<_> = foreseen.edits.iter().map(|one| one.container).collect();
            let after = checked.containers.iter().map(|container| container.held).collect();
            let refused = |container| Refused {
                container,
                reason: Refusal::TooLarge,
                snippet: String::new(),
            };
            let refused = containers.into_iter().map(refused).collect();
            return Foreseen { after, refused, ..Foreseen::default() };
        }
        let mut work = Work::of(self, answer, manifest, checked.clone());
        work.settle(Consent::Unsafe, Consent::Safe);
        work.leave_what_is_in_it(0);
        let safe = work.count();
        work.settle(Consent::Unsafe, Consent::Unsafe);
        work.leave_what_is_in_it(safe);
        let all = work.done();
        let mut foreseen = Foreseen {
            after: all.checked.containers.iter().map(|container| container.held).collect(),
            refused: all.refused,
            ..Foreseen::default()
        };
        for (index, one) in all.applied.into_iter().enumerate() {
            let by_profile = Rule::find(one.rule).is_some_and(Rule::writes_profile);
            let consent = if index < safe { Consent::Safe } else { Consent::Unsafe };
            foreseen.of(Phase { by_profile, consent }).push(one);
        }
        foreseen
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
            let is_open =
                |finding: &Finding| finding.standing.is_open() && finding.remedy.fix().is_some();
            if !found.iter().any(is_open) {
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
                ease: Ease::default(),
                values: 0,
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
        // Where comments would stand beside what is not written yet nobody knows: what is set aside now
        // stays so.
        let set_aside: Vec<Finding> = checked
            .findings
            .iter()
            .filter(|finding| !finding.standing.is_open())
            .cloned()
            .collect();
        let learnt = !self.options.learnt.is_empty();
        let phases = consent.phases(consent).filter(|phase| learnt || !phase.by_profile);
        let phases: Vec<Phase> = phases.collect();
        let (mut at, mut rounds, mut consented) = (0, 0, Consent::Safe);
        let mut own = Foreseen::default();
        while let Some(phase) = phases.get(at).copied().filter(|_| rounds < MAX_ROUNDS) {
            let (original, before) = (requests(&model, self), rounds);
            loop {
                let round = Round::of(&model, &checked, &original, self, phase, None);
                if round.edits.is_empty() || rounds == MAX_ROUNDS {
                    break;
                }
                rounds += 1;
                if !phase.by_profile && phase.consent == Consent::Unsafe {
                    if consented == Consent::Safe {
                        in_result::leave(&mut own.safe, &model);
                    }
                    consented = Consent::Unsafe;
                }
                // What an unsafe edit makes possible comes with it, be it safe.
                let phase = Phase { consent: consented, ..phase };
                own.of(phase).extend(round.applied);
                own.edits.extend(round.edits);
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
            // Those before it may have something to do again: until nothing changes, as `work` does it.
            at = if rounds > before && at > 0 { 0 } else { at + 1 };
        }
        if consented == Consent::Safe {
            in_result::leave(&mut own.safe, &model);
        }
        in_result::leave(&mut own.not_safe, &model);
        let there = |id| ContainerId { workload: place, ..id };
        let placed = |one: Applied| Applied { container: there(one.container), ..one };
        foreseen.by_profile.extend(own.by_profile.into_iter().map(placed));
        foreseen.safe.extend(own.safe.into_iter().map(placed));
        foreseen.not_safe.extend(own.not_safe.into_iter().map(placed));
        let edits = own.edits.into_iter();
        foreseen.edits.extend(edits.map(|edit| Edit { container: there(edit.container), ..edit }));
        foreseen.after.extend(checked.containers.iter().map(|container| container.held));
    }
}

/// Whether a comment may answer for a finding: where it stands beside what is written anew only that tells.
pub(super) fn has_comments(manifest: &Manifest) -> bool {
    manifest.source.text().contains(inline::HEAD)
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
