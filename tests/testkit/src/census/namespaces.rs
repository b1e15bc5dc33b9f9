//! Namespaces that were seen, and who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::entries;

/// Namespaces by their links, each with an open file of it. The kernel gives the number of one that is gone
/// to the next that anybody makes (`proc_alloc_inum`: the lowest that is free); one that is open stays, and
/// whoever is in a namespace of its number is in it (namespaces(7)).
#[derive(Debug, Default)]
pub(super) struct Namespaces(BTreeMap<String, File>);

impl Namespaces {
    /// Takes those that this process is in, `but` some.
    pub(super) fn take(&mut self, pid: &str, but: &[String]) {
        for kind in entries(&folder(pid)) {
            let path = folder(pid).join(kind);
            let known = |link: &String| but.contains(link) || self.0.contains_key(link);
            if link(&path).is_none_or(|link| known(&link)) {
                continue;
            }
            // It may have moved meanwhile: what was opened says itself what it is.
            let Ok(open) = File::open(&path) else { continue };
            let opened = link(Path::new(&format!("/proc/self/fd/{}", open.as_raw_fd())));
            if let Some(link) = opened.filter(|link| !known(link)) {
                self.0.insert(link, open);
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

    /// Those that any process is in, whoever started it.
    pub(super) fn held(&self) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let all = entries(Path::new("/proc")).into_iter().flat_map(|pid| links(&pid));
        let held: BTreeSet<String> = all.filter(|link| self.0.contains_key(link)).collect();
        held.into_iter().collect()
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
