//! Files written whole or not at all.

mod attributes;
mod temporary;

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use temporary::Temporary;

/// Why a file was not written. But for [`WriteError::NotSynced`] it is then as it was before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused.
    #[error("{}: cannot {action}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The new text is there, but whether it outlives a power failure is not known.
    #[error("{}: written, but its folder cannot be synced: {error}", path.display())]
    NotSynced {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// No regular file: a folder, a pipe, a device.
    #[error("{}: not a regular file, it cannot be replaced whole", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// Without write permission for anyone.
    #[error("{}: read-only; `chmod u+w` it first if it may be changed", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Other names would keep the old text.
    #[error("{}: has {links} hard links, and the other names would keep the old text; replace it by a copy first", path.display())]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// Number of names.
        links: u64,
    },
    /// It is not what was read.
    #[error("{}: changed since it was read, nothing was written; run again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Replaces a file's text whole, or leaves it as it was: a temporary file in the same folder,
/// synced, with the old file's permissions, owner, extended attributes and access control list, renamed
/// over it; then the folder is synced. Returns whether anything was written: nothing is if the text is there
/// already. What a killed run left in the folder is removed.
///
/// A symbolic link stays one, the file it leads to is replaced. A file without write permission, or
/// with several hard links, or whose owner or attributes cannot be kept is refused (links are seen on Unix
/// only, attributes on Linux only). A file that does not exist is made.
///
/// # Errors
/// [`WriteError`]; but for [`WriteError::NotSynced`] the file is then unchanged.
pub fn write_whole(path: &Path, text: &str) -> Result<bool, WriteError> {
    replace(path, None, text)
}

/// As [`write_whole`], but only if the file still says `before`.
///
/// # Errors
/// [`WriteError`]; but for [`WriteError::NotSynced`] the file is then unchanged.
pub fn replace_whole(path: &Path, before: &str, text: &str) -> Result<bool, WriteError> {
    replace(path, Some(before), text)
}

/// Whether [`write_whole`] could write another text there as things are: for who works long for a text.
///
/// # Errors
/// [`WriteError`], as it would say then.
pub fn may_write(path: &Path) -> Result<(), WriteError> {
    let fail = |(action, error)| WriteError::Io { path: path.to_owned(), action, error };
    let place = Place::of(path)?;
    let old = place.old.map(|old| old.open(path)).transpose()?;
    let like = old.as_ref().map(|(file, metadata)| (file, metadata));
    Temporary::new(&place.folder, "", like).map(drop).map_err(fail)
}

/// Where a text goes.
struct Place {
    folder: PathBuf,
    /// The file that is there.
    old: Option<Old>,
}

/// A regular file.
struct Old {
    /// Its name without links.
    target: PathBuf,
    metadata: Metadata,
}

impl Place {
    fn of(path: &Path) -> Result<Self, WriteError> {
        let fail = |action| move |error| WriteError::Io { path: path.to_owned(), action, error };
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            // A link that leads nowhere is not overwritten.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                let folder = path.parent().filter(|folder| *folder != Path::new(""));
                let folder = folder.unwrap_or(Path::new(".")).to_owned();
                return Ok(Self { folder, old: None });
            }
            Err(error) => return Err(fail("find it")(error)),
        };
        let metadata = fs::metadata(&target).map_err(fail("look at it"))?;
        match target.parent() {
            Some(folder) if metadata.is_file() => {
                Ok(Self { folder: folder.to_owned(), old: Some(Old { target, metadata }) })
            }
            _ => Err(WriteError::NotRegular { path: path.to_owned() }),
        }
    }
}

impl Old {
    /// The file, which may be replaced.
    fn open(self, path: &Path) -> Result<(fs::File, Metadata), WriteError> {
        let fail = |action| move |error| WriteError::Io { path: path.to_owned(), action, error };
        if self.metadata.permissions().readonly() {
            return Err(WriteError::ReadOnly { path: path.to_owned() });
        }
        let links = links(&self.metadata);
        if links > 1 {
            return Err(WriteError::HardLinked { path: path.to_owned(), links });
        }
        // A rename asks only the folder; whether the file itself may be written is asked here.
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(&self.target).map_err(fail("write it"))?;
        Ok((file, self.metadata))
    }
}

fn replace(path: &Path, before: Option<&str>, text: &str) -> Result<bool, WriteError> {
    let fail = |action| move |error| WriteError::Io { path: path.to_owned(), action, error };
    let not_synced = |error| WriteError::NotSynced { path: path.to_owned(), error };
    let Place { folder, old } = Place::of(path)?;
    let Some(old) = old else {
        if before.is_some() {
            return Err(WriteError::Changed { path: path.to_owned() });
        }
        temporary::sweep(&folder);
        let file = Temporary::new(&folder, text, None).map_err(|(action, e)| fail(action)(e))?;
        file.name(path).map_err(fail("name it"))?;
        sync_folder(&folder).map_err(not_synced)?;
        return Ok(true);
    };
    let now = fs::read(&old.target).map_err(fail("read it"))?;
    if before.is_some_and(|before| before.as_bytes() != now) {
        return Err(WriteError::Changed { path: path.to_owned() });
    }
    if now == text.as_bytes() {
        return Ok(false);
    }
    let target = old.target.clone();
    let (old, metadata) = old.open(path)?;
    temporary::sweep(&folder);
    let like = Some((&old, &metadata));
    let file = Temporary::new(&folder, text, like).map_err(|(action, e)| fail(action)(e))?;
    file.replace(&target).map_err(fail("rename the new text over it"))?;
    sync_folder(&folder).map_err(not_synced)?;
    Ok(true)
}

#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}

/// So that the rename outlives a crash (fsync(2), "does not necessarily ensure that the entry in
/// the directory … has also reached disk").
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs::File::open(folder)?.sync_all() {
        // Some file systems have no such thing for folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
