//! A set of capabilities as a value, with set algebra.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not, Sub};

use crate::Capability;

/// A set of capabilities: the kernel's 64-bit mask (`kernel_cap_t`), as a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CapSet(u64);

impl CapSet {
    /// No capability.
    pub const EMPTY: CapSet = CapSet(0);

    /// The mask as the kernel writes it in `/proc/PID/status`, all bits kept.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The kernel's mask.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Capabilities 0 to `last`, both included: what "all" means on a kernel whose
    /// `/proc/sys/kernel/cap_last_cap` is `last`.
    #[must_use]
    pub const fn up_to(last: Capability) -> Self {
        Self(u64::MAX >> (63 - last.number()))
    }

    /// All capabilities with a name (Linux 6.18: 0 to 40).
    #[must_use]
    pub const fn all_known() -> Self {
        Self::up_to(Capability::LAST_KNOWN)
    }

    /// Exactly these; `const`, so that tables can be written down.
    #[must_use]
    pub const fn of(members: &[Capability]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < members.len() {
            bits |= 1 << members[i].number();
            i += 1;
        }
        Self(bits)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in it.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether `capability` is in it.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 >> capability.number() & 1 == 1
    }

    /// Whether everything in `self` is in `other` too.
    #[must_use]
    pub const fn is_subset(self, other: CapSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Puts one in.
    pub fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability.number();
    }

    /// Takes one out.
    pub fn remove(&mut self, capability: Capability) {
        self.0 &= !(1 << capability.number());
    }

    /// With one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability.number())
    }

    /// With one less.
    #[must_use]
    pub const fn without(self, capability: Capability) -> Self {
        Self(self.0 & !(1 << capability.number()))
    }

    /// The members by number.
    pub fn iter(self) -> CapSetIter {
        CapSetIter(self.0)
    }
}

/// Iterates over a [`CapSet`] by number.
#[derive(Debug, Clone)]
pub struct CapSetIter(u64);

impl Iterator for CapSetIter {
    type Item = Capability;

    fn next(&mut self) -> Option<Capability> {
        let number = self.0.trailing_zeros() as u8;
        let capability = Capability::from_number(number)?;
        self.0 &= self.0 - 1;
        Some(capability)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.0.count_ones() as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for CapSetIter {}

impl IntoIterator for CapSet {
    type Item = Capability;
    type IntoIter = CapSetIter;

    fn into_iter(self) -> CapSetIter {
        self.iter()
    }
}

impl FromIterator<Capability> for CapSet {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Self {
        members.into_iter().fold(Self::EMPTY, CapSet::with)
    }
}

impl Extend<Capability> for CapSet {
    fn extend<I: IntoIterator<Item = Capability>>(&mut self, members: I) {
        for capability in members {
            self.insert(capability);
        }
    }
}

impl From<Capability> for CapSet {
    fn from(capability: Capability) -> Self {
        Self::EMPTY.with(capability)
    }
}

impl BitOr for CapSet {
    type Output = CapSet;
    fn bitor(self, other: CapSet) -> CapSet {
        CapSet(self.0 | other.0)
    }
}

impl BitAnd for CapSet {
    type Output = CapSet;
    fn bitand(self, other: CapSet) -> CapSet {
        CapSet(self.0 & other.0)
    }
}

impl Sub for CapSet {
    type Output = CapSet;
    fn sub(self, other: CapSet) -> CapSet {
        CapSet(self.0 & !other.0)
    }
}

/// Everything that is not in it, numbers without a name included.
impl Not for CapSet {
    type Output = CapSet;
    fn not(self) -> CapSet {
        CapSet(!self.0)
    }
}

/// Names by number with a space between, or `none`.
impl fmt::Display for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.pad("none");
        }
        let words: Vec<String> = self.iter().map(|c| c.to_string()).collect();
        f.pad(&words.join(" "))
    }
}

impl fmt::Debug for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// As in `/proc/PID/status`: `{:x}` prints the mask, `{:016x}` all sixteen digits.
impl fmt::LowerHex for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl serde::Serialize for CapSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for CapSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Capability>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algebra_is_that_of_sets() {
        let a = CapSet::of(&[Capability::CHOWN, Capability::KILL]);
        let b = CapSet::of(&[Capability::KILL, Capability::NET_RAW]);
        assert_eq!(a | b, CapSet::of(&[Capability::CHOWN, Capability::KILL, Capability::NET_RAW]));
        assert_eq!(a & b, CapSet::from(Capability::KILL));
        assert_eq!(a - b, CapSet::from(Capability::CHOWN));
        assert!((a & b).is_subset(a) && !a.is_subset(b));
    }

    #[test]
    fn all_means_what_the_kernel_writes() {
        assert_eq!(format!("{:016x}", CapSet::all_known()), "000001ffffffffff");
        assert_eq!(CapSet::all_known().len(), 41);
        assert_eq!(CapSet::from_bits(u64::MAX).iter().len(), 64);
        assert_eq!(CapSet::from_bits(u64::MAX).iter().count(), 64);
    }

    #[test]
    fn a_set_prints_its_names_or_says_none() {
        assert_eq!(
            CapSet::from_bits(1 << 10 | 1 | 1 << 41).to_string(),
            "CHOWN NET_BIND_SERVICE 41"
        );
        assert_eq!(CapSet::EMPTY.to_string(), "none");
    }
}
