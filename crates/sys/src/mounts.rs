//! What is mounted where: `/proc/thread-self/mountinfo`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of `/proc/PID/mountinfo`, proc_pid_mountinfo(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: PathBuf,
    /// The type of file system: `ext4`, `overlay`, `fuse.sshfs`.
    pub kind: String,
    /// The options of this mount: `ro`, `nosuid`, `relatime`.
    pub options: Vec<String>,
    /// Whether the file system itself is read-only, whatever the mount says.
    pub read_only: bool,
}

impl Mount {
    /// Whether it has this option.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }

    /// Whether nothing can be written through it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only || self.has("ro")
    }
}

/// What the calling thread sees mounted, each point once: what lies on top. In a mount namespace of the
/// thread's own, where nothing comes from outside, that is all there will be.
///
/// # Errors
/// What the file system says, and EINVAL for a line that is none.
pub fn own() -> io::Result<Vec<Mount>> {
    let text = fs::read("/proc/thread-self/mountinfo")?;
    let all = parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(visible(all))
}

/// Reads a `mountinfo`; `None` if a line is not one of it.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Vec<Mount>> {
    text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    // Number, parent, device, root, point, options, any number of tags, "-", type, source, options of
    // the file system.
    let point = PathBuf::from(OsString::from_vec(unescape(fields.get(4)?)));
    let words = |field: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(field).split(',').map(str::to_owned).collect()
    };
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let kind = String::from_utf8_lossy(fields.get(dash + 1)?).into_owned();
    let read_only =
        words(fields.get(dash + 3).copied().unwrap_or_default()).iter().any(|o| o == "ro");
    Some(Mount { point, kind, options: words(fields.get(5)?), read_only })
}

/// The last mount of each point is what is seen there, and only if nothing was mounted later over a
/// folder above it.
fn visible(all: Vec<Mount>) -> Vec<Mount> {
    let mut seen: Vec<Mount> = Vec::new();
    for mount in all {
        seen.retain(|known| !known.point.starts_with(&mount.point));
        seen.push(mount);
    }
    seen
}

/// Undoes the octal escapes of space, tab, newline and backslash (`mangle_path` of `fs/seq_file.c`).
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, others)) = rest.split_first() {
        let digits = others
            .get(..3)
            .filter(|d| *first == b'\\' && d.iter().all(|b| (b'0'..=b'7').contains(b)));
        match digits {
            Some(digits) => {
                text.push(
                    digits.iter().fold(0u8, |value, digit| value.wrapping_mul(8) + (digit - b'0')),
                );
                rest = others.get(3..).unwrap_or_default();
            }
            None => {
                text.push(*first);
                rest = others;
            }
        }
    }
    text
}

/// Whether a path lies in one of these folders.
#[must_use]
pub fn is_below(path: &Path, folders: &[&str]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
        30 22 0:24 / /data\\040of\\011mine rw,nosuid - tmpfs tmpfs ro,size=4k\n\
        31 22 0:25 / /srv ro - xfs /dev/vdb rw\n\
        32 31 0:26 / /srv/below rw shared:2 master:3 - ext4 /dev/vdc rw\n\
        33 22 0:27 / /srv rw - nfs4 host:/x rw\n";

    #[test]
    fn mounts_are_read_and_what_is_covered_is_left_out() {
        let all = parse(TEXT).unwrap();
        assert_eq!(all.len(), 5);
        assert_eq!(all[1].point, Path::new("/data of\tmine"));
        assert!(all[1].is_read_only() && all[1].has("nosuid") && !all[0].is_read_only());
        assert!(all[2].is_read_only());
        let seen = visible(all);
        let shown: Vec<_> =
            seen.iter().map(|m| (m.point.to_str().unwrap(), m.kind.as_str())).collect();
        assert_eq!(shown, [("/", "ext4"), ("/data of\tmine", "tmpfs"), ("/srv", "nfs4")]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse(b"22 1 254:0 / /\n"), None);
        assert_eq!(parse(b"22 1 254:0 / / rw ext4 x rw\n"), None);
        assert_eq!(parse(b""), Some(Vec::new()));
    }

    #[test]
    fn this_process_has_a_root() {
        assert_eq!(own().unwrap().iter().filter(|m| m.point == Path::new("/")).count(), 1);
    }
}
