//! The files of an image, layer upon layer, as far as `execve` cares.

use std::collections::BTreeMap;
use std::ops::Bound;

use caps::FileCaps;

use crate::image::{Files, Privilege};

/// More links than the kernel follows, path_resolution(7).
const MAX_LINKS: usize = 40;
/// As often does the kernel go from script to interpreter, `fs/exec.c` `exec_binprm`.
const MAX_INTERPRETERS: usize = 5;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A folder.
    Folder,
    /// A symbolic link.
    Link(String),
    /// An ordinary file.
    File {
        /// `st_mode`.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Its capabilities.
        capabilities: Option<FileCaps>,
        /// Of a script, the interpreter.
        interpreter: Option<String>,
    },
    /// A device, a pipe.
    Other,
}

/// All entries by their path without a `/` in front.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
    /// What `etc/passwd` holds.
    pub passwd: String,
}

impl Tree {
    /// Puts an entry in place of what was there.
    pub(crate) fn put(&mut self, path: &str, node: Node) {
        if node != Node::Folder {
            self.remove_below(path);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Another name of a file that is there.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        if let Some(node) = self.nodes.get(target).cloned() {
            self.put(path, node);
        }
    }

    /// Takes away a whiteout's path (OCI image specification 1.1 `layer.md`).
    pub(crate) fn remove(&mut self, path: &str) {
        self.remove_below(path);
        self.nodes.remove(path);
        if path == "etc/passwd" || path == "etc" {
            self.passwd.clear();
        }
    }

    /// Takes away what is in a folder.
    pub(crate) fn remove_below(&mut self, path: &str) {
        let start = format!("{path}/");
        let below = (Bound::Included(start.clone()), Bound::Unbounded);
        let gone: Vec<String> = self
            .nodes
            .range::<String, _>(below)
            .map(|(path, _)| path.clone())
            .take_while(|path| path.starts_with(&start))
            .collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    /// The path without links; `None` where it leads to nothing.
    fn real(&self, path: &str) -> Option<String> {
        let mut left: Vec<String> = parts(path);
        let mut real: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match part.as_str() {
                ".." => {
                    real.pop();
                    continue;
                }
                _ => real.push(part),
            }
            let here = real.join("/");
            match self.nodes.get(&here) {
                Some(Node::Link(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    if target.starts_with('/') {
                        real.clear();
                    } else {
                        real.pop();
                    }
                    left.extend(parts(target));
                }
                Some(Node::Folder) => {}
                Some(_) if left.is_empty() => {}
                Some(_) => return None,
                // Folders need not have an entry of their own.
                None if left.is_empty() => return None,
                None => {}
            }
        }
        Some(real.join("/"))
    }

    /// The file that `execve` takes privilege from when `word` is called.
    pub(crate) fn executed(&self, word: &str, path: &str, folder: &str) -> Option<String> {
        let mut file = if word.contains('/') {
            let whole =
                if word.starts_with('/') { word.to_owned() } else { format!("{folder}/{word}") };
            self.executable(&whole)?
        } else {
            path.split(':').find_map(|place| self.executable(&format!("{place}/{word}")))?
        };
        for _ in 0..=MAX_INTERPRETERS {
            match self.nodes.get(&file) {
                Some(Node::File { interpreter: Some(interpreter), .. }) => {
                    file = self.executable(interpreter)?;
                }
                _ => return Some(format!("/{file}")),
            }
        }
        None
    }

    fn executable(&self, path: &str) -> Option<String> {
        let real = self.real(path)?;
        match self.nodes.get(&real) {
            Some(Node::File { mode, .. }) if mode & 0o111 != 0 => Some(real),
            _ => None,
        }
    }

    /// What is to be known of all of it, with the files behind `words`.
    pub(crate) fn files(&self, words: &[&str], path: &str, folder: &str) -> Files {
        let privileged = self.nodes.iter().filter_map(|(path, node)| {
            let Node::File { mode, uid, capabilities, .. } = node else { return None };
            let set_uid = (mode & 0o4000 != 0 && mode & 0o111 != 0).then_some(*uid);
            let privilege = Privilege { capabilities: *capabilities, set_uid };
            (privilege != Privilege::default()).then(|| (format!("/{path}"), privilege))
        });
        let programs = words.iter().map(|word| {
            let file = self.executed(word, path, folder);
            ((*word).to_owned(), file)
        });
        Files {
            privileged: privileged.collect(),
            programs: programs.collect(),
            accounts: accounts(&self.passwd),
        }
    }
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.rev().map(str::to_owned).collect()
}

/// Names and user IDs of passwd(5); of two lines with one name the first counts.
fn accounts(passwd: &str) -> BTreeMap<String, u32> {
    let mut accounts = BTreeMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1))
            && let Ok(uid) = uid.trim().parse()
            && !name.is_empty()
        {
            accounts.entry(name.to_owned()).or_insert(uid);
        }
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u32) -> Node {
        Node::File { mode, uid: 0, capabilities: None, interpreter: None }
    }

    #[test]
    fn links_and_interpreters_lead_to_the_file_that_counts() {
        let mut tree = Tree::default();
        tree.put("usr/bin/dash", file(0o755));
        tree.put("bin", Node::Link("usr/bin".to_owned()));
        tree.put("usr/bin/sh", Node::Link("dash".to_owned()));
        let script = Node::File {
            mode: 0o755,
            uid: 0,
            capabilities: None,
            interpreter: Some("/bin/sh".to_owned()),
        };
        tree.put("run.sh", script);
        tree.put("loop", Node::Link("loop".to_owned()));
        tree.put("etc/data", file(0o644));
        let executed = |word: &str| tree.executed(word, "/sbin:/bin", "/usr");
        assert_eq!(executed("/run.sh").as_deref(), Some("/usr/bin/dash"));
        assert_eq!(executed("sh").as_deref(), Some("/usr/bin/dash"));
        assert_eq!(executed("bin/../bin/sh").as_deref(), Some("/usr/bin/dash"));
        assert_eq!(executed("/loop"), None);
        assert_eq!(executed("/etc/data"), None);
        assert_eq!(executed("nothing"), None);
    }

    #[test]
    fn an_upper_layer_takes_away_and_replaces() {
        let mut tree = Tree::default();
        tree.put("bin/su", file(0o4755));
        tree.put("bin/mount", file(0o4755));
        tree.put("opt/a/b", file(0o4755));
        tree.put("opt/ab", file(0o4711));
        tree.remove("bin/su");
        tree.remove("opt/a");
        tree.put("bin/mount", file(0o755));
        tree.link("bin/other", "opt/ab");
        let files = tree.files(&[], "", "/");
        let paths: Vec<&str> = files.privileged.keys().map(String::as_str).collect();
        assert_eq!(paths, ["/bin/other", "/opt/ab"]);
    }

    #[test]
    fn a_set_uid_bit_without_execution_is_nothing() {
        let mut tree = Tree::default();
        tree.put("etc/data", file(0o4644));
        assert_eq!(tree.files(&[], "", "/").privileged, BTreeMap::new());
    }

    #[test]
    fn accounts_are_read_as_passwd_has_them() {
        let read = accounts("root:x:0:0::/:/bin/sh\nweb:x:33:33::/:\n\nodd\nweb:x:34:::\n:x:5::\n");
        let expected = [("root", 0), ("web", 33)].map(|(name, uid)| (name.to_owned(), uid));
        assert_eq!(read, BTreeMap::from(expected));
    }
}
