//! The programs run, and traced.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::Duration;

use caps::{CapSet, CapState, Capability};
use dropcap_observe::{Observed, failing};
use launch::{Exit, Output, Spec};
use record::observation::Recording;
use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;
use trace::{Backend, Options, Scope, Tracer};

use crate::table::{self, On, Provoke};

/// How often all are traced at most, where the kernel skips the backend's program under load, and counts that.
const TRIES: usize = 5;
/// No program takes nearly as long.
const LIMIT: Duration = Duration::from_secs(60);
/// A user and a group that are not the program's.
const OTHER: u32 = 1000;

/// What came of a program that was traced.
pub struct Run {
    /// What it was given.
    pub held: CapSet,
    pub observed: Observed,
    pub exit: Exit,
    pub said: String,
}

/// Both runs of a program that are traced.
pub struct Traced {
    /// While it holds everything that this process may pass on.
    pub whole: Run,
    /// While it holds everything but what it needs, and what serves as well.
    pub without: Run,
}

/// Of each program; `Err` where nothing can be traced. All are run by root under one tracer, which takes
/// long to load on a slow machine, and are told apart by their files.
pub fn traced() -> Result<&'static BTreeMap<Capability, Traced>, &'static str> {
    static TRACED: LazyLock<Result<BTreeMap<Capability, Traced>, String>> = LazyLock::new(trace);
    TRACED.as_ref().map_err(String::as_str)
}

fn trace() -> Result<BTreeMap<Capability, Traced>, String> {
    let backend =
        testkit::backend().map(|name| name.parse::<Backend>().expect("DROPCAP_TEST_BACKEND"));
    let mut tracer = match Tracer::load(options(backend)) {
        Ok(tracer) => tracer,
        Err(error) if error.is_of_the_kernel() && backend.is_none() => {
            return Err(error.to_string());
        }
        Err(error) => panic!("{error}"),
    };
    // Before 5.11 BPF maps count as the user's locked memory, the tracer's too: the program that makes one
    // would find no room.
    let no_limit = Rlimit { current: None, maximum: None };
    let _ = setrlimit(Resource::Memlock, no_limit);
    let everything = everything();
    for _ in 1..TRIES {
        let traced = trace_all(&mut tracer, everything);
        let lost =
            traced.values().any(|traced| !traced.whole.observed.recording.lost.is_complete());
        if tracer.loses().is_none() || !lost {
            return Ok(traced);
        }
        tracer.again(options(backend)).expect("the maps can be emptied");
    }
    Ok(trace_all(&mut tracer, everything))
}

/// One after the other, in one trace.
fn trace_all(tracer: &mut Tracer, everything: CapSet) -> BTreeMap<Capability, Traced> {
    tracer.watch(Scope::process(std::process::id())).expect("it can be watched");
    let ended: Vec<[Ended; 2]> = table::rows()
        .iter()
        .map(|row| [Ended::run(row, everything), Ended::run(row, row.rest(everything))])
        .collect();
    let recording = tracer.snapshot().expect("the maps can be read");
    testkit::recordings::keep("provoke", "all", || {
        serde_json::to_string(&recording).expect("a recording is JSON")
    });
    let traced = table::rows().iter().zip(ended).map(|(row, runs)| {
        let [whole, without] = runs.map(|ended| ended.seen_in(&recording));
        (row.capability, Traced { whole, without })
    });
    traced.collect()
}

fn options(backend: Option<Backend>) -> Options {
    Options { backend, ..failing() }
}

/// All that this process may pass on.
pub fn everything() -> CapSet {
    let own = sys::credentials::own_state().expect("/proc");
    own.bounding & own.permitted
}

/// How it ends with exactly these, untraced, and what it says.
pub fn run(row: &Provoke, held: CapSet) -> (Exit, String) {
    let ended = Ended::run(row, held);
    (ended.exit, ended.said)
}

/// A program that has ended.
struct Ended {
    /// Kept until all have ended: a file in the place of one that is gone may be taken for it.
    place: Place,
    held: CapSet,
    exit: Exit,
    said: String,
}

impl Ended {
    fn run(row: &Provoke, held: CapSet) -> Self {
        let place = Place::make(row);
        let output = launch::output(place.spec(held), Some(LIMIT)).expect("it runs");
        Self { place, held, exit: output.exit, said: said(&output) }
    }

    /// With what was seen of it.
    fn seen_in(self, recording: &Recording) -> Run {
        let file = self.place.folder.path().join(&self.place.program).display().to_string();
        let own = recording.of_processes(|process| process.exe.as_ref() == Some(&file));
        let observed = Observed::of(own);
        Run { held: self.held, observed, exit: self.exit, said: self.said }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// A fresh folder with the program, and what it acts on.
struct Place {
    program: String,
    argument: Option<String>,
    process: Option<Child>,
    folder: TempDir,
}

impl Place {
    fn make(row: &Provoke) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = row.program();
        testkit::programs::install("provoke", &program, &folder.path().join(&program));
        let mut place = Self { program, argument: None, process: None, folder };
        match row.on {
            None => {}
            Some(On::FileOfUser) => place.file(OTHER),
            Some(On::FileOfGroup) => place.file(0),
            Some(On::Process) => {
                let mut sleep = Command::new("sleep");
                let sleep = sleep.arg("60").uid(OTHER).gid(OTHER).spawn().expect("sleep runs");
                place.argument = Some(sleep.id().to_string());
                place.process = Some(sleep);
            }
        }
        place
    }

    /// Of this user and another group.
    fn file(&mut self, owner: u32) {
        let file = self.folder.path().join("file");
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("chmod");
        chown(&file, Some(owner), Some(OTHER)).expect("chown");
        self.argument = Some("file".to_owned());
    }

    fn spec(&self, held: CapSet) -> Spec {
        let state = CapState {
            bounding: held,
            permitted: held,
            effective: held,
            inheritable: CapSet::EMPTY,
            ambient: CapSet::EMPTY,
        };
        let mut spec = Spec::new(self.folder.path().join(&self.program), state)
            .args(self.argument.clone())
            .user(0, 0, vec![0])
            .captured();
        spec.working_directory = Some(self.folder.path().to_owned());
        spec
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have been ended already, by the program.
            drop(process.kill());
            drop(process.wait());
        }
    }
}
