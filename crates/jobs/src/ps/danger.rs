//! Which of two sets is the more dangerous to hold, by the knowledge table of `caps`.

use std::cmp::Reverse;

use caps::{CapSet, Capability, Tier, knowledge};

/// How many steps of danger there are: the tiers, and "newer than this program".
const STEPS: usize = 6;

/// Whether it leads out of the container by itself, or nobody knows that it does not.
#[must_use]
pub fn escapes(capability: Capability) -> bool {
    knowledge(capability).is_none_or(|known| known.tier() == Tier::Escape)
}

/// The members, the most dangerous first.
#[must_use]
pub fn sorted(set: CapSet) -> Vec<Capability> {
    let mut members: Vec<Capability> = set.iter().collect();
    // One that is newer than the table comes first: nothing is known in its favour.
    members.sort_by_key(|c| {
        (Reverse(knowledge(*c).map_or((true, None), |k| (false, Some(k.danger())))), *c)
    });
    members
}

/// How many members each tier has, the worst first: the greater, the more dangerous.
#[must_use]
pub fn rank(set: CapSet) -> [usize; STEPS] {
    let mut rank = [0; STEPS];
    for capability in set {
        let step = match knowledge(capability).map(|known| known.tier()) {
            None => 0,
            Some(Tier::Escape) => 1,
            Some(Tier::EscapeWith) => 2,
            Some(Tier::Node) => 3,
            Some(Tier::Pod) => 4,
            Some(Tier::Low) => 5,
        };
        rank[step] += 1;
    }
    rank
}

/// As [`rank`], for a set that is valid in a user namespace of its own only: none of it leads out
/// by itself, whatever its tier.
#[must_use]
pub fn rank_contained(set: CapSet) -> [usize; STEPS] {
    let mut rank = [0; STEPS];
    rank[4] = set.len();
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_and_the_unknown_before_them() {
        let set = CapSet::of(&[
            Capability::LEASE,
            Capability::CHOWN,
            Capability::SYS_ADMIN,
            Capability::NET_BIND_SERVICE,
        ]);
        let names: Vec<String> = sorted(set).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["SYS_ADMIN", "CHOWN", "NET_BIND_SERVICE", "LEASE"]);
        let newer = Capability::from_number(63).expect("a number");
        assert_eq!(sorted(set.with(newer)).first(), Some(&newer));
    }

    #[test]
    fn one_way_out_outranks_many_small_powers() {
        let small = CapSet::all_known() - Capability::known().filter(|c| escapes(*c)).collect();
        assert!(rank(CapSet::from(Capability::SYS_ADMIN)) > rank(small));
        assert!(rank(small) > rank(small.without(Capability::CHOWN)));
        assert!(rank(small) > rank(CapSet::EMPTY));
        assert!(rank(CapSet::from(Capability::MKNOD)) > rank_contained(CapSet::all_known()));
    }

    #[test]
    fn what_leads_out_alone() {
        let out: CapSet = Capability::known().filter(|c| escapes(*c)).collect();
        let named = CapSet::of(&[
            Capability::SYS_MODULE,
            Capability::SYS_ADMIN,
            Capability::DAC_READ_SEARCH,
            Capability::SYS_RAWIO,
        ]);
        assert!(named.is_subset(out) && !out.contains(Capability::NET_BIND_SERVICE), "{out}");
    }
}
