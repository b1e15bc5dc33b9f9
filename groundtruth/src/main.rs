//! `cargo xtask groundtruth`: how good one trace is, held against minimal sets found by brute force.
//!
//! Real Debian programs run in namespaces of their own, each with a functional self-test. What
//! belongs to a program is one folder in `programs/`; README.md says how to add one.

mod arguments;
mod denials;
mod fit_report;
mod fitted;
mod inside;
mod measure;
mod methods;
mod order;
mod program;
mod report;
mod rootfs;
mod sandbox;
mod search;
mod tally;
mod tree;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::{Arguments, QUICK, Task};
use fit_report::Beside;
use fitted::How;
use program::{Group, Program};
use rootfs::Rootfs;

/// A value, or a message for a person.
type Result<T = ()> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // The two that run inside the namespaces.
    if let [place, order] = words.as_slice()
        && let Some(ended) = inside::enter(place, order)
    {
        return ended;
    }
    match Arguments::parse(&words).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("groundtruth: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result {
    let begin = std::time::Instant::now();
    let programs = arguments.programs.clone().unwrap_or_else(|| folder().join("programs"));
    let all = program::all(&programs)?;
    let chosen = program::choose(&all, &arguments.names)?;
    let places = arguments.file_systems();
    let mut lines = Vec::new();
    let mut fitted = Vec::new();
    let mut beside = Beside::default();
    let mut elsewhere = std::time::Duration::ZERO;
    // Each group has a root of its own, so that a new program changes nothing for the first ones.
    for group in [Group::First, Group::Later] {
        let of_group = |p: &&Program| p.description.group == group;
        let chosen: Vec<&Program> = chosen.iter().copied().filter(of_group).collect();
        if chosen.is_empty() {
            continue;
        }
        let all: Vec<&Program> = all.iter().filter(of_group).collect();
        let root = match &arguments.root {
            Some(tree) => Rootfs::of(&cache(), tree)?,
            None => Rootfs::build(&cache(), &all)?,
        };
        match &arguments.task {
            Task::Measure => measure::run(&root, &chosen, &places, arguments.jobs)?,
            Task::MeasureDenials => denials::run(&root, &chosen, &places, arguments.jobs)?,
            Task::Fit { rigour, traced, fail_every, .. } => {
                let (rigour, traced, fail_every) = (*rigour, *traced, *fail_every);
                let how = How { rigour, traced, fail_every, beside: arguments.beside };
                fitted.extend(fitted::run(&root, &chosen, &places, arguments.jobs, how)?);
                if arguments.is_whole_fit() && group == Group::First {
                    let pause = std::time::Instant::now();
                    beside = quick(&root, &chosen, &places, arguments.jobs, how)?;
                    elsewhere = pause.elapsed();
                }
            }
            Task::Try { set } => measure::once(&root, &chosen, &places, *set)?,
            Task::Trace { record, .. } => {
                let keep = record.as_deref();
                lines.extend(tally::run(&root, &chosen, &places, arguments.jobs, keep)?);
            }
        }
    }
    match arguments.task {
        Task::Trace { check, .. } => report::publish(&lines, &places, arguments.is_whole(), check),
        Task::Fit { check, .. } => {
            let took = begin.elapsed() - elsewhere;
            if arguments.is_whole_fit() {
                fit_report::write(&fitted, took, &beside)?;
            }
            fit_report::publish(&fitted, took, check)
        }
        _ => Ok(()),
    }
}

/// What the page says of the quick programs beside.
fn quick(
    root: &Rootfs,
    programs: &[&Program],
    places: &[sandbox::FileSystem],
    jobs: usize,
    how: How,
) -> Result<Beside> {
    let is_quick = |program: &&&Program| QUICK.contains(&program.name.as_str());
    let chosen: Vec<&Program> = programs.iter().filter(is_quick).copied().collect();
    let untraced = How { traced: false, ..how };
    let lied_to = How { fail_every: Some(5), ..how };
    Ok(Beside {
        untraced: fitted::run(root, &chosen, places, jobs, untraced)?,
        lied_to: fitted::run(root, &chosen, places, jobs, lied_to)?,
    })
}

/// Where this crate's sources and the programs are.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where root file systems are kept; it can be deleted at any time.
fn cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| folder().join("../target"), PathBuf::from);
    target.join("groundtruth")
}
