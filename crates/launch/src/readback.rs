//! What `/proc/thread-self/status` says of the child before `execve`, against what was asked for.

use caps::{CapSet, CapState, Ids};

use crate::error::{Difference, SetName};
use crate::spec::Spec;

/// Every difference; empty if the child is exactly as asked. A line that is missing is a
/// difference too.
pub(crate) fn differences(spec: &Spec, status: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    let asked = &spec.state;
    for (set, name, asked) in [
        (SetName::Bounding, "CapBnd", asked.bounding),
        (SetName::Permitted, "CapPrm", asked.permitted),
        (SetName::Effective, "CapEff", asked.effective),
        (SetName::Inheritable, "CapInh", asked.inheritable),
        (SetName::Ambient, "CapAmb", asked.ambient),
    ] {
        match field(status, name).map(|mask| u64::from_str_radix(mask, 16)) {
            Some(Ok(bits)) if bits == asked.bits() => {}
            Some(Ok(bits)) => {
                let got = CapSet::from_bits(bits);
                found.push(Difference::Set { set, missing: asked - got, surplus: got - asked });
            }
            // Before Linux 4.3 there was no ambient set and no such line.
            None if set == SetName::Ambient && asked.is_empty() => {}
            _ => found.push(unlike(name, format!("{asked:016x}"), field(status, name))),
        }
    }
    for (name, ids) in [("Uid", spec.uid), ("Gid", spec.gid)] {
        if let Some(Ids { real, effective, saved, .. }) = ids {
            // The fourth is the file system ID, which follows the effective one, setresuid(2).
            compare(&mut found, status, name, &[real, effective, saved, effective]);
        }
    }
    if let Some(groups) = &spec.groups {
        // The kernel keeps them sorted, `groups_sort` in `kernel/groups.c`.
        let mut groups = groups.clone();
        groups.sort_unstable();
        compare(&mut found, status, "Groups", &groups);
    }
    if spec.no_new_privs {
        compare(&mut found, status, "NoNewPrivs", &[1]);
    }
    found
}

fn compare(found: &mut Vec<Difference>, status: &str, name: &'static str, asked: &[u32]) {
    let got = field(status, name);
    let numbers: Option<Vec<u32>> =
        got.and_then(|text| text.split_ascii_whitespace().map(|n| n.parse().ok()).collect());
    if numbers.as_deref() != Some(asked) {
        let asked = asked.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        found.push(unlike(name, asked, got));
    }
}

fn unlike(field: &'static str, asked: String, got: Option<&str>) -> Difference {
    Difference::Field { field, asked, got: got.unwrap_or("not there").to_owned() }
}

/// A line's value, without the white space around it.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The five sets in a status text; `None` if one is missing.
pub(crate) fn state(status: &str) -> Option<CapState> {
    let set = |name| Some(CapSet::from_bits(u64::from_str_radix(field(status, name)?, 16).ok()?));
    Some(CapState {
        bounding: set("CapBnd")?,
        permitted: set("CapPrm")?,
        effective: set("CapEff")?,
        inheritable: set("CapInh")?,
        ambient: set("CapAmb").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps::Capability;

    const STATUS: &str = "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t5\t5\t5\t5\n\
        Groups:\t5 7 \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000400\n\
        CapEff:\t0000000000000400\nCapBnd:\t0000000000000400\nCapAmb:\t0000000000000000\n\
        NoNewPrivs:\t0\n";

    fn spec() -> Spec {
        let one = CapSet::from(Capability::NET_BIND_SERVICE);
        let state =
            CapState { bounding: one, permitted: one, effective: one, ..CapState::default() };
        Spec::new("true", state).user(1000, 5, vec![7, 5])
    }

    #[test]
    fn what_is_as_asked_differs_in_nothing() {
        assert_eq!(differences(&spec(), STATUS), []);
        assert_eq!(state(STATUS), Some(spec().state));
    }

    #[test]
    fn every_difference_is_named() {
        let mut spec = spec().no_new_privs(true);
        spec.state.bounding = CapSet::from(Capability::CHOWN);
        spec.state.permitted = CapSet::EMPTY;
        spec.uid = Some(Ids::new(1, 2, 3));
        spec.groups = Some(vec![]);
        let said: Vec<String> =
            differences(&spec, STATUS).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "bounding set lacks CHOWN and has NET_BIND_SERVICE besides",
                "permitted set has NET_BIND_SERVICE besides",
                "Uid is \"1000\\t1000\\t1000\\t1000\", asked for \"1 2 3 2\"",
                "Groups is \"5 7\", asked for \"\"",
                "NoNewPrivs is \"0\", asked for \"1\"",
            ]
        );
    }

    #[test]
    fn an_empty_status_is_no_agreement() {
        assert_eq!(differences(&spec(), "").len(), 7);
    }
}
