//! File capabilities: the extended attribute `security.capability`, all three versions.

use crate::{CapSet, Capability};

/// The capabilities attached to a program file: the value of its extended attribute
/// `security.capability`, capabilities(7) "File capabilities", `struct vfs_ns_cap_data` in
/// `include/uapi/linux/capability.h`.
///
/// An attribute whose sets are empty is not the same as no attribute: it cancels what uid 0 and the
/// ambient set would have given (`has_fcap` in the kernel).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct FileCaps {
    /// What the program is given, within the bounding set.
    pub permitted: CapSet,
    /// What the program is given of the process's inheritable set.
    pub inheritable: CapSet,
    /// The effective bit: whether all that is permitted after `execve` is effective at once.
    pub effective: bool,
    /// The layout on disk.
    pub version: FileCapsVersion,
}

/// The layout of the attribute: `VFS_CAP_REVISION_1`, `_2`, `_3`.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub enum FileCapsVersion {
    /// 12 bytes, 32-bit sets; Linux 2.6.24. Linux reads it and no longer writes it.
    V1,
    /// 20 bytes, 64-bit sets; Linux 2.6.25.
    #[default]
    V2,
    /// 24 bytes: v2 and the user namespace it is meant for; Linux 4.14.
    V3 {
        /// The uid, outside, of uid 0 of that user namespace. On disk it is a uid of the user
        /// namespace that mounted the filesystem; here, of the initial one. They are the same unless
        /// the filesystem was mounted inside a user namespace.
        rootid: u32,
    },
}

/// An attribute that the kernel would answer with `EINVAL`, which fails the `execve`
/// (`get_vfs_caps_from_disk()` in `security/commoncap.c`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeFileCapsError {
    /// Too short for the version word.
    #[error("a security.capability attribute of {0} bytes is too short for its version")]
    Truncated(usize),
    /// A version that is none of 1, 2, 3.
    #[error("unknown version {0:#010x} of a security.capability attribute, expected 1, 2 or 3")]
    Version(u32),
    /// The length does not go with the version.
    #[error(
        "a security.capability attribute of version {version} has {expected} bytes, this one {found}"
    )]
    Length {
        /// 1, 2 or 3.
        version: u8,
        /// Bytes an attribute of that version has.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
}

/// File capabilities that the wanted version cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("version 1 of security.capability cannot hold {0}: it has 32 bits")]
pub struct EncodeFileCapsError(
    /// What does not fit.
    pub CapSet,
);

const REVISION_MASK: u32 = 0xff00_0000;
const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const FLAG_EFFECTIVE: u32 = 0x0000_0001;

impl FileCaps {
    /// The name of the extended attribute (`XATTR_NAME_CAPS`).
    pub const XATTR: &'static str = "security.capability";

    /// Version 2 with these permitted and effective, as `setcap cap_x=ep` writes it.
    #[must_use]
    pub const fn effective(permitted: CapSet) -> Self {
        Self {
            permitted,
            inheritable: CapSet::EMPTY,
            effective: true,
            version: FileCapsVersion::V2,
        }
    }

    /// Reads the attribute's value. Bits above the kernel's last capability are kept; `execve`
    /// ignores them.
    ///
    /// # Errors
    /// Where the kernel says `EINVAL`: wrong version, wrong length.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeFileCapsError> {
        let word = |index: usize| {
            let bytes = value.get(index * 4..index * 4 + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let magic = word(0).ok_or(DecodeFileCapsError::Truncated(value.len()))?;
        let (number, expected) = match magic & REVISION_MASK {
            REVISION_1 => (1, 12),
            REVISION_2 => (2, 20),
            REVISION_3 => (3, 24),
            _ => return Err(DecodeFileCapsError::Version(magic)),
        };
        if value.len() != expected {
            return Err(DecodeFileCapsError::Length {
                version: number,
                expected,
                found: value.len(),
            });
        }
        // Words that this version does not have read as 0; the length is already checked.
        let at = |index| u64::from(word(index).unwrap_or(0));
        let (high_permitted, high_inheritable) = if number == 1 { (0, 0) } else { (at(3), at(4)) };
        Ok(Self {
            permitted: CapSet::from_bits(at(1) | high_permitted << 32),
            inheritable: CapSet::from_bits(at(2) | high_inheritable << 32),
            effective: magic & FLAG_EFFECTIVE != 0,
            version: match number {
                1 => FileCapsVersion::V1,
                2 => FileCapsVersion::V2,
                _ => FileCapsVersion::V3 { rootid: word(5).unwrap_or(0) },
            },
        })
    }

    /// The attribute's value, in the layout [`FileCaps::version`] says.
    ///
    /// # Errors
    /// If version 1 is asked for and a set has a capability above 31.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeFileCapsError> {
        let flag = if self.effective { FLAG_EFFECTIVE } else { 0 };
        let (permitted, inheritable) = (self.permitted.bits(), self.inheritable.bits());
        let (low, high) = (|bits: u64| bits as u32, |bits: u64| (bits >> 32) as u32);
        let first = [low(permitted), low(inheritable)];
        let second = [high(permitted), high(inheritable)];
        let mut words = Vec::with_capacity(6);
        match self.version {
            FileCapsVersion::V1 => {
                let wide = (self.permitted | self.inheritable) - CapSet::up_to(Capability::SETFCAP);
                if !wide.is_empty() {
                    return Err(EncodeFileCapsError(wide));
                }
                words.push(REVISION_1 | flag);
                words.extend(first);
            }
            FileCapsVersion::V2 => {
                words.push(REVISION_2 | flag);
                words.extend(first);
                words.extend(second);
            }
            FileCapsVersion::V3 { rootid } => {
                words.push(REVISION_3 | flag);
                words.extend(first);
                words.extend(second);
                words.push(rootid);
            }
        }
        Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
    }

    /// The uid, in the initial user namespace, whose user namespaces the attribute counts in: the
    /// rootid of version 3, else 0.
    #[must_use]
    pub const fn rootid(&self) -> u32 {
        match self.version {
            FileCapsVersion::V3 { rootid } => rootid,
            FileCapsVersion::V1 | FileCapsVersion::V2 => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes `getfattr -n security.capability` shows for `setcap cap_net_raw+ep`.
    const PING: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn pings_attribute_is_read_and_written() {
        let ping = FileCaps::effective(CapSet::of(&[Capability::NET_RAW]));
        assert_eq!(FileCaps::decode(&PING), Ok(ping));
        assert_eq!(ping.encode(), Ok(PING.to_vec()));
        assert_eq!(ping.rootid(), 0);
    }

    #[test]
    fn version_and_length_must_go_together() {
        assert_eq!(FileCaps::decode(&[]), Err(DecodeFileCapsError::Truncated(0)));
        assert_eq!(FileCaps::decode(&[1, 0, 0]), Err(DecodeFileCapsError::Truncated(3)));
        assert_eq!(FileCaps::decode(&[0, 0, 0, 4]), Err(DecodeFileCapsError::Version(0x0400_0000)));
        assert_eq!(
            FileCaps::decode(&PING[..12]),
            Err(DecodeFileCapsError::Length { version: 2, expected: 20, found: 12 })
        );
    }

    #[test]
    fn version_1_has_thirty_two_bits() {
        let mut caps = FileCaps {
            version: FileCapsVersion::V1,
            ..FileCaps::effective(CapSet::of(&[Capability::SETFCAP]))
        };
        let value = caps.encode().unwrap();
        assert_eq!(value, [1, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0, 0]);
        assert_eq!(FileCaps::decode(&value), Ok(caps));
        caps.inheritable = CapSet::of(&[Capability::BPF]);
        assert_eq!(caps.encode(), Err(EncodeFileCapsError(CapSet::of(&[Capability::BPF]))));
    }

    fn any_caps() -> impl Strategy<Value = FileCaps> {
        let version = prop_oneof![
            Just(FileCapsVersion::V1),
            Just(FileCapsVersion::V2),
            any::<u32>().prop_map(|rootid| FileCapsVersion::V3 { rootid }),
        ];
        (any::<u64>(), any::<u64>(), any::<bool>(), version).prop_map(
            |(p, i, effective, version)| {
                let mask =
                    if version == FileCapsVersion::V1 { u64::from(u32::MAX) } else { u64::MAX };
                FileCaps {
                    permitted: CapSet::from_bits(p & mask),
                    inheritable: CapSet::from_bits(i & mask),
                    effective,
                    version,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(caps in any_caps()) {
            prop_assert_eq!(FileCaps::decode(&caps.encode().unwrap()), Ok(caps));
        }

        #[test]
        fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..30)) {
            if let Ok(caps) = FileCaps::decode(&value) {
                // The three unused bytes of the flag word are the only thing that may be lost.
                prop_assert_eq!(&caps.encode().unwrap()[4..], &value[4..]);
            }
        }
    }
}
