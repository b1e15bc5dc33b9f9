//! What is neither a check nor the target's: failed calls, and processes that were asked.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;

use dropcap_trace::{Options, Results};
use record::observation::Recording;
use testkit::needs;

use crate::support::{own_state, spec, trace, trace_with};

/// Connects to each address given.
const ASKS: &str = "use Socket; for (@ARGV) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
     connect($s, pack_sockaddr_un($_)) or print qq($_: $!\\n) }";

fn asked(recording: &Recording) -> BTreeSet<(Option<&str>, Option<u32>)> {
    recording.helpers.iter().map(|h| (h.address.as_deref(), h.pid)).collect()
}

#[test]
fn who_listens_outside_is_named() {
    needs!(root, bpf, program("perl"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    let Some((recording, said)) = trace(&["perl", "-e", ASKS, path, "/no/such"]) else { return };
    assert_eq!(said, "/no/such: No such file or directory\n");
    let address = format!("unix:{path}");
    let here = Some(std::process::id());
    assert_eq!(asked(&recording), BTreeSet::from([(Some(address.as_str()), here)]));
    assert_eq!(recording.helpers[0].count, 1);
}

#[test]
fn who_listens_inside_is_no_helper() {
    needs!(root, bpf, program("perl"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let path = path.to_str().unwrap();
    // The one who listened has ended by the time that it is asked again.
    let script = format!(
        "use Socket; my $path = shift; my $pid = fork; if (!$pid) {{ socket(my $s, PF_UNIX, \
         SOCK_STREAM, 0); bind($s, pack_sockaddr_un($path)); listen($s, 9); fork and exit; \
         sleep 2; exit }} waitpid $pid, 0; @ARGV = $path; {ASKS}"
    );
    let Some((recording, said)) = trace(&["perl", "-e", &script, path]) else { return };
    assert_eq!(said, "");
    assert_eq!(asked(&recording), BTreeSet::new());
}

#[test]
fn a_failed_call_is_recorded_with_its_path_and_error() {
    needs!(root, bpf, program("perl"));
    let options = Options { failures: true, results: Results::Always, ..Options::default() };
    let script = "for (1..3) { open F, '<', '/no-such-file' } mkdir '/proc/x'; kill 0, 2 ** 22 + 1";
    let spec = spec(&["perl", "-e", script], own_state());
    let Some((recording, _)) = trace_with(options, spec) else { return };
    let ours: BTreeSet<_> = recording
        .failures
        .iter()
        .map(|f| (f.syscall.name.as_deref().unwrap(), f.syscall.path.as_deref(), f.result, f.count))
        .filter(|(name, path, ..)| {
            *name == "kill" || path.is_some_and(|p| p.contains("no-such")) || *name == "mkdir"
        })
        .collect();
    let expected = [
        ("openat", Some("/no-such-file"), -2, 3),
        ("mkdir", Some("/proc/x"), -2, 1),
        ("kill", None, -3, 1),
    ];
    assert_eq!(ours, BTreeSet::from(expected));
}
