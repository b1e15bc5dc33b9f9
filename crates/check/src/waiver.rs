//! Waivers: who may keep which capability, why, until when, and who approved that.
//!
//! A waiver file stands beside the manifests (`dropcap-waivers.toml`; TOML, because `kubectl apply
//! -f FOLDER` sends every YAML file of a folder to the cluster). What a waiver says is in
//! [`mod@file`], what it is about in [`scope`], who approved it in [`approval`], by the history that
//! [`git`] reads; [`judge`] puts that together.

pub mod approval;
pub mod entry;
pub mod file;
pub mod git;
pub mod judge;
pub mod scope;

use std::path::{Path, PathBuf};

/// What a waiver file is called where nobody names one.
pub const FILE_NAME: &str = "dropcap-waivers.toml";

/// The waiver file for what is in `folder`: the nearest at or above it, up to the root of the
/// repository (where `.git` is) or of the file system.
#[must_use]
pub fn find(folder: &Path) -> Option<PathBuf> {
    find_upwards(folder, FILE_NAME)
}

/// The nearest file of this name at or above `folder`, up to the root of the repository.
#[must_use]
pub fn find_upwards(folder: &Path, name: &str) -> Option<PathBuf> {
    let start = folder.canonicalize().ok()?;
    for above in start.ancestors() {
        let found = above.join(name);
        if found.is_file() {
            // As given where it can be, so that messages name it as the user would.
            let given = folder.join(name);
            let given = given.strip_prefix(".").map(Path::to_owned).unwrap_or(given);
            return Some(if above == start { given } else { relative(found) });
        }
        if above.join(".git").exists() {
            return None;
        }
    }
    None
}

/// From the working folder, where it is below that.
fn relative(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or(path)
}

/// How much it takes for a waiver to be in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Approvers for a capability of the Big Four, or that escapes by itself.
    pub approvers_dangerous: usize,
    /// Approvers for any other.
    pub approvers: usize,
    /// Whether only commits with a verified signature approve.
    pub signatures: bool,
    /// The file with the keys that SSH signatures are verified by, ssh-keygen(1) "ALLOWED SIGNERS".
    pub allowed_signers: Option<PathBuf>,
    /// From how many days before its last on a waiver is called expiring.
    pub expiring_days: i64,
}

/// Two for what is most dangerous, one else, no signatures, a month.
impl Default for Policy {
    fn default() -> Self {
        Self {
            approvers_dangerous: 2,
            approvers: 1,
            signatures: false,
            allowed_signers: None,
            expiring_days: 30,
        }
    }
}

impl Policy {
    /// How many approvers this waiver needs.
    #[must_use]
    pub fn required(&self, waiver: &file::Waiver) -> usize {
        if waiver.demands() { self.approvers_dangerous } else { self.approvers }
    }
}
