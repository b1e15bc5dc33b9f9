//! What there is to know of every capability: the table `data/capabilities.toml`, typed.

use std::fmt;
use std::sync::LazyLock;

use serde::de::Error as _;

use crate::Capability;

/// How far the harm goes that a holder can do.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Its own processes and files, as any program's.
    #[serde(rename = "self")]
    Itself,
    /// Its container or pod.
    Pod,
    /// The node, or its other pods: disruption or disclosure.
    Node,
    /// Out of the container: the node is the holder's.
    Escape,
}

/// The risk tier of a capability: how far its harm goes by itself and amplified.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Tier {
    /// L: hardly more than any program has.
    Low,
    /// P: power inside the pod.
    Pod,
    /// N: disrupts or discloses the node, at least when amplified.
    Node,
    /// X: escapes when amplified.
    EscapeWith,
    /// E: escapes by itself.
    Escape,
}

impl Tier {
    /// One letter: E, X, N, P or L.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Tier::Low => 'L',
            Tier::Pod => 'P',
            Tier::Node => 'N',
            Tier::EscapeWith => 'X',
            Tier::Escape => 'E',
        }
    }
}

/// What makes a capability more dangerous than it is by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Amplifier {
    /// A writable `hostPath` volume.
    HostPath,
    /// `hostPID: true`.
    HostPid,
    /// `hostNetwork: true`.
    HostNetwork,
    /// `hostIPC: true`.
    HostIpc,
    /// Devices of the node: `privileged: true`, a device plugin, `devices:`.
    Devices,
    /// An error in the kernel code that it opens; always there, known or not.
    KernelBug,
    /// No seccomp profile: `seccompProfile: {type: Unconfined}`, which is also Kubernetes' default
    /// unless the kubelet runs with `seccompDefault`.
    SeccompUnconfined,
    /// Another capability in the same hands.
    With(Capability),
}

impl Amplifier {
    /// The words for it in the table and in JSON; a capability is its own word.
    const WORDS: [(Amplifier, &'static str); 7] = [
        (Amplifier::HostPath, "hostPath"),
        (Amplifier::HostPid, "hostPID"),
        (Amplifier::HostNetwork, "hostNetwork"),
        (Amplifier::HostIpc, "hostIPC"),
        (Amplifier::Devices, "devices"),
        (Amplifier::KernelBug, "kernelBug"),
        (Amplifier::SeccompUnconfined, "seccompUnconfined"),
    ];
}

/// As a person says it: `a writable hostPath`, `hostPID`, `BPF`.
impl fmt::Display for Amplifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amplifier::HostPath => f.pad("a writable hostPath"),
            Amplifier::HostPid => f.pad("hostPID"),
            Amplifier::HostNetwork => f.pad("hostNetwork"),
            Amplifier::HostIpc => f.pad("hostIPC"),
            Amplifier::Devices => f.pad("the node's devices"),
            Amplifier::KernelBug => f.pad("a kernel bug"),
            Amplifier::SeccompUnconfined => f.pad("seccomp unconfined"),
            Amplifier::With(capability) => fmt::Display::fmt(capability, f),
        }
    }
}

impl serde::Serialize for Amplifier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, Self::WORDS.iter().find(|(amplifier, _)| amplifier == self)) {
            (_, Some((_, word))) => serializer.serialize_str(word),
            (Amplifier::With(capability), None) => serializer.collect_str(capability),
            (other, None) => serializer.collect_str(other),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Amplifier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match Self::WORDS.iter().find(|(_, known)| *known == word) {
            Some((amplifier, _)) => Ok(*amplifier),
            None => word.parse().map(Amplifier::With).map_err(D::Error::custom),
        }
    }
}

/// Something a capability allows.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "kebab-case"), deny_unknown_fields)]
pub struct Operation {
    /// What it does, in a few words.
    pub does: String,
    /// The system calls, with the option or file that matters.
    pub calls: Vec<String>,
}

/// How a capability gets worse.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "kebab-case"), deny_unknown_fields)]
pub struct Amplified {
    /// What has to be there.
    pub by: Amplifier,
    /// How far the harm goes then.
    pub reach: Reach,
    /// Why.
    pub why: String,
}

/// All that is known of one capability, with sources; the comments at the head of
/// `data/capabilities.toml` say what each field means.
///
/// The reach of a capability is a judgement, argued in [`Knowledge::why`]; no published list
/// agrees with another. Who holds it by default is not known here but in the `runtime` crate.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "kebab-case"), deny_unknown_fields)]
pub struct Knowledge {
    /// Which one.
    #[serde(rename = "name")]
    pub capability: Capability,
    /// The first kernel release that has it.
    pub since: String,
    /// One of the four this project watches above all: SYS_ADMIN, CHOWN, DAC_OVERRIDE, SYS_MODULE.
    #[serde(default)]
    pub big_four: bool,
    /// What it allows, in one line.
    pub summary: String,
    /// What it allows, operation by operation.
    pub allows: Vec<Operation>,
    /// How far the harm goes with nothing else wrong: default seccomp profile, initial user
    /// namespace, no host namespaces, host paths or devices.
    pub reach: Reach,
    /// Why that far.
    pub why: String,
    /// What makes it worse.
    #[serde(default)]
    pub amplified: Vec<Amplified>,
    /// What is left of it in a pod with `hostUsers: false`.
    pub user_namespace: String,
    /// System calls that the default seccomp profile of Docker and containerd opens with it.
    #[serde(default)]
    pub seccomp: Vec<String>,
    /// How to live without it, in terms of Kubernetes.
    #[serde(default)]
    pub without: Vec<String>,
    /// Where `without` is empty: why nothing is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_remedy: Option<String>,
    /// Where this was read.
    pub sources: Vec<String>,
}

impl Knowledge {
    /// Whether it takes no effect in a user namespace other than the initial one.
    #[must_use]
    pub fn is_void_in_user_namespace(&self) -> bool {
        self.user_namespace.starts_with("Nothing:")
    }

    /// The tier: how bad it is by itself, and how bad it can get.
    #[must_use]
    pub fn tier(&self) -> Tier {
        match (self.reach, self.worst()) {
            (Reach::Escape, _) => Tier::Escape,
            (_, Reach::Escape) => Tier::EscapeWith,
            (_, Reach::Node) => Tier::Node,
            (_, Reach::Pod) => Tier::Pod,
            (_, Reach::Itself) => Tier::Low,
        }
    }

    /// How far the harm goes with every amplifier there is.
    #[must_use]
    pub fn worst(&self) -> Reach {
        self.amplified.iter().map(|a| a.reach).fold(self.reach, Reach::max)
    }

    /// How far the harm goes given what is known to be there.
    ///
    /// ```
    /// use dropcap_caps::{Amplifier, Capability, Reach, knowledge};
    /// let chown = knowledge(Capability::CHOWN).unwrap();
    /// assert_eq!(chown.reach_given(|_| false), Reach::Pod);
    /// assert_eq!(chown.reach_given(|a| a == Amplifier::HostPath), Reach::Escape);
    /// ```
    #[must_use]
    pub fn reach_given(&self, present: impl Fn(Amplifier) -> bool) -> Reach {
        let amplified = self.amplified.iter().filter(|a| present(a.by));
        amplified.map(|a| a.reach).fold(self.reach, Reach::max)
    }

    /// Sorts by danger, the most dangerous greatest: by tier, then by what it does alone; the four
    /// come first among equals.
    #[must_use]
    pub fn danger(&self) -> (Tier, bool, Reach) {
        (self.tier(), self.big_four, self.reach)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    capability: Vec<Knowledge>,
}

static TABLE: LazyLock<Vec<Knowledge>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "part of this program's text; a test reads it")]
    let table: Table =
        toml::from_str(include_str!("../data/capabilities.toml")).expect("data/capabilities.toml");
    table.capability
});

/// What is known of `capability`; `None` for one newer than this program.
#[must_use]
pub fn knowledge(capability: Capability) -> Option<&'static Knowledge> {
    TABLE.get(usize::from(capability.number()))
}

/// All of the table, by number.
#[must_use]
pub fn all_knowledge() -> &'static [Knowledge] {
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forty_one_are_there_in_order() {
        let names: Vec<_> = all_knowledge().iter().map(|k| k.capability).collect();
        assert_eq!(names, Capability::known().collect::<Vec<_>>());
        assert_eq!(Capability::from_number(41).and_then(knowledge), None);
    }

    #[test]
    fn every_one_says_what_it_is_how_to_do_without_and_where_it_was_read() {
        for known in all_knowledge() {
            let name = known.capability;
            assert!(!known.allows.is_empty(), "{name}");
            assert!(known.allows.iter().all(|o| !o.calls.is_empty()), "{name}");
            assert!(known.sources.contains(&"capabilities(7)".to_owned()), "{name}");
            assert!(known.sources.len() >= 2, "{name}: the manual alone is no source for a tier");
            assert_ne!(known.without.is_empty(), known.no_remedy.is_none(), "{name}");
        }
    }

    #[test]
    fn sentences_end_and_lines_fit() {
        for known in all_knowledge() {
            let sentences = [&known.summary, &known.why, &known.user_namespace];
            for text in sentences.into_iter().chain(&known.without).chain(&known.no_remedy) {
                assert!(
                    text.ends_with('.') || text.ends_with(").") || text.ends_with(':'),
                    "{text}"
                );
                assert!(!text.contains("  "), "{text}");
            }
            assert!(known.summary.len() <= 92, "{}: {}", known.capability, known.summary.len());
            for amplified in &known.amplified {
                assert!(!amplified.why.ends_with('.'), "{}", amplified.why);
            }
        }
    }

    #[test]
    fn the_four_are_marked() {
        let four: Vec<_> =
            all_knowledge().iter().filter(|k| k.big_four).map(|k| k.capability).collect();
        assert_eq!(
            four,
            [
                Capability::CHOWN,
                Capability::DAC_OVERRIDE,
                Capability::SYS_MODULE,
                Capability::SYS_ADMIN
            ]
        );
    }

    #[test]
    fn four_escape_by_themselves() {
        let escape: Vec<_> = all_knowledge()
            .iter()
            .filter(|k| k.tier() == Tier::Escape)
            .map(|k| k.capability)
            .collect();
        assert_eq!(
            escape,
            [
                Capability::DAC_READ_SEARCH,
                Capability::SYS_MODULE,
                Capability::SYS_RAWIO,
                Capability::SYS_ADMIN
            ]
        );
    }

    #[test]
    fn an_amplifier_makes_it_worse_and_a_pair_is_named_on_both_sides() {
        for known in all_knowledge() {
            for amplified in &known.amplified {
                assert!(
                    amplified.reach > known.reach || known.reach == Reach::Escape,
                    "{} by {}",
                    known.capability,
                    amplified.by
                );
                if let Amplifier::With(other) = amplified.by {
                    let back = Amplifier::With(known.capability);
                    let other = knowledge(other).unwrap();
                    assert!(other.amplified.iter().any(|a| a.by == back), "{:?}", other.capability);
                }
            }
        }
    }

    #[test]
    fn words_of_amplifiers_are_read_as_they_are_written() {
        for known in all_knowledge() {
            for amplified in &known.amplified {
                let text = toml::to_string(amplified).unwrap();
                assert_eq!(&toml::from_str::<Amplified>(&text).unwrap(), amplified);
            }
        }
        assert!(toml::from_str::<Amplified>("by = \"x\"\nreach = \"pod\"\nwhy = \"\"").is_err());
    }
}
