//! What to try first: read from the first trace, or from what programs usually need.

use std::cmp::Reverse;

use caps::{CapSet, Capability, Reach, Tier};
use judge::Judgement;
use record::requirement::{self, Requirement};
use runtime::Runtime;

/// What a trace says may be needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates {
    /// What a call fails without.
    pub(crate) needed: CapSet,
    /// What only trials decide.
    pub(crate) doubtful: CapSet,
    requirements: Vec<Requirement>,
}

impl Candidates {
    /// Of the first trace, within `start`; of alternatives the least dangerous.
    pub(crate) fn of(judgement: &Judgement, start: CapSet) -> Self {
        let mut requirements = judgement.requirements.clone();
        for requirement in &mut requirements {
            // What was refused in the first run already nobody can give.
            requirement.uses.retain(|seen| seen.count > seen.refused);
            requirement.any_of.retain(|c| start.contains(*c));
            requirement.any_of.sort_by_key(|c| danger(*c));
        }
        requirements.retain(|r| !r.any_of.is_empty() && !r.uses.is_empty());
        let solution = requirement::solve(&requirements);
        Self { needed: solution.needed, doubtful: solution.doubtful, requirements }
    }

    /// For each member of `set` that alone in it serves some uses: what else would serve them all.
    pub(crate) fn alternatives(&self, set: CapSet) -> Vec<(Capability, Capability)> {
        let mut found = Vec::new();
        for member in set {
            let alone = |r: &&Requirement| (r.set() & set) == CapSet::from(member);
            let served: Vec<&Requirement> = self.requirements.iter().filter(alone).collect();
            let others = served.iter().fold(!CapSet::EMPTY, |all, r| all & r.set());
            if !served.is_empty() {
                found.extend((others - set).iter().map(|other| (member, other)));
            }
        }
        found
    }
}

/// The least dangerous of some capabilities.
pub(crate) fn least_dangerous(set: CapSet) -> Option<Capability> {
    set.iter().min_by_key(|c| danger(*c))
}

/// What programs need oftenest first, and of these what harms least: what every container holds by
/// default, then the rest.
pub(crate) fn likeliest_first(set: CapSet) -> Vec<Capability> {
    let usual = Runtime::assumed_for_kubernetes().default_set();
    let mut order: Vec<Capability> = set.iter().collect();
    order.sort_by_key(|c| (Reverse(usual.contains(*c)), danger(*c)));
    order
}

/// How dangerous a capability is; one that is newer than this program is the most dangerous.
pub(crate) fn danger(capability: Capability) -> (bool, Option<(Tier, bool, Reach)>) {
    let known = caps::knowledge(capability);
    (known.is_none(), known.map(caps::Knowledge::danger))
}
