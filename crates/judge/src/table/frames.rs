//! Functions on a stack that are no place of a check.

use serde::Deserialize;

use super::pattern::matches;

/// Frames that say nothing by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frames {
    /// Between `cap_capable` and the one who asked.
    helpers: Vec<String>,
    /// Outside of every system call.
    entries: Vec<String>,
}

impl Frames {
    /// The tracer's own program is one too: a compiled BPF program is `bpf_prog_`, its tag of
    /// sixteen hexadecimal digits, and its name (`bpf_prog_load` is a kernel function).
    pub(crate) fn is_helper(&self, name: &str) -> bool {
        let tag = name.strip_prefix("bpf_prog_").and_then(|rest| rest.get(..16));
        tag.is_some_and(|tag| tag.bytes().all(|b| b.is_ascii_hexdigit()))
            || self.helpers.iter().any(|p| matches(p, name))
    }

    pub(crate) fn is_entry(&self, name: &str) -> bool {
        self.entries.iter().any(|p| matches(p, name))
    }
}
