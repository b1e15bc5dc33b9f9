//! A user namespace in which an ordinary user is root, with all the subordinate IDs that this user
//! may map, user_namespaces(7), subuid(5).
//!
//! The own IDs keep their numbers in it, and the subordinate ones take the others, from 0 on: so files
//! of the user are not those of the namespace's root, as they are not those of root outside.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{getgid, getuid};
use rustix::thread::{Gid, Uid, UnshareFlags};

use crate::isolate::{IsolateError, unshare};
use crate::namespace::{INITIAL_USER_NAMESPACE, IdMap, IdRange, parse_link};

/// Who is who in a user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The users, as the namespace that it was made in numbers them.
    pub users: IdMap,
    /// The groups, likewise.
    pub groups: IdMap,
    /// Why there is one user and one group only, where that is so.
    pub alone: Option<String>,
}

impl Numbers {
    /// Whether every user and group of a usual machine has its number: all up to `nobody`, 65534.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        [&self.users, &self.groups].iter().all(|map| covers(map, 65534))
    }

    /// How many users and groups there are: the lesser number.
    #[must_use]
    pub fn count(&self) -> u64 {
        let count = |map: &IdMap| map.0.iter().map(|range| u64::from(range.count)).sum::<u64>();
        count(&self.users).min(count(&self.groups))
    }

    /// Whether this user and this group have a number in the namespace.
    #[must_use]
    pub fn have(&self, user: u32, group: u32) -> bool {
        self.users.to_outside(user).is_some() && self.groups.to_outside(group).is_some()
    }
}

/// Whether all IDs from 0 to `last` are there.
fn covers(map: &IdMap, last: u32) -> bool {
    let mut ranges = map.0.clone();
    ranges.sort_by_key(|range| range.inside);
    let mut next = 0;
    for range in ranges {
        if range.inside == next {
            next += range.count;
        }
    }
    next > last
}

/// Who has a number in the user namespace of this process; `None` in the initial one.
///
/// # Errors
/// If `/proc/self/ns/user` or the maps cannot be read.
pub fn current() -> io::Result<Option<Numbers>> {
    let link = fs::read_link("/proc/self/ns/user")?;
    if parse_link(&link.to_string_lossy()) == Some(INITIAL_USER_NAMESPACE) {
        return Ok(None);
    }
    let map = |file: &str| fs::read_to_string(file)?.parse().map_err(io::Error::other);
    let (users, groups) = (map("/proc/self/uid_map")?, map("/proc/self/gid_map")?);
    Ok(Some(Numbers { users, groups, alone: None }))
}

/// Why there is no user namespace.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// unshare(2) refused, or the map could not be written.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// What maps the subordinate IDs could not be run.
    #[error("cannot run newuidmap: {0}")]
    Helper(io::Error),
    /// The namespace was made, and nothing may be done in it: an LSM takes its capabilities away.
    #[error("a user namespace can be made, and nothing be done in it: {0}")]
    Powerless(io::Error),
}

/// Moves this process into a user namespace of its own, with every capability relative to it. It is no
/// other user by that: the namespace's root is who becomes so ([`become_root`]). Where only the own IDs
/// may be mapped they are user 0 and group 0, and setgroups(2) is off.
///
/// The process must have one thread.
///
/// # Errors
/// [`EnterError`]; the process may be in a namespace without a map then, and should end.
pub fn enter() -> Result<Numbers, EnterError> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let numbers = match Subordinate::of(uid, gid) {
        Ok(subordinate) => match subordinate.enter()? {
            Ok(numbers) => numbers,
            Err(why) => alone(uid, gid, why)?,
        },
        Err(why) => {
            unshare(UnshareFlags::NEWUSER).map_err(IsolateError::User)?;
            alone(uid, gid, why)?
        }
    };
    // Whether it has its capabilities: Ubuntu's AppArmor lets the namespace be made and takes them.
    unshare(UnshareFlags::NEWUTS).map_err(EnterError::Powerless)?;
    Ok(numbers)
}

/// Maps the own IDs to 0, which everybody may, in a namespace that has no map.
fn alone(uid: u32, gid: u32, why: String) -> Result<Numbers, IsolateError> {
    crate::isolate::map_own(uid, gid)?;
    let map = |outside| IdMap(vec![IdRange { inside: 0, outside, count: 1 }]);
    Ok(Numbers { users: map(uid), groups: map(gid), alone: Some(why) })
}

/// Makes the calling thread, and no other, root of its user namespace: user 0, group 0, and no other
/// group. It keeps its capabilities.
///
/// # Errors
/// What setresuid(2) and its kin say: EINVAL where 0 is not mapped.
pub fn become_root() -> io::Result<()> {
    let (root, wheel) = (Uid::from_raw(0), Gid::from_raw(0));
    match rustix::thread::set_thread_groups(&[wheel]) {
        // Off where one group is mapped, user_namespaces(7).
        Err(rustix::io::Errno::PERM) if getuid().is_root() => {}
        done => done?,
    }
    rustix::thread::set_thread_res_gid(wheel, wheel, wheel)?;
    Ok(rustix::thread::set_thread_res_uid(root, root, root)?)
}

/// The maps that newuidmap(1) and newgidmap(1) may write for this user.
struct Subordinate {
    users: IdMap,
    groups: IdMap,
}

impl Subordinate {
    /// The error is why there are none, in words.
    fn of(uid: u32, gid: u32) -> Result<Self, String> {
        for program in ["newuidmap", "newgidmap"] {
            if !is_program(program) {
                return Err(format!("no {program}: install the package uidmap (shadow-utils)"));
            }
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = user_name(&passwd, uid);
        let read = |file: &str, own: u32| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let ranges = subordinate(&text, name, uid);
            let user = name.map_or_else(|| uid.to_string(), str::to_owned);
            match arranged(own, &ranges) {
                Some(map) => Ok(map),
                None => Err(format!(
                    "no entry for {user} in {file}: usermod --add-subuids 100000-165535 \
                     --add-subgids 100000-165535 {user}"
                )),
            }
        };
        Ok(Self { users: read("/etc/subuid", uid)?, groups: read("/etc/subgid", gid)? })
    }

    /// Makes the namespace and has it mapped from outside. The inner error is why it was not mapped.
    fn enter(self) -> Result<Result<Numbers, String>, EnterError> {
        // Started outside: in the namespace a set-user-ID program of the machine's root is none.
        let mut helper = self.helper().map_err(EnterError::Helper)?;
        if let Err(error) = unshare(UnshareFlags::NEWUSER) {
            // Its input ends, upon which it does.
            drop(helper.stdin.take());
            let _ = helper.wait();
            return Err(IsolateError::User(error).into());
        }
        if let Some(mut input) = helper.stdin.take() {
            // If it is gone, its status says so.
            let _ = input.write_all(b"go\n");
        }
        let output = helper.wait_with_output().map_err(EnterError::Helper)?;
        if output.status.success() {
            return Ok(Ok(Numbers { users: self.users, groups: self.groups, alone: None }));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(Err(said.lines().next().unwrap_or("newuidmap failed").to_owned()))
    }

    fn helper(&self) -> io::Result<Child> {
        let words = |map: &IdMap| -> Vec<String> {
            let range = |r: &IdRange| format!("{} {} {}", r.inside, r.outside, r.count);
            map.0.iter().map(range).collect()
        };
        let script = format!(
            "read go && newuidmap $1 {} && newgidmap $1 {}",
            words(&self.users).join(" "),
            words(&self.groups).join(" ")
        );
        Command::new("/bin/sh")
            .args(["-c", &script, "sh", &std::process::id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
    }
}

fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder: PathBuf| folder.join(name)).any(|f| Path::is_file(&f))
}

/// Which sysctl forbids user namespaces to an ordinary user, in words: user_namespaces(7); the second is
/// Debian's own, the third Ubuntu's.
#[must_use]
pub fn forbidden() -> Option<String> {
    let all = [
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    let is = |file: &str, value| fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    let forbids = all.into_iter().find(|(file, value)| is(file, *value))?;
    Some(format!("{} is {}", forbids.0, forbids.1))
}

/// The name of a user, passwd(5).
#[must_use]
pub fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// What a file of subuid(5) gives to a user, by name or by number: the first ID and how many.
#[must_use]
pub fn subordinate(text: &str, name: Option<&str>, uid: u32) -> Vec<(u32, u32)> {
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let is_ours = Some(owner) == name || owner.parse() == Ok(uid);
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        is_ours.then_some((first, count))
    };
    text.lines().filter_map(range).collect()
}

/// The own ID in its place, the subordinate ones in all the others from 0 on; `None` if there are none.
fn arranged(own: u32, ranges: &[(u32, u32)]) -> Option<IdMap> {
    let mut map = Vec::new();
    let mut next = 0_u32;
    for (first, count) in ranges {
        let (mut first, mut left) = (*first, *count);
        while left > 0 {
            let room = own.checked_sub(next).unwrap_or(u32::MAX - next);
            if room == 0 {
                next += 1;
                continue;
            }
            let count = left.min(room);
            map.push(IdRange { inside: next, outside: first, count });
            next = next.checked_add(count)?;
            first = first.checked_add(count)?;
            left -= count;
        }
    }
    if map.is_empty() {
        return None;
    }
    map.push(IdRange { inside: own, outside: own, count: 1 });
    Some(IdMap(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triples(map: &IdMap) -> Vec<(u32, u32, u32)> {
        map.0.iter().map(|range| (range.inside, range.outside, range.count)).collect()
    }

    #[test]
    fn the_own_number_stays_and_the_others_are_filled_up() {
        let map = arranged(1000, &[(100_000, 65_536)]).unwrap();
        let lines = [(0, 100_000, 1000), (1001, 101_000, 64_536), (1000, 1000, 1)];
        assert_eq!(triples(&map), lines);
        let numbers = Numbers { users: map.clone(), groups: map, alone: None };
        assert!(numbers.are_whole() && numbers.have(0, 65_534) && !numbers.have(0, 65_537));
        assert_eq!(numbers.count(), 65_537);
        // Fewer than there are places before the own one, in several pieces.
        let few = arranged(5, &[(70, 3), (90, 4)]).unwrap();
        assert_eq!(triples(&few), [(0, 70, 3), (3, 90, 2), (6, 92, 2), (5, 5, 1)]);
        assert!(covers(&few, 7) && !covers(&few, 8));
        assert_eq!(triples(&arranged(900, &[(70, 3)]).unwrap()), [(0, 70, 3), (900, 900, 1)]);
        assert_eq!(arranged(1000, &[]), None);
        assert_eq!(arranged(1000, &[(4_294_967_290, 100)]), None);
    }

    #[test]
    fn entries_are_found_by_name_and_number() {
        let text = "alice:100000:65536\n1000:200000:10\nbob:1:1\nbroken\nalice:x:1\n";
        assert_eq!(subordinate(text, Some("alice"), 1000), [(100_000, 65_536), (200_000, 10)]);
        assert_eq!(subordinate(text, None, 7), []);
        let passwd = "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(user_name(passwd, 1000), Some("alice"));
        assert_eq!(user_name(passwd, 1001), None);
    }
}
