//! What one run of a program costs, whoever makes it: started as it is, with an exact set, in a sandbox, as a trial of
//! `fit` with and without trace; beside what else gives a program namespaces and files of its own.
//!
//! In every round each has its turn, and every ratio is one of the same round. A turn is some runs one after the
//! other, so that what the kernel does after a run, behind its back, is paid by the next; between turns there is a
//! pause, so that it is paid by nobody else.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use caps::{CapSet, CapState};
use fit::test::Tests;
use fit::{Around, Job, Place, Program, Runner, Runs};
use launch::{Sandbox, Spec};
use trace::Tracer;

use crate::machine;
use crate::statistics::median;

/// What is run: it does nothing and ends.
const PROGRAM: &str = "/bin/true";
/// How many runs of ours, and of a small peer, make a turn; of an engine one does.
const TURN: usize = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// Other ways to run it in namespaces of its own.
const PEERS: &[Peer] = &[
    Peer {
        name: "unshare, no files",
        words: &[
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--uts",
            "--ipc",
            "--fork",
            "--mount-proc",
            PROGRAM,
        ],
        turn: TURN,
    },
    Peer {
        name: "bwrap, files read-only",
        words: &[
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            PROGRAM,
        ],
        turn: TURN,
    },
    Peer { name: "podman run", words: machine::PODMAN, turn: 1 },
];

struct Peer {
    name: &'static str,
    words: &'static [&'static str],
    turn: usize,
}

/// One way to run it, and how many runs make a turn.
struct Way<'a> {
    name: &'a str,
    turn: usize,
    run: Box<dyn FnMut() -> Result<(), String> + 'a>,
}

/// Where the time of a sandbox goes, milliseconds: one of each for every run.
#[derive(Default)]
struct Parts([Vec<f64>; 4]);

impl Parts {
    const NAMES: [&'static str; 4] = ["made", "program", "ended", "files removed"];
}

/// So many rounds.
pub fn run(rounds: usize) -> Result<(), String> {
    let sandbox = || Sandbox::prepare(None, None).map_err(|e| e.to_string());
    let one = sandbox()?;
    let tests = Tests {
        each: Vec::new(),
        until_exit: true,
        timeout: Duration::from_secs(30),
        settle: Duration::ZERO,
    };
    let program = Program {
        command: vec![PROGRAM.into()],
        user: None,
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        folder: "/".into(),
    };
    let job = Job { program, tests, around: Around::default(), retries: 0, hurry: false };
    let tracer = Tracer::load(fit::options()).map_err(|e| e.to_string())?;
    let trials =
        Runs::new(job, Place::Sandbox(sandbox()?), Some(tracer)).map_err(|e| e.to_string())?;
    let trials = std::cell::RefCell::new(trials);
    let mut parts = Parts::default();
    let mut ways = vec![
        way("fork and exec", || status(&mut Command::new(PROGRAM))),
        way("an exact set", exact),
        way(OURS, || in_sandbox(&one, &mut parts)),
        way("a trial, untraced", || trial(&mut trials.borrow_mut(), false)),
        way("a trial, traced", || trial(&mut trials.borrow_mut(), true)),
    ];
    for peer in PEERS {
        match machine::need(peer.words[0]) {
            Ok(()) => ways.push(Way { turn: peer.turn, ..way(peer.name, || by(peer)) }),
            Err(why) => println!("{}: not measured, {why}", peer.name),
        }
    }
    let mut took: Vec<Vec<f64>> = ways.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for (way, took) in ways.iter_mut().zip(&mut took) {
            thread::sleep(PAUSE);
            let start = Instant::now();
            for _ in 0..way.turn {
                (way.run)().map_err(|why| format!("{}: {why}", way.name))?;
            }
            // The first round warms caches.
            if round > 0 {
                took.push(milliseconds(start) / way.turn as f64);
            }
        }
    }
    let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
    drop(ways);
    print(&names, &took);
    let Parts(parts) = parts;
    let shown =
        Parts::NAMES.iter().zip(parts).map(|(name, all)| format!("{name} {:.2}", median(all)));
    println!("of a sandbox's run, ms: {}", shown.collect::<Vec<_>>().join(", "));
    Ok(())
}

/// What the others are held against.
const OURS: &str = "a sandbox";

fn way<'a>(name: &'a str, run: impl FnMut() -> Result<(), String> + 'a) -> Way<'a> {
    Way { name, turn: TURN, run: Box::new(run) }
}

fn print(names: &[&str], took: &[Vec<f64>]) {
    let ours = names.iter().position(|name| *name == OURS).unwrap_or(0);
    println!("{} rounds; medians", took[ours].len());
    println!("{:<26} {:>9} {:>18}", format!("one run of {PROGRAM}"), "ms", "times a sandbox's");
    for (name, all) in names.iter().zip(took) {
        let ratios = all.iter().zip(&took[ours]).map(|(other, ours)| other / ours);
        println!("{name:<26} {:>9.2} {:>18.2}", median(all.clone()), median(ratios.collect()));
    }
}

/// With nothing held, read back before `execve`.
fn exact() -> Result<(), String> {
    let mut spec = Spec::new(PROGRAM, CapState::default());
    spec.stdin = launch::Stdio::Null;
    let mut child = launch::spawn(spec).map_err(|e| e.to_string())?;
    child.wait().map_err(|e| e.to_string()).and_then(ended)
}

/// In a new sandbox, from its making until nothing of it is left.
fn in_sandbox(sandbox: &Sandbox, parts: &mut Parts) -> Result<(), String> {
    let start = Instant::now();
    let fresh = sandbox.fresh().map_err(|e| e.to_string())?;
    let times = thread::scope(|scope| {
        let run = scope.spawn(|| {
            let inside = fresh.enter().map_err(|e| e.to_string())?;
            let made = milliseconds(start);
            exact()?;
            let run = milliseconds(start);
            inside.end().map_err(|e| e.to_string())?;
            Ok::<_, String>([made, run, milliseconds(start)])
        });
        run.join().unwrap_or_else(|_| Err("it panicked".to_owned()))
    })?;
    drop(fresh);
    let mut before = 0.0;
    for (part, until) in parts.0.iter_mut().zip(times.into_iter().chain([milliseconds(start)])) {
        part.push(until - before);
        before = until;
    }
    Ok(())
}

/// As `fit --sandbox` makes it: the program's test is its end.
fn trial(runs: &mut Runs, traced: bool) -> Result<(), String> {
    let ran = runs.run(CapSet::EMPTY, traced).map_err(|e| e.to_string())?;
    match ran.outcome {
        // A run that was to be seen and was not is no figure.
        fit::Outcome::Passed if ran.observed.is_some() == traced => Ok(()),
        outcome => Err(format!("{outcome:?}, traced: {traced}")),
    }
}

fn by(peer: &Peer) -> Result<(), String> {
    status(Command::new(peer.words[0]).args(&peer.words[1..]))
}

fn status(command: &mut Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

fn ended(exit: launch::Exit) -> Result<(), String> {
    if exit.success() { Ok(()) } else { Err(format!("it ended with {exit}")) }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
