//! A trap is traced, judged, and its answer proved.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use caps::{CapSet, CapState, Capability};
use dropcap_observe::Observed;
use judge::Dismissal;
use launch::{LaunchError, Output, Spec};
use record::observation::{Exit, Lost, Recording};
use rustix::process::{Resource, Rlimit, setrlimit};
use trace::{Backend, Options, Results, Scope, Tracer};

/// What a program that cannot be tried here ends with, as `automake` has it.
const CANNOT_TRY: i32 = 77;
/// How often a trap is traced at most, where the kernel skips the backend's program under load, and counts that.
const TRIES: usize = 5;
/// No trap takes nearly as long.
const LIMIT: Duration = Duration::from_secs(60);

/// A program, and what it finds around it.
pub struct Trap {
    program: &'static str,
    args: Vec<String>,
    user: Option<u32>,
    ambient: bool,
    no_new_privs: bool,
    prepare: Prepare,
}

/// Makes what is around a program, in the folder it runs in.
type Prepare = Box<dyn Fn(&Path) -> Box<dyn Any>>;

impl Trap {
    /// `tests/traps/PROGRAM.c` with these words, as root.
    pub fn new(program: &'static str, args: &[&str]) -> Self {
        let args = args.iter().map(|word| (*word).to_owned()).collect();
        Self {
            program,
            args,
            user: None,
            ambient: false,
            no_new_privs: false,
            prepare: Box::new(|_| Box::new(())),
        }
    }

    /// As this user, who holds nothing; what can be gained is in the bounding set.
    pub fn user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// The user holds it all, in the ambient set too.
    pub fn ambient(mut self) -> Self {
        self.ambient = true;
        self
    }

    /// With no_new_privs from the start.
    pub fn no_new_privs(mut self) -> Self {
        self.no_new_privs = true;
        self
    }

    /// Before each run, in the folder (of root, 0755, with nothing but the program) that it then runs
    /// in. What is returned is dropped when the run is over.
    pub fn prepare<T: 'static>(mut self, prepare: impl Fn(&Path) -> T + 'static) -> Self {
        self.prepare = Box::new(move |folder| Box::new(prepare(folder)));
        self
    }

    /// Traces it while it holds everything this process may hold.
    pub fn trace(&self) -> Option<Seen> {
        self.trace_with(everything())
    }

    /// Traces it while it holds exactly these, and judges; `None`, said aloud, where that cannot be.
    pub fn trace_with(&self, held: CapSet) -> Option<Seen> {
        for _ in 1..TRIES {
            let (seen, loses) = self.trace_once(held)?;
            let lost = seen.observed.recording.lost;
            if !loses || lost == Lost::default() {
                return Some(seen);
            }
            // Whoever is told so traces again, too.
            assert!(lost.is_complete() || !seen.observed.judgement.complete);
        }
        self.trace_once(held).map(|(seen, _)| seen)
    }

    /// What one trace shows, and whether its backend loses something under load.
    fn trace_once(&self, held: CapSet) -> Option<(Seen, bool)> {
        let mut tracer = tracer()?;
        let loses = tracer.loses().is_some();
        let place = Place::make(self);
        let process = launch::spawn_held(self.spec(&place, held)).expect("it can be started");
        let argv = vec![self.name()];
        tracer.watch(Scope::held(process.pid(), argv)).expect("it can be watched");
        let output = process.release().expect("it runs").output(Some(LIMIT)).expect("it ends");
        if output.exit == launch::Exit::Code(CANNOT_TRY) {
            testkit::skip(&format!("this kernel cannot: {}", self.name()));
            return None;
        }
        let observed = Observed::of(finish(tracer));
        Some((Seen::new(observed, said(&output), held), loses))
    }

    /// Whether it works with exactly these; and what it said.
    pub fn runs(&self, held: CapSet) -> (bool, String) {
        let place = Place::make(self);
        let output = match launch::output(self.spec(&place, held), Some(LIMIT)) {
            Ok(output) => output,
            // The kernel refuses to execute it with so little.
            Err(error @ LaunchError::NotExecutable { .. }) => return (false, error.to_string()),
            Err(error) => panic!("{}: {error}", self.name()),
        };
        assert!(!output.timed_out, "{} does not end: {}", self.name(), said(&output));
        (output.exit == launch::Exit::Code(0), said(&output))
    }

    /// It works with exactly these, and without each of them it fails.
    pub fn proves(&self, minimal: &str) {
        testkit::proofs::once(minimal, || self.prove(set(minimal)));
    }

    fn prove(&self, minimal: CapSet) {
        let (works, said) = self.runs(minimal);
        assert!(works, "{} fails with {minimal}: {said}", self.name());
        for left_out in minimal {
            let (works, _) = self.runs(minimal.without(left_out));
            assert!(!works, "{} works without {left_out}", self.name());
        }
    }

    fn name(&self) -> String {
        format!("{} {}", self.program, self.args.join(" "))
    }

    fn spec(&self, place: &Place, held: CapSet) -> Spec {
        let program = place.folder.path().join(self.program);
        let own = if self.user.is_none() || self.ambient { held } else { CapSet::EMPTY };
        let kept = if self.ambient { held } else { CapSet::EMPTY };
        let state = CapState {
            bounding: held,
            permitted: own,
            effective: own,
            inheritable: kept,
            ambient: kept,
        };
        let mut spec = Spec::new(program, state).args(self.args.iter().map(OsString::from));
        spec = spec.no_new_privs(self.no_new_privs).captured();
        spec.working_directory = Some(place.folder.path().to_owned());
        match self.user {
            Some(uid) => spec.user(uid, uid, Vec::new()),
            None => spec.user(0, 0, vec![0]),
        }
    }
}

/// A fresh folder for a run, with what the trap has around it.
struct Place {
    // Dropped first: it may be mounted in the folder.
    _around: Box<dyn Any>,
    folder: tempfile::TempDir,
}

impl Place {
    fn make(trap: &Trap) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        testkit::programs::install("traps", trap.program, &folder.path().join(trap.program));
        Self { _around: (trap.prepare)(folder.path()), folder }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// The backend that this test run is for, if it is for one.
fn asked_for() -> Option<Backend> {
    let name = testkit::backend()?;
    Some(name.parse().unwrap_or_else(|error| panic!("DROPCAP_TEST_BACKEND: {error}")))
}

/// Tracers that have watched a target to its end and may watch another: a slow machine takes longer to load one
/// than to run a trap.
static LOADED: Mutex<Vec<Tracer>> = Mutex::new(Vec::new());

fn options() -> Options {
    Options { backend: asked_for(), results: Results::Always, ..Options::default() }
}

/// What it saw of a target that has ended.
pub fn finish(mut tracer: Tracer) -> Recording {
    let recording = tracer.snapshot().expect("the maps can be read");
    tracer.again(options()).expect("the maps can be emptied");
    LOADED.lock().expect("nobody panics with it").push(tracer);
    recording
}

/// A loaded tracer; `None`, said aloud, where this kernel shows no capability checks. A backend that
/// is asked for has to work.
pub fn tracer() -> Option<Tracer> {
    let loaded = LOADED.lock().expect("nobody panics with it").pop();
    if loaded.is_some() {
        return loaded;
    }
    let backend = asked_for();
    // Before 5.11 BPF maps count as the user's locked memory, the tracer's too: a trap that makes one would
    // find no room.
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    match Tracer::load(options()) {
        Ok(tracer) => Some(tracer),
        Err(error) if error.is_of_the_kernel() && backend.is_none() => {
            testkit::skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The set that a test writes as `CHOWN FOWNER`.
pub fn set(members: &str) -> CapSet {
    members
        .split_whitespace()
        .map(|name| name.parse::<Capability>().expect("a capability"))
        .collect()
}

/// The running kernel's version: major, minor.
pub fn kernel() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc");
    let mut numbers = release.split(['.', '-']).map(|word| word.trim().parse().expect("a number"));
    (numbers.next().expect("a version"), numbers.next().expect("a version"))
}

/// All that this process may pass on.
pub fn everything() -> CapSet {
    let own = sys::credentials::own_state().expect("/proc");
    own.bounding & own.permitted
}

/// Whether all of these are there to be passed on; said aloud if not.
pub fn may(capabilities: CapSet) -> bool {
    let missing = capabilities - everything();
    if !missing.is_empty() {
        testkit::skip(&format!("needs {missing}"));
    }
    missing.is_empty()
}

/// What a trace showed.
pub struct Seen {
    pub observed: Observed,
    said: String,
    held: CapSet,
}

/// An answer, as a test writes it: `CHOWN DAC_OVERRIDE|DAC_READ_SEARCH`.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    needed: BTreeMap<Capability, CapSet>,
    doubtful: BTreeMap<Capability, CapSet>,
}

impl Seen {
    /// Of a program that said this and held these.
    pub fn new(observed: Observed, said: String, held: CapSet) -> Self {
        let thread = std::thread::current();
        testkit::recordings::keep("traps", thread.name().unwrap_or_default(), || {
            serde_json::to_string(&observed.recording).expect("a recording is JSON")
        });
        Self { observed, said, held }
    }

    /// The program worked; exactly these are needed and exactly those doubtful, each with exactly
    /// the alternatives that stand behind its `|`; nothing was lost and no call site was unknown.
    pub fn is(&self, needed: &str, doubtful: &str) -> &Self {
        let exit = self.observed.recording.exit;
        assert_eq!(exit, Some(Exit::Code(0)), "holding {}: {}", self.held, self.said);
        self.is_whatever_the_end(needed, doubtful);
        let judgement = &self.observed.judgement;
        assert_eq!(judgement.incomplete, Vec::<String>::new());
        assert!(judgement.complete);
        self
    }

    /// As [`Seen::is`] for a program that is meant to fail.
    pub fn is_whatever_the_end(&self, needed: &str, doubtful: &str) -> &Self {
        let judgement = &self.observed.judgement;
        let lines: Vec<String> =
            judgement.unknown_sites.iter().map(judge::UnknownSite::line).collect();
        assert_eq!(lines, Vec::<String>::new(), "unknown call sites");
        assert_eq!(self.observed.recording.lost, Lost::default());
        let of = |verdict| {
            let needs = judgement.needs.iter().filter(|need| need.verdict == verdict);
            needs.map(|need| (need.capability, need.alternatives)).collect()
        };
        let answer = Answer {
            needed: of(record::requirement::Verdict::Needed),
            doubtful: of(record::requirement::Verdict::Doubtful),
        };
        let expected = Answer { needed: parse(needed), doubtful: parse(doubtful) };
        assert_eq!(answer, expected, "holding {}: {:#?}", self.held, judgement);
        self
    }

    /// Checks of this capability were seen and dismissed, for this reason: the trap did bite.
    pub fn dismisses(&self, capability: Capability, reason: Dismissal) -> &Self {
        let dismissed = &self.observed.judgement.dismissed;
        assert!(
            dismissed.iter().any(|d| d.capability == capability && d.reason == reason),
            "{capability} {reason:?}: {dismissed:#?}"
        );
        self
    }
}

fn parse(answer: &str) -> BTreeMap<Capability, CapSet> {
    let capability = |name: &str| name.parse::<Capability>().expect("a capability");
    let need = |word: &str| {
        let mut any_of = word.split('|').map(capability);
        let first = any_of.next().expect("a word");
        (first, any_of.collect())
    };
    answer.split_whitespace().map(need).collect()
}
