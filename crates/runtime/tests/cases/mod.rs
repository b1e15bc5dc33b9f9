//! Requests to try: written-down ones and random ones.

#![allow(dead_code, reason = "each test binary uses its part")]

use dropcap_runtime::{Request, User};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A request without privileges and without a known user.
pub fn request(add: &[&str], drop: &[&str]) -> Request {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    Request { add: words(add), drop: words(drop), user: User::Root, ..Request::default() }
}

/// Cases in which the runtimes disagree with one another or with what people expect.
pub fn written() -> Vec<Request> {
    let mut all: Vec<Request> = [
        (&[][..], &[][..]),
        (&[], &["ALL"]),
        (&[], &["all"]),
        (&["NET_BIND_SERVICE"], &["ALL"]),
        (&["NET_BIND_SERVICE"], &[]),
        (&["SYS_ADMIN"], &[]),
        (&["sys_admin"], &[]),
        (&["CAP_SYS_ADMIN"], &[]),
        (&["cap_sys_admin"], &["ALL"]),
        (&["SYS_ADMINN"], &[]),
        (&["ALL"], &[]),
        (&["all"], &["NET_RAW"]),
        (&["ALL"], &["ALL"]),
        (&["CHOWN"], &["CHOWN"]),
        (&["SYS_TIME"], &["SYS_TIME"]),
        (&["CHOWN"], &["ALL", "CHOWN"]),
        (&["ALL", "CHOWN"], &["CHOWN"]),
        (&[], &["NET_RAW"]),
        (&[], &["CAP_NET_RAW"]),
        (&[], &["net_raw"]),
        (&[], &["CAP_ALL"]),
        (&[], &["*"]),
        (&[], &["13"]),
        (&["NET_BIND_SERVICE", "NET_BIND_SERVICE"], &["ALL", "ALL"]),
        (&["SETUID", "SETGID", "CHOWN"], &["ALL"]),
        (&["BPF"], &["ALL"]),
        (&["SYS_RESOURCE"], &["ALL"]),
    ]
    .into_iter()
    .map(|(add, drop)| request(add, drop))
    .collect();
    for (add, drop) in [(&[][..], &["ALL"][..]), (&["SYS_TIME"], &["KILL"]), (&["SYS_ADMINN"], &[])]
    {
        all.push(Request { privileged: true, ..request(add, drop) });
    }
    all.push(Request { no_new_privs: true, ..request(&["SYS_TIME"], &["ALL"]) });
    let non_root = all.clone().into_iter().map(|r| Request { user: User::NonRoot, ..r });
    all.clone().into_iter().chain(non_root).collect()
}

/// A word as people write it; one in eight is wrong.
pub fn word() -> impl Strategy<Value = String> {
    let name = || (0..41usize).prop_map(|n| caps::Capability::known().nth(n).unwrap().to_string());
    prop_oneof![
        12 => name(),
        3 => select(vec!["ALL".to_owned(), "all".to_owned()]),
        1 => name().prop_map(|name| name.to_lowercase()),
        1 => name().prop_map(|name| format!("CAP_{name}")),
        1 => select(vec!["NET_RAWW", "", "*", "CAP_ALL", "7", "CAP_"]).prop_map(str::to_owned),
    ]
}

/// Two lists and the rest; few words, so that the lists meet.
pub fn requests() -> impl Strategy<Value = Request> {
    let list = || prop::collection::vec(word(), 0..4);
    let user = select(vec![User::Root, User::NonRoot]);
    (list(), list(), prop::bool::weighted(0.1), any::<bool>(), user).prop_map(
        |(add, drop, privileged, no_new_privs, user)| Request {
            add,
            drop,
            privileged,
            no_new_privs,
            user,
            entrypoint: None,
            set_uid: None,
            spec: None,
        },
    )
}

/// The same random requests every time.
pub fn random(count: usize) -> Vec<Request> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| requests().new_tree(&mut runner).unwrap().current()).collect()
}
