//! The extended attribute that holds a file's capabilities, capabilities(7) "File capabilities".

use std::io;
use std::path::Path;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// The attribute's name.
pub const FILE_CAPABILITIES: &str = "security.capability";
/// More than the largest known form: `struct vfs_ns_cap_data` has 24 bytes, `linux/capability.h`.
const ROOM: usize = 64;

/// The raw attribute of the file that `path` leads to, or `None` if it has none or its file system
/// has no such attributes.
///
/// # Errors
/// What getxattr(2) says: no such file, or no permission to reach it.
pub fn file_capabilities(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; ROOM];
    match rustix::fs::getxattr(path, FILE_CAPABILITIES, &mut value[..]) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sets it.
///
/// # Errors
/// EPERM without SETFCAP in the file system's user namespace, EINVAL for a value that the kernel
/// does not take (`cap_convert_nscap`, `security/commoncap.c`), and what setxattr(2) says.
pub fn set_file_capabilities(path: &Path, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::setxattr(path, FILE_CAPABILITIES, value, XattrFlags::empty())?)
}

/// Removes it; a file that has none is fine.
///
/// # Errors
/// What removexattr(2) says.
pub fn remove_file_capabilities(path: &Path) -> io::Result<()> {
    match rustix::fs::removexattr(path, FILE_CAPABILITIES) {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
