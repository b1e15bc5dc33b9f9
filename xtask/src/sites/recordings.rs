//! What was seen in traces, and how much of it the table knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use judge::{Coverage, SiteTable};
use record::observation::Recording;

use crate::Result;

/// Traces of one kind on one kernel.
pub struct Seen {
    /// `uname -r`, up to the first hyphen.
    pub kernel: String,
    /// How they were watched.
    pub backend: String,
    /// The folder they lie in: `traps`, `provoke`, `groundtruth`.
    pub kind: String,
    /// How many.
    pub recordings: usize,
    /// What they amount to.
    pub coverage: Coverage,
}

/// Every recording below the folders, together by kernel, kind and backend.
///
/// # Errors
/// When a file is no recording, or a folder has none.
pub fn read(folders: &[PathBuf], table: &SiteTable) -> Result<Vec<Seen>> {
    let mut groups: BTreeMap<(Vec<u32>, String, String, String), Vec<Recording>> = BTreeMap::new();
    for folder in folders {
        let files = below(folder)?;
        if files.is_empty() {
            return Err(format!("{}: no recordings in it", folder.display()));
        }
        for file in files {
            let recording = Recording::read(&file).map_err(|e| e.to_string())?;
            let kind = file.parent().and_then(Path::file_name).unwrap_or_default();
            let machine = &recording.machine;
            let key = (
                super::order(&machine.kernel),
                // Without what a vendor calls his build.
                machine.kernel.split('-').next().unwrap_or_default().to_owned(),
                kind.to_string_lossy().into_owned(),
                machine.backend.clone(),
            );
            groups.entry(key).or_default().push(recording);
        }
    }
    let seen = |((_, kernel, kind, backend), recordings): (_, Vec<Recording>)| Seen {
        kernel,
        backend,
        kind,
        recordings: recordings.len(),
        coverage: Coverage::of(&recordings, table),
    };
    Ok(groups.into_iter().map(seen).collect())
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            found.extend(below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
