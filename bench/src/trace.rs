//! What a system call costs under trace: each watcher in turn in every round, and the medians of each round's
//! ratios, against the untraced of the same round.

use trace::Backend;

use crate::machine::{self, Cpus};
use crate::statistics::median;
use crate::tracers::{Loops, Times, Watcher};

/// What is asked: ours, and what it may cost at most.
const ASKED: &[(Watcher, Watcher)] = &[
    (Watcher::Settled, Watcher::Count),
    (Watcher::Settled, Watcher::CountAlone),
    (Watcher::Unsettled, Watcher::Stack),
    (Watcher::First, Watcher::Stack),
];

/// Names the backend, if not the one that the tracer chooses itself.
const BACKEND: &str = "DROPCAP_BENCH_BACKEND";

/// Runs so many rounds and prints the tables.
pub fn run(rounds: usize) -> Result<(), String> {
    let backend = match std::env::var(BACKEND) {
        Ok(name) => Some(name.parse::<Backend>().map_err(|e| format!("{BACKEND}: {e}"))?),
        Err(_) => None,
    };
    for program in ["bpftrace", "strace", "unshare"] {
        machine::need(program)?;
    }
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let program = machine::compile("loops.c", folder.path())?;
    // The port that is bound is nobody else's.
    sys::isolate::own_network().map_err(|e| e.to_string())?;
    let cpus = Cpus::divide()?;
    println!("backend {}", backend.map_or("chosen by itself", Backend::name));
    let loops = Loops { program: &program, cpus, backend };
    let measured = rounds_of(&loops, rounds);
    cpus.reunite();
    print(&measured?);
    Ok(())
}

/// By round, then by watcher as in [`Watcher::ALL`].
fn rounds_of(loops: &Loops<'_>, rounds: usize) -> Result<Vec<Vec<Times>>, String> {
    (1..=rounds)
        .map(|round| {
            eprintln!("trace: round {round} of {rounds}");
            let one = |watcher: &Watcher| {
                loops.run(*watcher).map_err(|why| format!("{}: {why}", watcher.name()))
            };
            Watcher::ALL.iter().map(one).collect()
        })
        .collect()
}

fn print(rounds: &[Vec<Times>]) {
    let at = |watcher: Watcher| Watcher::ALL.iter().position(|w| *w == watcher).unwrap_or(0);
    let operations: Vec<&str> = rounds[0][0].iter().map(|(name, _)| name.as_str()).collect();
    let ratio = |operation: usize, ours: Watcher, peer: Watcher| {
        let of = |times: &Vec<Times>, watcher| times[at(watcher)][operation].1;
        median(rounds.iter().map(|times| of(times, ours) / of(times, peer)).collect())
    };
    println!("{} rounds; median times of a call untraced, times that of the others", rounds.len());
    println!("{:<22} {}", "", operations.iter().map(|o| format!("{o:>10}")).collect::<String>());
    let row = |name: &str, cell: &dyn Fn(usize) -> String| {
        let cells = (0..operations.len()).map(|o| format!("{:>10}", cell(o))).collect::<String>();
        println!("{name:<22} {cells}");
    };
    row("untraced, ns", &|operation| {
        let times = rounds.iter().map(|times| times[at(Watcher::None)][operation].1);
        format!("{:.0}", median(times.collect()))
    });
    for watcher in &Watcher::ALL[1..] {
        row(watcher.name(), &|operation| {
            format!("{:.2}", ratio(operation, *watcher, Watcher::None))
        });
    }
    println!("ours beside theirs, a call");
    for (ours, peer) in ASKED {
        let name = format!("{} / {}", ours.name(), peer.name().trim_start_matches("bpftrace "));
        row(&name, &|operation| format!("{:.2}", ratio(operation, *ours, *peer)));
    }
}
