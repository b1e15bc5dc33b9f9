//! A guest: qemu, a kernel, an initramfs, and what it reports.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::architecture::Architecture;
use super::packages::Kernel;
use super::report::Report;
use crate::Result;

/// The longest that a guest may say nothing; a test that takes longer is broken even here.
const SILENCE: Duration = Duration::from_secs(600);

/// Boots the kernel and follows its report to its end; each line is shown to `watch` as it comes. What it
/// writes to its third serial port goes to `recordings`.
///
/// A guest that ends before its first word is booted once more: on a busy machine an emulated kernel may wait
/// in vain for its timer ("IO-APIC + timer doesn't work") before anything of ours runs.
///
/// # Errors
/// If qemu cannot be started, or the guest panics, hangs or ends early: with the end of its console.
pub fn boot(
    kernel: &Kernel,
    initramfs: &Path,
    console: &Path,
    recordings: &Path,
    mut watch: impl FnMut(&str),
) -> Result<Report> {
    let mut said_something = false;
    let first = boot_once(kernel, initramfs, console, recordings, &mut |line| {
        said_something = true;
        watch(line);
    });
    match first {
        Err(error) if !said_something => {
            println!("booted once more, because {error}");
            boot_once(kernel, initramfs, console, recordings, &mut watch)
        }
        ended => ended,
    }
}

fn boot_once(
    kernel: &Kernel,
    initramfs: &Path,
    console: &Path,
    recordings: &Path,
    watch: &mut dyn FnMut(&str),
) -> Result<Report> {
    let mut qemu = start(kernel, initramfs, console, recordings)?;
    let (send, lines) = channel();
    let stdout = qemu.stdout.take().ok_or("qemu has no standard output")?;
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(std::result::Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let mut report = Report::default();
    let mut hangs = false;
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                watch(&line);
                report.line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                hangs = true;
                let _ = qemu.kill();
                break;
            }
        }
    }
    let _ = qemu.wait();
    let _ = reader.join();
    if report.done && !hangs {
        return Ok(report);
    }
    let how = if hangs { "says nothing any more" } else { "ended early" };
    let last = report.runs.last().map_or(String::new(), |run| {
        format!(", in {} with {}:\n{}", run.test, run.backend, end_of(&run.said.join("\n")))
    });
    let text = fs::read(console).unwrap_or_default();
    let text = end_of(&String::from_utf8_lossy(&text));
    Err(format!("the guest {how}{last}\nits console ({}):\n{text}", console.display()))
}

/// The last lines of a text.
fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// What the guest's kernel is told (`Documentation/admin-guide/kernel-parameters.txt`). To attach and to detach a BPF
/// program waits for RCU's grace periods, which otherwise is up to half of what a guest does with its time; and to
/// empty each page that is handed out is dear where `rep stos` is emulated.
const COMMAND_LINE: &str = "loglevel=5 panic=-1 rcupdate.rcu_expedited=1 init_on_alloc=0";

fn start(kernel: &Kernel, initramfs: &Path, console: &Path, recordings: &Path) -> Result<Child> {
    let Architecture { qemu: (qemu, package), machine, ports: [terminal, ..], .. } =
        kernel.architecture;
    // qemu must not outlive this program, however that ends.
    // One thread for both CPUs: with one each, code that is patched while the other runs it (a BPF
    // trampoline, a kprobe) now and then leaves the guest in a loop there.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", qemu])
        .args(["-accel", "tcg,thread=single", "-smp", "2", "-m", "1536"])
        .args(*machine)
        .args(["-nodefaults", "-display", "none", "-no-reboot"])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &format!("console={terminal} {COMMAND_LINE}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let recordings = format!("file:{}", recordings.display());
    match kernel.architecture.port {
        None => command.args(["-serial", "stdio", "-serial", &recordings]),
        // A machine with one serial port of its own.
        Some(device) => command
            .args(["-chardev", "stdio,id=report", "-chardev"])
            .arg(recordings.replacen("file:", "file,id=recordings,path=", 1))
            .args(["-device", &format!("{device},chardev=report")])
            .args(["-device", &format!("{device},chardev=recordings")]),
    };
    command.spawn().map_err(|e| format!("{qemu}: {e} (Debian: {package})"))
}

/// Prints the progress of a guest of this name with the time since its start; all of its report is in `log`.
///
/// # Errors
/// If that cannot be written.
pub fn progress(name: &str, log: &Path) -> Result<impl FnMut(&str) + use<>> {
    let (name, start) = (name.to_owned(), Instant::now());
    let mut log = fs::File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
    Ok(move |line: &str| {
        let _ = writeln!(log, "{:>8.2} {line}", start.elapsed().as_secs_f32());
        let shown = ["kernel ", "backend ", "run ", "end ", "done"];
        let failed = line.starts_with("out test ") && line.ends_with("FAILED");
        if failed || shown.iter().any(|word| line.starts_with(word)) {
            println!("[{name} {:>4} s] {line}", start.elapsed().as_secs());
        }
    })
}

/// Prints what a command in the guest says.
pub fn shown() -> impl FnMut(&str) {
    |line| {
        if let Some(said) = line.strip_prefix("out ").or_else(|| line.strip_prefix("err ")) {
            println!("{said}");
        }
    }
}
