//! dropcap, run by dropcap with exactly some capabilities.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use caps::{CapSet, Capability};
use serde_json::Value;
use trace::Backend;

/// Folders that every user may look for a program in. Nothing else of this test's environment is handed
/// on: it may lead into folders of root (`LD_LIBRARY_PATH`), where looking takes DAC_OVERRIDE.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A folder that every user may enter, with a copy of the program that every user may run.
pub struct Place {
    folder: tempfile::TempDir,
}

/// Who runs a command, with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// As this test runs: with everything.
    Everything,
    /// User 0 with exactly this.
    Root(CapSet),
    /// An ordinary user with exactly this, in the ambient set.
    User(u32, CapSet),
}

impl Who {
    /// The same with other capabilities.
    pub fn with(self, set: CapSet) -> Self {
        match self {
            Self::User(uid, _) => Self::User(uid, set),
            _ => Self::Root(set),
        }
    }
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        let copy = folder.path().join("dropcap");
        fs::hard_link(testkit::dropcap(), &copy)
            .unwrap_or_else(|_| testkit::programs::copy(&testkit::dropcap(), &copy));
        let place = Self { folder };
        // For what is made for a moment: anybody's, as /tmp is.
        fs::create_dir(place.path("tmp")).expect("a folder");
        fs::set_permissions(place.path("tmp"), fs::Permissions::from_mode(0o1777)).expect("chmod");
        // Root's, so that to give it away takes CHOWN.
        place.write("file", "");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that everybody may read.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    }

    /// dropcap, ready for its arguments: `dropcap run --cap-drop ALL --cap-add … -- dropcap …`.
    pub fn dropcap(&self, who: Who) -> Command {
        self.program(who, &self.path("dropcap"))
    }

    /// The same with another program.
    pub fn program(&self, who: Who, program: &Path) -> Command {
        let first = if who == Who::Everything { program } else { &self.path("dropcap") };
        let mut command = Command::new(first);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", PATH).env("TMPDIR", self.path("tmp"));
        let (user, set) = match who {
            Who::Everything => return command,
            Who::Root(set) => (None, set),
            Who::User(uid, set) => (Some(uid), set),
        };
        command.args(["run", "--cap-drop", "ALL"]);
        if let Some(uid) = user {
            // podman raises ambient capabilities for a user that is not root.
            command.args(["--runtime", "podman", "--user", &format!("{uid}:{uid}")]);
        }
        for capability in set {
            command.args(["--cap-add", &capability.to_string()]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, who: Who, args: &[&str]) -> Output {
        self.dropcap(who).args(args).output().expect("dropcap runs")
    }

    /// As [`Place::run`], and it must have done well: what it printed.
    pub fn succeed(&self, who: Who, args: &[&str]) -> Result<String, String> {
        let output = self.run(who, args);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What was made for a moment, and is still there.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("tmp")).expect("the folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    /// Somebody else who gives a file away again and again: user 33 with CHOWN.
    pub fn giver(&self) -> Running {
        let who = Who::User(33, CapSet::from(Capability::CHOWN));
        let loops = "while :; do chown 5 file; sleep 0.05; done";
        let mut command = self.program(who, Path::new("sh"));
        command.args(["-c", loops]).stdout(Stdio::null());
        Running(command.spawn().expect("dropcap runs"))
    }
}

/// A process that is killed when dropped; what it started dies with it.
pub struct Running(Child);

impl Running {
    /// The process that dropcap started.
    pub fn child(&self) -> u32 {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let path = format!("/proc/{0}/task/{0}/children", self.0.id());
        loop {
            let children = fs::read_to_string(&path).unwrap_or_default();
            let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
            let is_shell = |pid: &u32| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "sh\n")
            };
            if let Some(pid) = child.filter(is_shell) {
                return pid;
            }
            assert!(std::time::Instant::now() < end, "dropcap starts no shell");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child();
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = Command::new("kill").args(["-9", &child.to_string()]).status();
    }
}

/// What a trace found of its one target: its name, whether its start was seen, and what is in the list.
pub fn found(json: &str) -> (String, bool, Vec<String>) {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let targets = value["targets"].as_array().expect("targets");
    let [target] = &targets[..] else { panic!("{json}") };
    let names = |field: &str| {
        let names = target[field].as_array().expect("names").iter();
        names.map(|name| name.as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let mut list = [names("needed"), names("doubtful")].concat();
    list.sort();
    let name = &target["target"]["container"]["name"];
    let start_seen = target["startSeen"].as_bool().expect("a truth");
    (name.as_str().unwrap_or_default().to_owned(), start_seen, list)
}

/// The backend in use here, as `doctor` says; `None` if capability checks cannot be seen.
pub fn backend() -> Option<Backend> {
    static FOUND: OnceLock<Option<Backend>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let output = Place::new().run(Who::Everything, &["doctor", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let states = report["backends"].as_array().expect("backends");
        let first = states.iter().find(|state| state["status"] == "works")?;
        Some(first["name"].as_str().expect("a name").parse().expect("a backend"))
    })
}

/// Whether capability checks can be seen here, said aloud if not.
pub fn traces() -> bool {
    let can = backend().is_some();
    if !can {
        testkit::skip("needs a kernel that shows capability checks");
    }
    can
}

/// A folder of the unified cgroup hierarchy; removed when dropped.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// `None`, said aloud, where there is none.
    pub fn with(pid: u32, name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("procfs");
        let unified = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
        let Some(point) = unified.and_then(|line| line.split(' ').nth(1)) else {
            testkit::skip("needs the unified cgroup hierarchy");
            return None;
        };
        let folder = Path::new(point).join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("a cgroup");
        fs::write(folder.join("cgroup.procs"), pid.to_string()).expect("it may be moved");
        Some(Self(folder))
    }

    pub fn target(&self) -> String {
        let name = self.0.file_name().expect("a name").to_string_lossy();
        format!("cgroup/{name}")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What ran in it is being reaped.
        for _ in 0..200 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
