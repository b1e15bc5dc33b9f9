//! Processes outside of the target that it asked over a local socket: what they did for it is not
//! in the trace.

use std::sync::LazyLock;

use record::observation::{Helper, Recording, Target};
use serde::Deserialize;

use crate::role;
use crate::table::matches;
use crate::words::printable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Harmless {
    address: String,
    #[expect(dead_code, reason = "for who reads the table")]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    harmless: Vec<Harmless>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| match toml::from_str(include_str!("../data/helpers.toml")) {
        Ok(table) => table,
        Err(error) => unreachable!("a test reads the built-in table: {error}"),
    });

/// Who was asked, each in a sentence, but for those that only take note or answer.
pub(crate) fn asked(recording: &Recording) -> Vec<String> {
    let mut said: Vec<String> = recording
        .helpers
        .iter()
        .filter(|helper| !is_harmless(helper))
        .map(|helper| sentence(recording, helper))
        .collect();
    said.sort();
    said.dedup();
    said
}

/// Whether the target is a tree of processes: what a helper beside it does may be the same
/// container's. Of a container or a cgroup all processes are seen; a helper is somebody else's.
pub(crate) fn makes_incomplete(recording: &Recording) -> bool {
    matches!(recording.target, Target::Command { .. } | Target::Process { .. })
}

fn is_harmless(helper: &Helper) -> bool {
    let known = |address: &String| TABLE.harmless.iter().any(|h| matches(&h.address, address));
    helper.address.as_ref().is_some_and(known)
}

fn sentence(recording: &Recording, helper: &Helper) -> String {
    let who = match (&helper.comm, helper.pid) {
        (Some(comm), Some(pid)) => format!("{comm} (process {pid})"),
        (None, Some(pid)) => format!("process {pid}"),
        (_, None) => "a process that the kernel does not name".to_owned(),
    };
    let over = match helper.address.as_deref() {
        Some("unix:") | None => "a socket".to_owned(),
        Some(address) => address.to_owned(),
    };
    let by = role::of(recording, helper.process);
    let over = printable(&over);
    let who = printable(&who);
    format!("{by} asked {who} over {over}: what that did for it is not in this trace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_read() {
        assert!(TABLE.harmless.iter().all(|h| h.address.starts_with("unix:/")));
        assert_eq!(TABLE.harmless.len(), 5);
    }

    #[test]
    fn who_takes_note_is_no_helper() {
        let helper = |address: &str| Helper {
            process: 1,
            address: Some(address.to_owned()),
            pid: Some(4711),
            comm: None,
            count: 1,
        };
        assert!(is_harmless(&helper("unix:/dev/log")));
        assert!(is_harmless(&helper("unix:/run/systemd/journal/socket")));
        assert!(!is_harmless(&helper("unix:/run/docker.sock")));
        assert!(!is_harmless(&helper("unix:@abstract")));
    }
}
