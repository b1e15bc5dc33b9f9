//! `cargo xtask fuzz [TARGET] [SECONDS]`: the fuzz targets under libFuzzer, from the committed seeds.
//!
//! They are built by the declared, stable compiler: what libFuzzer is guided by, LLVM's coverage
//! counters, is a pass that it has, too, and only sanitizers need another one. The crates that are
//! fuzzed have no unsafe code, which is what those look for.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, output, run as call};

const TARGETS: [&str; 3] = ["edits", "manifest", "resolve"];
/// Of each target, if nobody says how long.
const SECONDS: u32 = 60;
/// Megabytes; more is a failure.
const MEMORY: u32 = 1024;
/// As cargo-fuzz builds without a sanitizer.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions=yes",
    "-Coverflow-checks=yes",
    "-Ccodegen-units=1",
];

/// Runs one target or all, each for so many seconds.
pub fn run(words: &[&str]) -> Result {
    let mut words = words.iter().copied().peekable();
    let named = words.next_if(|word| TARGETS.contains(word));
    let seconds = match words.next().map(str::parse) {
        None => SECONDS,
        Some(Ok(seconds)) if seconds > 0 && words.next().is_none() => seconds,
        Some(_) => {
            return Err(format!("usage: cargo xtask fuzz [{}] [SECONDS]", TARGETS.join("|")));
        }
    };
    let host = host()?;
    for target in TARGETS.into_iter().filter(|target| named.is_none_or(|named| named == *target)) {
        // With a target named, what runs at build time is left as it is.
        let mut build = cargo(&["build", "--locked", "--release", "--manifest-path"]);
        build.args(["fuzz/Cargo.toml", "--target-dir", "fuzz/target", "--bin", target]);
        call(build.args(["--target", &host]).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")))?;
        let [found, artifacts] =
            ["corpus", "artifacts"].map(|kind| format!("fuzz/{kind}/{target}"));
        for folder in [&found, &artifacts] {
            let path = crate::root().join(folder);
            std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        let program = Path::new("fuzz/target").join(&host).join("release").join(target);
        call(
            Command::new(crate::root().join(program))
                .args([&found, &format!("fuzz/seeds/{target}"), "tests/corpus"])
                .args(["-dict=fuzz/words.dict", "-timeout=10", "-max_len=8192"])
                .args(["-verbosity=0", "-print_funcs=0", "-print_final_stats=1"])
                .arg(format!("-artifact_prefix={artifacts}/"))
                .arg(format!("-rss_limit_mb={MEMORY}"))
                .arg(format!("-max_total_time={seconds}")),
        )?;
    }
    Ok(())
}

/// The target that this compiler builds for by itself.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(rustc).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| format!("rustc -vV names no host: {said}"))
}
