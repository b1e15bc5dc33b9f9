//! A kernel that keeps things to itself: hidden symbols, lockdown, and a tracer that holds next to nothing.

use std::collections::BTreeSet;
use std::fs;

use caps::{CapSet, CapState, Capability};
use dropcap_trace::{Options, Results, Scope, TraceError, Tracer};
use record::observation::Recording;
use testkit::needs;

use crate::guard::guarded;
use crate::support::{options, own, own_state, play_to_the_end, say, spec, trace, tracer};

const KPTR_RESTRICT: &str = "/proc/sys/kernel/kptr_restrict";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

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

#[test]
fn hidden_symbols_change_nothing() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(shown) = several() else { return };
        let hidden = Hidden::now();
        let recording = several();
        drop(hidden);
        let recording = recording.unwrap();
        assert!(recording.lost.is_complete(), "{:?}", recording.lost);
        assert_eq!(sites(&recording), sites(&shown));
        let named =
            |function: &str| sites(&shown).iter().any(|(.., stack)| stack.contains(function));
        assert!(named("cap_task_prctl") && named("setattr_prepare"), "{:?}", sites(&shown));
        assert!(
            sites(&shown).iter().all(|(.., stack)| !stack.contains('?')),
            "{:?}",
            sites(&shown)
        );
    });
}

/// kernel_lockdown(7): `none`, `integrity`, `confidentiality`; `None` where the kernel has none.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string(LOCKDOWN).ok()?;
    text.split(['[', ']']).nth(1).map(str::to_owned)
}

/// Confidentiality forbids BPF to read kernel memory (`LOCKDOWN_BPF_READ_KERNEL`), integrity forbids BPF
/// nothing that is needed here. Which it is, the kernel's command line says (`lockdown=`).
#[test]
fn lockdown_is_named_where_it_is_the_reason() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let outcome = Tracer::load(options());
        if lockdown().as_deref() == Some("confidentiality") {
            let Err(error) = outcome else { panic!("it works in spite of lockdown") };
            assert!(matches!(error, TraceError::NoBackend { .. }), "{error:?}");
            let error = error.to_string();
            // For each backend, but those that this kernel has not.
            assert!(error.contains("locked down") && error.contains("confidentiality"), "{error}");
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
        let enough: CapSet = [Capability::BPF, Capability::PERFMON].into_iter().collect();
        let said = play_to_the_end(&["little-privilege"], with(enough));
        // The program holds no SETPCAP either; the sites are those that all privilege shows.
        let whole = trace(options(), "churn", &["5"]).unwrap();
        let mut expected: BTreeSet<String> = sites(&whole)
            .into_iter()
            .map(|(capability, _, stack)| format!("{capability} false {stack}"))
            .collect();
        expected.insert("complete true".to_owned());
        assert_eq!(said.iter().cloned().collect::<BTreeSet<_>>(), expected);
        assert!(said.iter().any(|line| line.contains("cap_task_prctl")), "{said:?}");

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
