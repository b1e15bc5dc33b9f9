//! Namespaces that were seen, and who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::entries;

/// Namespaces by their links. The kernel gives the number of one that is gone to the next that anybody makes
/// (`proc_alloc_inum`: the lowest that is free); whose it is then has to be known otherwise.
#[derive(Debug, Default)]
pub(super) struct Namespaces(BTreeMap<String, Seen>);

/// What tells a namespace from the next one of its number.
#[derive(Debug)]
enum Seen {
    /// It is held open, so that it is not gone (namespaces(7)).
    Open { _file: File },
    /// One of mounts, which would keep what is mounted in it, and the room of deleted files there: until when
    /// it was seen, in ticks since the machine's start.
    Until(u64),
}

impl Namespaces {
    /// Takes those that these processes are in now, `but` some.
    pub(super) fn take(&mut self, pids: &[String], but: &[String]) {
        let mut now = BTreeSet::new();
        for pid in pids {
            for kind in entries(&folder(pid)) {
                let path = folder(pid).join(kind);
                match link(&path) {
                    Some(link) if !but.contains(&link) => now.insert(link.clone()),
                    _ => continue,
                };
                self.take_one(&path, but);
            }
        }
        // What is no longer seen may have ended at any time until now.
        for (link, seen) in &mut self.0 {
            if let Seen::Until(until) = seen
                && *until == u64::MAX
                && !now.contains(link)
            {
                *until = ticks();
            }
        }
    }

    fn take_one(&mut self, path: &Path, but: &[String]) {
        let Some(named) = link(path).filter(|link| !but.contains(link)) else { return };
        if named.starts_with("mnt:") {
            self.0.insert(named, Seen::Until(u64::MAX));
        } else if !self.0.contains_key(&named)
            && let Ok(file) = File::open(path)
        {
            // It may be another one meanwhile: what is open says itself what it is.
            let open = link(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())));
            if let Some(open) = open.filter(|open| !but.contains(open)) {
                self.0.insert(open, Seen::Open { _file: file });
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a line of mountinfo has one of them: `net:[4026532281]` is the root of what keeps it.
    pub(super) fn is_named_in(&self, line: &str) -> bool {
        self.0.keys().any(|link| line.contains(link.as_str()))
    }

    /// Those that any process is in, whoever started it; `own` are this process's.
    pub(super) fn held(&self, own: &[String]) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let all = entries(Path::new("/proc")).into_iter();
        let held: BTreeSet<String> = all.flat_map(|pid| self.held_by(&pid, own)).collect();
        held.into_iter().collect()
    }

    fn held_by(&self, pid: &str, own: &[String]) -> Vec<String> {
        let mut links = links(pid);
        // Whoever is in the mounts is a stranger if it was started when they were gone, or is in any
        // namespace besides that is neither the test's nor was seen.
        let until = links.iter().find_map(|link| match self.0.get(link) {
            Some(Seen::Until(until)) => Some(*until),
            _ => None,
        });
        let known = |link: &String| self.0.contains_key(link) || own.contains(link);
        if until.is_some_and(|until| started(pid).is_none_or(|started| started > until))
            || !links.iter().all(known)
        {
            links.retain(|link| !link.starts_with("mnt:"));
        }
        links.retain(|link| self.0.contains_key(link));
        links
    }
}

/// Those that a process is in, as `net:[4026531840]`.
pub(super) fn links(pid: &str) -> Vec<String> {
    let folder = folder(pid);
    entries(&folder).into_iter().filter_map(|kind| link(&folder.join(kind))).collect()
}

fn folder(pid: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns"))
}

fn link(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

/// When a process was started, in ticks since the machine's start: proc_pid_stat(5), field 22.
fn started(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Now, in the same ticks, of which a second has a hundred: proc_uptime(5).
fn ticks() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_whitespace().next().map(|first| first.replace('.', ""));
    seconds.and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}
