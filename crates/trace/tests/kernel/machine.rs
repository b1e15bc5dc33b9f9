//! That the tests run where they are meant to run.

use dropcap_trace::Options;
use testkit::needs;

use crate::support::trace;

/// A recording names the kernel that runs and the backend that saw it; in a virtual machine
/// (`DROPCAP_TEST_KERNEL`, `DROPCAP_TEST_BACKEND`) those are the ones that it was made for.
#[test]
fn the_recording_names_kernel_and_backend() {
    needs!(root, bpf);
    let Some((recording, _)) = trace(&["/bin/true"]) else { return };
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(recording.machine.kernel, release.trim());
    let series = std::env::var("DROPCAP_TEST_KERNEL").unwrap_or_default();
    assert!(release.starts_with(&series), "the kernel is {release}, the run is for {series}");
    let backend = recording.machine.backend.parse().unwrap();
    if let Some(asked_for) = testkit::backend() {
        assert_eq!(recording.machine.backend, asked_for);
    }
    let options = Options { backend: Some(backend), ..Options::default() };
    assert!(crate::support::tracer(options).is_some());
}
