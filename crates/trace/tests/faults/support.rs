//! Programs to trace, and a process of its own that traces them and may be killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use caps::{CapState, Capability};
use dropcap_trace::{Options, Progress, Scope, Tracer};
use launch::Spec;
use record::observation::{NamespaceRelation, Observation, Recording};

/// How long anything may take, in an emulated machine, too.
const PATIENCE: Duration = Duration::from_secs(240);

/// The options of a test run: the backend that it is about.
pub fn options() -> Options {
    let named = |word: String| word.parse().unwrap_or_else(|error| panic!("{error}"));
    Options { backend: testkit::backend().map(named), ..Options::default() }
}

/// A loaded tracer; `None`, said aloud, where this kernel shows no capability checks. The backend that
/// the run is for has to work.
pub fn tracer(options: Options) -> Option<Tracer> {
    match Tracer::load(options) {
        Ok(tracer) => Some(tracer),
        Err(error) if testkit::backend().is_none() && error.is_of_the_kernel() => {
            testkit::skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The sets this process has.
pub fn own_state() -> CapState {
    sys::credentials::own_state().unwrap()
}

/// `tests/faults/NAME.c` with these words, compiled, captured.
pub fn spec(name: &str, words: &[&str], state: CapState) -> Spec {
    Spec::new(program(name), state).args(words.iter().map(OsString::from)).captured()
}

/// The compiled `tests/faults/NAME.c`.
pub fn program(name: &str) -> PathBuf {
    testkit::programs::program("faults", name)
}

/// Runs it from its `execve` to its end.
pub fn trace(options: Options, name: &str, words: &[&str]) -> Option<Recording> {
    let mut tracer = tracer(options)?;
    let held = launch::spawn_held(spec(name, words, own_state())).unwrap();
    tracer.watch(Scope::held(held.pid(), vec![name.to_owned()])).unwrap();
    let output = held.release().unwrap().output(Some(PATIENCE)).unwrap();
    let recording = tracer.finish().unwrap();
    assert_eq!(recording.exit, Some(record::observation::Exit::Code(0)), "{output:?}");
    Some(recording)
}

/// Polls until it is as wanted.
pub fn poll_until(tracer: &mut Tracer, what: &str, is: impl Fn(&Progress) -> bool) -> Progress {
    let mut last = None;
    until(what, || {
        let progress = tracer.poll().unwrap();
        last = Some(progress);
        is(&progress)
    });
    last.unwrap()
}

/// Waits for it.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < patience, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The target's own checks against its own user namespace, overcommit left out.
pub fn own(recording: &Recording) -> impl Iterator<Item = &Observation> {
    let overcommit = |o: &Observation| {
        let first = o.stack.first().map_or("", |function| function.split('.').next().unwrap_or(""));
        matches!(first, "security_vm_enough_memory_mm" | "cap_vm_enough_memory")
    };
    recording.observations.iter().filter(move |o| {
        o.own_credentials && o.namespace == NamespaceRelation::Own && !overcommit(o)
    })
}

/// How often each capability was asked for.
pub fn counts(recording: &Recording) -> BTreeMap<Capability, u64> {
    let mut counts = BTreeMap::new();
    for observation in own(recording) {
        *counts.entry(observation.capability).or_default() += observation.count;
    }
    counts
}

/// So many checks of SETPCAP and nothing else.
pub fn setpcap(count: u64) -> BTreeMap<Capability, u64> {
    BTreeMap::from([(Capability::SETPCAP, count)])
}

/// A running `tests/faults/asks.c`, or one that speaks as it does. Killed when dropped.
pub struct Asks {
    pub child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Asks {
    pub fn start() -> Self {
        Self::from(&mut Command::new(program("asks")))
    }

    /// A command that speaks so. When this returns it is ready.
    pub fn from(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut this = Self { child, stdin, stdout };
        assert_eq!(this.next_line(), "r");
        this
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line it says.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Tells it a letter and waits until it is done.
    pub fn ask(&mut self, letter: char) {
        self.tell(letter);
        assert_eq!(self.next_line(), letter.to_string());
    }

    /// Tells it a letter that makes it say a number.
    pub fn ask_number(&mut self, letter: char) -> u32 {
        self.tell(letter);
        let number = self.next_line().parse().unwrap();
        assert_eq!(self.next_line(), letter.to_string());
        number
    }

    /// Tells it a letter and does not wait.
    pub fn tell(&mut self, letter: char) {
        self.stdin.as_mut().unwrap().write_all(&[letter as u8]).unwrap();
    }

    /// Lets it come to its end; how it exited.
    pub fn end(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another process of this test binary, which plays a role (`play`). Killed when dropped.
pub struct Player {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

const ROLE: &str = "DROPCAP_FAULTS_ROLE";
const PLAY: [&str; 5] =
    ["--exact", "support::play", "--ignored", "--nocapture", "--test-threads=1"];
/// Before each line of a player: the test harness prints lines, too.
const MARK: &str = "@@";

impl Player {
    pub fn start(words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(PLAY).env(ROLE, words.join(" "));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next thing it says; `None` at its end.
    pub fn says(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.strip_prefix(MARK) {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    /// Lets it go on behind a [`pause`].
    pub fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    pub fn kill(&mut self, signal: i32) {
        sys::signal::send_to(self.child.id(), signal).unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays a role with these sets, and tells what it said.
pub fn play_to_the_end(words: &[&str], state: CapState) -> Vec<String> {
    let mut spec = Spec::new(std::env::current_exe().unwrap(), state).args(PLAY).captured();
    let mut env: Vec<_> = std::env::vars_os().collect();
    env.push((ROLE.into(), words.join(" ").into()));
    spec.env = Some(env);
    let output = launch::output(spec, Some(PATIENCE)).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.exit, launch::Exit::Code(0), "{said}{:?}", String::from_utf8(output.stderr));
    said.lines().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect()
}

/// What a player says. The harness has not ended its line.
pub fn say(what: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "\n{MARK}{what}").unwrap();
}

/// Where a player waits until it is told to go on, or killed.
pub fn pause() {
    std::io::stdin().read_exact(&mut [0]).expect("somebody who says when");
}

/// No test: a process that plays the role it was given, for a test that started it.
#[test]
#[ignore = "played for the other tests, in a process of its own"]
fn play() {
    let Ok(words) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = words.split(' ').collect();
    match words[0] {
        "tracer" => crate::killed::play(&words[1..]),
        "few-descriptors" => crate::limits::play_few_descriptors(words[1].parse().unwrap()),
        "little-memory" => crate::limits::play_little_memory(),
        "little-privilege" => crate::secrecy::play_little_privilege(),
        other => panic!("no role {other}"),
    }
}

/// The kernel's version: major, minor.
pub fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = text.split(['.', '-']).map(|word| word.trim().parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A cgroup of the unified hierarchy; removed when dropped, with those in it, which must be empty.
pub struct Cgroup {
    pub name: String,
    pub folder: PathBuf,
}

impl Cgroup {
    /// Skips, aloud, where there is none.
    pub fn make(what: &str) -> Option<Self> {
        let Some(mount) = sys::cgroup::Layout::read().unwrap().unified else {
            testkit::skip("needs the unified cgroup hierarchy");
            return None;
        };
        Some(Self::below(mount.point, what))
    }

    /// In this mount.
    pub fn below(mount: PathBuf, what: &str) -> Self {
        let name = crate::guard::cgroup_name(what);
        let folder = mount.join(&name);
        fs::create_dir(&folder).unwrap();
        Self { name, folder }
    }

    pub fn enter(&self, pid: u32) {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// Who is in it.
    pub fn processes(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Removes it now; its last processes may be ending still.
    pub fn remove(&self) {
        until("the cgroup is empty", || match fs::remove_dir(&self.folder) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        });
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.folder);
    }
}
