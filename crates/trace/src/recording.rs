//! From the kernel side's maps to a [`Recording`]: names for numbers, and what is the same once.

use std::collections::{BTreeMap, HashMap, HashSet};

use caps::{CapSet, Capability};
use record::observation::{
    Exit, Failure, Gained, Helper, Lost, Machine, NamespaceRelation, Observation, Process,
    RECORDING_VERSION, Recording, Settled, Syscall, Target, Task,
};

use crate::abi::{self, State, Tally};
use crate::backend::Backend;
use crate::existing;
use crate::kernel::Missed;
use crate::{address, syscalls};

/// What the maps held when they were read.
#[derive(Debug)]
pub(crate) struct Maps {
    pub state: State,
    pub tallies: Vec<(abi::Key, Tally)>,
    pub failures: Vec<(abi::CallKey, Tally)>,
    pub helpers: Vec<(abi::CallKey, Tally)>,
    pub images: Vec<abi::Image>,
    /// By the image's number.
    pub exits: HashMap<u32, abi::Exit>,
    /// Images that turned out to be a container runtime's.
    pub runtimes: HashSet<u32>,
    pub stacks: HashMap<u64, abi::Stack>,
    pub symbols: HashMap<u64, abi::Symbol>,
    /// By the index of `kind_of()` in `bpf/check.h`; read only if something was lost.
    pub totals: Vec<u64>,
    /// Runs of the programs that the kernel skipped (`recursion_misses`).
    pub missed: Missed,
    /// How many of the target's processes run; who reads the maps says it.
    pub living: u32,
}

impl Maps {
    /// Forgets what a container's runtime did before the entrypoint, where that was seen.
    pub(crate) fn leave_out_runtimes(&mut self) {
        let Self { runtimes, totals, .. } = self;
        for (key, tally) in self.tallies.iter().filter(|(key, _)| runtimes.contains(&key.image)) {
            if let Some(total) = totals.get_mut(kind(key)) {
                *total = total.saturating_sub(tally.count);
            }
        }
        self.images.retain(|image| !runtimes.contains(&image.id));
        self.tallies.retain(|(key, _)| !runtimes.contains(&key.image));
        self.failures.retain(|(key, _)| !runtimes.contains(&key.image));
        self.helpers.retain(|(key, _)| !runtimes.contains(&key.image));
    }
}

/// Which counter a check belongs to: `kind_of()` of `bpf/check.h`.
fn kind(key: &abi::Key) -> usize {
    usize::from(key.capability & 63) * 12
        + usize::from(key.relation) * 4
        + usize::from(key.flags & (abi::GRANTED | abi::OWN_CREDENTIALS))
}

/// What is known without the kernel side.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub target: &'a Target,
    pub backend: Backend,
    pub start_seen: bool,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub since: u64,
    /// Likewise.
    pub until: u64,
    /// Processes that were there before, by image number.
    pub existing: &'a HashMap<u32, existing::Image>,
    pub settled: &'a BTreeMap<Capability, Settled>,
    /// The node's user ID of the target's root.
    pub root: u32,
}

/// The process of what could not be attributed.
const UNKNOWN: u32 = 0;

/// Puts a recording together.
pub(crate) fn build(maps: &Maps, frame: &Frame<'_>) -> Recording {
    let (processes, numbers) = processes(maps, frame);
    let mut recording = Recording {
        version: RECORDING_VERSION,
        machine: machine(frame.backend),
        target: frame.target.clone(),
        start_seen: frame.start_seen,
        duration_ns: frame.until.saturating_sub(frame.since),
        exit: exit(&maps.state),
        root: frame.root,
        still_running: maps.living,
        lost: Lost {
            checks: maps.state.lost_checks + maps.missed.checks,
            stacks: maps.state.lost_stacks + nameless(maps),
            processes: maps.state.lost_processes + maps.missed.processes,
            evidence: maps.state.lost_evidence + maps.missed.returns,
        },
        processes,
        observations: Vec::new(),
        settled: frame.settled.values().filter(|s| s.count > 0).copied().collect(),
        failures: failures(maps, &numbers, frame),
        helpers: helpers(maps, &numbers),
    };
    let mut merged: BTreeMap<Identity, Observation> = BTreeMap::new();
    for (key, tally) in &maps.tallies {
        let Some(observation) = observation(key, tally, maps, &numbers, frame) else { continue };
        match merged.entry(identity(&observation)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(observation);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().absorb(observation);
            }
        }
    }
    recording.observations = merged.into_values().collect();
    recording.observations.extend(unattributed(maps, frame));
    recording.observations.sort_by_key(|o| o.first_ns);
    let strangers = recording.observations.iter().map(|o| o.process);
    if strangers.chain(recording.failures.iter().map(|f| f.process)).any(|p| p == UNKNOWN) {
        let unknown = Process { comm: "?".to_owned(), ..Process::default() };
        recording.processes.insert(UNKNOWN, unknown);
    }
    recording
}

fn machine(backend: Backend) -> Machine {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        kernel: kernel.trim_end().to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        backend: backend.name().to_owned(),
    }
}

pub(crate) fn exit(state: &State) -> Option<Exit> {
    (state.ended_ns != 0).then(|| status(state.exit_code))
}

/// A status as wait4(2) gives it.
fn status(code: u32) -> Exit {
    match code & 0x7f {
        0 => Exit::Code((code >> 8 & 0xff) as i32),
        signal => Exit::Signal(signal as i32),
    }
}

/// The processes by a small number in the order of their first `execve`, and the small number of
/// each image.
fn processes(maps: &Maps, frame: &Frame<'_>) -> (BTreeMap<u32, Process>, HashMap<u32, u32>) {
    let known = frame.existing.iter().map(|(id, image)| {
        let process = Process {
            pid: image.pid,
            parent: image.parent,
            comm: image.comm.clone(),
            exe: image.exe.clone(),
            uid: image.uid,
            no_new_privs: Some(image.no_new_privs),
            set_uid: set_uid(image.mode, image.owner),
            set_gid: set_gid(image.mode, image.group),
            bounding: Some(image.bounding),
            gained: None,
            cgroup: image.cgroup.clone(),
            running: true,
            exit: None,
            ended_ns: None,
        };
        (0, *id, process)
    });
    let seen = maps.images.iter().map(|image| {
        let process = Process {
            pid: image.pid,
            parent: Some(image.parent_pid).filter(|pid| *pid != 0),
            comm: text(&image.comm),
            exe: path(image.path.get(..image.path_size as usize)).filter(|path| path != "/"),
            uid: Some(image.uid),
            no_new_privs: Some(image.no_new_privs != 0),
            set_uid: set_uid(image.mode, image.owner),
            set_gid: set_gid(image.mode, image.group),
            bounding: Some(CapSet::from_bits(image.bounding)),
            gained: (image.gained != 0).then(|| Gained {
                permitted: CapSet::from_bits(image.gained),
                effective: image.in_effect != 0,
            }),
            cgroup: path(image.cgroup.get(..image.cgroup_size as usize)),
            running: false,
            exit: None,
            ended_ns: None,
        };
        (image.first_ns, image.id, process)
    });
    let mut all: Vec<(u64, u32, Process)> = known.chain(seen).collect();
    for (_, id, process) in &mut all {
        if let Some(exit) = maps.exits.get(id) {
            process.exit = Some(status(exit.code));
            process.ended_ns = Some(exit.ended_ns.saturating_sub(frame.since));
        }
    }
    all.sort_by_key(|(first, id, _)| (*first, *id));
    let mut processes = BTreeMap::new();
    let mut numbers = HashMap::new();
    for (number, (_, id, process)) in (1..).zip(all) {
        numbers.insert(id, number);
        processes.insert(number, process);
    }
    (processes, numbers)
}

/// `S_ISUID`, inode(7): the file's owner.
fn set_uid(mode: u32, owner: u32) -> Option<u32> {
    (mode & 0o4000 != 0).then_some(owner)
}

/// `S_ISGID` of a file that its group may execute, inode(7): the file's group.
fn set_gid(mode: u32, group: u32) -> Option<u32> {
    (mode & 0o2010 == 0o2010).then_some(group)
}

/// A path whose names come innermost first, each with its NUL; `None` if it was too long.
fn path(names: Option<&[u8]>) -> Option<String> {
    let mut names: Vec<_> = names?.split(|b| *b == 0).filter(|name| !name.is_empty()).collect();
    names.reverse();
    if names.is_empty() {
        return Some("/".to_owned());
    }
    let join = |path: String, name: &&[u8]| path + "/" + &String::from_utf8_lossy(name);
    Some(names.iter().fold(String::new(), join))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn observation(
    key: &abi::Key,
    tally: &Tally,
    maps: &Maps,
    numbers: &HashMap<u32, u32>,
    frame: &Frame<'_>,
) -> Option<Observation> {
    let has = |flag: u8| key.flags & flag != 0;
    Some(Observation {
        capability: Capability::from_number(key.capability)?,
        granted: has(abi::GRANTED),
        own_credentials: has(abi::OWN_CREDENTIALS),
        namespace: relation(key.relation),
        uid: Some(key.uid),
        in_bounding: Some(has(abi::IN_BOUNDING)),
        no_audit: has(abi::AUDIT_KNOWN).then(|| has(abi::NO_AUDIT)),
        task: task(key.task),
        syscall: u32::try_from(key.syscall).ok().map(|number| syscall(number, key.flags, tally)),
        stack: stack(key.stack, maps),
        process: numbers.get(&key.image).copied().unwrap_or(UNKNOWN),
        count: tally.count,
        first_ns: tally.first_ns.saturating_sub(frame.since),
        last_ns: tally.last_ns.saturating_sub(frame.since),
        result: (tally.returns > 0).then_some(tally.result),
    })
}

fn relation(number: u8) -> NamespaceRelation {
    match number {
        0 => NamespaceRelation::Own,
        1 => NamespaceRelation::Inner,
        _ => NamespaceRelation::Outer,
    }
}

fn task(number: u8) -> Task {
    match number {
        abi::TASK_IO_WORKER => Task::IoWorker,
        abi::TASK_USER_WORKER => Task::UserWorker,
        abi::TASK_KERNEL_THREAD => Task::KernelThread,
        _ => Task::Program,
    }
}

/// Calls that failed, the earliest first.
fn failures(maps: &Maps, numbers: &HashMap<u32, u32>, frame: &Frame<'_>) -> Vec<Failure> {
    let failure = |(key, tally): &(abi::CallKey, Tally)| {
        Some(Failure {
            process: numbers.get(&key.image).copied().unwrap_or(UNKNOWN),
            syscall: syscall(u32::try_from(key.syscall).ok()?, key.flags as u8, tally),
            result: key.result,
            count: tally.count,
            first_ns: tally.first_ns.saturating_sub(frame.since),
            last_ns: tally.last_ns.saturating_sub(frame.since),
        })
    };
    let mut failures: Vec<Failure> = maps.failures.iter().filter_map(failure).collect();
    failures.sort_by_key(|f| f.first_ns);
    failures
}

/// Processes outside of the target that were asked.
fn helpers(maps: &Maps, numbers: &HashMap<u32, u32>) -> Vec<Helper> {
    let helper = |(key, tally): &(abi::CallKey, Tally)| {
        let number = u32::try_from(key.syscall).ok()?;
        let pid = u32::try_from(key.result).ok().filter(|pid| *pid != 0);
        Some(Helper {
            process: *numbers.get(&key.image)?,
            address: syscall(number, key.flags as u8, tally).address,
            pid,
            comm: pid.and_then(existing::comm),
            count: tally.count,
        })
    };
    let mut helpers: Vec<Helper> = maps.helpers.iter().filter_map(helper).collect();
    helpers.sort();
    helpers
}

/// Checks whose stack is there, with a function in it whose name found no room.
fn nameless(maps: &Maps) -> u64 {
    let nameless = |stack: &abi::Stack| {
        let depth = (stack.depth as usize).min(stack.frames.len());
        stack.frames[..depth].iter().any(|address| !maps.symbols.contains_key(address))
    };
    let without: HashMap<u64, bool> =
        maps.stacks.iter().map(|(id, stack)| (*id, nameless(stack))).collect();
    let checks = maps.tallies.iter().filter(|(key, _)| without.get(&key.stack) == Some(&true));
    checks.map(|(_, tally)| tally.count).sum()
}

fn syscall(number: u32, flags: u8, tally: &Tally) -> Syscall {
    let compat = flags & abi::COMPAT != 0;
    let text = tally.text.get(..tally.text_size as usize).unwrap_or_default();
    Syscall {
        number,
        name: syscalls::name(number, compat).map(str::to_owned),
        compat,
        arguments: tally.arguments,
        path: (tally.text_kind == abi::TEXT_PATH)
            .then(|| String::from_utf8_lossy(text).into_owned()),
        address: (tally.text_kind == abi::TEXT_ADDRESS).then(|| address::words(text)).flatten(),
    }
}

/// The functions' names, from `cap_capable`'s caller outwards.
fn stack(id: u64, maps: &Maps) -> Vec<String> {
    let Some(stack) = maps.stacks.get(&id) else { return Vec::new() };
    let depth = (stack.depth as usize).min(stack.frames.len());
    let names: Vec<String> = stack.frames[..depth]
        .iter()
        .map(|address| {
            let name = maps.symbols.get(address).map(|s| text(&s.name)).unwrap_or_default();
            // `%ps` writes the module behind the name.
            match name.split(' ').next() {
                None | Some("") => "?".to_owned(),
                Some(function) => function.to_owned(),
            }
        })
        .collect();
    let checked = |name: &String| name.split('.').next() == Some("cap_capable");
    let start = match names.iter().rposition(checked) {
        Some(at) => at + 1,
        // Tail calls may leave it out: then only the tracer's own frames go.
        None => names.iter().take_while(|name| is_tracing(name)).count(),
    };
    names.into_iter().skip(start).collect()
}

/// Whether a frame is the kernel's tracing itself.
fn is_tracing(name: &str) -> bool {
    ["bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_trampoline_"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// What makes two observations the same, beside the deciding argument.
type Identity = (
    (Capability, bool, bool, NamespaceRelation, Option<u32>, Option<bool>, Option<bool>),
    (Option<(u32, bool)>, u64, Vec<String>, u32),
);

fn identity(o: &Observation) -> Identity {
    let call = o.syscall.as_ref();
    (
        (o.capability, o.granted, o.own_credentials, o.namespace, o.uid, o.in_bounding, o.no_audit),
        (
            call.map(|s| (s.number, s.compat)),
            call.map_or(0, |s| syscalls::deciding(s.number, s.compat, &s.arguments)),
            o.stack.clone(),
            o.process,
        ),
    )
}

/// What puts two tallies of one observation together: stacks that differ in addresses only.
trait Absorb {
    fn absorb(&mut self, other: Self);
}

impl Absorb for Observation {
    fn absorb(&mut self, other: Self) {
        let count = self.count + other.count;
        let (first, last) = (self.first_ns.min(other.first_ns), self.last_ns.max(other.last_ns));
        let result = match (self.result, other.result) {
            (Some(a), Some(b)) if a >= 0 && b < 0 => Some(b),
            (a, b) => a.or(b),
        };
        if other.first_ns < self.first_ns {
            *self = other;
        }
        (self.count, self.first_ns, self.last_ns, self.result) = (count, first, last, result);
    }
}

/// Checks that the totals know of and no tally does: the set of capabilities is never lost.
fn unattributed(maps: &Maps, frame: &Frame<'_>) -> Vec<Observation> {
    if maps.state.lost_checks == 0 {
        return Vec::new();
    }
    let mut left = maps.totals.clone();
    for (key, tally) in &maps.tallies {
        if let Some(count) = left.get_mut(kind(key)) {
            *count = count.saturating_sub(tally.count);
        }
    }
    let some = left.into_iter().enumerate().filter(|(_, count)| *count > 0);
    some.filter_map(|(index, count)| {
        Some(Observation {
            capability: Capability::from_number(u8::try_from(index / 12).ok()?)?,
            granted: index & usize::from(abi::GRANTED) != 0,
            own_credentials: index & usize::from(abi::OWN_CREDENTIALS) != 0,
            namespace: relation((index % 12 / 4) as u8),
            uid: None,
            in_bounding: None,
            no_audit: None,
            task: Task::Program,
            syscall: None,
            stack: Vec::new(),
            process: UNKNOWN,
            count,
            first_ns: 0,
            last_ns: frame.until.saturating_sub(frame.since),
            result: None,
        })
    })
    .collect()
}
