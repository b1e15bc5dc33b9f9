//! The project's own tasks, run as `cargo xtask TASK`.

mod bpf;
mod ci;
#[cfg(test)]
mod examples;
mod fuzz;
mod layers;
mod peers;
mod process;
mod sites;
mod vm;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What every task returns: nothing, or a message for a person.
pub type Result<T = ()> = std::result::Result<T, String>;

const USAGE: &str = "usage: cargo xtask TASK
  layers         fail on an import against the layers, or on `unsafe` outside its two places
  bpf [--check]  rebuild the committed BPF object with the pinned clang; --check compares bytes
  pages          write docs/rules/, docs/conformance.md and the schemas of check, waivers and baselines; the tests compare
  peers          docs/peers.md: what other checkers that are installed say of our cases
  sites …        which kernel functions ask for a capability, and which the table knows; docs/sites.md
  edits …        how many lines `dropcap fix` changes, beside the least: docs/edits.md; [--check] [--corpus DIR]
  fuzz …         the fuzz targets from their seeds: [edits|manifest|resolve] [SECONDS]
  groundtruth …  real programs traced once, held against their true minimal sets; --help says more
  vm …           the tracer's tests on Debian's kernels from 5.10 to 7.x, under qemu; --help says more
  ci             everything CI does after set-up: tests, lints, layers, the heavier suites";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["layers"] => layers::run(),
        ["bpf"] => bpf::run(false),
        ["bpf", "--check"] => bpf::run(true),
        ["pages"] => pages(),
        ["groundtruth", rest @ ..] => groundtruth(rest),
        ["peers"] => peers::run(),
        ["edits"] => edits(None, true),
        ["edits", "--check"] => edits(None, false),
        ["edits", "--corpus", folder] => edits(Some(folder), true),
        ["edits", "--check", "--corpus", folder] => edits(Some(folder), false),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["sites", rest @ ..] => sites::run(rest),
        ["vm", rest @ ..] => vm::run(rest),
        ["ci"] => ci::run(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Real programs, traced: a crate of its own, so that the other tasks need not build the tracer.
pub fn groundtruth(arguments: &[&str]) -> Result {
    let name = "dropcap-groundtruth";
    let mut build = process::cargo(&["build", "--quiet", "--bin", name]);
    process::run(build.args(testkit::AS_ALL_TESTS))?;
    process::run(Command::new(target().join("debug").join(name)).args(arguments))
}

/// What the edits of our own files take, and of those in `folder`; `writes` says whether
/// docs/edits.md is to say so.
fn edits(folder: Option<&str>, writes: bool) -> Result {
    let test = "the_page_says_what_edits_of_a_corpus_take";
    let mut command = process::cargo(&["test", "--quiet", "--package", "dropcap-check"]);
    command.args(["--test", "fixes", "--", "--nocapture", test]);
    if let Some(folder) = folder {
        let path = std::fs::canonicalize(folder).map_err(|error| format!("{folder}: {error}"))?;
        command.env("DROPCAP_CORPUS", path);
    }
    if writes {
        command.env("DROPCAP_UPDATE", "1");
    }
    process::run(&mut command)
}

/// What `docs/` has from the code of `check` and from `show`: tests write it when they are asked to.
fn pages() -> Result {
    let tests = ["test", "--package", "dropcap-check", "--test", "pages", "--test", "schema"];
    process::run(process::cargo(&tests).env("DROPCAP_UPDATE", "1"))?;
    let conformance = ["test", "--package", "dropcap", "--test", "conformance", "page"];
    process::run(process::cargo(&conformance).env("DROPCAP_UPDATE", "1"))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}
