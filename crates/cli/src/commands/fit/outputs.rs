//! Files that are written once there is an answer: whether they can be is asked before the first run.

use std::fs;
use std::path::{Path, PathBuf};

use super::Args;
use crate::failure::Failure;

/// Whether everything can be written that is asked for, each into a file of its own.
pub(super) fn may_write(args: &Args) -> Result<(), Failure> {
    let options = [
        ("--output", args.output.as_deref()),
        ("--report", args.report.as_deref()),
        ("--zero-patch", args.zero.zero_patch.as_deref()),
        ("--resume", args.resume.as_deref()),
    ];
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    // The manifest is no place for anything else, also where it is not written.
    taken.extend(args.container.manifest().map(|file| ("the manifest", whole(file))));
    for (option, file) in options {
        let Some(file) = file else { continue };
        let path = whole(file);
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == path) {
            let file = file.display();
            return Err(Failure::new(format_args!("{option} {file}: that is the file of {other}"))
                .help("name another file"));
        }
        manifest::may_write(file)?;
        taken.push((option, path));
    }
    match args.container.written() {
        Some(file) => Ok(manifest::may_write(file)?),
        None => Ok(()),
    }
}

/// The file, whatever it is called by; that of the text where it cannot be told.
fn whole(file: &Path) -> PathBuf {
    let in_folder = || {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(file.file_name()?))
    };
    fs::canonicalize(file).ok().or_else(in_folder).unwrap_or_else(|| file.to_owned())
}
