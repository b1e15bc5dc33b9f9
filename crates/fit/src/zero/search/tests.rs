//! Programs that are made up: what they want is a rule over changes.

use std::time::Duration;

use caps::Capability;
use observe::Observed;
use record::observation::{Observation, Recording};
use record::zero::{ALL_GROUPS, LOW_PORTS, PING};

use super::super::evidence::tests::{at, call, recording, saw};
use super::super::folder::tests::{failed, on};
use super::*;

/// What it does in a run, and why it fails, if it does.
type Rule = fn(&[Change], CapSet) -> Option<(&'static str, Recording)>;

struct Program {
    rule: Rule,
    stop_after: usize,
}

impl Trials for Program {
    type Error = std::convert::Infallible;

    fn run(&mut self, changes: &[Change], set: CapSet) -> Result<Ran, Self::Error> {
        let (outcome, seen) = match (self.rule)(changes, set) {
            None => (Outcome::Passed, recording(Vec::new())),
            Some((said, seen)) => (Outcome::Failed(said.to_owned()), seen),
        };
        let observed = Some(Observed::of(seen));
        Ok(Ran { outcome, observed, took: Duration::from_millis(1) })
    }
}

fn user() -> Change {
    Change::User { user: 33, group: Some(33) }
}

fn port() -> Change {
    Change::Sysctl { name: LOW_PORTS.to_owned(), value: "80".to_owned() }
}

fn empty(path: &str) -> Change {
    Change::EmptyDir { path: path.to_owned(), fs_group: Some(33) }
}

fn set(list: &[Capability]) -> CapSet {
    CapSet::of(list)
}

/// As nginx at its start.
fn as_root() -> Recording {
    recording(vec![
        saw(Capability::SETUID, call("setuid", &[33])),
        saw(Capability::SETGID, call("setgid", &[33])),
        saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80")),
    ])
}

const NGINX: &[Capability] =
    &[Capability::CHOWN, Capability::SETUID, Capability::SETGID, Capability::NET_BIND_SERVICE];

fn way(rule: Rule, first: &Recording, needs: &[Capability], rigour: Rigour) -> Option<Zero> {
    way_until(rule, first, needs, rigour, usize::MAX)
}

fn way_until(
    rule: Rule,
    first: &Recording,
    needs: &[Capability],
    rigour: Rigour,
    stop_after: usize,
) -> Option<Zero> {
    let mut program = Program { rule, stop_after };
    let asked = Asked {
        first,
        today: if needs.is_empty() { Today::Fails } else { Today::Needs(set(needs)) },
        start: CapSet::all_known(),
        without: Some("as it is".to_owned()),
        ground: Ground { own_network: true, ..Ground::default() },
        test: "it works".to_owned(),
        rigour,
    };
    let mut runs = 0;
    let most = program.stop_after;
    let mut watch = |event: Event<'_>| match event {
        Event::Starting(..) => ControlFlow::Continue(()),
        Event::Ended(_) => {
            runs += 1;
            if runs > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    let Ok(zero) = search(&mut program, &asked, &mut watch);
    zero
}

fn nginx(changes: &[Change], _: CapSet) -> Option<(&'static str, Recording)> {
    let refused = |call| Recording { failures: vec![call], ..recording(Vec::new()) };
    let has = |change: Change| changes.contains(&change);
    if !has(user()) {
        return Some(("setgid: Operation not permitted", recording(Vec::new())));
    }
    if !has(empty("/var/lib/nginx")) {
        return Some(("mkdir", refused(failed(on("mkdir", &[], "/var/lib/nginx/body"), -13, 1))));
    }
    if !has(empty("/run")) {
        let opened = failed(on("openat", &[0, 0, 0o102], "/run/nginx.pid"), -13, 2);
        return Some(("open", refused(opened)));
    }
    if !has(port()) {
        return Some(("bind", recording(Vec::new())));
    }
    None
}

#[test]
fn what_is_refused_to_the_new_user_is_added_until_it_passes() {
    let zero = way(nginx, &as_root(), NGINX, Rigour::Explained).unwrap();
    assert!(zero.reached && zero.remains.is_empty(), "{zero:?}");
    let held: Vec<&Change> = zero.holding().collect();
    assert_eq!(held.len(), 4);
    assert!(zero.changes.iter().all(|one| one.result == Held::Holds && one.said.is_some()));
    // Three until it passes, and one for each change: but without /run it has failed before.
    assert_eq!(zero.runs.len(), 3 + 3);
    let last = zero.runs.iter().rfind(|run| run.passed).unwrap();
    assert!(is_same(&last.changes, &held.into_iter().cloned().collect::<Vec<_>>()));
    // With rigour what is claimed is run once more.
    let zero = way(nginx, &as_root(), NGINX, Rigour::Proven).unwrap();
    assert!(zero.reached && zero.runs.len() == 7 && zero.runs[6].passed);
}

#[test]
fn what_it_passes_without_is_not_in_the_patch() {
    let rule: Rule = |changes, _| match changes.contains(&user()) {
        true => None,
        false => Some(("chown", recording(Vec::new()))),
    };
    let zero = way(rule, &as_root(), NGINX, Rigour::Explained).unwrap();
    assert!(zero.reached);
    assert_eq!(zero.holding().collect::<Vec<_>>(), [&user()]);
    let port = zero.changes.iter().find(|one| one.change == port()).unwrap();
    assert_eq!((port.result, &port.said), (Held::NotNeeded, &None));
    // Without any change it is known to fail: that takes no run.
    assert_eq!(zero.runs.len(), 3);
    assert!(zero.changes.iter().any(|one| one.said.as_deref() == Some("chown")));
}

#[test]
fn the_only_change_is_not_left_out_by_a_run() {
    let ping = Change::Sysctl { name: PING.to_owned(), value: ALL_GROUPS.to_owned() };
    let rule: Rule = |changes, _| match changes.is_empty() {
        true => Some(("socket", recording(Vec::new()))),
        false => None,
    };
    let first = recording(vec![saw(Capability::NET_RAW, call("socket", &[2, 3, 1]))]);
    let zero = way(rule, &first, &[Capability::NET_RAW], Rigour::Explained).unwrap();
    assert_eq!(zero.holding().collect::<Vec<_>>(), [&ping]);
    assert_eq!((zero.runs.len(), zero.changes[0].said.as_deref()), (1, Some("as it is")));
}

/// A user that is not root, who binds a low port and writes somewhere.
#[test]
fn what_no_list_helps_a_sysctl_alone_does() {
    let refused = || {
        let seen = saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80"));
        recording(vec![Observation { granted: false, result: Some(-13), ..seen }])
    };
    let rule: Rule = |changes, set| {
        let seen = saw(Capability::NET_BIND_SERVICE, at("0.0.0.0:80"));
        let seen = recording(vec![Observation { granted: false, result: Some(-13), ..seen }]);
        assert!(set.is_empty());
        (!changes.contains(&port())).then_some(("bind: Permission denied", seen))
    };
    let zero = way(rule, &refused(), &[], Rigour::Proven).unwrap();
    assert!(zero.is_clear() && zero.remains.is_empty(), "{zero:?}");
    let [tried] = &zero.changes[..] else { panic!("{zero:?}") };
    assert_eq!((&tried.change, tried.result), (&port(), Held::Holds));
    assert_eq!(tried.removes, Capability::NET_BIND_SERVICE.into());
    // Without it it was seen to fail; with it, once more.
    assert_eq!((zero.runs.len(), tried.said.as_deref()), (2, Some("as it is")));
    // What else it fails for is told, and nothing is claimed.
    let rule: Rule = |_, _| Some(("no", recording(Vec::new())));
    let zero = way(rule, &refused(), &[], Rigour::Proven).unwrap();
    assert!(!zero.reached && zero.holding().next().is_none(), "{zero:?}");
}

/// Needs to change its user whoever it is.
fn sshd(changes: &[Change], set: CapSet) -> Option<(&'static str, Recording)> {
    let needs = CapSet::of(&[Capability::SETUID, Capability::SETGID]);
    let seen = || {
        let refused = saw(Capability::SETGID, call("setgroups", &[]));
        recording(vec![Observation {
            granted: false,
            in_bounding: Some(false),
            result: Some(-1),
            ..refused
        }])
    };
    if !changes.contains(&port()) && !set.contains(Capability::NET_BIND_SERVICE) {
        return Some(("bind: Permission denied", recording(Vec::new())));
    }
    if !needs.is_subset(set) {
        return Some(("setgroups: Operation not permitted", seen()));
    }
    None
}

#[test]
fn where_zero_is_not_to_be_had_what_is_gained_is_told() {
    let needs = [Capability::SETUID, Capability::SETGID, Capability::NET_BIND_SERVICE];
    let zero = way(sshd, &as_root(), &needs, Rigour::Explained).unwrap();
    assert!(!zero.reached);
    assert_eq!(zero.remains, set(&needs[..2]));
    assert_eq!(zero.holding().collect::<Vec<_>>(), [&port()]);
    let tried = zero.changes.iter().find(|one| one.change == user()).unwrap();
    let said = "setgroups: Operation not permitted";
    assert_eq!((tried.result, tried.said.as_deref()), (Held::Fails, Some(said)));
    assert_eq!(zero.in_the_way.len(), 1, "{:?}", zero.in_the_way);
    // A port that is opened is no gain where the program fails all the same.
    let rule: Rule = |_, _| Some(("no", recording(Vec::new())));
    let zero = way(rule, &as_root(), &needs, Rigour::Explained).unwrap();
    assert!(!zero.reached && zero.holding().next().is_none());
    assert_eq!(zero.remains, set(&needs));
}

#[test]
fn a_folder_that_hides_files_never_holds() {
    let rule: Rule = |changes, _| {
        let open = |path, result| failed(on("openat", &[0, 0, 0o102], path), result, 1);
        let failures = match changes.contains(&empty("/srv/data")) {
            true => vec![open("/srv/data/config", -2)],
            false => vec![open("/srv/data/log", -13)],
        };
        Some(("no", Recording { failures, ..recording(Vec::new()) }))
    };
    let zero = way(rule, &as_root(), NGINX, Rigour::Explained).unwrap();
    assert!(!zero.reached);
    let tried = zero.changes.iter().find(|one| one.change == empty("/srv/data")).unwrap();
    assert_eq!(tried.result, Held::Fails);
    let hidden =
        zero.remarks.iter().any(|r| r.contains("/srv/data/config") && r.contains("RUN chown"));
    assert!(hidden, "{:?}", zero.remarks);
}

#[test]
fn it_ends_where_somebody_stops_it_and_with_programs_that_want_ever_more() {
    for runs in 0..6 {
        assert_eq!(way_until(nginx, &as_root(), NGINX, Rigour::Explained, runs), None);
    }
    assert!(way_until(nginx, &as_root(), NGINX, Rigour::Explained, 6).is_some());
    let rule: Rule = |changes, _| {
        let path = format!("/a{}/b", changes.len());
        let failures = vec![failed(on("mkdir", &[], &path), -13, 1)];
        Some(("more", Recording { failures, ..recording(Vec::new()) }))
    };
    let zero = way(rule, &as_root(), NGINX, Rigour::Explained).unwrap();
    assert!(!zero.reached && zero.runs.len() < 20, "{}", zero.runs.len());
}

#[test]
fn what_passes_once_and_not_again_does_not_hold() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static PASSED: AtomicBool = AtomicBool::new(false);
    let rule: Rule = |_, _| match PASSED.swap(true, Ordering::Relaxed) {
        false => None,
        true => Some(("no", recording(Vec::new()))),
    };
    let first = recording(vec![saw(Capability::SETUID, call("setuid", &[33]))]);
    let zero = way(rule, &first, &[Capability::SETUID], Rigour::Proven).unwrap();
    assert!(!zero.reached && zero.holding().next().is_none());
    assert_eq!(zero.remains, Capability::SETUID.into());
    assert!(zero.remarks.iter().any(|remark| remark.contains("two answers")));
}
