//! Merging is a join, choosing among alternatives does not depend on order, and a list serves.

use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use dropcap_record::merge::{diff, merge};
use dropcap_record::observation::{Exit, Lost, Target as Watched};
use dropcap_record::profile::{Metadata, Profile, Proof, ProofState, Run, Target};
use dropcap_record::requirement::{Place, Remedy, Requirement, Trial, Use, Verdict, join, solve};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn capability() -> impl Strategy<Value = Capability> {
    // Few, so that requirements meet.
    prop::sample::select(Capability::known().take(6).collect::<Vec<_>>())
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Needed), Just(Verdict::Doubtful)]
}

fn a_use() -> impl Strategy<Value = Use> {
    let trial = prop_oneof![Just(Trial::PassedWithout), Just(Trial::FailedWithout)];
    (
        "[ab]",
        "[xy]",
        "[st]?",
        verdict(),
        "[mn]?",
        1u64..9,
        0u64..3,
        (option::of(prop_oneof!["ok", "EPERM", "EACCES"]), 0u64..9, 0u64..9),
        any::<bool>(),
        option::of(trial),
    )
        .prop_map(|(what, by, site, verdict, why, count, refused, rest, at_start, trial)| {
            let (returned, first_ms, last_ms) = rest;
            Use {
                what,
                by,
                site,
                verdict,
                why,
                count,
                refused,
                returned,
                first_ms,
                last_ms,
                at_start,
                trial,
            }
        })
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let remedy = ("[hi]", "[wv]", prop_oneof![Just(Place::Image), Just(Place::Manifest)])
        .prop_map(|(how, why, place)| Remedy { how, why, place });
    (vec(capability(), 1..4), option::of(verdict()), vec(a_use(), 0..4), vec(remedy, 0..3))
        .prop_map(|(mut any_of, stated, uses, remedies)| {
            let mut seen = CapSet::EMPTY;
            any_of.retain(|c| {
                let new = !seen.contains(*c);
                seen.insert(*c);
                new
            });
            Requirement { any_of, stated, uses, remedies }
        })
}

/// The same id is the same run.
fn run() -> impl Strategy<Value = Run> {
    (0u8..4, vec("[pq]", 0..2), vec("[xy]", 0..2)).prop_map(|(id, incomplete, helpers)| Run {
        id: format!("{id:016x}"),
        recorded: None,
        kernel: "6.18".to_owned(),
        architecture: "x86_64".to_owned(),
        backend: "tp_btf".to_owned(),
        target: Watched::Process { pid: id.into() },
        start_seen: id % 2 == 0,
        as_root: None,
        duration_ms: 5,
        exit: Some(Exit::Code(id.into())),
        lost: Lost::default(),
        incomplete,
        helpers,
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let proof = vec(capability(), 0..3).prop_map(|set| Proof {
        capabilities: set.into_iter().collect(),
        test: "true".to_owned(),
        trials: 3,
        recorded: None,
    });
    let target = (vec("[ab]", 0..2), option::of("[ij]"), option::of("[cd]")).prop_map(
        |(command, image, container)| Target { command, image, container, ..Target::default() },
    );
    (
        "[a-c]",
        prop::collection::btree_map("[kl]", "[vw]", 0..3),
        target,
        vec(requirement(), 0..5),
        vec(run(), 0..3),
        vec(proof, 0..2),
        prop::collection::btree_set("[uv]", 0..3),
    )
        .prop_map(|(name, labels, target, evidence, runs, proofs, unknown_sites)| {
            let mut profile = Profile::new(name.clone(), target, evidence, runs);
            profile.metadata =
                Metadata { name, namespace: None, labels, annotations: BTreeMap::new() };
            profile.status.proofs = proofs;
            profile.status.unknown_sites = unknown_sites;
            profile.settle();
            profile
        })
}

fn merged(profiles: &[&Profile]) -> Profile {
    match merge(profiles.iter().map(|p| (*p).clone())) {
        Some(profile) => profile,
        None => panic!("nothing to merge"),
    }
}

proptest! {
    #[test]
    fn merging_is_idempotent(a in profile()) {
        prop_assert_eq!(merged(&[&a, &a]), a);
    }

    #[test]
    fn merging_does_not_depend_on_order_or_grouping(a in profile(), b in profile(), c in profile()) {
        let abc = merged(&[&a, &b, &c]);
        prop_assert_eq!(&merged(&[&c, &a, &b]), &abc);
        prop_assert_eq!(&merged(&[&b, &a, &c]), &abc);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &abc);
        prop_assert_eq!(&merged(&[&abc, &b]), &abc);
    }

    #[test]
    fn what_is_merged_or_written_serves_every_requirement(a in profile(), b in profile()) {
        let both = merged(&[&a, &b]);
        for requirement in &both.spec.evidence {
            match requirement.verdict() {
                Some(Verdict::Needed) => {
                    let served = requirement.set() & both.spec.capabilities.needed;
                    prop_assert!(!served.is_empty(), "{:?}", requirement);
                }
                Some(Verdict::Doubtful) => {
                    prop_assert!(!(requirement.set() & both.add()).is_empty(), "{:?}", requirement);
                }
                None => {}
            }
        }
        // Nothing is in the list that no open requirement names.
        let named: CapSet = both.spec.evidence.iter()
            .filter(|r| r.verdict().is_some()).flat_map(|r| r.set()).collect();
        prop_assert!(both.add().is_subset(named));
        prop_assert_eq!(&Profile::parse(&both.to_yaml().unwrap()).unwrap(), &both);
        prop_assert_eq!(&Profile::parse(&both.to_json().unwrap()).unwrap(), &both);
    }

    #[test]
    fn choosing_does_not_depend_on_order(mut requirements in vec(requirement(), 0..8), seed in any::<u64>()) {
        let chosen = solve(&join(requirements.clone()));
        let turn = seed as usize % requirements.len().max(1);
        requirements.rotate_left(turn);
        requirements.reverse();
        prop_assert_eq!(solve(&join(requirements.clone())), chosen);
        prop_assert!((chosen.needed & chosen.doubtful).is_empty());
    }

    #[test]
    fn after_trials_the_list_is_what_they_showed(
        a in profile(),
        enough in vec(capability(), 0..4),
        required in vec(capability(), 0..4),
    ) {
        let enough: CapSet = enough.into_iter().collect();
        let required = required.into_iter().collect::<CapSet>() & enough;
        let proof = Proof { capabilities: enough, test: "true".to_owned(), trials: 2, recorded: None };
        let mut tried = a.clone();
        tried.tried(proof, required);
        prop_assert_eq!(tried.add(), enough);
        prop_assert_eq!(tried.status.proof, ProofState::Proven);
        prop_assert_eq!(&Profile::parse(&tried.to_yaml().unwrap()).unwrap(), &tried);
    }

    #[test]
    fn a_diff_says_it_all(a in profile(), b in profile()) {
        let there = diff(&a, &b);
        let back = diff(&b, &a);
        prop_assert_eq!((there.added, there.now_needed), (back.removed, back.now_doubtful));
        prop_assert_eq!((a.add() - there.removed) | there.added, b.add());
        prop_assert_eq!(there.unchanged | there.now_needed | there.now_doubtful, a.add() & b.add());
        prop_assert!(diff(&a, &a).is_empty());
    }
}

#[test]
fn nothing_merged_is_nothing() {
    assert_eq!(merge([]), None);
}

#[test]
fn a_use_that_a_trial_settled_asks_for_nothing_until_another_is_seen() {
    let seen = |what: &str, trial| Use {
        what: what.to_owned(),
        by: "x".to_owned(),
        site: String::new(),
        verdict: Verdict::Needed,
        why: String::new(),
        count: 1,
        refused: 0,
        returned: None,
        first_ms: 0,
        last_ms: 0,
        at_start: false,
        trial,
    };
    let of = |uses| Requirement {
        any_of: vec![Capability::KILL],
        stated: None,
        uses,
        remedies: Vec::new(),
    };
    let profile = |uses| Profile::new("x", Target::default(), vec![of(uses)], Vec::new());
    let settled = profile(vec![seen("kill 1", Some(Trial::PassedWithout))]);
    assert_eq!(settled.add(), CapSet::EMPTY);
    let same = profile(vec![seen("kill 1", None)]);
    assert_eq!(merged(&[&settled, &same]).add(), CapSet::EMPTY);
    let another = profile(vec![seen("kill 2", None)]);
    assert_eq!(merged(&[&settled, &another]).add(), CapSet::from(Capability::KILL));
    let failed = profile(vec![seen("kill 1", Some(Trial::FailedWithout))]);
    assert_eq!(merged(&[&settled, &failed]).add(), CapSet::from(Capability::KILL));
}
