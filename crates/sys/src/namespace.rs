//! Namespaces: their identities, and how user IDs map into a user namespace.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::str::FromStr;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The inode of the initial user namespace: `PROC_USER_INIT_INO`, `include/linux/proc_ns.h`,
/// the same on every kernel since 3.8.
pub const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
/// The inode of the initial PID namespace: `PROC_PID_INIT_INO`, likewise.
pub const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The namespaces of a process by inode number, namespaces(7) "The /proc/pid/ns/ directory".
///
/// Each is `None` where the link could not be read: that takes `PTRACE_MODE_READ_FSCREDS`, so an
/// ordinary user sees only those of own processes, and a zombie has none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Namespaces {
    /// The user namespace that the capability sets are held in.
    pub user: Option<u64>,
    /// The PID namespace.
    pub pid: Option<u64>,
    /// The mount namespace.
    pub mnt: Option<u64>,
    /// The network namespace.
    pub net: Option<u64>,
    /// The cgroup namespace.
    pub cgroup: Option<u64>,
}

/// Reads the inode number out of a link of `/proc/PID/ns`, such as `user:[4026531837]`.
#[must_use]
pub fn parse_link(link: &str) -> Option<u64> {
    link.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// One line of `/proc/PID/uid_map` or `gid_map`, user_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first ID inside the namespace.
    pub inside: u32,
    /// The first ID as the reader's namespace sees it.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// `/proc/PID/uid_map` or `gid_map`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdMap(pub Vec<IdRange>);

/// A line of an ID map that is not three numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not a line of an ID map: expected three numbers")]
pub struct ParseIdMapError {
    /// The line.
    pub line: String,
}

impl FromStr for IdMap {
    type Err = ParseIdMapError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
            let mut next = || numbers.next()?.ok();
            let range = IdRange { inside: next()?, outside: next()?, count: next()? };
            numbers.next().is_none().then_some(range)
        };
        text.lines()
            .map(|line| range(line).ok_or_else(|| ParseIdMapError { line: line.to_owned() }))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl IdMap {
    /// Whether every ID is itself on both sides: the map of the initial namespace.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0 == [IdRange { inside: 0, outside: 0, count: u32::MAX }]
    }

    /// What an ID seen from outside is inside; `None` if it is not mapped.
    #[must_use]
    pub fn to_inside(&self, outside: u32) -> Option<u32> {
        self.0.iter().find_map(|range| {
            let offset = outside.checked_sub(range.outside)?;
            (offset < range.count).then(|| range.inside.checked_add(offset))?
        })
    }

    /// What an ID inside is seen as from outside; `None` if it is not mapped.
    #[must_use]
    pub fn to_outside(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|range| {
            let offset = inside.checked_sub(range.inside)?;
            (offset < range.count).then(|| range.outside.checked_add(offset))?
        })
    }
}

/// As the kernel writes it, one range a line.
impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{} {} {}", range.inside, range.outside, range.count)?;
        }
        Ok(())
    }
}

/// Moves the calling thread, and what it starts from now on, into the network namespace of a process.
/// Other threads stay where they are, setns(2).
///
/// # Errors
/// ENOENT if there is no such process; EPERM without SYS_ADMIN here and in the user namespace that owns
/// the network.
pub fn enter_network_of(pid: u32) -> io::Result<()> {
    let link = File::open(format!("/proc/{pid}/ns/net"))?;
    Ok(move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_inode() {
        assert_eq!(parse_link("user:[4026531837]"), Some(INITIAL_USER_NAMESPACE));
        assert_eq!(parse_link("pid:[4026531836]"), Some(INITIAL_PID_NAMESPACE));
        assert_eq!(parse_link("user:[]"), None);
        assert_eq!(parse_link("anything"), None);
    }

    #[test]
    fn ids_are_mapped_inwards_or_not_at_all() {
        let map: IdMap = "         0     100000      65536\n     65536          7          1\n"
            .parse()
            .expect("a map as the kernel writes it");
        assert_eq!(map.to_inside(100_000), Some(0));
        assert_eq!(map.to_inside(165_535), Some(65_535));
        assert_eq!(map.to_inside(165_536), None);
        assert_eq!(map.to_inside(0), None);
        assert_eq!(map.to_inside(7), Some(65_536));
        assert_eq!(map.to_outside(1), Some(100_001));
        assert_eq!(map.to_outside(65_536), Some(7));
        assert_eq!(map.to_outside(65_537), None);
        assert!(!map.is_identity());
        assert_eq!(map.to_string(), "0 100000 65536\n65536 7 1");
    }

    #[test]
    fn the_initial_map_is_the_identity_and_an_unwritten_one_maps_nothing() {
        let initial: IdMap = "         0          0 4294967295\n".parse().expect("a map");
        assert!(initial.is_identity());
        let unwritten: IdMap = "".parse().expect("an empty map");
        assert_eq!(unwritten.to_inside(0), None);
        assert!("0 0".parse::<IdMap>().is_err() && "0 0 1 1".parse::<IdMap>().is_err());
    }
}
