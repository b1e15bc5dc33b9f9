//! `cargo xtask vm`: the tracer's tests on other kernels. Debian's cloud kernels are booted under qemu
//! (without KVM, which a CI machine may not have) with an initramfs of our own static test programs; what
//! each test said with each backend is held against `data/vm.toml` and written to `docs/kernels.md`.

mod binaries;
mod guest;
mod initramfs;
mod locked;
mod modules;
mod packages;
mod plan;
mod report;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use self::initramfs::Initramfs;
use self::packages::Kernel;
use self::plan::{KernelPlan, Plan};
use self::report::Report;
use self::table::Choice;
use crate::Result;
use crate::process::run as call;

const USAGE: &str = "usage: cargo xtask vm [--check] [--all] [--recordings FOLDER] [--kernel SERIES] [--backend NAME]
                      [--test NAME] [--filter TEST] [-- COMMAND]
  --check           fail if docs/kernels.md does not hold what the run shows, instead of writing it
  --all             also what takes too long for every change
  --recordings FOLDER  keep what the traps and provoke showed, trace programs of groundtruth/ too, and
                    put it all there, for `cargo xtask sites --recordings FOLDER`
  --kernel SERIES   this kernel only: 5.10, 6.1, 6.12, 7.
  --backend NAME    this backend only: fexit, tp_btf, raw_tp, kprobe
  --test NAME       this test program only: kernel, traps, provoke, faults
  --filter TEST     tests with this in their name only
  -- COMMAND        boot one kernel (--kernel, else the newest) and run this in its shell, with dropcap";

/// How many guests run at once.
const GUESTS: usize = 2;
/// Where the table is.
const DOCUMENT: &str = "docs/kernels.md";

/// What the command line asks for.
#[derive(Debug, Default)]
struct Arguments {
    check: bool,
    all: bool,
    choice: Choice,
    recordings: Option<PathBuf>,
    command: Option<String>,
}

/// Does what the words of the command line ask for.
///
/// # Errors
/// All that was not as planned.
pub fn run(words: &[&str]) -> Result {
    let arguments = parse(words)?;
    let mut plan = Plan::read()?;
    let all = arguments.all || arguments.choice.filter.is_some() || arguments.choice.test.is_some();
    let chosen = |name: &String| arguments.choice.test.as_ref().is_none_or(|only| only == name);
    plan.tests.retain(|test| (all || !test.by_hand) && chosen(&test.name));
    let mut kernels: Vec<&KernelPlan> = plan
        .kernels
        .iter()
        .filter(|kernel| arguments.choice.kernel.as_ref().is_none_or(|s| *s == kernel.series))
        .collect();
    if arguments.command.is_some() {
        kernels.drain(..kernels.len().saturating_sub(1));
    }
    if kernels.is_empty() {
        return Err(format!("no such kernel: {:?}\n{USAGE}", arguments.choice.kernel));
    }
    let place = target().join("vm");
    let start = Instant::now();
    let mut booted = Vec::new();
    for kernel in kernels {
        booted.push((kernel, packages::kernel(&kernel.suite, &place.join(&kernel.suite))?));
    }
    println!("kernels are here after {} s", start.elapsed().as_secs());
    let dropcap = arguments.command.is_some() || arguments.recordings.is_some();
    let built = binaries::build(&plan, dropcap)?;
    let recorded = arguments.recordings.is_some();
    let system = binaries::file_system(&plan, &built, &place, recorded)?;
    println!("the guests' programs are built after {} s", start.elapsed().as_secs());
    let results = boot_all(&plan, &booted, &arguments, &system, &place);
    println!("the guests ended after {} s", start.elapsed().as_secs());
    if arguments.command.is_some() {
        return results.into_iter().try_for_each(|(_, report)| shell_ended(&report?));
    }
    judge(&plan, &arguments, results)
}

fn parse(words: &[&str]) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(|w| (*w).to_owned()).ok_or(USAGE);
        match *word {
            "--check" => arguments.check = true,
            "--all" => arguments.all = true,
            "--kernel" => arguments.choice.kernel = Some(value()?),
            "--recordings" => arguments.recordings = Some(value()?.into()),
            "--backend" => arguments.choice.backend = Some(value()?),
            "--test" => arguments.choice.test = Some(value()?),
            "--filter" => arguments.choice.filter = Some(value()?),
            "--" => {
                let rest: Vec<&str> = words.by_ref().copied().collect();
                arguments.command = Some(rest.join(" "));
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(arguments)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), Into::into)
}

/// What each kernel's guest reported.
type Results<'a> = Vec<(&'a KernelPlan, Result<Report>)>;

/// Boots them, so many at a time, and returns what they reported in their order.
fn boot_all<'a>(
    plan: &Plan,
    booted: &[(&'a KernelPlan, Kernel)],
    arguments: &Arguments,
    system: &Initramfs,
    place: &Path,
) -> Results<'a> {
    // The longest first, so that none is left over at the end.
    let mut order: Vec<_> = booted.iter().enumerate().collect();
    order.sort_by_key(|(_, (kernel, _))| std::cmp::Reverse(kernel.backends.len()));
    let waiting = Mutex::new(order.into_iter());
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..GUESTS.min(booted.len()) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
                    let Some((at, (kernel, files))) = next else { break };
                    let report = boot(plan, kernel, files, arguments, system.clone(), place);
                    if let Ok(mut ended) = ended.lock() {
                        ended.push((at, *kernel, report));
                    }
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_default();
    ended.sort_by_key(|(at, ..)| *at);
    ended.into_iter().map(|(_, kernel, report)| (kernel, report)).collect()
}

fn boot(
    plan: &Plan,
    kernel: &KernelPlan,
    files: &Kernel,
    arguments: &Arguments,
    mut system: Initramfs,
    place: &Path,
) -> Result<Report> {
    if !files.release.starts_with(&kernel.series) {
        let (series, suite) = (&kernel.series, &kernel.suite);
        return Err(format!("{suite} has {} now, not {series}: correct vm.toml", files.release));
    }
    let modules = modules::closure(&files.modules, &plan.guest.modules)?;
    for (at, (name, module)) in modules.iter().enumerate() {
        system.file(&format!("/modules/{at:02}-{name}.ko"), 0o644, module);
    }
    let tests = |once: bool| {
        let tests = plan.tests.iter().filter(|test| test.once == once);
        tests.map(|test| test.name.as_str()).collect::<Vec<_>>().join(" ")
    };
    // Only if its test is run.
    let (locked, secrets) = plan.locked().unwrap_or_default();
    let lockdown = if locked.is_empty() { String::new() } else { kernel.lockdown.join(" ") };
    let conf = format!(
        "kernel='{}'\ntests='{}'\nonce='{}'\nlockdown='{lockdown}'\nlocked='{locked}'\nsecrets='{secrets}'\n\
         backend='{}'\nfilter='{}'\nthreads=1\nrecordings={}\n",
        kernel.series,
        tests(false),
        tests(true),
        arguments.choice.backend.as_deref().unwrap_or_default(),
        arguments.choice.filter.as_deref().unwrap_or_default(),
        if arguments.recordings.is_some() { "yes" } else { "no" },
    );
    system.file("/etc/vm.conf", 0o644, conf.as_bytes());
    if let Some(command) = &arguments.command {
        system.file("/etc/command", 0o644, format!("{command}\n").as_bytes());
    }
    let folder = place.join(&kernel.suite);
    let initramfs = folder.join("initramfs");
    fs::write(&initramfs, system.finish()).map_err(|e| format!("{}: {e}", initramfs.display()))?;
    let (console, recordings) = (folder.join("console"), folder.join("recordings.tar.gz"));
    if arguments.command.is_some() {
        return guest::boot(&files.image, &initramfs, &console, &recordings, guest::shown());
    }
    let progress = guest::progress(&kernel.series, &folder.join("report"))?;
    let report = guest::boot(&files.image, &initramfs, &console, &recordings, progress);
    let report = report.map_err(|error| format!("{}: {error}", kernel.series))?;
    if let Some(place) = &arguments.recordings {
        let place = place.join(&kernel.suite);
        fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        call(Command::new("tar").arg("-xzf").arg(&recordings).arg("-C").arg(&place))?;
    }
    Ok(report)
}

/// Whether the command that was run in a guest's shell succeeded.
fn shell_ended(report: &Report) -> Result {
    let status = report.runs.first().and_then(|run| run.status);
    if status == Some(0) { Ok(()) } else { Err(format!("the command ended with {status:?}")) }
}

fn judge(plan: &Plan, arguments: &Arguments, results: Results) -> Result {
    let (mut wrong, mut reports) = (Vec::new(), Vec::new());
    for (kernel, report) in results {
        match report {
            Ok(report) => {
                wrong.extend(table::wrong(plan, kernel, &arguments.choice, &report));
                reports.push((kernel, report));
            }
            Err(error) => wrong.push(error),
        }
    }
    for (kernel, report) in &reports {
        for run in &report.runs {
            let (tests, seconds) = (run.outcomes.len(), run.took.as_secs());
            println!(
                "{:<5} {:<7} {:<8} {tests:>3} tests {seconds:>4} s",
                kernel.series, run.backend, run.test
            );
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{} wrong:\n{}", wrong.len(), wrong.join("\n")));
    }
    if !arguments.choice.is_all() {
        println!("{DOCUMENT} is left as it is: not everything was run");
        return Ok(());
    }
    let file = crate::root().join(DOCUMENT);
    let document = table::document(plan, &reports);
    if arguments.check {
        let committed = fs::read_to_string(&file).unwrap_or_default();
        if table::structure(&committed) != table::structure(&document) {
            return Err(format!(
                "{DOCUMENT} is not what this run shows: run `cargo xtask vm` and commit it\n{document}"
            ));
        }
        println!("{DOCUMENT} holds what this run shows");
        return Ok(());
    }
    fs::write(&file, document).map_err(|e| format!("{DOCUMENT}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_understood() {
        let arguments = parse(&["--check", "--kernel", "6.1", "--", "uname", "-r; id"]).unwrap();
        assert!(arguments.check && !arguments.choice.is_all());
        assert_eq!(arguments.choice.kernel.as_deref(), Some("6.1"));
        assert_eq!(arguments.command.as_deref(), Some("uname -r; id"));
        assert!(parse(&[]).unwrap().choice.is_all());
        for words in [&["--kernel"][..], &["now"]] {
            assert!(parse(words).unwrap_err().starts_with("usage: "));
        }
    }
}
