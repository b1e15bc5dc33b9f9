//! Files written whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
/// synced, with the old file's permissions and owner, renamed over it; then the folder is synced.
/// Returns whether anything was written: nothing is if the text is there already.
///
/// A symbolic link stays one, the file it leads to is replaced. A file without write permission, or
/// with several hard links, is refused (links are seen on Unix only). Extended attributes and
/// access control lists are not carried over. A file that does not exist is made.
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

fn replace(path: &Path, before: Option<&str>, text: &str) -> Result<bool, WriteError> {
    let fail = |action| move |error| WriteError::Io { path: path.to_owned(), action, error };
    let not_synced = |error| WriteError::NotSynced { path: path.to_owned(), error };
    let target = match fs::canonicalize(path) {
        Ok(target) => Some(target),
        // A link that leads nowhere is not overwritten.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => None,
        Err(error) => return Err(fail("find it")(error)),
    };
    let Some(target) = target else {
        if before.is_some() {
            return Err(WriteError::Changed { path: path.to_owned() });
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let file = temporary(folder, text, None).map_err(fail("write beside it"))?;
        file.persist_noclobber(path).map_err(|error| fail("name it")(error.error))?;
        sync_folder(folder).map_err(not_synced)?;
        return Ok(true);
    };
    let metadata = fs::metadata(&target).map_err(fail("look at it"))?;
    if !metadata.is_file() {
        return Err(WriteError::NotRegular { path: path.to_owned() });
    }
    let now = fs::read(&target).map_err(fail("read it"))?;
    if before.is_some_and(|before| before.as_bytes() != now) {
        return Err(WriteError::Changed { path: path.to_owned() });
    }
    if now == text.as_bytes() {
        return Ok(false);
    }
    if metadata.permissions().readonly() {
        return Err(WriteError::ReadOnly { path: path.to_owned() });
    }
    let links = links(&metadata);
    if links > 1 {
        return Err(WriteError::HardLinked { path: path.to_owned(), links });
    }
    // A rename asks only the folder; whether the file itself may be written is asked here.
    OpenOptions::new().write(true).open(&target).map_err(fail("write it"))?;
    let Some(folder) = target.parent() else {
        return Err(WriteError::NotRegular { path: path.to_owned() });
    };
    let file = temporary(folder, text, Some(&metadata)).map_err(fail("write beside it"))?;
    file.persist(&target).map_err(|error| fail("rename the new text over it")(error.error))?;
    sync_folder(folder).map_err(not_synced)?;
    Ok(true)
}

/// A file in `folder` with this text, on the disk, with the permissions and owner of `like`. It is
/// removed again when it is dropped without a name.
fn temporary(
    folder: &Path,
    text: &str,
    like: Option<&Metadata>,
) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dropcap-");
    #[cfg(unix)]
    if like.is_none() {
        use std::os::unix::fs::PermissionsExt;
        // As any new file; the umask takes from it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(like) = like {
        keep_owner(file.as_file(), like)?;
        // After the owner, for chown(2) clears the set-id bits.
        file.as_file().set_permissions(like.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
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
    match File::open(folder)?.sync_all() {
        // Some file systems have no such thing for folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
