//! What profiles are made of.

use record::observation::{Lost, Target};
use record::profile::Run;
use record::requirement::{Use, Verdict};

/// A use that was granted once.
pub fn used(what: &str, verdict: Verdict) -> Use {
    Use {
        what: what.to_owned(),
        by: "web (main)".to_owned(),
        site: String::new(),
        verdict,
        why: String::new(),
        count: 1,
        refused: 0,
        returned: None,
        first_ms: 0,
        last_ms: 0,
        at_start: true,
        trial: None,
    }
}

/// A run of the target, seen from its start, with nothing lost.
pub fn run(target: Target) -> Run {
    Run {
        id: "1".to_owned(),
        recorded: None,
        kernel: "6.12".to_owned(),
        architecture: "x86_64".to_owned(),
        backend: "tp_btf".to_owned(),
        target,
        start_seen: true,
        as_root: None,
        duration_ms: 1,
        exit: None,
        lost: Lost::default(),
        incomplete: Vec::new(),
        helpers: Vec::new(),
    }
}
