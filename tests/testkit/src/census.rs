//! What a command leaves on the machine: counted before and after. Others come and go there meanwhile, so
//! all that is the command's is marked: its environment, the folder of its temporary files, an engine with
//! containers and volumes of its own in that folder, and a cgroup above theirs.

mod namespaces;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::namespaces::{Namespaces, links};
use crate::need::find_program;
use crate::podman::succeed;

/// The variable that marks a process, and all that it starts.
const MARK: &str = "DROPCAP_CENSUS";
/// How long the kernel, and an engine's helpers, may take to clear away what was ended.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often namespaces are looked at while something runs.
const TICK: Duration = Duration::from_millis(60);

/// A place for one command after the other, where all that they leave can be counted.
#[derive(Debug)]
pub struct Census {
    /// The namespaces that were seen while the last command ran.
    namespaces: Namespaces,
    /// How many that were of all commands.
    seen: usize,
    folder: tempfile::TempDir,
    /// The mark, and the name of the cgroup.
    name: String,
    has_podman: bool,
}

/// What is there, one line for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Process IDs and command lines.
    pub processes: Vec<String>,
    /// Lines of `/proc/self/mountinfo`.
    pub mounts: Vec<String>,
    /// Folders of the cgroup hierarchies.
    pub cgroups: Vec<String>,
    /// Of those that were made meanwhile, the namespaces that anything still holds.
    pub namespaces: Vec<String>,
    /// Names of containers.
    pub containers: Vec<String>,
    /// Names of volumes.
    pub volumes: Vec<String>,
    /// Temporary files, and the engine's folders of containers and layers.
    pub files: Vec<String>,
}

impl Census {
    /// Without an engine.
    ///
    /// # Panics
    /// If no folder can be made.
    #[must_use]
    pub fn new() -> Self {
        // Not below /tmp, which a sandbox has empty.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        for name in ["bin", "tmp", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        // A process ID may be had again.
        let unique = folder.path().file_name().unwrap().to_string_lossy().replace('.', "-");
        let name = format!("dropcap-census{unique}");
        Self { namespaces: Namespaces::default(), seen: 0, folder, name, has_podman: false }
    }

    /// With a podman of its own, which has the images of the machine's.
    ///
    /// # Panics
    /// As [`Census::new`], or without podman (`needs!(podman)`).
    #[must_use]
    pub fn with_podman() -> Self {
        let mut census = Self::new();
        census.has_podman = true;
        crate::image();
        let storage = format!(
            "[storage]\ndriver = \"{}\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n[storage.options]\nadditionalimagestores = [\"{}\"]\n",
            shared_store().1,
            census.path("graph").display(),
            census.path("run").display(),
            shared_store().0,
        );
        fs::write(census.path("storage.conf"), storage).unwrap();
        census.engine("");
        census
    }

    /// The podman that commands find does these lines of a shell script first: `"$1"` is its subcommand,
    /// `"$made"` how many containers were made with the one that may be made now, and `real "$@"` is
    /// podman itself, in place of the shell.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn engine(&self, first: &str) {
        let podman = find_program("podman").unwrap();
        let runc = find_program("runc").map(|runc| format!("--runtime {}", runc.display()));
        let script = format!(
            "#!/bin/sh\nexport CONTAINERS_STORAGE_CONF={conf}\nreal() {{\n\
             case \"$1\" in create) shift; set -- create --cgroup-parent /{name} --env {MARK}={name} \"$@\" ;; esac\n\
             exec {podman} {runc} --cgroup-manager cgroupfs --tmpdir {libpod} \"$@\"\n}}\n\
             case \"$1\" in create) echo >> {made} ;; esac\nmade=$(wc -l 2> /dev/null < {made})\n\
             {first}\nreal \"$@\"\n",
            conf = self.path("storage.conf").display(),
            podman = podman.display(),
            runc = runc.unwrap_or_default(),
            libpod = self.path("libpod").display(),
            made = self.path("made").display(),
            name = self.name,
        );
        let _ = fs::remove_file(self.path("made"));
        // Written anew and not over one that may be executing.
        let (new, program) = (self.path("bin/podman.new"), self.path("bin/podman"));
        crate::programs::script(&new, &script);
        fs::rename(new, program).unwrap();
    }

    /// A path in its folder: `work` is for whatever a test needs, and not counted.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// dropcap with these words, in the folder `work`.
    #[must_use]
    pub fn dropcap(&self, words: &[&str]) -> Command {
        let mut command = Command::new(crate::dropcap());
        self.mark(command.args(words));
        command.current_dir(self.path("work")).env("NO_COLOR", "1").env("COLUMNS", "80");
        command
    }

    fn mark(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("TMPDIR", self.path("tmp")).env(MARK, &self.name).stdin(Stdio::null());
    }

    /// Its podman, ready for a subcommand.
    #[must_use]
    pub fn podman(&self) -> Command {
        let mut podman = Command::new(self.path("bin/podman"));
        self.mark(&mut podman);
        podman
    }

    /// Runs a command to its end; the namespaces that come and go meanwhile are remembered.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&mut self, command: &mut Command) -> Output {
        self.run_until(command, |_| ())
    }

    /// The same; `meanwhile` is called again and again.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run_until(
        &mut self,
        command: &mut Command,
        mut meanwhile: impl FnMut(&Child),
    ) -> Output {
        self.run_while(command, |_, child| meanwhile(child))
    }

    /// The same, for whoever asks meanwhile what there is.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run_while(
        &mut self,
        command: &mut Command,
        mut meanwhile: impl FnMut(&Self, &Child),
    ) -> Output {
        let files = ["out", "err"].map(|name| self.path(name));
        let [out, err] = files.clone().map(|file| fs::File::create(file).unwrap());
        self.namespaces = Namespaces::default();
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            self.look();
            meanwhile(self, &child);
            sleep(TICK);
        };
        self.look();
        self.seen += self.namespaces.len();
        let [stdout, stderr] = files.map(|file| fs::read(file).unwrap());
        Output { status, stdout, stderr }
    }

    /// Remembers the namespaces of what runs now.
    pub fn look(&mut self) {
        let pids: Vec<String> = self.processes().into_iter().map(|(pid, _)| pid).collect();
        self.namespaces.take(&pids, &links("self"));
    }

    /// Whether a process of it has just these words.
    #[must_use]
    pub fn runs(&self, words: &str) -> bool {
        self.processes().iter().any(|(_, line)| line.trim_end() == words)
    }

    /// How many namespaces were seen that were not the test's.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// What is there now.
    ///
    /// # Panics
    /// If the engine does not answer.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let processes = self.processes().into_iter().map(|(pid, line)| format!("{pid} {line}"));
        let processes = processes.collect();
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let folder = self.folder.path().to_string_lossy().into_owned();
        let holds = |line: &&str| line.contains(&folder) || self.namespaces.is_named_in(line);
        let mounts = mountinfo.lines().filter(holds).map(str::to_owned).collect();
        let list = |words: &[&str]| -> Vec<String> {
            match self.has_podman {
                true => succeed(self.podman().args(words)).lines().map(str::to_owned).collect(),
                false => Vec::new(),
            }
        };
        let mut files = Vec::new();
        for name in ["tmp", "graph/overlay-containers", "graph/overlay", "run/overlay-containers"] {
            files.extend(entries(&self.path(name)).into_iter().filter(|name| {
                // What the engine keeps for itself.
                !["l", "volatile-containers.json", "containers.json", "containers.lock"]
                    .contains(&name.as_str())
                    && !name.starts_with(".has-")
            }));
        }
        files.sort();
        Counts {
            processes,
            mounts,
            cgroups: cgroups(&self.name),
            namespaces: self.namespaces.held(&links("self")),
            containers: list(&["ps", "--all", "--format", "{{.Names}}"]),
            volumes: list(&["volume", "ls", "--quiet"]),
            files,
        }
    }

    /// What is there is what was there before, as soon as the kernel has cleared away what was ended.
    ///
    /// # Panics
    /// If it is not.
    pub fn is_as(&self, before: &Counts, what: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.counts();
            if now == *before {
                return;
            }
            assert!(Instant::now() < end, "{what}: left {now:#?}\nbefore {before:#?}");
            sleep(Duration::from_millis(100));
        }
    }

    /// Process IDs and command lines of what carries the mark, or is the engine's in its folder.
    fn processes(&self) -> Vec<(String, String)> {
        let mark = format!("{MARK}={}", self.name);
        let folder = self.folder.path().to_string_lossy().into_owned();
        let own = std::process::id().to_string();
        let mut found = Vec::new();
        for pid in entries(Path::new("/proc")) {
            if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read = |name: &str| {
                let bytes = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let line = read("cmdline").replace('\0', " ");
            if line.contains(&folder) || read("environ").split('\0').any(|one| one == mark) {
                found.push((pid, line));
            }
        }
        found
    }
}

impl Default for Census {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        if self.has_podman {
            self.engine("");
            let _ = self.podman().args(["rm", "--all", "--force", "--time", "0"]).output();
        }
        for (pid, _) in self.processes() {
            let _ = Command::new("kill").args(["-9", &pid]).output();
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let folder = self.folder.path().to_string_lossy().into_owned();
        let ours = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for point in ours.filter(|point| point.starts_with(&folder)).rev() {
            let _ = Command::new("umount").arg("--lazy").arg(point).output();
        }
        // What ran in them is being reaped.
        for root in cgroup_mounts() {
            let folder = root.join(&self.name);
            for _ in 0..40 {
                remove_cgroup(&folder);
                if !folder.exists() {
                    break;
                }
                sleep(Duration::from_millis(50));
            }
        }
    }
}

/// The machine's store of images, and its driver.
fn shared_store() -> &'static (String, String) {
    static STORE: OnceLock<(String, String)> = OnceLock::new();
    STORE.get_or_init(|| {
        let template = "{{.Store.GraphRoot}} {{.Store.GraphDriverName}}";
        let told = succeed(crate::podman().args(["info", "--format", template]));
        let (root, driver) = told.trim().split_once(' ').unwrap();
        (root.to_owned(), driver.to_owned())
    })
}

fn entries(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    all.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Where the hierarchies of cgroups are mounted, of either version.
fn cgroup_mounts() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let of = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        matches!(kind, "cgroup" | "cgroup2").then(|| PathBuf::from(point))
    };
    mounts.lines().filter_map(of).collect()
}

/// Everything below the cgroups of this name, which themselves stay as long as the test.
fn cgroups(name: &str) -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // One for the monitors of all containers, which podman keeps.
            if entry.file_name() == "conmon" {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path().display().to_string());
                below(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    for root in cgroup_mounts() {
        below(&root.join(name), &mut found);
    }
    found
}

fn remove_cgroup(folder: &Path) {
    for name in entries(folder) {
        if folder.join(&name).is_dir() {
            remove_cgroup(&folder.join(name));
        }
    }
    let _ = fs::remove_dir(folder);
}
