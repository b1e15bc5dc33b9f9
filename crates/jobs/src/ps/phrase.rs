//! A set of capabilities in as few words as say it: "all 41", "NET_ADMIN + containerd/Docker default (14)".

use std::fmt;

use caps::{CapSet, Capability};
use runtime::{Engine, default_sets};

use super::danger;

/// A set everybody knows by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Every capability this kernel has.
    All(usize),
    /// What an engine gives a container that asks for nothing.
    Default {
        /// Whose default.
        whose: String,
        /// How many capabilities it has.
        count: usize,
    },
}

/// A set, said as a known one with a few more and a few less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// What is in it besides the base, the most dangerous first.
    pub more: Vec<Capability>,
    /// The known set, if naming one is shorter.
    pub base: Option<Base>,
    /// What is in the base and not in the set, the most dangerous first.
    pub less: Vec<Capability>,
}

impl Phrase {
    /// The shortest way to say `set` where `all` is every capability the kernel has.
    #[must_use]
    pub fn of(set: CapSet, all: CapSet) -> Self {
        let by_name = Self::by_name(set);
        let everything = std::iter::once((Base::All(all.len()), all));
        everything
            .chain(defaults())
            .map(|(base, known)| Self {
                more: danger::sorted(set - known),
                base: Some(base),
                less: danger::sorted(known - set),
            })
            // A base costs its reader the knowledge what is in it.
            .filter(|phrase| phrase.words() + 2 < by_name.words())
            .min_by_key(Self::words)
            .unwrap_or(by_name)
    }

    /// Every member by its name, whatever set it may be.
    #[must_use]
    pub fn by_name(set: CapSet) -> Self {
        Self { more: danger::sorted(set), base: None, less: Vec::new() }
    }

    fn words(&self) -> usize {
        self.more.len() + self.less.len()
    }
}

/// The engines' defaults of today, one entry a set, named after those that have it.
fn defaults() -> Vec<(Base, CapSet)> {
    let mut named: Vec<(Vec<&'static str>, CapSet)> = Vec::new();
    // nerdctl and Docker's relatives copy containerd's; two names are enough to recognise it.
    for engine in [Engine::Containerd, Engine::Docker, Engine::Podman, Engine::Crio] {
        let Some(newest) = default_sets().iter().rfind(|row| row.engine == engine) else {
            continue;
        };
        match named.iter_mut().find(|(_, set)| *set == newest.set) {
            Some((names, _)) => names.push(engine.title()),
            None => named.push((vec![engine.title()], newest.set)),
        }
    }
    named
        .into_iter()
        .map(|(names, set)| (Base::Default { whose: names.join("/"), count: set.len() }, set))
        .collect()
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) => f.write_str("all"),
            Self::Default { whose, .. } => write!(f, "{whose} default"),
        }
    }
}

/// In one line; the cli colours the parts.
impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |names: &[Capability]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let Some(base) = &self.base else {
            let names = join(&self.more);
            return f.write_str(if names.is_empty() { "none" } else { &names });
        };
        if !self.more.is_empty() {
            write!(f, "{} + ", join(&self.more))?;
        }
        write!(f, "{base}")?;
        match base {
            _ if !self.less.is_empty() => write!(f, " but {}", join(&self.less)),
            Base::All(count) => write!(f, " {count}"),
            Base::Default { count, .. } => write!(f, " ({count})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(bits: u64) -> String {
        Phrase::of(CapSet::from_bits(bits), CapSet::all_known()).to_string()
    }

    #[test]
    fn known_sets_are_recognised() {
        assert_eq!(say(0), "none");
        assert_eq!(say(0x1ff_ffff_ffff), "all 41");
        assert_eq!(say(0x1ff_feff_ffff), "all but SYS_RESOURCE");
        assert_eq!(say(0xa804_25fb), "containerd/Docker default (14)");
        assert_eq!(say(0x8004_05fb), "Podman default (11)");
        assert_eq!(say(0x5fb), "CRI-O default (9)");
        assert_eq!(say(0xa804_05fb), "containerd/Docker default but NET_RAW");
    }

    #[test]
    fn what_is_added_to_a_default_comes_first() {
        assert_eq!(say(0xa804_25fb | 1 << 21), "SYS_ADMIN + containerd/Docker default (14)");
    }

    #[test]
    fn few_are_named_and_newer_ones_are_not_lost() {
        assert_eq!(say(1 << 10), "NET_BIND_SERVICE");
        assert_eq!(say(1 << 63 | 1 << 10), "63 NET_BIND_SERVICE");
        assert_eq!(say(1 << 50 | 0x1ff_ffff_ffff), "50 + all 41");
    }

    /// Nothing is added or left out by saying it.
    #[test]
    fn a_phrase_says_exactly_its_set() {
        let all = CapSet::all_known();
        let known: Vec<CapSet> = defaults().into_iter().map(|(_, set)| set).chain([all]).collect();
        for seed in 0..2000_u64 {
            let noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 23;
            let base = known[seed as usize % known.len()].bits();
            let set = CapSet::from_bits(base ^ (noise & noise >> 7 & noise >> 13));
            let phrase = Phrase::of(set, all);
            let base = match &phrase.base {
                None => CapSet::EMPTY,
                Some(Base::All(_)) => all,
                Some(wanted) => {
                    let found = defaults().into_iter().find(|(base, _)| base == wanted);
                    found.expect("a base is one of the known sets").1
                }
            };
            let more: CapSet = phrase.more.iter().copied().collect();
            let less: CapSet = phrase.less.iter().copied().collect();
            assert_eq!((base | more) - less, set, "{phrase}");
            assert!(less.is_subset(base) && (more & base).is_empty());
        }
    }
}
