//! What the tracer's own process takes, in the static release build, and how long loading takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aya::programs::loaded_programs;
use trace::{Options, Tracer};

use crate::machine;
use crate::statistics::median;

/// What is released.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// Traces `/bin/true` and a busy program, `runs` times each.
pub fn run(runs: usize) -> Result<(), String> {
    let dropcap = machine::dropcap(Some(TARGET))?;
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let loops = machine::compile("loops.c", folder.path())?;
    let rss = machine::compile("rss.c", folder.path())?;
    sys::isolate::own_network().map_err(|e| e.to_string())?;
    let last = (std::thread::available_parallelism().map_or(1, usize::from) - 1).to_string();
    let loops = loops.to_string_lossy();
    let busy: &[&str] = &[&loops, &last, "300", "0", "300"];
    println!(
        "{:<14} {:>12} {:>12} {:>16}",
        "dropcap trace", "peak MB", "steady MB", "kernel maps MB"
    );
    for (name, command) in [("/bin/true", &["/bin/true"][..]), ("five loops", busy)] {
        let mut seen = Vec::new();
        for _ in 0..runs {
            seen.push(watch(&rss, &dropcap, command, folder.path())?);
        }
        let of = |part: fn(&Memory) -> Option<u64>| {
            let values: Vec<f64> = seen.iter().filter_map(part).map(|b| b as f64 / 1e6).collect();
            if values.is_empty() { "-".to_owned() } else { format!("{:.1}", median(values)) }
        };
        let peak = of(|memory| Some(memory.peak));
        println!("{name:<14} {peak:>12} {:>12} {:>16}", of(|m| m.steady), of(|m| m.maps));
    }
    loading(runs)
}

/// Bytes.
struct Memory {
    /// The largest resident set, as wait4(2) says.
    peak: u64,
    /// The last `VmRSS` that was seen: proc_pid_status(5). None of a run that is over too soon.
    steady: Option<u64>,
    /// What the kernel keeps for its BPF maps and programs, `memlock` in its descriptors: proc_pid_fdinfo(5).
    maps: Option<u64>,
}

fn watch(rss: &Path, dropcap: &Path, command: &[&str], folder: &Path) -> Result<Memory, String> {
    let file = folder.join("largest");
    let mut tracer = Command::new(rss)
        .arg(&file)
        .arg(dropcap)
        .args(["trace", "--"])
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("{}: {e}", rss.display()))?;
    let (mut steady, mut maps) = (None, None);
    let status = loop {
        if let Some(status) = tracer.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if let Some(pid) = only_child(tracer.id())
            && fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == dropcap)
        {
            steady = resident(pid).or(steady);
            maps = locked(pid).max(maps);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = fs::read_to_string(&file).unwrap_or_default();
    match text.split_whitespace().next().map(str::parse::<u64>) {
        Some(Ok(peak)) if status.success() => Ok(Memory { peak: peak * 1024, steady, maps }),
        _ => Err(format!("dropcap trace -- {}: {status}", command.join(" "))),
    }
}

fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn locked(pid: u32) -> Option<u64> {
    let all = fdinfo(&pid.to_string(), "memlock:");
    (!all.is_empty()).then(|| all.iter().sum())
}

/// What this field of a process's descriptors says, of each that has it.
fn fdinfo(pid: &str, field: &str) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts
        .filter_map(|text| text.lines().find_map(|l| l.strip_prefix(field)?.trim().parse().ok()))
        .collect()
}

/// How many instructions the verifier went through for each program of this process, and what they became.
fn verified(tracer: &Tracer) {
    let own = fdinfo("self", "prog_id:");
    let mut programs: Vec<_> =
        loaded_programs().flatten().filter(|p| own.contains(&p.id().into())).collect();
    programs.sort_by_key(|program| std::cmp::Reverse(program.verified_instruction_count()));
    println!("{:<16} {:>22} {:>12}", "program", "instructions verified", "its own");
    for program in &programs {
        // An instruction has 8 bytes (BPF's `struct bpf_insn`).
        let own = program.size_translated().map_or_else(|| "?".to_owned(), |b| (b / 8).to_string());
        let verified = program.verified_instruction_count();
        let verified = verified.map_or_else(|| "?".to_owned(), |count| count.to_string());
        println!("{:<16} {verified:>22} {own:>12}", program.name_as_str().unwrap_or("?"));
    }
    println!("(the backend is {})", tracer.backend());
}

fn loading(runs: usize) -> Result<(), String> {
    let mut times = Vec::new();
    for run in 0..=runs {
        let start = Instant::now();
        let tracer = Tracer::load(Options::default()).map_err(|e| e.to_string())?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        if run == runs {
            verified(&tracer);
        }
        drop(tracer);
        // The first reads the kernel's BTF from cold.
        if run > 0 {
            times.push(took);
        }
    }
    println!("loading and attaching takes {:.0} ms", median(times));
    Ok(())
}
