//! Manifests by path: files, folders, standard input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::kinds::Kinds;
use crate::manifest::{Content, Manifest, parse_source};
use crate::source::{ReadError, Source};

/// Everything that the given paths led to.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The manifests, in the order of the paths given, a folder's by name.
    pub manifests: Vec<Manifest>,
    /// What could not be read.
    pub failed: Vec<ReadError>,
    /// What came in on standard input, if that is no text.
    pub standard_input: Vec<u8>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Files in folders that are no manifests by their name.
    pub other_files: usize,
}

/// A file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// A symbolic link inside a folder. Links are followed only where they are named themselves.
    #[error("a symbolic link; name it itself to have it read")]
    SymbolicLink,
    /// A pipe, a socket or a device inside a folder: reading one may wait for ever.
    #[error("no regular file; name it itself to have it read")]
    Special,
    /// It came before.
    #[error("named twice")]
    Twice,
}

/// What was found, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Manifests read.
    pub files: usize,
    /// Files that could not be read.
    pub failed: usize,
    /// Files left out ([`Loaded::skipped`]).
    pub skipped: usize,
    /// Documents with something in them.
    pub documents: usize,
    /// Documents that are Go templates.
    pub templates: usize,
    /// Documents that could not be read or gave no workload because of a problem.
    pub broken: usize,
    /// Documents of kinds without a pod spec, or that are no Kubernetes objects.
    pub other_documents: usize,
    /// Workloads.
    pub workloads: usize,
    /// Containers.
    pub containers: usize,
}

impl Loaded {
    /// What was found, in numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            files: self.manifests.len(),
            failed: self.failed.len(),
            skipped: self.skipped.len(),
            ..Counts::default()
        };
        for manifest in &self.manifests {
            counts.workloads += manifest.workloads.len();
            counts.containers += manifest.containers().count();
            for document in &manifest.documents {
                counts.documents += usize::from(document.content != Content::Empty);
                match document.content {
                    Content::Template => counts.templates += 1,
                    Content::Broken => counts.broken += 1,
                    Content::Other | Content::NotKubernetes => counts.other_documents += 1,
                    Content::Empty | Content::Workloads(_) => {}
                }
            }
        }
        counts
    }
}

/// Reads every manifest the paths lead to: a file as it is, whatever its name; `-` is standard
/// input; a folder with all below it that is named `*.yaml`, `*.yml` or `*.json`, hidden files
/// among them, `.git` and what git ignores not. Folders are walked and their files read by as many
/// threads as there are processors; the order of what comes out does not depend on them.
#[must_use]
pub fn load<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Loaded {
    load_with(paths, &Kinds::default())
}

/// As [`load`], with other kinds of objects whose pods are read.
#[must_use]
pub fn load_with<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, kinds: &Kinds) -> Loaded {
    let mut loaded = Loaded::default();
    let paths: Vec<P> = paths.into_iter().collect();
    // One path leads to no file twice: links inside of folders are not followed.
    let seen = (paths.len() > 1).then(Mutex::default);
    let loading = Loading { kinds, seen };
    for path in &paths {
        let path = path.as_ref();
        if path != Path::new("-") && path.is_dir() {
            loading.folder(path, &mut loaded);
        } else {
            loaded.take(loading.file(path));
        }
    }
    loaded
}

/// What became of a path.
enum Found {
    Read(Box<Manifest>),
    Failed(ReadError),
    /// Standard input, with what had been read of it.
    FailedInput(ReadError, Vec<u8>),
    Skipped(Skipped),
    Other,
}

impl Loaded {
    fn take(&mut self, found: Found) {
        match found {
            Found::Read(manifest) => self.manifests.push(*manifest),
            Found::Failed(error) => self.failed.push(error),
            Found::FailedInput(error, bytes) => {
                self.failed.push(error);
                self.standard_input = bytes;
            }
            Found::Skipped(skipped) => self.skipped.push(skipped),
            Found::Other => self.other_files += 1,
        }
    }
}

struct Loading<'a> {
    kinds: &'a Kinds,
    /// Files that were read, where one may be named twice.
    seen: Option<Mutex<HashSet<PathBuf>>>,
}

impl Loading<'_> {
    fn file(&self, path: &Path) -> Found {
        if let Some(seen) = &self.seen {
            let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if !seen.lock().unwrap_or_else(PoisonError::into_inner).insert(identity) {
                let reason = SkipReason::Twice;
                return Found::Skipped(Skipped { path: path.to_owned(), reason });
            }
        }
        let read = match path == Path::new("-") {
            true => Source::read_standard_input()
                .map_err(|(error, bytes)| Found::FailedInput(error, bytes)),
            false => Source::read(path).map_err(Found::Failed),
        };
        match read {
            Ok(source) => {
                let source = source.with_kinds(self.kinds.clone());
                Found::Read(Box::new(parse_source(source)))
            }
            Err(found) => found,
        }
    }

    fn folder(&self, folder: &Path, loaded: &mut Loaded) {
        let walk = WalkBuilder::new(folder)
            .hidden(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build_parallel();
        let (sender, receiver) = mpsc::channel();
        walk.run(|| {
            let sender = sender.clone();
            Box::new(move |entry| {
                let found = match entry {
                    Ok(entry) => self.entry(&entry),
                    Err(error) => {
                        let name = folder.display().to_string();
                        let message = error.to_string();
                        let error = std::io::Error::other(message.clone());
                        let error = ReadError::Io { name, error };
                        Some((PathBuf::from(message), Found::Failed(error)))
                    }
                };
                if let Some(found) = found {
                    // The receiver outlives the walk.
                    let _ = sender.send(found);
                }
                WalkState::Continue
            })
        });
        drop(sender);
        let mut found: Vec<(PathBuf, Found)> = receiver.into_iter().collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().for_each(|(_, found)| loaded.take(found));
    }

    fn entry(&self, entry: &DirEntry) -> Option<(PathBuf, Found)> {
        let file_type = entry.file_type().filter(|kind| !kind.is_dir())?;
        let path = entry.path().strip_prefix(".").unwrap_or(entry.path()).to_owned();
        let found = if !is_manifest_name(&path) {
            Found::Other
        } else if file_type.is_symlink() {
            Found::Skipped(Skipped { path: path.clone(), reason: SkipReason::SymbolicLink })
        } else if !file_type.is_file() {
            Found::Skipped(Skipped { path: path.clone(), reason: SkipReason::Special })
        } else {
            self.file(&path)
        };
        Some((path, found))
    }
}

fn is_manifest_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|e| ["yaml", "yml", "json"].iter().any(|m| m.eq_ignore_ascii_case(e)))
}
