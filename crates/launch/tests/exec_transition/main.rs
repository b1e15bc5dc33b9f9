//! `caps::exec` against the kernel: thousands of random cases, each run for real.
//!
//! This test is its own probe: copies of it, with random owners, modes and file capabilities, are
//! executed by random processes and report what they became. `DROPCAP_SEED` repeats a run,
//! `DROPCAP_CASES` changes its length.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the report of a test")]

mod case;
mod places;
mod probe;
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use case::Case;
use places::Places;
use random::Random;

const NAME: &str = "the_exec_transition_is_the_kernels";
/// Set in the second instance, which has a mount namespace of its own: the folder to mount in.
const OWN_MOUNTS: &str = "DROPCAP_TEST_OWN_MOUNTS";
/// How many of them where everything is tried, and else.
const CASES: u32 = 6000;
const SOME: u32 = 1500;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == probe::FLAG) {
        return probe::report();
    }
    // As cargo's own harness: a list, and a filter by name.
    if args.iter().any(|arg| arg == "--list") {
        return println!("{NAME}: test");
    }
    if args.iter().any(|arg| !arg.starts_with('-') && !NAME.contains(arg.as_str())) {
        return println!("{NAME}: filtered out");
    }
    // CHOWN, SETGID, SETUID, SETPCAP, SYS_ADMIN, SETFCAP.
    testkit::needs!(root, capability(0), capability(6), capability(7), capability(8));
    testkit::needs!(capability(21), capability(31), program("unshare"), program("mount"));
    testkit::needs!(program("mke2fs"), program("debugfs"));
    if !Path::new("/dev/loop-control").exists() {
        return testkit::skip("needs loop devices");
    }
    match std::env::var_os(OWN_MOUNTS) {
        None => in_own_mount_namespace(),
        Some(folder) => the_exec_transition_is_the_kernels(Path::new(&folder)),
    }
}

/// Runs this program again where its mounts are nobody else's and go with it.
fn in_own_mount_namespace() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().expect("a test has a path"))
        .env(OWN_MOUNTS, folder.path())
        .status()
        .expect("unshare runs");
    assert!(status.success(), "{status} (signal {:?})", status.signal());
}

fn the_exec_transition_is_the_kernels(folder: &Path) {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse().expect("a number"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    let seed = number("DROPCAP_SEED").unwrap_or(now as u64);
    let cases = number("DROPCAP_CASES").unwrap_or(testkit::rounds(SOME, CASES).into());
    println!("{cases} cases, DROPCAP_SEED={seed}");
    let mut random = Random::new(seed);
    let places = Places::make(folder, &mut random);
    let kernel = case::this_kernel();
    let own = sys::credentials::own_state().expect("own sets").bounding;
    let started = Instant::now();
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for index in 0..cases {
        let case = Case::random(&mut random, &places, own);
        let expected = case.expected(kernel);
        let got = case.run();
        for trait_ in case.traits(&expected) {
            *seen.entry(trait_).or_default() += 1;
        }
        if got != expected {
            wrong.push(format!("case {index}: {case:#?}\nexpected {expected:#?}\ngot {got:#?}"));
        }
    }
    println!("{:.1} s; among them:", started.elapsed().as_secs_f32());
    for (trait_, count) in &seen {
        println!("  {count:>6} {trait_}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {cases} cases differ, DROPCAP_SEED={seed}; the first:\n{}",
        wrong.len(),
        wrong.first().expect("one")
    );
    // Agreement about nothing would be no agreement.
    let missing: Vec<_> = case::TRAITS.iter().filter(|t| !seen.contains_key(*t)).collect();
    assert!(
        cases < SOME.into() || missing.is_empty(),
        "no case had {missing:?}, DROPCAP_SEED={seed}"
    );
    println!("test {NAME} ... ok");
}
