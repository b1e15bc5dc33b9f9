//! A folder in which the built dropcap is run as a user would, and what it said.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder with files; gone when dropped.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// With these files, each by its name below the folder.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.put(name, text);
        }
        folder
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the folders above it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// dropcap with these words, in this folder, without colour and 80 columns wide.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut dropcap = Command::new(crate::dropcap());
        dropcap.args(words).current_dir(self.path()).stdin(Stdio::null());
        dropcap.env("NO_COLOR", "1").env("COLUMNS", "80");
        dropcap
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }
}

/// Output as text.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// All that it said and how it ended, for a snapshot.
///
/// # Panics
/// If that is no text.
#[must_use]
pub fn said(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("status {:?}\n--- stdout\n{out}--- stderr\n{err}", output.status.code())
}
