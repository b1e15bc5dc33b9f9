//! The ways to watch the loops (`loops.c`), ours and others'.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use launch::Spec;
use observe::Observed;
use trace::{Backend, Options};

use crate::machine::Cpus;

/// What the operations took, by their names, nanoseconds a call.
pub type Times = Vec<(String, f64)>;

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    /// Nobody.
    None,
    /// dropcap as it is by default, once it has judged what it saw, and is past the quiet time.
    Settled,
    /// dropcap with settling off, past the quiet time.
    Unsettled,
    /// dropcap with settling off, in its first seconds: returns of system calls are watched too.
    First,
    /// The same, with every kernel stack unwound.
    Unwinding,
    /// bpftrace counting by capability alone, of the whole machine.
    CountAlone,
    /// bpftrace counting, filtered and keyed as we are.
    Count,
    /// The same, with eight frames of the kernel's stack in the key.
    Stack,
    /// strace of every system call.
    Strace,
}

impl Watcher {
    /// In the order of a round.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Settled,
        Self::Unsettled,
        Self::First,
        Self::Unwinding,
        Self::CountAlone,
        Self::Count,
        Self::Stack,
        Self::Strace,
    ];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "untraced",
            Self::Settled => "settled",
            Self::Unsettled => "unsettled",
            Self::First => "first seconds",
            Self::Unwinding => "… unwinding",
            Self::CountAlone => "bpftrace count by cap",
            Self::Count => "bpftrace count",
            Self::Stack => "bpftrace 8 frames",
            Self::Strace => "strace -f",
        }
    }
}

/// Program, user, capability, result, system call: what dropcap keeps apart, but for namespaces, whose credentials
/// they are, and deciding arguments. The number of the system call is `orig_ax` in the `pt_regs` at the top of the
/// task's stack (`task_pt_regs()`, `arch/x86/include/asm/processor.h`; stacks of 16 KiB, no FRED).
const KEY: &str = "comm, uid, args->cap, args->ret, \
                   *(uint64 *)((uint64)((struct task_struct *)curtask)->stack + 16384 - 168 + 120)";
/// The loops, and what they execute: the same program again.
const FILTER: &str = "/comm == \"loops\"/";

/// How long, in milliseconds. The settled must have been judged, which is done every 100 ms; and dropcap stops
/// looking at returns after five quiet seconds.
const WARM: u32 = 150;
const QUIET: u32 = 5500;
const MEASURE: u32 = 60;

/// The measured program.
#[derive(Debug)]
pub struct Loops<'a> {
    pub program: &'a Path,
    pub cpus: Cpus,
    /// Ours; else the one that the tracer chooses itself.
    pub backend: Option<Backend>,
}

impl Loops<'_> {
    /// Runs it once under this watcher.
    pub fn run(&self, watcher: Watcher) -> Result<Times, String> {
        let ours = Options { backend: self.backend, ..Options::default() };
        let unsettled = Options { settle: false, ..ours };
        match watcher {
            Watcher::None => self.plain(&[]),
            Watcher::Settled => self.ours(ours, QUIET),
            Watcher::Unsettled => self.ours(unsettled, QUIET),
            Watcher::First => self.ours(unsettled, 0),
            Watcher::Unwinding => self.ours(Options { remember: false, ..unsettled }, 0),
            Watcher::CountAlone => self.bpftrace("{ @[args->cap] = count(); }"),
            Watcher::Count => self.bpftrace(&format!("{FILTER} {{ @[{KEY}] = count(); }}")),
            Watcher::Stack => {
                self.bpftrace(&format!("{FILTER} {{ @[{KEY}, kstack(8)] = count(); }}"))
            }
            Watcher::Strace => self.plain(&["strace", "-f", "-o", "/dev/null"]),
        }
    }

    fn arguments(&self, pause: u32) -> [String; 4] {
        [self.cpus.measured.to_string(), WARM.to_string(), pause.to_string(), MEASURE.to_string()]
    }

    fn plain(&self, before: &[&str]) -> Result<Times, String> {
        let mut words = before.to_vec();
        let program = self.program.to_string_lossy();
        words.push(&program);
        let output = Command::new(words[0])
            .args(&words[1..])
            .args(self.arguments(0))
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("{}: {e}", words[0]))?;
        if !output.status.success() {
            return Err(format!("{}: {}", words[0], output.status));
        }
        times(&String::from_utf8_lossy(&output.stdout))
    }

    /// In this process, as `dropcap trace -- loops` does it.
    fn ours(&self, options: Options, pause: u32) -> Result<Times, String> {
        let mut written = tempfile::tempfile().map_err(|e| format!("a temporary file: {e}"))?;
        let stdout: File = written.try_clone().map_err(|e| format!("a temporary file: {e}"))?;
        let state = sys::credentials::own_state().map_err(|e| format!("own capabilities: {e}"))?;
        let mut spec = Spec::new(self.program, state).args(self.arguments(pause));
        spec.stdout = launch::Stdio::File(stdout);
        let (observed, ended) = observe::command(spec, options, None).map_err(|e| e.to_string())?;
        let status = ended.exit.map(launch::Exit::status);
        if status != Some(0) {
            return Err(format!("loops ended with status {status:?}"));
        }
        whole(&observed, options)?;
        let mut text = String::new();
        written
            .rewind()
            .and_then(|()| written.read_to_string(&mut text))
            .map_err(|e| e.to_string())?;
        times(&text)
    }

    /// By the tracepoint of the same name: Debian 12's bpftrace (0.17) knows no raw tracepoints, and this kernel has
    /// no kprobes. It needs tracefs, which is mounted for bpftrace alone where it is not.
    fn bpftrace(&self, action: &str) -> Result<Times, String> {
        let script = format!(
            "BEGIN {{ printf(\"watching\\n\"); }} tracepoint:capability:cap_capable {action}"
        );
        let mount = "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; \
                     exec bpftrace -e \"$0\"";
        let mut bpftrace = Command::new("unshare")
            .args(["--mount", "sh", "-c", mount, &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("unshare: {e}"))?;
        let measured = wait_until_it_watches(&mut bpftrace).and_then(|rest| {
            let times = self.plain(&[]);
            interrupt(&mut bpftrace)?;
            // A tracer that saw nothing costs nothing.
            let mut counted = String::new();
            let read = BufReader::new(rest).read_to_string(&mut counted);
            read.map_err(|e| format!("bpftrace: {e}"))?;
            if counted.contains("]: ") { times } else { Err("bpftrace saw nothing".to_owned()) }
        });
        let _ = bpftrace.kill();
        let _ = bpftrace.wait();
        measured
    }
}

/// Fails unless the tracer saw something, lost nothing, and settled what it was to settle.
fn whole(observed: &Observed, options: Options) -> Result<(), String> {
    let recording = &observed.recording;
    if recording.observations.is_empty() {
        return Err("the tracer saw nothing".to_owned());
    }
    if !recording.lost.is_complete() {
        return Err(format!("the tracer lost something: {:?}", recording.lost));
    }
    if options.settle == recording.settled.is_empty() {
        return Err(format!(
            "settle is {}, and {:?} was settled",
            options.settle, recording.settled
        ));
    }
    Ok(())
}

fn wait_until_it_watches(bpftrace: &mut Child) -> Result<impl Read + use<>, String> {
    let mut lines = BufReader::new(bpftrace.stdout.take().ok_or("bpftrace has no output")?);
    let mut line = String::new();
    while !line.starts_with("watching") {
        line.clear();
        if lines.read_line(&mut line).map_err(|e| format!("bpftrace: {e}"))? == 0 {
            return Err("bpftrace could not attach".to_owned());
        }
    }
    // BEGIN comes when all is attached (AttachedProbes, then `BEGIN_trigger`).
    std::thread::sleep(Duration::from_millis(50));
    Ok(lines)
}

fn interrupt(child: &mut Child) -> Result<(), String> {
    /// signal(7)
    const INT: i32 = 2;
    sys::signal::send_to(child.id(), INT).map_err(|e| format!("cannot interrupt bpftrace: {e}"))
}

fn times(text: &str) -> Result<Times, String> {
    text.lines()
        .map(|line| {
            let (name, time) =
                line.split_once(' ').ok_or_else(|| format!("loops said {line:?}"))?;
            let time = time.parse().map_err(|e| format!("loops said {line:?}: {e}"))?;
            Ok((name.to_owned(), time))
        })
        .collect()
}
