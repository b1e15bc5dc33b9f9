//! Recordings written by hand.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use dropcap_judge::{Judgement, judge};
use record::observation::{
    Lost, Machine, NamespaceRelation, Observation, Process, RECORDING_VERSION, Recording, Syscall,
    Target, Task,
};

/// A check by the target's first process, granted, with its own credentials, at this stack (as the
/// tracer writes it: innermost first, with a blank between).
pub fn check(capability: Capability, syscall: &str, stack: &str) -> Observation {
    Observation {
        capability,
        granted: true,
        own_credentials: true,
        namespace: NamespaceRelation::Own,
        uid: Some(0),
        in_bounding: None,
        no_audit: None,
        task: Task::Program,
        syscall: Some(Syscall {
            number: syscall.len() as u32,
            name: Some(syscall.to_owned()),
            compat: false,
            arguments: [0; 6],
            path: None,
            address: None,
        }),
        stack: stack.split_whitespace().map(str::to_owned).collect(),
        process: 1,
        count: 1,
        first_ns: 5_000_000,
        last_ns: 5_000_000,
        result: None,
    }
}

/// Changes to an observation, in the order of the sentence.
pub trait Change: Sized {
    fn refused(self, result: Option<i64>) -> Self;
    fn foreign(self) -> Self;
    fn times(self, count: u64) -> Self;
    fn arguments(self, arguments: &[u64]) -> Self;
    fn path(self, path: &str) -> Self;
    fn address(self, address: &str) -> Self;
    fn at(self, first_ms: u64, last_ms: u64) -> Self;
    fn by(self, process: u32) -> Self;
}

impl Change for Observation {
    fn refused(mut self, result: Option<i64>) -> Self {
        self.granted = false;
        self.in_bounding = Some(false);
        self.result = result;
        self
    }

    fn foreign(mut self) -> Self {
        self.own_credentials = false;
        self
    }

    fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    fn arguments(mut self, arguments: &[u64]) -> Self {
        if let Some(syscall) = &mut self.syscall {
            syscall.arguments[..arguments.len()].copy_from_slice(arguments);
        }
        self
    }

    fn path(mut self, path: &str) -> Self {
        if let Some(syscall) = &mut self.syscall {
            syscall.path = Some(path.to_owned());
        }
        self
    }

    fn address(mut self, address: &str) -> Self {
        if let Some(syscall) = &mut self.syscall {
            syscall.address = Some(address.to_owned());
        }
        self
    }

    fn at(mut self, first_ms: u64, last_ms: u64) -> Self {
        (self.first_ns, self.last_ns) = (first_ms * 1_000_000, last_ms * 1_000_000);
        self
    }

    fn by(mut self, process: u32) -> Self {
        self.process = process;
        self
    }
}

/// A complete recording of `nginx` for a minute, with one worker.
pub fn recording(observations: Vec<Observation>) -> Recording {
    let process = |pid, parent, comm: &str, exe: &str| Process {
        pid,
        parent,
        comm: comm.to_owned(),
        exe: Some(exe.to_owned()),
        uid: Some(0),
        ..Process::default()
    };
    Recording {
        version: RECORDING_VERSION,
        machine: Machine {
            kernel: "6.18.0".to_owned(),
            architecture: "x86_64".to_owned(),
            backend: "tp_btf".to_owned(),
        },
        target: Target::Command { argv: vec!["/usr/sbin/nginx".to_owned()] },
        start_seen: true,
        duration_ns: 60_000_000_000,
        root: 0,
        still_running: 0,
        exit: None,
        lost: Lost::default(),
        processes: BTreeMap::from([
            (1, process(100, None, "entrypoint.sh", "/bin/dash")),
            (2, process(100, None, "nginx", "/usr/sbin/nginx")),
            (3, process(101, Some(100), "nginx", "/usr/sbin/nginx")),
        ]),
        observations,
        settled: Vec::new(),
        failures: Vec::new(),
        helpers: Vec::new(),
    }
}

/// What is needed and what is doubtful.
pub fn sets(observations: Vec<Observation>) -> (CapSet, CapSet) {
    let solution = judge(&recording(observations)).solution();
    (solution.needed, solution.doubtful)
}

pub fn judged(observations: Vec<Observation>) -> Judgement {
    judge(&recording(observations))
}

/// The end of every stack on x86.
pub const ENTRY: &str = "do_syscall_64 entry_SYSCALL_64_after_hwframe";
