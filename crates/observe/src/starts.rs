//! The starts of a container that restarts, told apart in one recording.

use record::observation::{Process, Recording};

/// One recording for each start, in order; the recording itself where there is one start.
///
/// A container that its engine starts again runs the same program again, started from outside; what
/// ran before has ended by then, so none of it does anything any more. A command that somebody
/// executes in a running container (`podman exec`) starts nothing anew.
#[must_use]
pub fn starts(recording: &Recording) -> Vec<Recording> {
    let numbers: Vec<u32> = recording.processes.keys().copied().collect();
    let mut first = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let before = first.last().map_or(&numbers[..0], |start: &usize| &numbers[*start..index]);
        if before.is_empty() || is_again(recording, before, *number) {
            first.push(index);
        }
    }
    let ends = first.iter().skip(1).copied().chain([numbers.len()]);
    let parts = first.iter().zip(ends).map(|(start, end)| &numbers[*start..end]);
    let parts: Vec<&[u32]> = parts.collect();
    match parts[..] {
        [] | [_] => vec![recording.clone()],
        _ => parts.into_iter().map(|part| only(recording, part)).collect(),
    }
}

/// Whether this process is the first program of the target again, and nothing that ran before goes on.
fn is_again(recording: &Recording, before: &[u32], number: u32) -> bool {
    let process = |number: &u32| recording.processes.get(number);
    let (Some(main), Some(new)) = (before.first().and_then(process), process(&number)) else {
        return false;
    };
    let program = |process: &Process| (process.exe.clone(), process.comm.clone());
    let from_inside = before.iter().filter_map(process).any(|known| Some(known.pid) == new.parent);
    let begins = times(recording, number).map(|(first, _)| first).min();
    let goes_on = before
        .iter()
        .flat_map(|number| times(recording, *number))
        .any(|(_, last)| begins.is_some_and(|begins| last >= begins));
    program(main) == program(new) && main.pid != new.pid && !from_inside && !goes_on
}

/// When a process did something that was seen: first and last.
fn times(recording: &Recording, number: u32) -> impl Iterator<Item = (u64, u64)> + '_ {
    let checks = recording.observations.iter().filter(move |o| o.process == number);
    let failures = recording.failures.iter().filter(move |f| f.process == number);
    checks.map(|o| (o.first_ns, o.last_ns)).chain(failures.map(|f| (f.first_ns, f.last_ns)))
}

/// What these processes did.
pub(crate) fn only(recording: &Recording, numbers: &[u32]) -> Recording {
    let mut part = recording.of_processes(|_| true);
    part.processes.retain(|number, _| numbers.contains(number));
    part.observations.retain(|o| numbers.contains(&o.process));
    part.failures.retain(|f| numbers.contains(&f.process));
    part.helpers.retain(|h| numbers.contains(&h.process));
    // Exit and start are those of the part's own first process.
    part.of_processes(|_| true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use record::observation::{Exit, Failure, Lost, Machine, RECORDING_VERSION, Syscall, Target};

    use super::*;

    fn process(pid: u32, parent: u32, exe: &str) -> Process {
        let comm = exe.rsplit('/').next().unwrap_or_default().to_owned();
        let exit = Some(Exit::Code(pid as i32));
        Process {
            pid,
            parent: Some(parent),
            comm,
            exe: Some(exe.to_owned()),
            exit,
            ..Process::default()
        }
    }

    fn failure(process: u32, at: u64) -> Failure {
        let syscall = Syscall {
            number: 0,
            name: None,
            compat: false,
            arguments: [0; 6],
            path: None,
            address: None,
        };
        Failure { process, syscall, result: -1, count: 1, first_ns: at, last_ns: at }
    }

    fn recording(processes: Vec<Process>, failures: Vec<Failure>) -> Recording {
        Recording {
            version: RECORDING_VERSION,
            machine: Machine {
                kernel: String::new(),
                architecture: String::new(),
                backend: String::new(),
            },
            target: Target::Process { pid: 1 },
            start_seen: true,
            duration_ns: 1000,
            exit: None,
            root: 0,
            still_running: 0,
            lost: Lost::default(),
            processes: (1..).zip(processes).collect::<BTreeMap<u32, Process>>(),
            observations: Vec::new(),
            settled: Vec::new(),
            failures,
            helpers: Vec::new(),
        }
    }

    fn split(recording: &Recording) -> Vec<(Vec<u32>, usize, Option<Exit>)> {
        let show = |r: &Recording| {
            (r.processes.values().map(|p| p.pid).collect(), r.failures.len(), r.exit)
        };
        starts(recording).iter().map(show).collect()
    }

    #[test]
    fn the_same_program_started_from_outside_is_a_start() {
        let run = recording(
            vec![
                process(10, 1, "/bin/sh"),
                process(11, 10, "/bin/chown"),
                process(20, 2, "/bin/sh"),
                process(21, 20, "/bin/chown"),
                process(30, 3, "/bin/sh"),
            ],
            vec![failure(1, 5), failure(2, 6), failure(3, 15), failure(4, 16), failure(5, 25)],
        );
        assert_eq!(
            split(&run),
            [
                (vec![10, 11], 2, Some(Exit::Code(10))),
                (vec![20, 21], 2, Some(Exit::Code(20))),
                (vec![30], 1, Some(Exit::Code(30)))
            ]
        );
    }

    #[test]
    fn what_is_started_inside_or_while_it_runs_is_none() {
        let inside = recording(
            vec![process(10, 1, "/bin/sh"), process(11, 10, "/bin/sh")],
            vec![failure(1, 5), failure(2, 6)],
        );
        assert_eq!(split(&inside).len(), 1);
        // By a child that never executed anything: the first goes on after it.
        let subshell = recording(
            vec![process(10, 1, "/bin/sh"), process(12, 11, "/bin/sh")],
            vec![failure(1, 5), failure(2, 6), failure(1, 7)],
        );
        assert_eq!(split(&subshell).len(), 1);
        let executed = recording(
            vec![process(10, 1, "/bin/nginx"), process(12, 2, "/bin/sh")],
            vec![failure(1, 5), failure(2, 6)],
        );
        assert_eq!(split(&executed).len(), 1);
        assert_eq!(starts(&executed), [executed]);
    }
}
