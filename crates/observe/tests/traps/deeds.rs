//! Every deed on every kind of file, with the truth found by leaving out each capability in turn: the
//! answer's alternatives together change what comes of it, and nothing else does.

use caps::{CapSet, Capability};
use judge::Judgement;
use record::requirement::Verdict;
use testkit::needs;

use crate::files::{FOREIGN, OTHER, file};
use crate::overlay::Overlay;
use crate::support::{Trap, everything, set};

const DEEDS: &[&str] = &[
    "read",
    "append",
    "both",
    "empty",
    "truncate",
    "noatime",
    "may read",
    "may write",
    "may execute",
    "chmod 600",
    "chmod 2755",
    "chmod 4755",
    "chown",
    "chgrp",
    "chgrp own",
    "chown same",
    "times now",
    "times then",
    "unlink",
    "rename",
    "link",
    "list",
    "user attribute",
    "trusted attribute",
    "see trusted",
    "file capability",
    "no file capability",
    "same flags",
    "another flag",
    "lease",
];

/// Owner, group and mode of root's files: plain, and with bits to lose.
const ROOTS: &[(u32, u32, u32)] = &[(0, 0, 0o644), (0, FOREIGN, 0o6755)];
/// The same of another's: open, with a bit to lose, and closed.
const OTHERS: &[(u32, u32, u32)] =
    &[(OTHER, 0, 0o666), (OTHER, FOREIGN, 0o2755), (OTHER, OTHER, 0o600)];

/// What may matter to a file; everything else is left out and put in together.
const OF_FILES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID LINUX_IMMUTABLE LEASE \
                        SETFCAP SYS_ADMIN";

#[test]
fn what_is_needed_for_a_deed_on_roots_is_what_changes_it() {
    needs!(root, bpf, test_programs);
    if let Some(needed) = all_deeds_on(ROOTS) {
        assert_eq!(needed, set("CHOWN FSETID SETFCAP SYS_ADMIN"));
    }
}

#[test]
fn what_is_needed_for_a_deed_on_anothers_is_what_changes_it() {
    needs!(root, bpf, test_programs);
    if let Some(needed) = all_deeds_on(OTHERS) {
        assert_eq!(needed, set("CHOWN DAC_OVERRIDE FOWNER FSETID LEASE SETFCAP SYS_ADMIN"));
    }
}

/// What is needed for all of them on these files, each proved; `None` where nothing can be traced.
fn all_deeds_on(files: &[(u32, u32, u32)]) -> Option<CapSet> {
    let mut needed = CapSet::EMPTY;
    for deed in DEEDS {
        for (uid, gid, mode) in testkit::sample(files) {
            let (uid, gid, mode) = (*uid, *gid, *mode);
            let trap = Trap::new("deed", &[deed])
                .prepare(move |folder| file(&folder.join("f"), uid, gid, mode));
            let name = format!("{deed} {uid}:{gid} {mode:o}");
            needed = needed | judge_and_try(&trap, &name)?;
        }
    }
    Some(needed)
}

/// The same on overlayfs, where what the mounter is asked for changes nothing. Hundreds of mounts, each of which is
/// waited for when it goes; overlay.rs has some of them.
#[test]
fn what_is_needed_for_a_deed_on_an_overlay_is_what_changes_it() {
    needs!(root, bpf, test_programs, time);
    let mut needed = CapSet::EMPTY;
    let (uid, gid, mode) = (OTHER, FOREIGN, 0o2755);
    for deed in DEEDS {
        let trap = Trap::new("deed", &[deed, "o"]).prepare(move |folder| {
            Overlay::mount(folder, |lower| file(&lower.join("f"), uid, gid, mode))
        });
        let Some(proved) = judge_and_try(&trap, &format!("{deed} on overlayfs")) else { return };
        needed = needed | proved;
    }
    assert_eq!(needed, set("CHOWN DAC_OVERRIDE FOWNER FSETID LEASE SETFCAP SYS_ADMIN"));
}

/// What is needed, proved; `None` where nothing can be traced.
fn judge_and_try(trap: &Trap, name: &str) -> Option<CapSet> {
    let seen = trap.trace()?;
    let judgement = &seen.observed.judgement;
    assert_eq!(judgement.unknown_sites, [], "{name}");
    let answer = judgement.needs.iter().map(|need| {
        format!("{name}: {:?} {} or {}\n", need.verdict, need.capability, need.alternatives)
    });
    testkit::proofs::once(&answer.collect::<String>(), || prove(trap, name, judgement));
    Some(judgement.solution().needed)
}

/// What is needed changes what comes of it, and what changes it is named.
fn prove(trap: &Trap, name: &str, judgement: &Judgement) {
    let (_, whole) = trap.runs(everything());
    let changes = |left_out: CapSet| trap.runs(everything() - left_out).1 != whole;
    let rest = everything() - set(OF_FILES);
    assert!(!changes(rest), "{name}: something else than {OF_FILES} matters");
    let mut named = CapSet::EMPTY;
    for need in &judgement.needs {
        let any_of = need.alternatives.with(need.capability);
        named = named | any_of;
        if need.verdict == Verdict::Needed {
            assert!(changes(any_of), "{name}: {any_of} changes nothing: {:#?}", need.uses);
        }
    }
    let matter = |left_out: &Capability| changes(CapSet::from(*left_out));
    let matters: CapSet = set(OF_FILES).iter().filter(matter).collect();
    assert!(matters.is_subset(named), "{name}: {matters} matter, {named} is said");
}
