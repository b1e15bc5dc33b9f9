//! What runs in a user namespace can tell of a capability: the table `data/user_namespace.toml`, typed.

use std::sync::LazyLock;

use crate::{CapSet, Capability};

/// Which user namespace the kernel asks about a capability, seen from one that is not the initial one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// Always the own one.
    Own,
    /// The own one, of users and groups that have a number in it.
    Ids,
    /// The own one, of files whose owner and group have a number in it.
    Files,
    /// The own one or the initial one: there are checks of either kind.
    Both,
    /// Always the initial one.
    Initial,
}

/// Which users and groups have a number in a user namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Numbers {
    /// One user and one group: user_namespaces(7), what everybody may map. setgroups(2) is off then.
    One,
    /// Those of a machine, as far as they are below 65536 or so: subuid(5).
    Many,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    capability: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: Capability,
    asks: Asks,
    at: String,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "part of this program's text; a test reads it")]
    toml::from_str::<Table>(include_str!("../data/user_namespace.toml"))
        .expect("data/user_namespace.toml is well-formed")
        .capability
});

/// Which user namespace the kernel asks about this capability. One that the table does not know
/// grants nothing outside of the initial namespace, for all that is known.
#[must_use]
pub fn asks(capability: Capability) -> Asks {
    TABLE.iter().find(|row| row.name == capability).map_or(Asks::Initial, |row| row.asks)
}

/// A kernel function that shows it, and its file.
#[must_use]
pub fn asked_at(capability: Capability) -> Option<&'static str> {
    TABLE.iter().find(|row| row.name == capability).map(|row| row.at.as_str())
}

/// Of capabilities that a program did without in a user namespace: those of which that says nothing.
///
/// What it did without may have been refused with it, too: by the initial namespace, or because a file's
/// owner is not mapped; a program that shrugs that off would have used it as real root. What was
/// *needed* is another matter: the own namespace granted it, and it made the difference.
///
/// ```
/// use dropcap_caps::{CapSet, Capability, Numbers, undecided};
/// let without = CapSet::of(&[Capability::SETUID, Capability::SYS_TIME, Capability::SYS_CHROOT]);
/// assert_eq!(undecided(without, Numbers::Many), CapSet::from(Capability::SYS_TIME));
/// assert!(undecided(without, Numbers::One).contains(Capability::SETUID));
/// ```
#[must_use]
pub fn undecided(without: CapSet, numbers: Numbers) -> CapSet {
    let decided = |asks| match asks {
        Asks::Own => true,
        Asks::Ids => numbers == Numbers::Many,
        // There is always a file of somebody who is not mapped: those of the machine's own root.
        Asks::Files | Asks::Both | Asks::Initial => false,
    };
    without.iter().filter(|capability| !decided(asks(*capability))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_capability_once_and_says_where() {
        let names: Vec<Capability> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names, CapSet::all_known().iter().collect::<Vec<_>>());
        for row in TABLE.iter() {
            let (function, file) = row.at.split_once(", ").unwrap();
            assert!(!function.contains(' ') && file.ends_with(".c"), "{}", row.at);
            assert_eq!(asked_at(row.name), Some(row.at.as_str()));
        }
    }

    /// What is known of each capability says the same in words.
    #[test]
    fn it_agrees_with_what_is_said_of_pods_in_user_namespaces() {
        for known in crate::all_knowledge() {
            let asks = asks(known.capability);
            let void = known.is_void_in_user_namespace();
            assert!(
                void == (asks == Asks::Initial) || EXCEPTIONS.contains(&known.capability),
                "{}: {asks:?}, {}",
                known.capability,
                known.user_namespace
            );
        }
    }

    /// The offsets of a time namespace; a BPF token (`bpf_token_capable`, Linux 6.9).
    const EXCEPTIONS: &[Capability] = &[Capability::SYS_TIME, Capability::PERFMON];

    #[test]
    fn what_is_not_in_the_table_is_not_decided() {
        let newer = CapSet::from_bits(1 << 50);
        assert_eq!(undecided(newer, Numbers::Many), newer);
    }

    #[test]
    fn what_a_namespace_decides_is_a_short_list() {
        let all = CapSet::all_known();
        let decided = |numbers| all - undecided(all, numbers);
        let one = [Capability::NET_BROADCAST, Capability::IPC_OWNER, Capability::SYS_CHROOT];
        assert_eq!(decided(Numbers::One), CapSet::of(&one));
        let ids = CapSet::of(&[Capability::SETGID, Capability::SETUID]);
        assert_eq!(decided(Numbers::Many), CapSet::of(&one) | ids);
    }
}
