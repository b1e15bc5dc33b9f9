//! What a tracer could leave behind, looked for in the whole machine before and after a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};
use rustix::process::{Pid, WaitOptions, waitpid};

/// How long what was let go of may take to be gone: the kernel frees it when it gets round to it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Types of programs that cgroups hold (`BPF_PROG_TYPE_CGROUP_…`, `linux/bpf.h`): containers and services
/// have them.
const OF_CGROUPS: [u32; 6] = [8, 9, 15, 18, 23, 25];

/// One at a time: each looks at the whole process, and some change the machine.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a test, and then sees to it that nothing is left of what it made: no BPF program, map or link that
/// no other process holds, no pin, no kprobe, no process, no cgroup.
pub fn guarded(test: impl FnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever loses its parent becomes a child of this process, where it is seen.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let before = Left::now();
    test();
    let patience = Instant::now() + PATIENCE;
    loop {
        let new = Left::now().without(&before);
        if new == Left::default() {
            return;
        }
        assert!(Instant::now() < patience, "left behind: {new:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is there and nobody else's.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Number and name.
    programs: BTreeSet<(u32, String)>,
    maps: BTreeSet<(u32, String)>,
    /// Number, and that of the program.
    links: BTreeSet<(u32, u32)>,
    pins: BTreeSet<PathBuf>,
    kprobes: BTreeSet<String>,
    /// Descriptors of this process that are BPF's or performance events'.
    descriptors: BTreeSet<String>,
    /// Number and name.
    processes: BTreeSet<(u32, String)>,
    cgroups: BTreeSet<PathBuf>,
}

impl Left {
    fn now() -> Self {
        let mut left = Self {
            pins: pins(),
            kprobes: kprobes(),
            descriptors: descriptors(),
            processes: children(),
            cgroups: cgroups(),
            ..Self::default()
        };
        // Listed before it is asked who holds them: whoever makes one meanwhile holds it.
        let programs: Vec<_> = loaded_programs().flatten().collect();
        let maps: Vec<_> = loaded_maps().flatten().collect();
        let links: Vec<_> = loaded_links().flatten().collect();
        let mut held = Held::by_others();
        for link in links.iter().filter(|link| held.links.contains(&link.id())) {
            held.programs.insert(link.program_id());
        }
        for program in &programs {
            if held.programs.contains(&program.id())
                && let Ok(Some(maps)) = program.map_ids()
            {
                held.maps.extend(maps);
            }
        }
        let name = |name: Option<&str>| name.unwrap_or("?").to_owned();
        for program in programs.iter().filter(|program| !held.programs.contains(&program.id())) {
            let of_a_cgroup = OF_CGROUPS.contains(&(program.program_type() as u32));
            if !of_a_cgroup {
                left.programs.insert((program.id(), name(program.name_as_str())));
            }
        }
        left.maps = maps
            .iter()
            .filter(|map| !held.maps.contains(&map.id()))
            .map(|map| (map.id(), name(map.name_as_str())))
            .collect();
        left.links = links
            .iter()
            .filter(|link| !held.links.contains(&link.id()))
            .map(|link| (link.id(), link.program_id()))
            .collect();
        left
    }

    fn without(self, before: &Self) -> Self {
        fn new<T: Ord>(mut now: BTreeSet<T>, before: &BTreeSet<T>) -> BTreeSet<T> {
            now.retain(|one| !before.contains(one));
            now
        }
        Self {
            programs: new(self.programs, &before.programs),
            maps: new(self.maps, &before.maps),
            links: new(self.links, &before.links),
            pins: new(self.pins, &before.pins),
            kprobes: new(self.kprobes, &before.kprobes),
            descriptors: new(self.descriptors, &before.descriptors),
            processes: new(self.processes, &before.processes),
            cgroups: new(self.cgroups, &before.cgroups),
        }
    }
}

/// The numbers of BPF objects that processes have descriptors of.
#[derive(Debug, Default)]
pub struct Held {
    pub programs: BTreeSet<u32>,
    pub maps: BTreeSet<u32>,
    pub links: BTreeSet<u32>,
}

impl Held {
    /// By every process but this one.
    fn by_others() -> Self {
        let mut held = Self::default();
        for pid in numbers(Path::new("/proc")).filter(|pid| *pid != std::process::id()) {
            held.add(pid);
        }
        held
    }

    /// By this process.
    pub fn by(pid: u32) -> Self {
        let mut held = Self::default();
        held.add(pid);
        held
    }

    fn add(&mut self, pid: u32) {
        for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            for (field, held) in [
                ("prog_id:", &mut self.programs),
                ("map_id:", &mut self.maps),
                ("link_id:", &mut self.links),
            ] {
                let number = |line: &str| line.strip_prefix(field)?.trim().parse::<u32>().ok();
                held.extend(text.lines().find_map(number));
            }
        }
    }
}

fn numbers(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What is pinned in every BPF file system that is mounted here.
fn pins() -> BTreeSet<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let point = fields.next()?;
        (fields.next()? == "bpf").then(|| PathBuf::from(point))
    });
    let (mut next, mut pins) = (mounts.collect::<Vec<_>>(), BTreeSet::new());
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                next.push(entry.path());
            }
            pins.insert(entry.path());
        }
    }
    pins
}

/// The kprobes that were made by name.
fn kprobes() -> BTreeSet<String> {
    let files = ["/sys/kernel/tracing/kprobe_events", "/sys/kernel/debug/tracing/kprobe_events"];
    let text: String = files.into_iter().flat_map(fs::read_to_string).collect();
    text.lines().map(str::to_owned).collect()
}

fn descriptors() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    let links = links.map(|link| link.to_string_lossy().into_owned());
    links.filter(|link| link.contains("bpf") || link.contains("perf_event")).collect()
}

/// The children of this process, those it was left among them. Whoever has ended is taken note of.
fn children() -> BTreeSet<(u32, String)> {
    let mut children = BTreeSet::new();
    for pid in numbers(Path::new("/proc")) {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        if fields.get(1) != Some(&std::process::id().to_string().as_str()) {
            continue;
        }
        if fields[0] == "Z" {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let _ = waitpid(pid, WaitOptions::NOHANG);
        } else {
            children.insert((pid, name.rsplit_once('(').unwrap_or_default().1.to_owned()));
        }
    }
    children
}

/// How the cgroups of these tests are called.
pub fn cgroup_name(what: &str) -> String {
    format!("dropcap-faults-{}-{what}", std::process::id())
}

fn cgroups() -> BTreeSet<PathBuf> {
    let layout = sys::cgroup::Layout::read().unwrap();
    let mounts = layout.unified.into_iter().chain(layout.v1.into_iter().map(|(_, mount)| mount));
    let prefix = cgroup_name("");
    let entries =
        mounts.flat_map(|mount| fs::read_dir(mount.point).into_iter().flatten().flatten());
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}
