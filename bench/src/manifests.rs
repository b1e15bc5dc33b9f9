//! What reading and checking manifests costs: wall and processor time for a folder, a file, and
//! streams of growing size, with the most memory each takes; beside Checkov where there is one.
//!
//! Of each figure the least of all runs is printed: on a machine that does other work, too, that is the one
//! which says most about the program.
//!
//! `DROPCAP_CORPUS` names the folder (else `tests/corpus`), `CHECKOV` the program (else `checkov`
//! in `PATH`). The page cache is dropped before a cold run where that is allowed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::machine;

/// Megabytes of the streams.
const STREAMS: [usize; 3] = [1, 10, 100];
/// Checkov's checks of capabilities: added at all, NET_RAW not dropped, ALL not dropped, SYS_ADMIN.
const CHECKS: &str = "CKV_K8S_25,CKV_K8S_28,CKV_K8S_37,CKV_K8S_39";

/// One command, timed.
struct Took {
    /// Milliseconds from start to end.
    wall: f64,
    /// Milliseconds of user and system time.
    cpu: f64,
    /// The largest resident set, megabytes.
    memory: f64,
}

/// Prints a table; nothing of it is asserted.
pub fn run(runs: usize) -> Result<(), String> {
    let dropcap = machine::dropcap(None)?;
    let scratch = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let rss = machine::compile("rss.c", scratch.path())?;
    let folder = std::env::var_os("DROPCAP_CORPUS").map_or("tests/corpus".into(), PathBuf::from);
    let bench = Bench { rss, scratch: scratch.path().to_owned() };
    println!("{:<38} {:>9} {:>9} {:>9}", "", "wall ms", "cpu ms", "peak MB");
    let folder_words =
        ["check", "--fail-on", "never", &folder.to_string_lossy()].map(str::to_owned);
    match drop_caches() {
        Ok(()) => {
            let cold = bench.times(&dropcap, &folder_words, runs.min(9), true)?;
            line("check a folder, page cache dropped", &cold);
        }
        Err(why) => println!("the page cache cannot be dropped: {why}"),
    }
    line("check a folder", &bench.times(&dropcap, &folder_words, runs, false)?);
    for (what, words) in [
        ("fix a folder, safe edits", &["fix"][..]),
        ("fix a folder, --unsafe-fixes", &["fix", "--unsafe-fixes"]),
        ("fix a folder, nothing to do", &["fix", "--unsafe-fixes"]),
    ] {
        let again = what.ends_with("nothing to do");
        line(what, &bench.fixes(&dropcap, words, &folder, runs, again)?);
    }
    let checkov = std::env::var("CHECKOV").unwrap_or_else(|_| "checkov".to_owned());
    match Command::new(&checkov).arg("--version").stderr(Stdio::null()).output() {
        Ok(version) if version.status.success() => {
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            let words = [
                "--directory",
                &*folder.to_string_lossy(),
                "--framework",
                "kubernetes",
                "--check",
                CHECKS,
                "--compact",
                "--quiet",
                "--skip-download",
            ]
            .map(str::to_owned);
            let times = bench.times(Path::new(&checkov), &words, runs.min(3), false)?;
            line(&format!("Checkov {version}, four checks"), &times);
        }
        _ => println!("Checkov: not found ({checkov})"),
    }
    let one = ["check", "bench/pod.yaml"].map(str::to_owned);
    line("check one file", &bench.times(&dropcap, &one, runs, false)?);
    println!(
        "\n{:<38} {:>9} {:>9} {:>9} {:>9}",
        "pods on standard input", "wall ms", "cpu ms", "peak MB", "MB/s"
    );
    for megabytes in STREAMS {
        let file = scratch.path().join("stream.yaml");
        fs::write(&file, stream(megabytes * 1_000_000)).map_err(|e| e.to_string())?;
        for command in ["check", "show"] {
            let mut words = vec![command.to_owned(), "-".to_owned()];
            if command == "check" {
                words.extend(["--fail-on", "never"].map(str::to_owned));
            }
            let mut times = Vec::new();
            for _ in 0..runs.min(5) {
                times.push(bench.once(&dropcap, &words, Some(&file))?);
            }
            let (wall, cpu, memory) = best(&times);
            let rate = megabytes as f64 / (wall / 1e3);
            let what = format!("{command} -, {megabytes} MB");
            println!("{what:<38} {wall:>9.0} {cpu:>9.0} {memory:>9.0} {rate:>9.1}");
        }
    }
    Ok(())
}

/// Deployments as people write them, each a little different, until the text is so long.
fn stream(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 1024);
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        let drop = if number % 3 == 0 { "ALL" } else { "NET_RAW" };
        let _ = write!(
            text,
            "---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-{number}
  namespace: team-{}
  labels: {{app: service-{number}, tier: backend}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: service-{number}}}
  template:
    metadata:
      labels: {{app: service-{number}}}
    spec:
      securityContext:
        runAsNonRoot: {}
      containers:
        - name: app
          image: registry.example/service-{number}:1.{number}
          ports:
            - containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: \"info\"
          resources:
            limits: {{cpu: 500m, memory: 256Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [{drop}]
",
            number % 50,
            number % 2 == 0,
        );
    }
    text
}

/// Writes back what is dirty and forgets the page cache: proc_sys_vm(5).
fn drop_caches() -> Result<(), String> {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|e| e.to_string())
}

/// The files of a folder and those below.
fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", from.display());
    fs::create_dir_all(to).map_err(fail)?;
    for entry in fs::read_dir(from).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).map_err(fail)?;
        }
    }
    Ok(())
}

struct Bench {
    rss: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    /// Runs a command so often; one more goes first and is not counted.
    fn times(
        &self,
        program: &Path,
        words: &[String],
        runs: usize,
        cold: bool,
    ) -> Result<Vec<Took>, String> {
        let mut times = Vec::new();
        for run in 0..=runs {
            if cold {
                drop_caches()?;
                // The program itself is not what is cold.
                let _ = Command::new(program).arg("--version").output();
            }
            let took = self.once(program, words, None)?;
            if run > 0 {
                times.push(took);
            }
        }
        Ok(times)
    }

    /// Fixes a copy of the folder so often, each time a fresh one, in memory (tmpfs(5)) where there is
    /// such a folder; or, with `again`, one that has been fixed.
    fn fixes(
        &self,
        dropcap: &Path,
        words: &[&str],
        folder: &Path,
        runs: usize,
        again: bool,
    ) -> Result<Vec<Took>, String> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory } else { &self.scratch };
        let mut times = Vec::new();
        for _ in 0..=runs {
            let copy =
                tempfile::tempdir_in(place).map_err(|e| format!("{}: {e}", place.display()))?;
            copy_folder(folder, copy.path())?;
            let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            words.push(copy.path().to_string_lossy().into_owned());
            if again {
                self.once(dropcap, &words, None)?;
            }
            times.push(self.once(dropcap, &words, None)?);
        }
        times.remove(0);
        Ok(times)
    }

    /// Runs a command with a file, or nothing, as standard input.
    fn once(&self, program: &Path, words: &[String], input: Option<&Path>) -> Result<Took, String> {
        let largest = self.scratch.join("largest");
        let input = match input {
            Some(path) => File::open(path).map_err(|e| e.to_string())?.into(),
            None => Stdio::null(),
        };
        let start = Instant::now();
        let status = Command::new(&self.rss)
            .arg(&largest)
            .arg(program)
            .args(words)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|e| e.to_string())?;
        let wall = start.elapsed().as_secs_f64() * 1e3;
        let text = fs::read_to_string(&largest).unwrap_or_default();
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [memory, cpu] = numbers[..] else { return Err(format!("{program:?}: {status}")) };
        // Of a corpus some files are templates or broken: 2 is an answer too.
        if !matches!(status.code(), Some(0..=2)) {
            return Err(format!("{} {}: {status}", program.display(), words.join(" ")));
        }
        Ok(Took { wall, cpu: cpu / 1e3, memory: memory * 1024.0 / 1e6 })
    }
}

/// The least of each figure.
fn best(times: &[Took]) -> (f64, f64, f64) {
    let of = |part: fn(&Took) -> f64| times.iter().map(part).fold(f64::INFINITY, f64::min);
    (of(|t| t.wall), of(|t| t.cpu), of(|t| t.memory))
}

fn line(what: &str, times: &[Took]) {
    let (wall, cpu, memory) = best(times);
    println!("{what:<38} {wall:>9.1} {cpu:>9.1} {memory:>9.1}");
}
