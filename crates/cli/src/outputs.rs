//! Files that are written once there is an answer: whether they can be is asked before the first run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file, and what a person calls it: an option, or `the manifest`.
pub type Named<'a> = (&'a str, Option<&'a Path>);

/// Whether everything can be written that is asked for by `options`, each into a file of its own and none
/// into what is `read`.
pub fn may_write(read: &[Named<'_>], options: &[Named<'_>]) -> Result<(), Failure> {
    let read = read.iter().filter_map(|&(name, file)| Some((name, whole(file?))));
    let mut taken: Vec<(&str, PathBuf)> = read.collect();
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
    Ok(())
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
