//! Manifests by path: files, folders, standard input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::manifest::{Content, Manifest, read};
use crate::source::ReadError;

/// Everything that the given paths led to.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The manifests, in the order of the paths given, a folder's by name.
    pub manifests: Vec<Manifest>,
    /// What could not be read.
    pub failed: Vec<ReadError>,
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
/// among them, `.git` and what git ignores not.
#[must_use]
pub fn load<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Loaded {
    let mut loaded = Loaded::default();
    let mut seen = HashSet::new();
    for path in paths {
        let path = path.as_ref();
        if path != Path::new("-") && path.is_dir() {
            folder(path, &mut loaded, &mut seen);
        } else {
            file(path, &mut loaded, &mut seen);
        }
    }
    loaded
}

fn file(path: &Path, loaded: &mut Loaded, seen: &mut HashSet<PathBuf>) {
    let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if !seen.insert(identity) {
        let reason = SkipReason::Twice;
        loaded.skipped.push(Skipped { path: path.to_owned(), reason });
        return;
    }
    match read(path) {
        Ok(manifest) => loaded.manifests.push(manifest),
        Err(error) => loaded.failed.push(error),
    }
}

fn folder(path: &Path, loaded: &mut Loaded, seen: &mut HashSet<PathBuf>) {
    let walk = WalkBuilder::new(path)
        .hidden(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp)
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let name = path.display().to_string();
                let error = std::io::Error::other(error.to_string());
                loaded.failed.push(ReadError::Io { name, error });
                continue;
            }
        };
        let Some(file_type) = entry.file_type() else { continue };
        if file_type.is_dir() {
            continue;
        }
        let found = entry.path().strip_prefix(".").unwrap_or(entry.path());
        if !is_manifest_name(found) {
            loaded.other_files += 1;
        } else if file_type.is_symlink() {
            let reason = SkipReason::SymbolicLink;
            loaded.skipped.push(Skipped { path: found.to_owned(), reason });
        } else {
            file(found, loaded, seen);
        }
    }
}

fn is_manifest_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|e| ["yaml", "yml", "json"].iter().any(|m| m.eq_ignore_ascii_case(e)))
}
