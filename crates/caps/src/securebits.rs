//! The securebits of a thread: how special uid 0 is to it.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// The securebits flags, capabilities(7) "The securebits flags" and
/// `include/uapi/linux/securebits.h`; the number is that of `prctl(PR_GET_SECUREBITS)`.
///
/// Every flag has a lock beside it ([`Securebits::locked`]); a lock stops changes and has no effect
/// of its own. Bits this program has no name for are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Securebits(u32);

impl Securebits {
    /// None: what a process has unless somebody changed it.
    pub const NONE: Securebits = Securebits(0);
    /// uid 0 gets nothing from `execve` for being uid 0, and set-uid root gives nothing either.
    pub const NOROOT: Securebits = Securebits(1 << 0);
    /// Changing uids between 0 and others leaves the capability sets alone.
    pub const NO_SETUID_FIXUP: Securebits = Securebits(1 << 2);
    /// Permitted survives the change of all uids from 0 to others; cleared by every `execve`.
    pub const KEEP_CAPS: Securebits = Securebits(1 << 4);
    /// `prctl(PR_CAP_AMBIENT_RAISE)` is refused.
    pub const NO_CAP_AMBIENT_RAISE: Securebits = Securebits(1 << 6);
    /// Interpreters are asked to check scripts with `AT_EXECVE_CHECK` (Linux 6.14); the kernel
    /// itself does nothing with it.
    pub const EXEC_RESTRICT_FILE: Securebits = Securebits(1 << 8);
    /// Interpreters are asked to refuse interactive input (Linux 6.14); likewise.
    pub const EXEC_DENY_INTERACTIVE: Securebits = Securebits(1 << 10);

    /// The flags by name, without their locks.
    const NAMES: [(Securebits, &'static str); 6] = [
        (Self::NOROOT, "noroot"),
        (Self::NO_SETUID_FIXUP, "no-setuid-fixup"),
        (Self::KEEP_CAPS, "keep-caps"),
        (Self::NO_CAP_AMBIENT_RAISE, "no-cap-ambient-raise"),
        (Self::EXEC_RESTRICT_FILE, "exec-restrict-file"),
        (Self::EXEC_DENY_INTERACTIVE, "exec-deny-interactive"),
    ];

    /// The number as `prctl(PR_GET_SECUREBITS)` returns it, all bits kept.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The number `prctl(PR_SET_SECUREBITS)` takes.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every bit of `flags` is set.
    #[must_use]
    pub const fn contains(self, flags: Securebits) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The lock bits that belong to these flags (`issecure_mask(X_LOCKED)` is the next bit up).
    #[must_use]
    pub const fn locks(self) -> Self {
        Self((self.0 & 0x5555_5555) << 1)
    }

    /// These flags, each with its lock.
    #[must_use]
    pub const fn locked(self) -> Self {
        Self(self.0 | self.locks().0)
    }
}

impl BitOr for Securebits {
    type Output = Securebits;
    fn bitor(self, other: Securebits) -> Securebits {
        Securebits(self.0 | other.0)
    }
}

impl BitAnd for Securebits {
    type Output = Securebits;
    fn bitand(self, other: Securebits) -> Securebits {
        Securebits(self.0 & other.0)
    }
}

impl Not for Securebits {
    type Output = Securebits;
    fn not(self) -> Securebits {
        Securebits(!self.0)
    }
}

/// The names setpriv(1) uses, with `+locked`, separated by spaces; `none`; bits without a name in hex.
impl fmt::Display for Securebits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let mut rest = *self;
        for (flag, name) in Self::NAMES {
            let (set, locked) = (self.contains(flag), self.contains(flag.locks()));
            match (set, locked) {
                (true, true) => words.push(format!("{name}+locked")),
                (true, false) => words.push(name.to_owned()),
                (false, true) => words.push(format!("{name}-locked-off")),
                (false, false) => {}
            }
            rest = rest & !flag.locked();
        }
        if rest != Self::NONE {
            words.push(format!("{:#x}", rest.0));
        }
        if words.is_empty() {
            return f.pad("none");
        }
        f.pad(&words.join(" "))
    }
}

impl fmt::Debug for Securebits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Securebits({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_kernels() {
        let all = Securebits::NOROOT
            | Securebits::NO_SETUID_FIXUP
            | Securebits::KEEP_CAPS
            | Securebits::NO_CAP_AMBIENT_RAISE;
        // SECURE_ALL_BITS and SECURE_ALL_LOCKS of Linux before 6.14.
        assert_eq!((all.bits(), all.locks().bits()), (0x55, 0xaa));
        assert_eq!(all.locked().bits(), 0xff);
    }

    #[test]
    fn it_prints_what_is_set() {
        assert_eq!(Securebits::NONE.to_string(), "none");
        let bits =
            Securebits::NOROOT.locked() | Securebits::KEEP_CAPS | Securebits::from_bits(1 << 3);
        assert_eq!(bits.to_string(), "noroot+locked no-setuid-fixup-locked-off keep-caps");
        assert_eq!(Securebits::from_bits(1 << 31).to_string(), "0x80000000");
    }
}
