//! An initramfs: a cpio archive in the format "newc" (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).
//! Uncompressed: a virtual CPU takes longer to unpack than to copy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Result;

/// `S_IFDIR`, `S_IFREG`, `S_IFLNK`, `S_IFCHR` (inode(7)).
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

/// The archive as it grows.
#[derive(Debug, Clone, Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    inodes: u32,
    paths: BTreeSet<String>,
}

impl Initramfs {
    /// A folder, 0755, and those above it; paths are absolute.
    pub fn folder(&mut self, path: &str) {
        let path = path.trim_matches('/');
        if path.is_empty() || self.paths.contains(path) {
            return;
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above);
        }
        self.entry(path, FOLDER | 0o755, &[], (0, 0));
    }

    /// A file of root's.
    pub fn file(&mut self, path: &str, mode: u32, contents: &[u8]) {
        self.above(path);
        self.entry(path, FILE | mode, contents, (0, 0));
    }

    /// A copy of a file that is here.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn copy(&mut self, from: &Path, path: &str, mode: u32) -> Result {
        let contents = fs::read(from).map_err(|e| format!("{}: {e}", from.display()))?;
        self.file(path, mode, &contents);
        Ok(())
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.above(path);
        self.entry(path, LINK | 0o777, target.as_bytes(), (0, 0));
    }

    /// A character device, 0600.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.above(path);
        self.entry(path, DEVICE | 0o600, &[], (major, minor));
    }

    /// Whether something of this path is in it.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path.trim_matches('/'))
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[], (0, 0));
        self.bytes
    }

    fn above(&mut self, path: &str) {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above);
        }
    }

    /// What is there already stays.
    fn entry(&mut self, path: &str, mode: u32, contents: &[u8], device: (u32, u32)) {
        let path = path.trim_matches('/');
        if !self.paths.insert(path.to_owned()) {
            return;
        }
        self.inodes += 1;
        let size = u32::try_from(contents.len()).expect("no file of four gigabytes");
        let name = u32::try_from(path.len() + 1).expect("no path of four gigabytes");
        let numbers = [self.inodes, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name, 0_u32];
        self.bytes.extend(b"070701");
        for number in numbers {
            self.bytes.extend(format!("{number:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(contents);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn cpio_lists_what_was_put_in() {
        let mut archive = Initramfs::default();
        archive.file("/usr/bin/tool", 0o755, b"four!");
        archive.link("/bin", "usr/bin");
        archive.device("/dev/console", 5, 1);
        archive.file("/usr/bin/tool", 0o644, b"not again");
        let Ok(mut cpio) = Command::new("busybox")
            .args(["cpio", "-tv"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        else {
            return testkit::skip("needs the program busybox");
        };
        cpio.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        let output = cpio.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let entries: Vec<(&str, &str, &str)> = text
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                (words[0], words[2], line.split_once(":00 ").unwrap().1)
            })
            .collect();
        assert_eq!(
            entries,
            [
                ("drwxr-xr-x", "0", "usr"),
                ("drwxr-xr-x", "0", "usr/bin"),
                ("-rwxr-xr-x", "5", "usr/bin/tool"),
                ("lrwxrwxrwx", "0", "bin -> usr/bin"),
                ("drwxr-xr-x", "0", "dev"),
                ("crw-------", "0", "dev/console"),
            ]
        );
    }
}
