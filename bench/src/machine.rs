//! The machine: what it is, its CPUs, and the programs measured here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A container of this machine's own files, over which Podman lays an overlay, so that no image is needed.
pub const PODMAN: &[&str] = &[
    "podman",
    "--runtime=runc",
    "run",
    "--rm",
    "--network=none",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=4096:4096",
    "--rootfs",
    "/:O",
    "/bin/true",
];

/// Where the measured program runs, and where everything else does.
#[derive(Debug, Clone, Copy)]
pub struct Cpus {
    /// The measured program's own.
    pub measured: usize,
    /// This process's, the tracers', the clients'.
    pub rest: usize,
}

impl Cpus {
    /// The last CPU for what is measured, the first for the rest; this process, and what it starts, is bound to it.
    pub fn divide() -> Result<Self, String> {
        let allowed = sched_getaffinity(None).map_err(|e| format!("sched_getaffinity: {e}"))?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let (Some(&rest), Some(&measured)) = (all.first(), all.last()) else {
            return Err("no CPU may be used".to_owned());
        };
        if rest == measured {
            println!("one CPU only: what is measured shares it with what measures");
        }
        let mut own = CpuSet::new();
        own.set(rest);
        sched_setaffinity(None, &own).map_err(|e| format!("sched_setaffinity: {e}"))?;
        Ok(Self { measured, rest })
    }

    /// Gives this process all CPUs that it had.
    pub fn reunite(self) {
        let mut all = CpuSet::new();
        all.set(self.rest);
        all.set(self.measured);
        // What follows is only slower if it is refused.
        let _ = sched_setaffinity(None, &all);
    }
}

/// Prints what the figures depend on.
pub fn describe() {
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find(|line| line.starts_with(name));
        found.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim().to_owned()
    };
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    println!("kernel {} {}", read("/proc/sys/kernel/osrelease"), std::env::consts::ARCH);
    println!("CPU {}, {cpus} of them", line("/proc/cpuinfo", "model name"));
    println!("load {}", read("/proc/loadavg"));
    for (program, argument) in
        [("bpftrace", "--version"), ("strace", "--version"), ("nginx", "-v"), ("ab", "-V")]
    {
        println!("{program}: {}", version(program, argument));
    }
}

fn version(program: &str, argument: &str) -> String {
    let Ok(output) = Command::new(program).arg(argument).stdin(Stdio::null()).output() else {
        return "not installed (.ci/setup installs it)".to_owned();
    };
    // nginx answers on standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or("").to_owned()
}

/// Fails unless this program is there.
pub fn need(program: &str) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    Err(format!("needs {program} (.ci/setup installs it)"))
}

/// The release binary, built if it is not fresh; for this target, or this machine's own.
pub fn dropcap(target: Option<&str>) -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|e| format!("/proc/self/exe: {e}"))?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release", "--package", "dropcap"]);
    build.args(target.iter().flat_map(|target| ["--target", target]));
    build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    succeed(&mut build)?;
    let folder = me.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    let binary = match target {
        None => me.with_file_name("dropcap"),
        Some(target) => folder.join(target).join("release/dropcap"),
    };
    if binary.is_file() { Ok(binary) } else { Err(format!("{} was not built", binary.display())) }
}

/// Compiles a C file of this folder into a static program.
pub fn compile(source: &str, folder: &Path) -> Result<PathBuf, String> {
    let program = folder.join(source.trim_end_matches(".c"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    succeed(Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source))?;
    Ok(program)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
