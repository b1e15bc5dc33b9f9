//! How long whole commands take, each in turn with a peer (A B A B …), so that the ratio holds when the machine's
//! speed drifts.
//!
//! Prints the median wall time of both in milliseconds, and the median of the ratios pair by pair.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::machine;
use crate::statistics::median;

/// A command of ours and the peer it is timed beside.
struct Pair {
    what: &'static str,
    ours: &'static [&'static str],
    peer: &'static [&'static str],
}

const PAIRS: &[Pair] = &[
    Pair {
        what: "explain one capability",
        ours: &["explain", "NET_RAW"],
        peer: &["capsh", "--explain=cap_net_raw"],
    },
    Pair { what: "explain all", ours: &["explain"], peer: &["capsh", "--explain=cap_net_raw"] },
    Pair {
        what: "show one manifest",
        ours: &["show", "bench/pod.yaml"],
        peer: &["cat", "bench/pod.yaml"],
    },
    Pair {
        what: "check one manifest",
        ours: &["check", "bench/pod.yaml"],
        peer: &["cat", "bench/pod.yaml"],
    },
    Pair {
        what: "run /bin/true",
        ours: &["run", "--cap-drop", "ALL", "--", "/bin/true"],
        peer: &["capsh", "--drop=all", "--", "-c", "/bin/true"],
    },
    Pair { what: "trace /bin/true", ours: &["trace", "--", "/bin/true"], peer: &["/bin/true"] },
    // Two runs, each in a sandbox of its own.
    Pair {
        what: "fit --sandbox /bin/true",
        ours: &["fit", "--sandbox", "--no-trace", "--", "/bin/true"],
        peer: machine::PODMAN,
    },
    Pair {
        what: "trace /bin/true",
        ours: &["trace", "--", "/bin/true"],
        peer: &["strace", "-f", "-o", "/dev/null", "/bin/true"],
    },
];

/// Runs each pair `runs` times and prints a line for it.
pub fn run(runs: usize) -> Result<(), String> {
    let dropcap = machine::dropcap(None)?;
    println!("{:<26} {:>9} {:>9} {:>7}  beside", "", "ours ms", "peer ms", "ratio");
    for pair in PAIRS {
        let mut ours = Command::new(&dropcap);
        ours.args(pair.ours);
        let mut peer = Command::new(pair.peer[0]);
        peer.args(&pair.peer[1..]);
        match time(&mut ours, &mut peer, runs) {
            Ok((a, b, ratio)) => println!(
                "{:<26} {a:>9.2} {b:>9.2} {ratio:>7.2}  {}",
                pair.what,
                pair.peer.join(" ")
            ),
            Err(why) => println!("{:<26} not measured: {why}", pair.what),
        }
    }
    Ok(())
}

/// Medians of both, and of the ratio; one run of each goes first and is not counted.
fn time(ours: &mut Command, peer: &mut Command, runs: usize) -> Result<(f64, f64, f64), String> {
    let mut pairs = Vec::new();
    for run in 0..=runs {
        let pair = (once(ours)?, once(peer)?);
        if run > 0 {
            pairs.push(pair);
        }
    }
    Ok((
        median(pairs.iter().map(|p| p.0).collect()),
        median(pairs.iter().map(|p| p.1).collect()),
        median(pairs.iter().map(|p| p.0 / p.1).collect()),
    ))
}

/// Milliseconds from start to end. A status of 1 is an answer (`check` found something).
fn once(command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let took = start.elapsed().as_secs_f64() * 1e3;
    match status {
        Ok(status) if matches!(status.code(), Some(0 | 1)) => Ok(took),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
