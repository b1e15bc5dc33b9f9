//! How well a list is known, and what is needed with the changes that trials have shown.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use caps::{CapSet, Capability as C};
use dropcap_record::basis::Basis;
use dropcap_record::merge::merge;
use dropcap_record::profile::Profile;
use dropcap_record::search::Found;

/// A search of containers that came to a list, and the way to zero from there.
const ZERO: &str = include_str!("../../cli/tests/by_profile/zero.profile.yaml");
/// Traced only.
const NGINX: &str = include_str!("data/nginx.yaml");

const NEEDED: CapSet = CapSet::of(&[C::CHOWN, C::SETUID, C::NET_BIND_SERVICE]);

fn zero() -> Profile {
    Profile::parse(ZERO).unwrap()
}

#[test]
fn a_search_counts_for_the_list_that_it_came_to() {
    let mut profile = zero();
    for (found, words) in [
        (Found::Explained, "tried: explained, not repeated"),
        (Found::Passed, "tried: unproven"),
        (Found::InPart, "tried: in part"),
        (Found::Flaky, "tried: flaky"),
        (Found::Stopped, "tried: stopped"),
        (Found::NeverPasses, "tried: unproven"),
    ] {
        profile.status.searches[0].found = found;
        assert_eq!(profile.basis().words(), words);
        assert!(matches!(profile.basis(), Basis::Tried(search) if !search.meaning().is_empty()));
    }
    // Of another list it says nothing; of what was watched, the list is what was seen.
    let other = profile.clone();
    profile.status.searches[0].found = Found::Explained;
    profile.status.searches[0].minimum = CapSet::EMPTY;
    profile.status.searches[0].without_new_denials = None;
    assert_eq!(profile.basis(), Basis::Traced);
    profile.status.searches.push(other.status.searches[0].clone());
    assert_eq!(profile.basis(), Basis::Traced, "it never passed, and another came to something");
    assert_eq!(Profile::parse(NGINX).unwrap().basis(), Basis::Traced);
    let by_hand = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: { name: a }\n\
                   spec: { capabilities: { needed: [KILL] } }\n";
    assert_eq!(Profile::parse(by_hand).unwrap().basis(), Basis::Written);
}

#[test]
fn what_no_use_shows_runs_may_show() {
    let profile = zero();
    let denied = profile.refused_meanwhile(C::FOWNER).unwrap();
    assert_eq!(
        (denied.what.as_str(), denied.returned.as_deref()),
        ("chmod /var/log/web to 0750", Some("EPERM"))
    );
    assert_eq!(profile.refused_meanwhile(C::CHOWN), None);
    assert_eq!(
        profile.failure_without(C::SETUID),
        Some("ended with status 1 | web: cannot step down")
    );
    assert_eq!(profile.failure_without(C::CHOWN), None, "no run lacked it");
}

#[test]
fn what_is_needed_with_changes_is_what_the_trials_speak_of_and_no_more() {
    let profile = zero();
    let needed = |profile: &Profile| -> Vec<(CapSet, CapSet)> {
        profile.ways().map(|way| (way.needed, way.doubtful)).collect()
    };
    assert_eq!(profile.spec.capabilities.needed, NEEDED);
    assert_eq!(needed(&profile), [(CapSet::EMPTY, CapSet::EMPTY)]);
    // What another run saw, no trial has tried without.
    let merged = merge([profile.clone(), Profile::parse(NGINX).unwrap()]).unwrap();
    let open = merged.spec.capabilities.needed - NEEDED;
    assert!(!open.is_empty());
    assert_eq!(needed(&merged), [(open, CapSet::EMPTY)]);
    // Not reached: what remains, and what is doubtful as it was.
    let mut partly = profile.clone();
    partly.status.zero[0].reached = false;
    partly.status.zero[0].remains = C::SETUID.into();
    assert_eq!(needed(&partly), [(C::SETUID.into(), C::FOWNER.into())]);
    // Without a change that holds there is no way.
    for one in &mut partly.status.zero[0].changes {
        one.result = dropcap_record::zero::Held::Fails;
    }
    assert_eq!(needed(&partly), []);
}
