//! The built `dropcap`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Arguments of `cargo build` with which crates get the features that they have in `cargo test --workspace`,
/// so that what that has built is not built once more: all packages are selected, and a test (any: this one
/// takes nothing that `dropcap` does not), for what only tests ask of a crate counts only beside a test.
pub const AS_ALL_TESTS: [&str; 3] = ["--workspace", "--test", "resolve"];

/// The path of the `dropcap` binary, built from the sources as they are.
///
/// In the integration tests of the binary's own package cargo has built it already; elsewhere
/// cargo is called once for each test process.
///
/// # Panics
/// If it cannot be built.
pub fn dropcap() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("CARGO_BIN_EXE_dropcap") {
            return PathBuf::from(path);
        }
        if let Some(prebuilt) = crate::programs::prebuilt() {
            return prebuilt.join("dropcap");
        }
        build()
    })
    .clone()
}

/// Builds it into the target folder that this test was built into.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // <target>/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let target = profile.parent().expect("a profile folder lies in a target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--bin", "dropcap", "--target-dir"]).arg(target);
    build.args(AS_ALL_TESTS);
    if profile.file_name().is_some_and(|name| name == "release") {
        build.arg("--release");
    }
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "dropcap does not build: {build:?}");
    profile.join("dropcap")
}
