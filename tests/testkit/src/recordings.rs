//! Recordings that tests leave behind, for `cargo xtask sites --recordings FOLDER` to read.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Keeps a recording as `KIND/NUMBER-NAME.json` in the folder that `DROPCAP_TEST_RECORDINGS` names; does
/// nothing without it. The text is what `dropcap trace --record` writes.
///
/// # Panics
/// If it cannot be written.
pub fn keep(kind: &str, name: &str, text: impl FnOnce() -> String) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::var_os("DROPCAP_TEST_RECORDINGS").filter(|folder| !folder.is_empty());
    let Some(folder) = folder.map(|folder| PathBuf::from(folder).join(kind)) else { return };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.trim().chars().take(60).map(plain).collect();
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let file = folder.join(format!("{process}-{number:04}-{name}.json"));
    fs::create_dir_all(&folder).expect("DROPCAP_TEST_RECORDINGS can be written to");
    fs::write(file, text()).expect("DROPCAP_TEST_RECORDINGS can be written to");
}
