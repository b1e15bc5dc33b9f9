//! What the parts of a manifest are called where they are written: a finding in a Compose file speaks of
//! `cap_add`, not of `add`.

use manifest::Format;
use runtime::List;

/// The name of a list. An OCI configuration has five and no drop: what is to go goes from all of them
/// (runtime-spec `config.md`, `process.capabilities`).
#[must_use]
pub const fn list(format: Format, list: List) -> &'static str {
    match (format, list) {
        (Format::Kubernetes, List::Add) => "add",
        (Format::Kubernetes, List::Drop) => "drop",
        (Format::Compose, List::Add) => "cap_add",
        (Format::Compose, List::Drop) => "cap_drop",
        (Format::Oci, _) => "process.capabilities",
    }
}

/// Why nothing but the lists is ever edited.
#[must_use]
pub const fn no_other_field(format: Format) -> &'static str {
    match format {
        Format::Kubernetes => "dropcap edits `capabilities` and no other field",
        Format::Compose => "dropcap edits `cap_add` and `cap_drop` and no other field",
        Format::Oci => "dropcap edits the lists of `process.capabilities` and no other field",
    }
}

/// The knowledge table's names for what a pod shares with the node, as they are written there.
#[must_use]
pub const fn fields(format: Format) -> &'static [(&'static str, &'static str)] {
    match format {
        Format::Kubernetes => &[],
        Format::Compose => &[
            ("with hostPID", "with pid: host"),
            ("with hostNetwork", "with network_mode: host"),
            ("with hostIPC", "with ipc: host"),
        ],
        Format::Oci => &[
            ("with hostPID", "with the node's processes"),
            ("with hostNetwork", "with the node's network"),
            ("with hostIPC", "with the node's IPC"),
        ],
    }
}
