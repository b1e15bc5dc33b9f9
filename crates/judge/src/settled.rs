//! Needs that nothing can change any more while the target is still watched, and what is left of
//! their checks: a number.

use caps::CapSet;
use record::observation::{Recording, Settled};
use record::requirement::{Requirement, Use, Verdict};

use crate::judgement::Judgement;
use crate::table::SiteTable;

impl Judgement {
    /// The needs that no further check can change, of which at least so many checks were made: a
    /// granted check, of the target's own credentials, at a site that needs exactly this capability.
    ///
    /// A need with an alternative is not among them: another site may yet ask for one of the two
    /// alone. The number keeps the evidence of what is rare, which costs nothing to keep.
    #[must_use]
    pub fn settled(&self, checks: u64) -> CapSet {
        let seconds = SiteTable::builtin().pairs.iter().map(|pair| pair.second);
        let seconds: CapSet = seconds.collect();
        let is_settled = |requirement: &&Requirement| {
            let needed = requirement.uses.iter().filter(|u| u.verdict == Verdict::Needed);
            let granted: u64 = needed.map(|u| u.count - u.refused).sum();
            requirement.any_of.len() == 1 && granted >= checks.max(1)
        };
        let settled = self.requirements.iter().filter(is_settled);
        // Whether the second question of a pair was asked alone is told by comparing two numbers,
        // which a target that goes on changes while they are read. Such a need stays open.
        settled.flat_map(|r| r.any_of.iter().copied()).collect::<CapSet>() - seconds
    }
}

/// What was only counted, as requirements with a use each.
pub(crate) fn requirements(recording: &Recording) -> impl Iterator<Item = Requirement> {
    recording.settled.iter().filter(|s| s.count > 0).map(|settled| Requirement {
        any_of: vec![settled.capability],
        stated: None,
        uses: vec![more(settled)],
        remedies: Vec::new(),
    })
}

fn more(settled: &Settled) -> Use {
    Use {
        what: "more of it, only counted once the need was settled,".to_owned(),
        by: "all its processes".to_owned(),
        site: String::new(),
        verdict: Verdict::Needed,
        why: "judged needed by then, whatever else is seen".to_owned(),
        count: settled.count,
        refused: 0,
        returned: None,
        // After everything that is told in words.
        first_ms: settled.last_ns / 1_000_000,
        last_ms: settled.last_ns / 1_000_000,
        at_start: false,
        trial: None,
    }
}
