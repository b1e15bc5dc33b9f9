//! A kernel that keeps things to itself: hidden symbols, lockdown, and a tracer that holds next to nothing.

use std::collections::BTreeSet;
use std::fs;

use caps::{CapSet, CapState, Capability};
use dropcap_trace::{Options, Results, Scope, TraceError, Tracer, lockdown};
use record::observation::Recording;
use testkit::needs;

use crate::guard::guarded;
use crate::support::{kernel, options, own, own_state, play_to_the_end, say, spec, trace, tracer};

const KPTR_RESTRICT: &str = "/proc/sys/kernel/kptr_restrict";

/// Whether the kernel prints addresses; as before when dropped.
struct Hidden(String);

impl Hidden {
    fn now() -> Self {
        let before = fs::read_to_string(KPTR_RESTRICT).unwrap();
        fs::write(KPTR_RESTRICT, "2").unwrap();
        Self(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        fs::write(KPTR_RESTRICT, self.0.trim()).unwrap();
    }
}

/// What was asked for, by which functions.
fn sites(recording: &Recording) -> BTreeSet<(Capability, bool, String)> {
    own(recording).map(|o| (o.capability, o.granted, o.stack.join(" < "))).collect()
}

fn several() -> Option<Recording> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    trace(options(), "several", &[file.to_str().unwrap()])
}

/// Whether BPF programs have the kernel name its functions (`bpf_snprintf`, Linux 5.13); else `/proc/kallsyms` does,
/// which shows addresses to SYSLOG only, and to nobody with `kptr_restrict` at 2.
fn names_functions() -> bool {
    const NAME: &[u8] = b"\0BPF_FUNC_snprintf\0";
    let types = fs::read(dropcap_trace::backend::BTF).unwrap();
    types.windows(NAME.len()).any(|window| window == NAME)
}

/// What was asked for.
fn asked(recording: &Recording) -> BTreeSet<(Capability, bool)> {
    own(recording).map(|o| (o.capability, o.granted)).collect()
}

#[test]
fn hidden_symbols_change_nothing_or_are_said() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(shown) = several() else { return };
        let hidden = Hidden::now();
        let recording = several();
        drop(hidden);
        let recording = recording.unwrap();
        let named =
            |function: &str| sites(&shown).iter().any(|(.., stack)| stack.contains(function));
        assert!(named("cap_task_prctl") && named("setattr_prepare"), "{:?}", sites(&shown));
        assert!(
            sites(&shown).iter().all(|(.., stack)| !stack.contains('?')),
            "{:?}",
            sites(&shown)
        );
        if names_functions() {
            assert!(recording.lost.is_complete(), "{:?}", recording.lost);
            assert_eq!(sites(&recording), sites(&shown));
        } else {
            // Overcommit's SYS_ADMIN is known by its function, and `own` leaves it out.
            let mut seen = asked(&recording);
            seen.remove(&(Capability::SYS_ADMIN, true));
            assert_eq!(seen, asked(&shown));
            assert!(recording.lost.stacks > 0 && !recording.lost.is_complete());
        }
    });
}

/// Confidentiality forbids BPF to read kernel memory (`LOCKDOWN_BPF_READ_KERNEL`), integrity forbids BPF
/// nothing that is needed here. `cargo xtask vm` runs this in both.
#[test]
fn lockdown_is_named_where_it_is_the_reason() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let outcome = Tracer::load(options());
        if lockdown::mode().as_deref() == Some("confidentiality") {
            let Err(error) = outcome else { panic!("it works in spite of lockdown") };
            assert!(matches!(error, TraceError::LockedDown { .. }), "{error:?}");
            let error = error.to_string();
            assert!(error.contains("locked down (confidentiality, "), "{error}");
            assert!(error.contains("boot with lockdown=integrity"), "{error}");
            return;
        }
        match outcome {
            Ok(tracer) => drop(tracer),
            Err(error) if error.is_of_the_kernel() => return testkit::skip(&error.to_string()),
            Err(error) => panic!("{error}"),
        }
        // As ever, with integrity as without any.
        let recording = several().unwrap();
        assert!(sites(&recording).iter().any(|(capability, ..)| *capability == Capability::CHOWN));
    });
}

/// With nothing but this. An `execve` of root's gives what the bounding set has.
fn with(capabilities: CapSet) -> CapState {
    CapState {
        bounding: capabilities,
        permitted: capabilities,
        effective: capabilities,
        ..CapState::default()
    }
}

/// Traces a program that does three things, and says what it saw and by which functions.
pub fn play_little_privilege() {
    let mut tracer = match Tracer::load(Options { results: Results::Always, ..options() }) {
        Ok(tracer) => tracer,
        Err(error) => return say(&error.to_string()),
    };
    let held = launch::spawn_held(spec("churn", &["5"], own_state())).unwrap();
    tracer.watch(Scope::held(held.pid(), vec![])).unwrap();
    held.release().unwrap().output(None).unwrap();
    let recording = tracer.finish().unwrap();
    for o in own(&recording) {
        say(&format!("{} {} {}", o.capability, o.granted, o.stack.join(" < ")));
    }
    say(&format!("complete {}", recording.lost.is_complete()));
}

#[test]
fn bpf_and_perfmon_are_enough_and_names_are_there() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        if tracer(options()).is_none() {
            return;
        }
        let mut enough: CapSet = [Capability::BPF, Capability::PERFMON].into_iter().collect();
        if kernel() < (5, 11) {
            // Maps count as locked memory there.
            enough = enough.with(Capability::SYS_RESOURCE);
        }
        let names = names_functions();
        let all = if names { enough } else { enough.with(Capability::SYSLOG) };
        let said = play_to_the_end(&["little-privilege"], with(all));
        // The program holds no SETPCAP either; the sites are those that all privilege shows.
        let whole = trace(options(), "churn", &["5"]).unwrap();
        let mut expected: BTreeSet<String> = sites(&whole)
            .into_iter()
            .map(|(capability, _, stack)| format!("{capability} false {stack}"))
            .collect();
        expected.insert("complete true".to_owned());
        assert_eq!(said.iter().cloned().collect::<BTreeSet<_>>(), expected);
        assert!(said.iter().any(|line| line.contains("cap_task_prctl")), "{said:?}");

        // The names alone are missing, and that is said.
        if !names {
            let said = play_to_the_end(&["little-privilege"], with(enough));
            assert!(said.iter().any(|line| line == "complete false"), "{said:?}");
            let words = said.iter().map(|l| l.split(" ?").next().unwrap_or_default());
            let checks: BTreeSet<_> =
                words.filter(|words| !words.starts_with("complete")).collect();
            // Overcommit's SYS_ADMIN is known by its function, and `own` leaves it out.
            assert_eq!(checks, BTreeSet::from(["SETPCAP false", "SYS_ADMIN false"]), "{said:?}");
        }

        // One less, and what is missing is said.
        for missing in [Capability::BPF, Capability::PERFMON] {
            let mut less = enough;
            less.remove(missing);
            let said = play_to_the_end(&["little-privilege"], with(less));
            let start = format!("tracing needs {missing} and this process does not have it");
            assert!(said.len() == 1 && said[0].starts_with(&start), "{said:?}");
        }
    });
}
