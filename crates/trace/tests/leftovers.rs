//! A tracer leaves nothing behind. Alone in its file: it looks at all of this process's BPF files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use aya::maps::loaded_maps;
use aya::programs::loaded_programs;
use dropcap_trace::{Options, Scope, Tracer};
use testkit::needs;

/// The numbers of the BPF objects that this process holds, by the field of `fdinfo` that says it.
fn held(field: &str) -> BTreeSet<u32> {
    fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|text| text.lines().find_map(|l| l.strip_prefix(field)?.trim().parse().ok()))
        .collect()
}

#[test]
fn no_program_map_or_link_outlives_the_tracer() {
    needs!(root, bpf);
    let mut tracer = match Tracer::load(Options::default()) {
        Ok(tracer) => tracer,
        Err(error) if error.is_of_the_kernel() => return testkit::skip(&error.to_string()),
        Err(error) => panic!("{error}"),
    };
    tracer.watch(Scope::process(std::process::id())).unwrap();
    let (programs, maps, links) = (held("prog_id:"), held("map_id:"), held("link_id:"));
    assert!(programs.len() >= 5, "{programs:?}");
    assert!(maps.len() >= 9, "{maps:?}");
    assert_eq!(links.len(), 5, "{links:?}");
    drop(tracer);
    for field in ["prog_id:", "map_id:", "link_id:"] {
        assert_eq!(held(field), BTreeSet::new());
    }
    // The kernel frees them a moment after the last reference is gone.
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let left = (
            loaded_programs().flatten().any(|p| programs.contains(&p.id())),
            loaded_maps().flatten().any(|m| maps.contains(&m.id())),
        );
        if left == (false, false) {
            break;
        }
        assert!(Instant::now() < patience, "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
