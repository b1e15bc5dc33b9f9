//! Waiver files for the manifests of a run: found, read, and judged.

use std::path::{Path, PathBuf};

use check::waiver::file::WaiverFile;
use check::waiver::judge::Judged;
use check::waiver::{Policy, find, git};
use jiff::civil::Date;
use manifest::{Loaded, Source};

use crate::config::folder_of;
use crate::failure::Failure;

/// The waiver files of a run.
#[derive(Debug)]
pub struct Waivers {
    /// Each file, judged.
    pub judged: Vec<Judged>,
    /// For each manifest of the run, which of them counts.
    pub files: Vec<Option<usize>>,
}

/// Today, where the expiry of waivers changes: UTC.
pub fn today() -> Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}

impl Waivers {
    /// Those for what was loaded from `paths`: `named`, or else for each manifest the nearest at or
    /// above its folder. `whole`: everything could be read, and every rule looks at it.
    pub fn of(
        loaded: &Loaded,
        paths: &[PathBuf],
        named: Option<&Path>,
        policy: &Policy,
        (today, whole): (Date, bool),
    ) -> Result<Self, Failure> {
        let mut found: Vec<PathBuf> = Vec::new();
        let mut place = |path: Option<PathBuf>| {
            path.map(|path| {
                let real = path.canonicalize().ok();
                let known = found.iter().position(|one| one.canonicalize().ok() == real);
                known.unwrap_or_else(|| {
                    found.push(path);
                    found.len() - 1
                })
            })
        };
        // Also one with no manifest below it.
        for path in paths {
            place(named.map_or_else(|| find(&folder_of(path)), |named| Some(named.to_owned())));
        }
        let mut last: Option<(PathBuf, Option<usize>)> = None;
        let mut files = Vec::new();
        for manifest in &loaded.manifests {
            if named.is_some() {
                files.push(Some(0));
                continue;
            }
            let folder = folder_of(manifest.source.path().unwrap_or(Path::new("-")));
            let at = match &last {
                Some((known, at)) if *known == folder => *at,
                _ => place(find(&folder)),
            };
            last = Some((folder, at));
            files.push(at);
        }
        let mut judged = Vec::new();
        for path in found {
            let source = Source::read(&path).map_err(Failure::new)?;
            let file = WaiverFile::parse(source).map_err(|error| {
                Failure::new(error).help("docs/waivers.md says what a waiver file holds")
            })?;
            // Nothing in it, nothing to ask the history for.
            let history = if file.waivers.is_empty() {
                Ok(check::waiver::approval::History::default())
            } else {
                git::history(&path, policy.signatures, policy.allowed_signers.as_deref())
            };
            let mut one = Judged::new(file, &history, policy, today);
            one.whole = whole && is_below(&path, paths);
            judged.push(one);
        }
        Ok(Self { judged, files })
    }
}

/// Whether one of the paths is the file's folder or above it.
fn is_below(file: &Path, paths: &[PathBuf]) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    let folder = file.parent().unwrap_or(&file);
    paths
        .iter()
        .filter(|path| path.is_dir())
        .any(|path| path.canonicalize().is_ok_and(|path| folder.starts_with(path)))
}
