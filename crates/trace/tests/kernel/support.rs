//! Runs a program under the tracer and looks at its recording.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Mutex;

use caps::{CapState, Capability};
use dropcap_trace::{Backend, Options, Rooms, Scope, Tracer};
use launch::Spec;
use record::observation::{Lost, NamespaceRelation, Observation, Recording};

/// The backend that this test run is for, if it is for one.
fn asked_for() -> Option<Backend> {
    let name = testkit::backend()?;
    Some(name.parse().unwrap_or_else(|error| panic!("DROPCAP_TEST_BACKEND: {error}")))
}

thread_local! {
    /// Whether the tracer that this test loaded last loses nothing under load.
    static EXACT: Cell<bool> = const { Cell::new(true) };
}

/// A script whose system calls have this machine's numbers (`arch/x86/entry/syscalls/syscall_64.tbl`,
/// `include/uapi/asm-generic/unistd.h`).
pub fn numbered(script: &str) -> String {
    let [prctl, clone, mmap] =
        if cfg!(target_arch = "x86_64") { ["157", "56", "9"] } else { ["167", "220", "222"] };
    script.replace("PRCTL", prctl).replace("CLONE", clone).replace("MMAP", mmap)
}

/// So many checks were made and so many were seen: all; or what is missing is told, where the kernel skips
/// the backend's program.
pub fn judge(recording: &Recording, made: u64, seen: u64) {
    let lost = recording.lost;
    if EXACT.get() {
        assert_eq!((seen, lost), (made, Lost::default()));
        return;
    }
    // It skips the program for others' checks, too.
    assert!(seen <= made && seen + lost.checks >= made, "{seen} of {made}, {lost:?}");
    assert_eq!(lost.is_complete(), lost.checks == 0);
    assert_eq!((lost.processes, lost.evidence), (0, 0));
}

/// Whether no check is missing; where the kernel skips the backend's program, whether what is missing is
/// counted.
pub fn is_whole(recording: &Recording) -> bool {
    let lost = recording.lost;
    lost.is_complete() || !EXACT.get() && lost.checks > 0 && lost.processes == 0
}

/// A loaded tracer, of the backend that this run is for unless the options name one; `None`, said
/// aloud, where this kernel shows no capability checks. What the run is for has to work.
pub fn tracer(options: Options) -> Option<Tracer> {
    let asked_for = asked_for();
    let backend = options.backend.or(asked_for);
    match Tracer::load(Options { backend, ..options }) {
        Ok(tracer) => {
            EXACT.set(tracer.loses().is_none());
            Some(tracer)
        }
        Err(error) if error.is_of_the_kernel() && (asked_for.is_none() || backend != asked_for) => {
            testkit::skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The sets this process has.
pub fn own_state() -> CapState {
    sys::credentials::own_state().expect("/proc")
}

/// This process's sets without some capabilities, which root's `execve` cannot bring back.
pub fn state_without(dropped: &[Capability]) -> CapState {
    let mut state = own_state();
    for capability in dropped {
        for set in [
            &mut state.bounding,
            &mut state.permitted,
            &mut state.effective,
            &mut state.inheritable,
        ] {
            set.remove(*capability);
        }
        state.ambient.remove(*capability);
    }
    state
}

/// A command line as a [`Spec`].
pub fn spec(argv: &[&str], state: CapState) -> Spec {
    Spec::new(argv[0], state).args(argv[1..].iter().map(OsString::from))
}

/// Tracers that have watched a target to its end and may watch another: a slow machine takes longer to load one
/// than to run a small program.
static LOADED: Mutex<Vec<Tracer>> = Mutex::new(Vec::new());

/// Lets go of those. Before 6.0 a function that has a kprobe, too, is entered through ftrace's own code, and the
/// stacks that fexit sees of it end there: a test that goes through the backends has them one at a time.
pub fn unload() {
    LOADED.lock().expect("nobody panics with it").clear();
}

/// Runs a command from its first `execve` to its end, and returns the recording and what it printed.
pub fn trace_with(options: Options, spec: Spec) -> Option<(Recording, String)> {
    // What is not of the whole size, or of a backend of the test's own, is loaded for this one.
    let usual = options.rooms == Rooms::default() && options.backend.is_none();
    let loaded = LOADED.lock().expect("nobody panics with it").pop_if(|_| usual);
    let mut tracer = match loaded {
        Some(mut loaded) => {
            loaded.again(options).expect("the maps can be emptied");
            loaded
        }
        None => tracer(options)?,
    };
    EXACT.set(tracer.loses().is_none());
    let argv = std::iter::once(&spec.program).chain(&spec.args);
    let argv = argv.map(|word| word.to_string_lossy().into_owned()).collect();
    let held = launch::spawn_held(spec.captured()).expect("the program can be started");
    tracer.watch(Scope::held(held.pid(), argv)).expect("the process can be watched");
    let output = held.release().expect("it runs").output(None).expect("it ends");
    let recording = tracer.snapshot().expect("the maps can be read");
    if usual {
        tracer.again(options).expect("the maps can be emptied");
        LOADED.lock().expect("nobody panics with it").push(tracer);
    }
    let said = [output.stdout, output.stderr].concat();
    Some((recording, String::from_utf8_lossy(&said).into_owned()))
}

/// As [`trace_with`], as this process is.
pub fn trace(argv: &[&str]) -> Option<(Recording, String)> {
    trace_with(Options::default(), spec(argv, own_state()))
}

/// Whether it is the kernel's question whether memory may be overcommitted, which every program
/// makes it ask (`cap_vm_enough_memory`).
pub fn is_overcommit(observation: &Observation) -> bool {
    observation.stack.first().is_some_and(|f| f == "security_vm_enough_memory_mm")
        || observation.stack.first().is_some_and(|f| f == "cap_vm_enough_memory")
}

/// The program's own checks against its own user namespace, overcommit left out.
pub fn own(recording: &Recording) -> impl Iterator<Item = &Observation> {
    recording
        .observations
        .iter()
        .filter(|o| o.own_credentials && o.namespace == NamespaceRelation::Own && !is_overcommit(o))
}

/// The own checks of the processes with this name.
pub fn own_of<'a>(recording: &'a Recording, comm: &str) -> Vec<&'a Observation> {
    own(recording).filter(|o| recording.processes[&o.process].comm == comm).collect()
}

/// The capabilities of these observations.
pub fn capabilities<'a>(
    observations: impl IntoIterator<Item = &'a Observation>,
) -> BTreeSet<Capability> {
    observations.into_iter().map(|o| o.capability).collect()
}

/// The name of the system call of an observation.
pub fn call(observation: &Observation) -> Option<&str> {
    observation.syscall.as_ref()?.name.as_deref()
}
