//! What earlier runs are of, beside their command line: a program, a test or an image that has changed since
//! makes them runs of something else.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jobs::fit_container::Plan;
use launch::engine::EngineError;

use super::Args;

/// So many words of a command line are looked for as files at most.
const WORDS: usize = 256;

/// What runs are of, each with a mark that another state of it has not.
pub(super) type Marks = BTreeMap<String, String>;

/// What runs are of.
#[derive(Debug, Default)]
pub(super) struct Basis {
    marks: Marks,
    /// Whether runs may change the files: where they have no sandbox.
    exposed: bool,
}

impl Basis {
    /// Of a command on this machine: the files that its words, and those of its tests, name.
    pub(super) fn of_command(args: &Args) -> Self {
        let program = args.command.iter().map(|word| word.to_string_lossy().into_owned());
        Self { marks: files(around(args).chain(program)), exposed: !args.sandbox }
    }

    /// Of containers: the image, and what the manifest and the command line make of it. Tests are programs of
    /// this machine there, too.
    pub(super) fn of_containers(args: &Args, plan: &Plan) -> Result<Self, EngineError> {
        let mut marks = files(around(args));
        marks.insert(format!("image {}", plan.recipe.image), plan.recipe.image_id()?);
        let Plan { recipe, test, executed, hook, .. } = plan;
        marks.insert(plan.title.clone(), digest(&(recipe, test, executed, hook)));
        Ok(Self { marks, exposed: true })
    }

    /// The marks now.
    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Forgets what the runs themselves have changed.
    pub(super) fn forget(&self, marks: &mut Marks) {
        if self.exposed {
            marks.retain(|name, mark| match name.starts_with('/') {
                true => self.marks.contains_key(name) && is_as(name, mark),
                false => true,
            });
        }
    }
}

/// What of `there` is not as it is now; what is not known of now has gone.
pub(super) fn changed<'m>(there: &'m Marks, now: &Marks) -> Option<&'m str> {
    there.iter().find(|(name, mark)| now.get(*name) != Some(mark)).map(|(name, _)| name.as_str())
}

/// What a shell is given to do.
fn around(args: &Args) -> impl Iterator<Item = String> {
    args.test.iter().chain(&args.setup).chain(&args.teardown).cloned()
}

/// The files that these texts name, by path or as programs, as far as they are there.
fn files(texts: impl Iterator<Item = String>) -> Marks {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut marks = Marks::new();
    let apart = |c: char| c.is_whitespace() || "'\"`;|&<>()=$".contains(c);
    let words: Vec<String> = texts
        .flat_map(|text| {
            // As one, too: the name of a file may have a space in it.
            let parts: Vec<String> = text.split(apart).map(str::to_owned).collect();
            std::iter::once(text).chain(parts)
        })
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .collect();
    for word in words {
        let here = std::path::absolute(&word).into_iter();
        let found = folders.iter().map(|folder| folder.join(&word)).find(|file| file.is_file());
        for file in here.chain(found.filter(|_| !word.contains('/'))) {
            if let Some(mark) = mark(&file) {
                marks.insert(file.to_string_lossy().into_owned(), mark);
            }
        }
    }
    marks
}

/// Changes whenever the file is written, replaced, or given to somebody (`ctime`, inode(7)).
fn mark(file: &Path) -> Option<String> {
    let of = |m: Metadata| {
        format!("{} {} {} {} {}", m.dev(), m.ino(), m.size(), m.ctime(), m.ctime_nsec())
    };
    std::fs::metadata(file).ok().filter(Metadata::is_file).map(of)
}

fn is_as(file: &str, known: &str) -> bool {
    mark(Path::new(file)).is_some_and(|now| now == known)
}

/// A mark of what is no file. What is written down tells nothing of it: there may be secrets in it.
fn digest(what: &impl Debug) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{what:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_what_a_shell_is_given_and_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b.sh");
        let other = folder.path().join("c.sh");
        for file in [&file, &other] {
            std::fs::write(file, "true\n").unwrap();
        }
        let (one, two) = (file.display().to_string(), other.display().to_string());
        let look = || {
            files([one.clone(), format!("exec sh '{two}';sync"), "no/such".to_owned()].into_iter())
        };
        let there = look();
        for name in [&one, &two] {
            assert!(there.contains_key(name), "{there:?}");
        }
        assert!(there.keys().any(|name| name.ends_with("/sh")), "{there:?}");
        assert!(!there.keys().any(|name| name.ends_with("such")), "{there:?}");
        assert_eq!(changed(&there, &look()), None);
        // Of the same length, and with the time that it had.
        std::fs::remove_file(&other).unwrap();
        std::fs::write(&other, "fals\n").unwrap();
        assert_eq!(changed(&there, &look()), Some(two.as_str()));
        std::fs::remove_file(&other).unwrap();
        assert_eq!(changed(&there, &look()), Some(two.as_str()));
    }

    #[test]
    fn what_runs_change_themselves_is_no_other_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        std::fs::write(&file, "").unwrap();
        let name = file.display().to_string();
        let basis = |exposed| Basis { marks: files([name.clone()].into_iter()), exposed };
        let (exposed, closed) = (basis(true), basis(false));
        let mut marks = exposed.marks().clone();
        marks.insert("image x".to_owned(), "1".to_owned());
        exposed.forget(&mut marks);
        assert_eq!(marks.len(), 2);
        std::fs::write(&file, "written by a run").unwrap();
        closed.forget(&mut marks);
        assert_eq!(marks.len(), 2);
        exposed.forget(&mut marks);
        assert_eq!(marks.into_keys().collect::<Vec<_>>(), ["image x"]);
    }
}
