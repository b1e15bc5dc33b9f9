//! `--measure-denials`: what must be held so that no check fails that used to pass, by brute force.
//!
//! It reads recordings by itself, and shares no code with the search that is held against it: a run
//! without each capability, and what was refused in it compared with what was granted in the run with
//! everything. Then, from each true minimal set and those without which something was refused, up to
//! a set under which nothing is, and down again as far as it goes.

use std::collections::BTreeSet;
use std::sync::Mutex;

use caps::{CapSet, Capability};
use record::observation::{NamespaceRelation, Observation, Recording};
use trace::{Options, Tracer};

use crate::Result;
use crate::measure::{each, kernel, today};
use crate::program::Program;
use crate::rootfs::Rootfs;
use crate::sandbox::{FileSystem, Sandbox, grantable};
use crate::truth::{Denials, Measured, Truth};

/// Kernel functions whose answer nobody who asked learns, and why: a refusal there does not count.
/// They were read in Linux 6.12.
const EXEMPT: &[(&str, &str)] = &[
    (
        "security_vm_enough_memory_mm",
        "whether the reserve for root may be used; memory was not short",
    ),
    ("cap_capset", "asked by each capset(2), and counts only if the inheritable set is raised"),
    ("simple_xattr_list", "whether trusted.* attributes are listed"),
    ("ovl_listxattr", "whether trusted.* attributes are listed"),
    ("ovl_can_list", "whether trusted.* attributes are listed"),
    ("shmem_listxattr", "whether trusted.* attributes are listed"),
    ("ext4_xattr_trusted_list", "whether trusted.* attributes are listed"),
    ("do_jit", "how a filter is compiled"),
    ("bpf_int_jit_compile", "how a filter is compiled"),
    ("__ptrace_may_access", "whether addresses are shown in /proc/PID/stat"),
    ("ptrace_has_cap", "whether addresses are shown in /proc/PID/stat"),
    ("net_ctl_permissions", "whether a sysctl of the network may be written by its mode"),
    ("pid_table_root_permissions", "whether a sysctl may be written by its mode"),
    ("ext4_has_free_clusters", "whether the reserve for root may be used; the disk was not full"),
];

/// Calls that carry a message to the kernel, and succeed though what it asks for is refused
/// (netlink(7)): their return says nothing.
const MESSAGES: &[&str] = &["sendto", "sendmsg", "write"];

/// chmod(2) and its kin, with the argument that is the mode.
const CHMOD: &[(&str, usize)] = &[("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)];

/// `S_ISGID`, inode(7).
const SET_GROUP_ID: u64 = 0o2000;

/// Functions between the question and who asked.
const BETWEEN: &[&str] = &[
    "cap_capable",
    "security_capable",
    "capable",
    "ns_capable",
    "ns_capable_noaudit",
    "ns_capable_setid",
    "ns_capable_common",
    "has_capability",
    "has_capability_noaudit",
    "has_ns_capability",
    "has_ns_capability_noaudit",
    "capable_wrt_inode_uidgid",
    "privileged_wrt_inode_uidgid",
    "file_ns_capable",
    "sk_ns_capable",
    "sk_capable",
    "sk_net_capable",
    "netlink_ns_capable",
    "netlink_capable",
    "netlink_net_capable",
    "__netlink_ns_capable",
    "perfmon_capable",
    "bpf_capable",
    "checkpoint_restore_ns_capable",
];

/// A question: the capability, the function that asked, the system call.
type Question = (Capability, String, String);

/// Measures every program, so many at a time, and adds the result to its truth.
pub fn run(root: &Rootfs, programs: &[&Program], places: &[FileSystem], jobs: usize) -> Result {
    let writing = Mutex::new(());
    each(root, programs, places, jobs, |sandbox, program| {
        let start = std::time::Instant::now();
        let place = sandbox.place();
        let truth = Measured::of(program, place)?;
        let tracer = Tracer::load(Options::default()).map_err(|e| e.to_string())?;
        let denials = Measuring { sandbox, program, tracer, runs: 0 }.measure(&truth.minimal)?;
        let sets: Vec<String> = denials.sets.iter().map(ToString::to_string).collect();
        println!(
            "{:<17} {place:<9} {:>3} runs, {:>4.0} s  {}",
            program.name,
            denials.runs,
            start.elapsed().as_secs_f32(),
            sets.join(" | "),
        );
        let _writing = writing.lock();
        let mut whole = Truth::read(&program.folder)?;
        whole.set(place, Measured { denials: Some(denials), ..truth });
        whole.write(&program.folder)
    })
}

struct Measuring<'s> {
    sandbox: &'s mut Sandbox,
    program: &'s Program,
    tracer: Tracer,
    runs: u32,
}

impl Measuring<'_> {
    fn measure(mut self, minimal: &[CapSet]) -> Result<Denials> {
        let all = grantable()?;
        let whole = self.passing(all)?;
        let granted: BTreeSet<Question> =
            whole.observations.iter().filter(|o| o.granted && is_own(o)).map(question).collect();
        let mut refused = BTreeSet::new();
        let mut exempt = BTreeSet::new();
        let mut required = CapSet::EMPTY;
        let core = minimal.iter().fold(all, |core, set| core & *set);
        for capability in all - core {
            let seen = self.passing(all.without(capability))?;
            exempt.extend(exempt_of(&seen));
            let new = denials(&seen, &granted);
            if !new.is_empty() {
                required.insert(capability);
                refused.extend(new.iter().map(|o| line(o)));
            }
        }
        let mut sets = Vec::new();
        for set in minimal {
            sets.push(self.up_and_down(*set, required, all, &granted, &mut refused)?);
        }
        Ok(Denials {
            sets,
            refused: refused.into_iter().collect(),
            exempt: exempt.into_iter().collect(),
            date: today(),
            kernel: kernel(),
            runs: self.runs,
        })
    }

    /// From `minimal` and `required` to a set under which nothing is refused, and what of it can be
    /// left out again with nothing refused: the most dangerous first.
    fn up_and_down(
        &mut self,
        minimal: CapSet,
        required: CapSet,
        all: CapSet,
        granted: &BTreeSet<Question>,
        refused: &mut BTreeSet<String>,
    ) -> Result<CapSet> {
        let mut set = minimal | required;
        loop {
            let seen = self.passing(set)?;
            let new = denials(&seen, granted);
            if new.is_empty() {
                break;
            }
            refused.extend(new.iter().map(|o| line(o)));
            // Any other that was refused in the same place would have served as well, perhaps.
            let places: BTreeSet<_> = new.iter().map(|o| asked_at(o)).collect();
            let here =
                seen.observations.iter().filter(|o| is_own(o) && places.contains(&asked_at(o)));
            let more: CapSet = here.map(|o| o.capability).collect();
            if (more & all).is_subset(set) {
                return Err(format!("{}: refused whatever is added", line(new[0])));
            }
            set = set | (more & all);
        }
        let mut extra: Vec<Capability> = (set - minimal - required).iter().collect();
        extra.sort_by_key(|c| std::cmp::Reverse(caps::knowledge(*c).map(caps::Knowledge::danger)));
        for capability in extra {
            let seen = self.passing(set.without(capability))?;
            if denials(&seen, granted).is_empty() {
                set.remove(capability);
            }
        }
        Ok(set)
    }

    /// A traced run that passes. What fails once, though it holds a true minimal set, may have met a
    /// busy machine.
    fn passing(&mut self, set: CapSet) -> Result<Recording> {
        for _ in 0..3 {
            self.runs += 1;
            let (outcome, seen) = self.sandbox.observe(self.program, set, &mut self.tracer)?;
            let lost = seen.recording.lost;
            if outcome.passed && lost.is_complete() {
                return Ok(seen.recording);
            }
            eprintln!("{}: again with {set}: {} {lost:?}", self.program.name, outcome.why());
        }
        Err(format!("does not work with {set}, which holds a true minimal set"))
    }
}

/// Whether what the task itself holds answers it. access(2) asks with a copy of the task's own
/// credentials, unless overlayfs has put its mounter's in between.
fn is_own(observation: &Observation) -> bool {
    let own = observation.own_credentials || is_access(observation);
    own && observation.namespace == NamespaceRelation::Own
}

fn is_access(observation: &Observation) -> bool {
    let frames: Vec<&str> = frames(observation).collect();
    let Some(access) = frames.iter().position(|frame| *frame == "do_faccessat") else {
        return false;
    };
    // `generic_permission` right below `ovl_permission` is asked before overlayfs changes them.
    let overlay = frames[..access].iter().position(|frame| frame.starts_with("ovl_"));
    overlay.is_none_or(|at| at == 1 && frames[0] == "generic_permission")
}

/// What was refused of what was granted before, and counts.
fn denials<'r>(seen: &'r Recording, granted: &BTreeSet<Question>) -> Vec<&'r Observation> {
    let all = seen.observations.iter();
    all.filter(|o| is_refused(o) && exemption(o, seen).is_none() && granted.contains(&question(o)))
        .collect()
}

/// Refused for want of it: not to a process that has given it up itself.
fn is_refused(observation: &Observation) -> bool {
    !observation.granted && is_own(observation) && observation.in_bounding != Some(true)
}

/// Why a refusal does not count.
fn exemption(observation: &Observation, seen: &Recording) -> Option<&'static str> {
    let place = place(observation);
    if let Some((_, why)) = EXEMPT.iter().find(|(function, _)| *function == place) {
        return Some(why);
    }
    if observation.capability == Capability::DAC_READ_SEARCH && is_answered(observation, seen) {
        return Some("DAC_OVERRIDE was asked next, and granted");
    }
    let call = call(observation);
    if observation.capability == Capability::FSETID {
        // Refused, it takes the bit away and says nothing.
        let mode = CHMOD.iter().find(|(name, _)| *name == call);
        let asks_for_the_bit = |(_, index): &(&str, usize)| {
            let arguments = observation.syscall.as_ref().map(|s| s.arguments);
            arguments.is_none_or(|all| all[*index] & SET_GROUP_ID != 0)
        };
        let without = mode.is_some_and(|mode| !asks_for_the_bit(mode));
        return without.then_some("the mode has no set-group-ID bit to lose");
    }
    let succeeded = observation.result.is_some_and(|result| !(-4095..0).contains(&result));
    let tells = !MESSAGES.contains(&call.as_str());
    (succeeded && tells).then_some("the call succeeded all the same")
}

/// Whether each time DAC_OVERRIDE was granted in its place: `generic_permission` of `fs/namei.c` asks
/// for it when DAC_READ_SEARCH is refused.
fn is_answered(refused: &Observation, seen: &Recording) -> bool {
    let next = |o: &&Observation| {
        o.capability == Capability::DAC_OVERRIDE
            && o.granted
            && o.process == refused.process
            && o.stack == refused.stack
            && call(o) == call(refused)
    };
    let answers: u64 = seen.observations.iter().filter(next).map(|o| o.count).sum();
    answers >= refused.count
}

fn exempt_of(seen: &Recording) -> Vec<String> {
    let refused = seen.observations.iter().filter(|o| is_refused(o));
    let told = |o: &Observation, why| format!("{} at {}: {why}", o.capability, place(o));
    refused.filter_map(|o| exemption(o, seen).map(|why| told(o, why))).collect()
}

fn question(observation: &Observation) -> Question {
    (observation.capability, place(observation), call(observation))
}

/// Where it was asked, and by whom.
fn asked_at(observation: &Observation) -> (u32, String, String) {
    (observation.process, place(observation), call(observation))
}

fn call(observation: &Observation) -> String {
    observation.syscall.as_ref().and_then(|s| s.name.clone()).unwrap_or_default()
}

/// The function that asked.
fn place(observation: &Observation) -> String {
    frames(observation).next().unwrap_or_default().to_owned()
}

/// Kernel functions from the one that asked outwards.
fn frames(observation: &Observation) -> impl Iterator<Item = &str> {
    let names = observation.stack.iter().map(|frame| frame.split(['.', '+', ' ']).next());
    let is_between = |name: &&str| BETWEEN.contains(name) || name.starts_with("bpf_prog_");
    names.flatten().skip_while(is_between)
}

/// `CHOWN at chown_common in fchown: EPERM`.
fn line(observation: &Observation) -> String {
    let result = match observation.result {
        None => "?".to_owned(),
        Some(-1) => "EPERM".to_owned(),
        Some(-13) => "EACCES".to_owned(),
        Some(result) if (-4095..0).contains(&result) => format!("error {}", -result),
        Some(_) => "ok".to_owned(),
    };
    let (capability, place, call) = question(observation);
    format!("{capability} at {place} in {call}: {result}")
}
