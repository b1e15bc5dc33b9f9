//! How others call dropcap: kubectl as a plug-in, GitHub's runner, pre-commit.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod action;
mod kubectl;

use std::path::Path;
use std::process::Output;

/// A manifest with something to find, and its finding in few words.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n    - \
                   name: web\n      image: web\n      securityContext: { capabilities: { drop: \
                   [ALL], add: [SYS_ADMIN] } }\n";

/// A program of this name that is a script.
fn script(folder: &Path, name: &str, text: &str) {
    testkit::programs::script(&folder.join(name), text);
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The repository's root.
fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
