//! One capability: its number, its name, and every spelling people use for it.

use std::fmt;
use std::str::FromStr;

/// A Linux capability by number, as in `include/uapi/linux/capability.h`.
///
/// Numbers above [`Capability::LAST_KNOWN`] are allowed up to 63: a newer kernel may have
/// capabilities this program has no name for, and a set read from it must not lose them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

macro_rules! capabilities {
    ($($number:literal $name:ident),* $(,)?) => {
        /// The capabilities of Linux 6.18, capabilities(7); `CAP_` is left out as Kubernetes does.
        #[allow(missing_docs)]
        impl Capability {
            $(pub const $name: Capability = Capability($number);)*
            /// The names by number.
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
        }
    };
}

capabilities! {
    0 CHOWN, 1 DAC_OVERRIDE, 2 DAC_READ_SEARCH, 3 FOWNER, 4 FSETID, 5 KILL, 6 SETGID, 7 SETUID,
    8 SETPCAP, 9 LINUX_IMMUTABLE, 10 NET_BIND_SERVICE, 11 NET_BROADCAST, 12 NET_ADMIN, 13 NET_RAW,
    14 IPC_LOCK, 15 IPC_OWNER, 16 SYS_MODULE, 17 SYS_RAWIO, 18 SYS_CHROOT, 19 SYS_PTRACE,
    20 SYS_PACCT, 21 SYS_ADMIN, 22 SYS_BOOT, 23 SYS_NICE, 24 SYS_RESOURCE, 25 SYS_TIME,
    26 SYS_TTY_CONFIG, 27 MKNOD, 28 LEASE, 29 AUDIT_WRITE, 30 AUDIT_CONTROL, 31 SETFCAP,
    32 MAC_OVERRIDE, 33 MAC_ADMIN, 34 SYSLOG, 35 WAKE_ALARM, 36 BLOCK_SUSPEND, 37 AUDIT_READ,
    38 PERFMON, 39 BPF, 40 CHECKPOINT_RESTORE,
}

impl Capability {
    /// The highest number this program has a name for (`CAP_LAST_CAP` of Linux 6.18).
    pub const LAST_KNOWN: Capability = Capability(40);

    /// The capability with this number, or `None` above 63: the kernel's sets have 64 bits.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// The kernel's number, 0 to 63.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The name without `CAP_`, or `None` for a number newer than this program.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::from(self.0)).copied()
    }

    /// All capabilities with a name, by number.
    pub fn known() -> impl ExactSizeIterator<Item = Capability> + DoubleEndedIterator {
        (0..=Self::LAST_KNOWN.0).map(Capability)
    }
}

/// The name as Kubernetes writes it (`NET_RAW`); a capability without a name prints as its
/// number, as libcap's `cap_to_name(3)` does.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A word that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability {input:?}{}", self.suggestion().map(|c| format!(", did you mean {c}?")).unwrap_or_default())]
pub struct ParseCapabilityError {
    /// What was given.
    pub input: String,
}

impl ParseCapabilityError {
    /// The nearest name, if one is near enough to be a slip of the fingers. It is looked for when it is asked for:
    /// many a word is read only to see whether it is a capability.
    #[must_use]
    pub fn suggestion(&self) -> Option<Capability> {
        Capability::nearest(name_in(&self.input.to_ascii_uppercase()))
    }
}

/// The name in a word in capitals, without the prefix.
fn name_in(upper: &str) -> &str {
    let word = upper.trim();
    word.strip_prefix("CAP_").unwrap_or(word)
}

/// Reads every spelling of one capability: `NET_RAW`, `net_raw`, `CAP_NET_RAW`, `cap_net_raw`, `13`.
///
/// This is what a person may type. What a *runtime* accepts is another question; the `runtime`
/// crate answers it.
impl FromStr for Capability {
    type Err = ParseCapabilityError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let word = input.trim();
        if let Some(capability) = word.parse::<u8>().ok().and_then(Self::from_number) {
            return Ok(capability);
        }
        let upper = word.to_ascii_uppercase();
        let name = name_in(&upper);
        if let Some(index) = Self::NAMES.iter().position(|known| *known == name) {
            return Ok(Self(index as u8));
        }
        Err(ParseCapabilityError { input: input.to_owned() })
    }
}

impl Capability {
    /// The known name nearest to `name` by edit distance, if at most a third of it differs.
    fn nearest(name: &str) -> Option<Self> {
        let is_near = |distance: usize| distance * 3 <= name.len().max(3);
        // As many letters as one has more are to be added at least.
        let alike = Self::known().filter_map(|c| Some((c, c.name()?)));
        alike
            .filter(|(_, known)| is_near(name.len().abs_diff(known.len())))
            .map(|(c, known)| (edit_distance(name, known), c))
            .min()
            .filter(|(distance, _)| is_near(*distance))
            .map(|(_, c)| c)
    }
}

/// How many letters to add, leave out, change or swap with their neighbour (optimal string
/// alignment); in bytes, the names are ASCII.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        (before, last) = (last, row);
    }
    last[b.len()]
}

impl serde::Serialize for Capability {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Capability {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for word in
            ["NET_RAW", "net_raw", "CAP_NET_RAW", "cap_net_raw", "Cap_Net_Raw", "13", " NET_RAW "]
        {
            assert_eq!(word.parse(), Ok(Capability::NET_RAW), "{word}");
        }
        assert_eq!("63".parse::<Capability>().map(Capability::number), Ok(63));
    }

    #[test]
    fn a_slip_is_answered_with_the_name_meant() {
        let error = "SYS_ADMINN".parse::<Capability>().unwrap_err();
        assert_eq!(error.suggestion(), Some(Capability::SYS_ADMIN));
        assert_eq!(error.to_string(), "unknown capability \"SYS_ADMINN\", did you mean SYS_ADMIN?");
        assert_eq!(
            "chwon".parse::<Capability>().unwrap_err().suggestion(),
            Some(Capability::CHOWN)
        );
        assert_eq!("64".parse::<Capability>().unwrap_err().suggestion(), None);
        assert_eq!("ALL".parse::<Capability>().unwrap_err().suggestion(), None);
        assert_eq!("".parse::<Capability>().unwrap_err().suggestion(), None);
    }

    #[test]
    fn the_table_holds_forty_one_in_order() {
        assert_eq!(Capability::NAMES.len(), 41);
        assert_eq!(Capability::CHECKPOINT_RESTORE, Capability::LAST_KNOWN);
        for capability in Capability::known() {
            assert_eq!(capability.to_string().parse(), Ok(capability));
        }
    }
}
