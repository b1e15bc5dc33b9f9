//! For tests only: what a test needs and how it is skipped, the built binary, containers to look at.
//!
//! A test that needs more than a compiler starts with [`needs!`]:
//!
//! ```
//! # fn body() {
//! testkit::needs!(root, podman, program("setpriv"));
//! // from here on all three are there
//! # }
//! ```
//!
//! What is missing is printed as `skipped: …` and the test returns; with `DROPCAP_NO_SKIP=1`, as in
//! CI, it panics instead. A failure to *use* something that is there is a failed test, not a skip.

mod binary;
mod census;
mod choices;
pub mod cri;
pub mod daemon;
mod debian;
pub mod folder;
mod log;
pub mod need;
mod pod;
mod podman;
pub mod programs;
pub mod proofs;
pub mod recordings;
mod tryout;

use std::io::Write;

pub use binary::{AS_ALL_TESTS, dropcap};
pub use census::{Census, Counts};
pub use choices::Choices;
pub use debian::{DEBIAN_IMAGE, debian_image, debian_image_with};
pub use log::Log;
pub use pod::Pod;
pub use podman::{Container, IMAGE, image, image_with, podman, podman_run};
pub use tryout::tryout;

/// The first of the two manifests that this project started from: nginx without any capability.
pub const EXAMPLE_POD: &str = include_str!("../../manifests/example-pod.yaml");

/// The second: nginx with `NET_BIND_SERVICE` and nothing else.
pub const NGINX_POD: &str = include_str!("../../manifests/nginx-pod.yaml");

/// Returns from the test, aloud, unless everything named is there; each is a function of [`need`].
#[macro_export]
macro_rules! needs {
    ($($need:ident $(($($argument:expr),*))?),+ $(,)?) => {
        $(
            if let Err(why) = $crate::need::$need($($($argument),*)?) {
                $crate::skip(&why);
                return;
            }
        )+
    };
}

/// All of them where everything is tried ([`is_all_tried`]), else every third from the second on: for tests that go
/// through so much that nobody would wait for it at every change.
pub fn sample<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let (first, step) = if is_all_tried() { (0, 1) } else { (1, 3) };
    all.iter().skip(first).step_by(step)
}

/// `all` where everything is tried ([`is_all_tried`]), else `some`: how often a test does what takes long.
#[must_use]
pub fn rounds(some: u32, all: u32) -> u32 {
    if is_all_tried() { all } else { some }
}

/// Whether what takes long is tried, too: with `DROPCAP_TEST_ALL=1`, or where nothing may be skipped.
#[must_use]
pub fn is_all_tried() -> bool {
    is_set("DROPCAP_TEST_ALL") || strict()
}

/// At how many points something is broken off: `some`, or as many as `DROPCAP_TEST_POINTS` says.
#[must_use]
pub fn points(some: u32) -> u32 {
    let said = std::env::var("DROPCAP_TEST_POINTS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(some)
}

/// Whether nothing may be left out (`DROPCAP_NO_SKIP`).
fn strict() -> bool {
    is_set("DROPCAP_NO_SKIP")
}

/// Whether a variable is set to anything but `0` or nothing.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// So many of what a test does masses of where everything is tried ([`is_all_tried`]), else a tenth; a hundredth with
/// `DROPCAP_TEST_FEWER=1`.
#[must_use]
pub fn many(count: u64) -> u64 {
    let usual = if is_all_tried() { count } else { (count / 10).max(1) };
    fewer((count / 100).max(1), usual)
}

/// `few` with `DROPCAP_TEST_FEWER=1`, for machines without hardware to run on (emulated ones), where everything takes
/// ten to a hundred times as long; else `all`.
#[must_use]
pub fn fewer(few: u64, all: u64) -> u64 {
    let is_slow = std::env::var_os("DROPCAP_TEST_FEWER").is_some_and(|v| v == "1");
    if is_slow { few } else { all }
}

/// The tracer's backend that this test run is for, by its name (`DROPCAP_TEST_BACKEND`); without one the
/// tests take the first that works.
#[must_use]
pub fn backend() -> Option<String> {
    std::env::var("DROPCAP_TEST_BACKEND").ok().filter(|name| !name.is_empty())
}

/// Says on standard error that the running test is skipped and why; panics with `DROPCAP_NO_SKIP=1`.
///
/// # Panics
/// With `DROPCAP_NO_SKIP` set to anything but `0` or nothing.
pub fn skip(why: &str) {
    assert!(!strict(), "skipped although DROPCAP_NO_SKIP is set: {why}");
    let thread = std::thread::current();
    // Not `eprintln!`: the test harness swallows that of a test that passes.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {why} (test {})",
        thread.name().unwrap_or("without a name")
    );
}
