//! CRI-O is not run: its rule is held against the cases of its own tests.

use caps::{CapSet, CapState};

use crate::cases::{Case, Published, table};
use crate::manifests::kubernetes;
use crate::prediction::{Runtime, shown};

/// The set that is written: names, with `!` everything but them.
fn result(names: &[String]) -> CapSet {
    let but = names.iter().any(|name| name.starts_with('!'));
    let set: CapSet = names
        .iter()
        .map(|name| name.trim_start_matches('!').parse::<caps::Capability>().unwrap())
        .collect();
    if but { CapSet::all_known() - set } else { set }
}

#[test]
fn cri_o_is_read_as_its_own_tests_have_it() {
    for Published { name, add, drop, server, result: published } in &table().published {
        let default = *server;
        let runtime = Runtime { name: "crio".to_owned(), own: CapSet::all_known(), default };
        let (add, drop) = (Some(add.clone()), Some(drop.clone()));
        let case = Case { name: "c".to_owned(), add, drop, ..Case::default() };
        let shown = shown(&runtime, &[case], kubernetes);
        let expected = published.as_ref().map(|names| {
            let set = result(names);
            CapState { bounding: set, permitted: set, effective: set, ..CapState::default() }
        });
        assert_eq!(shown["c"].spec(true), expected, "{name}");
    }
}
