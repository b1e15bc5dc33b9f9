//! Extended attributes (xattr(7)) and with them access control lists (acl(5)), carried from the old file to
//! the new one.

use std::fs::File;
use std::io;

/// Attributes that are about the old bytes and would be wrong, or refused, beside the new ones: the hashes
/// of integrity measurement (`security/integrity/`, the kernel makes them anew) and file capabilities
/// (capabilities(7): a write takes them away).
#[cfg(target_os = "linux")]
const OF_THE_BYTES: [&[u8]; 3] = [b"security.ima", b"security.evm", b"security.capability"];

/// Gives `to` the extended attributes of `from`; one that the new file has by itself with another value,
/// such as a security label or an access list inherited from the folder, gets the old one's.
///
/// # Errors
/// What fgetxattr(2), fsetxattr(2) or fremovexattr(2) say. A file system without attributes is none.
#[cfg(target_os = "linux")]
pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
    let names = names(from)?;
    for name in &names {
        let value = value(from, name)?;
        // What is so by itself needs no permission to be made so.
        if self::value(to, name).is_ok_and(|has| has == value) {
            continue;
        }
        rustix::fs::fsetxattr(to, name.as_slice(), &value, rustix::fs::XattrFlags::empty())?;
    }
    for name in self::names(to)?.iter().filter(|name| !names.contains(name)) {
        rustix::fs::fremovexattr(to, name.as_slice())?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn names(file: &File) -> io::Result<Vec<Vec<u8>>> {
    let list = match whole(|buffer| rustix::fs::flistxattr(file, buffer)) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Vec::new()),
        other => other?,
    };
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.filter(|name| !OF_THE_BYTES.contains(name)).map(<[u8]>::to_vec).collect())
}

#[cfg(target_os = "linux")]
fn value(file: &File, name: &[u8]) -> io::Result<Vec<u8>> {
    whole(|buffer| rustix::fs::fgetxattr(file, name, buffer))
}

/// The kernel lets neither a value nor a list be longer (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`,
/// `include/uapi/linux/limits.h`).
#[cfg(target_os = "linux")]
const LONGEST: usize = 65_536;

#[cfg(target_os = "linux")]
fn whole(ask: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; LONGEST];
    let length = ask(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}
