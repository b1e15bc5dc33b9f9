//! `cargo xtask vm`: the tracer's tests on other kernels. Debian's cloud kernels are booted under qemu
//! (without KVM, which a CI machine may not have) with an initramfs of our own static test programs; what
//! each test said with each backend is held against `data/vm.toml` and written to `docs/kernels.md`.

mod architecture;
mod binaries;
mod boot;
mod guest;
mod host;
mod initramfs;
mod locked;
mod modules;
mod packages;
mod plan;
mod report;
mod shares;
mod table;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use self::architecture::Architecture;
use self::plan::{KernelPlan, Plan};
use self::report::Report;
use self::table::Choice;
use crate::Result;

const USAGE: &str = "usage: cargo xtask vm [--check] [--all] [--recordings FOLDER] [--arch NAME] [--kernel SERIES]
                      [--backend NAME] [--test NAME] [--filter TEST] [-- COMMAND]
  --check           fail if docs/kernels.md does not hold what the run shows, instead of writing it
  --all             also what takes too long for every change
  --recordings FOLDER  keep what the traps and provoke showed, trace programs of groundtruth/ too, and
                    put it all there, for `cargo xtask sites --recordings FOLDER`
  --arch NAME       x86_64, or arm64: by hand, slow, and nothing is written
  --kernel SERIES   this kernel only: 5.10, 6.1, 6.12, 7.
  --backend NAME    this backend only: fexit, tp_btf, raw_tp, kprobe
  --test NAME       this test program only: kernel, traps, provoke, faults
  --filter TEST     tests with this in their name only
  -- COMMAND        boot one kernel (--kernel, else the newest) and run this in its shell, with dropcap";

/// Where the table is.
const DOCUMENT: &str = "docs/kernels.md";

/// What the command line asks for.
#[derive(Debug, Default)]
struct Arguments {
    check: bool,
    all: bool,
    architecture: &'static Architecture,
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
    let mut plan = Plan::read(arguments.architecture)?;
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
    let architecture = arguments.architecture;
    let place = match architecture.own {
        true => crate::target().join("vm"),
        false => crate::target().join("vm").join(architecture.name),
    };
    let start = Instant::now();
    let mut booted = Vec::new();
    for kernel in kernels {
        booted.push((
            kernel,
            packages::kernel(architecture, &kernel.suite, &place.join(&kernel.suite))?,
        ));
    }
    println!("kernels are here after {} s", start.elapsed().as_secs());
    let dropcap = arguments.command.is_some() || arguments.recordings.is_some();
    let built = binaries::build(&plan, architecture, dropcap)?;
    let recorded = arguments.recordings.is_some();
    let system = binaries::file_system(&plan, architecture, &built, &place, recorded)?;
    println!("the guests' programs are built after {} s", start.elapsed().as_secs());
    if let Some(command) = &arguments.command {
        return boot::command(&plan, command, &booted, system, &place);
    }
    let shares = shares::shares(&plan, &booted, &arguments.choice);
    let results = boot::all(&plan, &shares, &arguments, &system, &place);
    println!("the guests ended after {} s", start.elapsed().as_secs());
    // All of it, or nothing: what is chosen for is a guest.
    let host = match arguments.choice.is_all() && architecture.own {
        true => Some(host::run(&plan, &place, arguments.recordings.as_deref())?),
        false => None,
    };
    judge(&plan, &arguments, results, host)
}

fn parse(words: &[&str]) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(|w| (*w).to_owned()).ok_or(USAGE);
        match *word {
            "--check" => arguments.check = true,
            "--all" => arguments.all = true,
            "--arch" => {
                let known = architecture::named(&value()?);
                arguments.architecture = known.ok_or("--arch is x86_64 or arm64")?;
            }
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

fn judge(
    plan: &Plan,
    arguments: &Arguments,
    results: boot::Results,
    host: Option<Report>,
) -> Result {
    let mut wrong = host.as_ref().map(host::wrong).unwrap_or_default();
    let mut reports = Vec::new();
    for (kernel, of_its_guests) in boot::by_kernel(results) {
        match of_its_guests {
            Ok(report) => {
                wrong.extend(table::wrong(plan, kernel, &arguments.choice, &report));
                reports.push((kernel, report));
            }
            Err(errors) => wrong.extend(errors),
        }
    }
    let of_guests = reports.iter().map(|(kernel, report)| (kernel.series.as_str(), report));
    for (series, report) in of_guests.chain(host.as_ref().map(|report| ("host", report))) {
        for run in &report.runs {
            let (tests, seconds) = (run.outcomes.len(), run.took.as_secs());
            println!(
                "{series:<5} {:<7} {:<8} {tests:>3} tests {seconds:>4} s",
                run.backend, run.test
            );
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{} wrong:\n{}", wrong.len(), wrong.join("\n")));
    }
    let Some(host) = host else {
        println!("{DOCUMENT} is left as it is: not everything was run");
        return Ok(());
    };
    let file = crate::root().join(DOCUMENT);
    let document = table::document(plan, &reports, &host);
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
        let machine = |words: &[&str]| parse(words).map(|arguments| arguments.architecture.name);
        assert_eq!(machine(&[]), Ok("x86_64"));
        assert_eq!(machine(&["--arch", "arm64"]), Ok("arm64"));
        assert_eq!(machine(&["--arch", "mips"]), Err("--arch is x86_64 or arm64".to_owned()));
        for words in [&["--kernel"][..], &["now"]] {
            assert!(parse(words).unwrap_err().starts_with("usage: "));
        }
    }
}
