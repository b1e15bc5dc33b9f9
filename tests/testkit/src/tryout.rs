//! The built `tryout`, which tries operations that take a capability.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The path of `tryout`, linked statically, so that it runs in any container. Built once for each
/// test process, into a folder of its own in the target folder.
///
/// # Panics
/// If it cannot be built.
pub fn tryout() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match crate::programs::prebuilt() {
        Some(prebuilt) => prebuilt.join("tryout"),
        None => build(),
    })
    .clone()
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // <target>/<profile>/deps/<test>
    let target = test.ancestors().nth(3).expect("a test lies in target/PROFILE/deps");
    let target = target.join("tryout");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = host();
    let mut build = Command::new(cargo);
    // A target that is named keeps the flags away from build scripts and macros, which cannot be
    // linked statically.
    build.args(["build", "--quiet", "--package", "tryout", "--target", &host, "--target-dir"]);
    build.arg(&target).env("RUSTFLAGS", "-C target-feature=+crt-static");
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(status.success(), "tryout does not build: {build:?}");
    target.join(host).join("debug/tryout")
}

/// The compiler's own target, from the `host:` line of `rustc -vV`.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}
