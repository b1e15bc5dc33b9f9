//! The file in which a new text waits for its name, and what killed runs left of such files.
//!
//! Its name tells that it is ours, and it is locked as long as somebody works on it (flock(2)): what bears
//! such a name and can be locked was left behind.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::attributes;

const PREFIX: &str = ".dropcap-";
const SUFFIX: &str = ".tmp";
/// Random letters and digits between the two.
const RANDOM: usize = 12;

/// A temporary file with the new text, on the disk. It is removed when it is dropped without a name.
#[derive(Debug)]
pub(super) struct Temporary(tempfile::NamedTempFile);

/// What could not be done, and why.
pub(super) type Failed = (&'static str, io::Error);

impl Temporary {
    /// A file in `folder` with this text, synced, with permissions, owner and extended attributes of the
    /// file in `like`.
    ///
    /// # Errors
    /// What was tried, and what the system said.
    pub(super) fn new(
        folder: &Path,
        text: &str,
        like: Option<(&File, &Metadata)>,
    ) -> Result<Self, Failed> {
        let mut file =
            locked(folder, like.is_some()).map_err(|error| ("write beside it", error))?;
        let write = |error| ("write the new text beside it", error);
        // Not by tempfile's own write, whose errors name the temporary file.
        file.as_file_mut().write_all(text.as_bytes()).map_err(write)?;
        if let Some((old, metadata)) = like {
            let new = file.as_file();
            keep_owner(new, metadata).map_err(|error| ("keep its owner", error))?;
            attributes::copy(old, new)
                .map_err(|error| ("keep its extended attributes and access list", error))?;
            // After the owner, for chown(2) clears the set-id bits.
            new.set_permissions(metadata.permissions())
                .map_err(|error| ("keep its permissions", error))?;
        }
        file.as_file().sync_all().map_err(write)?;
        Ok(Self(file))
    }

    /// Puts it in the place of `path`.
    ///
    /// # Errors
    /// What rename(2) says.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Names it `path`, where there must be nothing yet.
    ///
    /// # Errors
    /// What renameat2(2) says.
    pub(super) fn name(self, path: &Path) -> io::Result<()> {
        self.0.persist_noclobber(path).map(drop).map_err(|error| error.error)
    }
}

/// An empty temporary file that is locked. `private` until it has the permissions of another.
fn locked(folder: &Path, private: bool) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt;
        // As any new file; the umask takes from it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = private;
    loop {
        let file = builder.tempfile_in(folder)?;
        match file.as_file().lock() {
            // Somebody who swept before it was locked has removed it.
            Ok(()) if !is_there(file.path(), file.as_file()) => {}
            Ok(()) => return Ok(file),
            // A file system without locks: nobody can sweep there either.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(error) => return Err(error),
        }
    }
}

/// Removes what killed runs left in `folder`. What cannot be removed stays: it does no harm.
pub(super) fn sweep(folder: &Path) {
    for path in left_behind(folder) {
        let Ok(file) = open_to_lock(&path) else { continue };
        if file.try_lock().is_ok() && is_there(&path, &file) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The regular files in `folder` that bear the name of a temporary file of ours.
fn left_behind(folder: &Path) -> Vec<PathBuf> {
    let ours = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(is_ours)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter(ours).map(|entry| entry.path()).collect()
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Opened without following a link that took the place meanwhile.
#[cfg(unix)]
fn open_to_lock(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if fs::symlink_metadata(path)?.is_file() { Ok(file) } else { Err(io::ErrorKind::Other.into()) }
}

#[cfg(not(unix))]
fn open_to_lock(path: &Path) -> io::Result<File> {
    File::options().write(true).open(path)
}

/// Whether the file of this name is the one that is open.
#[cfg(unix)]
fn is_there(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::symlink_metadata(path), file.metadata()) {
        (Ok(there), Ok(open)) => (there.dev(), there.ino()) == (open.dev(), open.ino()),
        _ => false,
    }
}

/// A file that is open cannot lose its name there.
#[cfg(not(unix))]
fn is_there(_: &Path, _: &File) -> bool {
    true
}

#[cfg(unix)]
fn keep_owner(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    let uid = (new.uid() != like.uid()).then(|| like.uid());
    let gid = (new.gid() != like.gid()).then(|| like.gid());
    if uid.is_some() || gid.is_some() {
        fchown(file, uid, gid)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_made_here_are_ours() {
        assert!(is_ours(".dropcap-0aZ9bcdefghi.tmp"));
        for name in [
            ".dropcap-.tmp",
            ".dropcap-short.tmp",
            ".dropcap-with-a-dash1.tmp",
            ".dropcap-0aZ9bcdefghi",
            "dropcap-0aZ9bcdefghi.tmp",
            ".dropcap-0aZ9bcdefghij.tmp",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn what_is_left_behind_goes_and_what_is_worked_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at(".dropcap-0aZ9bcdefghi.tmp"), "left").unwrap();
        fs::write(at(".dropcap-mine.tmp"), "somebody's own").unwrap();
        fs::create_dir(at(".dropcap-0aZ9bcdefghk.tmp")).unwrap();
        let working = Temporary::new(folder.path(), "new", None).unwrap();
        sweep(folder.path());
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let mut expected = vec![
            at(".dropcap-0aZ9bcdefghk.tmp"),
            at(".dropcap-mine.tmp"),
            working.0.path().to_owned(),
        ];
        expected.sort();
        assert_eq!(names, expected);
        drop(working);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
