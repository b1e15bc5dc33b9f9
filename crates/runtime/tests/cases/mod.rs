//! Random requests.

use dropcap_runtime::{Request, User};
use proptest::prelude::*;
use proptest::sample::select;

/// A request without privileges and without a known user.
pub fn request(add: &[&str], drop: &[&str]) -> Request {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    Request { add: words(add), drop: words(drop), user: User::Root, ..Request::default() }
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
