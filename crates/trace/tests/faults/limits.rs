//! A tracer that is not given what it needs says what that is, and lets go of what it had.

use std::fs;

use caps::Capability;
use dropcap_trace::{Options, Results, Scope, TraceError, Tracer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::needs;

use crate::guard::guarded;
use crate::support::{Asks, kernel, options, own_state, play_to_the_end, say, tracer};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn limit_descriptors(limit: usize) {
    let limits = getrlimit(Resource::Nofile);
    let limits = Rlimit { current: Some(limit as u64), ..limits };
    setrlimit(Resource::Nofile, limits).unwrap();
}

/// Loads, watches and finishes with so many more descriptors than there are; how many processes it
/// follows.
fn with_descriptors(more: usize, pid: u32) -> Result<usize, TraceError> {
    let before = descriptors();
    limit_descriptors(before + more);
    let outcome =
        Tracer::load(Options { results: Results::Always, ..options() }).and_then(|mut tracer| {
            tracer.watch(Scope::process(pid))?;
            let living = tracer.living()?;
            tracer.finish().map(|_| living.len())
        });
    limit_descriptors(before + 200);
    assert_eq!(descriptors(), before, "after {more} more");
    outcome
}

/// Goes up in great steps until it works, and then looks at each small step of the last one: it is there that
/// the target is looked at.
pub fn play_few_descriptors(pid: u32) {
    let [great, small] = [(16, 8), (4, 1)].map(|(coarse, fine)| {
        testkit::fewer(coarse, testkit::rounds(coarse as u32, fine).into()) as usize
    });
    // The loader finds out once for each process what the kernel can do, and must be able to.
    drop(Tracer::load(options()).unwrap());
    let enough = (0..200).step_by(great).find(|more| match with_descriptors(*more, pid) {
        Ok(_) => true,
        Err(error) => {
            say(&error.to_string());
            false
        }
    });
    let enough = enough.unwrap();
    for more in (enough - great + small..=enough).step_by(small) {
        match with_descriptors(more, pid) {
            // All or an error: never a part of the target.
            Ok(living) => say(&format!("works {living}")),
            Err(error) => say(&error.to_string()),
        }
    }
}

#[test]
fn a_tracer_without_descriptors_says_so_and_keeps_none() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let mut target = Asks::start();
        let child = target.ask_number('b');
        let said = play_to_the_end(&["few-descriptors", &target.pid().to_string()], own_state());
        let (works, errors): (Vec<_>, Vec<_>) =
            said.iter().partition(|line| line.starts_with("works "));
        assert!(!works.is_empty() && works.iter().all(|line| *line == "works 2"), "{works:?}");
        assert!(errors.len() > 2, "{errors:#?}");
        for error in errors {
            assert!(error.contains("(os error 24)"), "{error}");
        }
        sys::signal::send_to(child, 9).unwrap();
        target.ask('w');
    });
}

/// With little memory to lock, and nothing to raise that by.
pub fn play_little_memory() {
    let little = Some(64 << 10);
    setrlimit(Resource::Memlock, Rlimit { current: little, maximum: little }).unwrap();
    match Tracer::load(options()) {
        Ok(_) => say("works"),
        Err(error) => say(&error.to_string()),
    }
}

/// Before Linux 5.11 maps count as locked memory (`bpf_charge_memlock`), from then on as the cgroup's.
#[test]
fn little_memory_to_lock_is_no_matter_or_is_said() {
    guarded(|| {
        needs!(root, bpf);
        if tracer(options()).is_none() {
            return;
        }
        let mut state = own_state();
        for set in [&mut state.bounding, &mut state.permitted, &mut state.effective] {
            set.remove(Capability::SYS_RESOURCE);
        }
        let said = play_to_the_end(&["little-memory"], state);
        let [said] = &said[..] else { panic!("{said:?}") };
        if kernel() >= (5, 11) {
            assert_eq!(said, "works");
        } else {
            assert!(said.starts_with("this process may lock 64 KiB of memory, "), "{said}");
            assert!(said.contains("SYS_RESOURCE"), "{said}");
        }
    });
}
