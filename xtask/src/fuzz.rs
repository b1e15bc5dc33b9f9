//! `cargo xtask fuzz [TARGET] [SECONDS]`: the fuzz targets under libFuzzer, from the committed seeds.
//!
//! They are built by the declared, stable compiler: what libFuzzer is guided by, LLVM's coverage
//! counters, is a pass that it has, too, and only sanitizers need another one. The crates that are
//! fuzzed have no unsafe code, which is what those look for.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, output, run as call, said};

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

/// Runs one target or all of them at once, each for so many seconds.
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
    let targets: Vec<&'static str> =
        TARGETS.into_iter().filter(|target| named.is_none_or(|named| named == *target)).collect();
    let mut build = cargo(&["build", "--locked", "--release", "--manifest-path"]);
    // With a target named, what runs at build time is left as it is.
    build.args(["fuzz/Cargo.toml", "--target-dir", "fuzz/target", "--target", &host]);
    build.args(targets.iter().flat_map(|target| ["--bin", target]));
    call(build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")))?;
    let programs = Path::new("fuzz/target").join(&host).join("release");
    let ended: Vec<Result<String>> = std::thread::scope(|scope| {
        let programs = &programs;
        let start = |target: &'static str| scope.spawn(move || fuzz(programs, target, seconds));
        let running: Vec<_> = targets.iter().copied().map(start).collect();
        let ended = running.into_iter().map(|one| one.join());
        ended.map(|said| said.unwrap_or_else(|_| Err("a panic".to_owned()))).collect()
    });
    let mut wrong = Vec::new();
    for (target, said) in targets.iter().zip(ended) {
        match said {
            Ok(said) => {
                println!("{target}, {seconds} s:");
                said.lines()
                    .filter(|line| line.starts_with("stat::"))
                    .for_each(|l| println!("  {l}"));
            }
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs a built target, and returns what it said.
fn fuzz(programs: &Path, target: &str, seconds: u32) -> Result<String> {
    let [found, artifacts] = ["corpus", "artifacts"].map(|kind| format!("fuzz/{kind}/{target}"));
    for folder in [&found, &artifacts] {
        let path = crate::root().join(folder);
        std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let mut program = Command::new(crate::root().join(programs).join(target));
    program.args([&found, &format!("fuzz/seeds/{target}"), "tests/corpus"]);
    program.args(["-dict=fuzz/words.dict", "-timeout=10", "-max_len=8192"]);
    program.args(["-verbosity=0", "-print_funcs=0", "-print_final_stats=1"]);
    program.arg(format!("-artifact_prefix={artifacts}/"));
    program.arg(format!("-rss_limit_mb={MEMORY}"));
    program.arg(format!("-max_total_time={seconds}"));
    said(&mut program)
}

/// The target that this compiler builds for by itself.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(rustc).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| format!("rustc -vV names no host: {said}"))
}
