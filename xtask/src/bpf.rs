//! `cargo xtask bpf`: the committed BPF object.

use crate::Result;

/// Rebuilds it, or with `check` compares.
pub fn run(_check: bool) -> Result {
    Err("not built yet".to_owned())
}
