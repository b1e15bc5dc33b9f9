//! `cargo run --release -p bench [-- commands|manifests|fit|trace|nginx|memory [RUNS]]`: what dropcap costs, each figure
//! beside a peer of the same run. Nothing is asserted; docs/overhead.md says how it is measured.

mod commands;
mod fit;
mod machine;
mod manifests;
mod memory;
mod nginx;
mod statistics;
mod trace;
mod tracers;

use std::process::ExitCode;
use std::time::Instant;

/// A part of the bench.
struct Part {
    name: &'static str,
    what: &'static str,
    runs: usize,
    run: fn(usize) -> Result<(), String>,
}

const PARTS: &[Part] = &[
    Part { name: "commands", what: "whole commands", runs: 21, run: commands::run },
    Part { name: "manifests", what: "reading and checking", runs: 15, run: manifests::run },
    Part { name: "fit", what: "one run of a program", runs: 15, run: fit::run },
    Part { name: "trace", what: "one system call under trace", runs: 9, run: trace::run },
    Part { name: "nginx", what: "nginx under load and trace", runs: 30, run: nginx::run },
    Part { name: "memory", what: "memory, and loading", runs: 9, run: memory::run },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let name = words.next_if(|word| word.parse::<usize>().is_err());
    let runs = match words.next().map(|word| word.parse::<usize>()) {
        None => None,
        Some(Ok(runs)) if runs > 0 => Some(runs),
        Some(_) => return usage(),
    };
    let parts: Vec<&Part> =
        PARTS.iter().filter(|part| name.as_ref().is_none_or(|name| name == part.name)).collect();
    if parts.is_empty() || words.next().is_some() {
        return usage();
    }
    let mut failed = false;
    machine::describe();
    for part in parts {
        println!("\n## {}: {}", part.name, part.what);
        let start = Instant::now();
        match (part.run)(runs.unwrap_or(part.runs)) {
            Ok(()) => println!("({:.0} s)", start.elapsed().as_secs_f64()),
            Err(why) => {
                println!("not measured: {why}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage() -> ExitCode {
    eprintln!("usage: bench [commands|manifests|fit|trace|nginx|memory] [RUNS]");
    ExitCode::from(2)
}
