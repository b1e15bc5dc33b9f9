//! What a recording says beside its checks: workers, what was only counted, helpers outside, files
//! with capabilities, what a process gave up.

mod common;

use caps::{CapSet, Capability as C};
use common::{Change, check, judged, recording};
use dropcap_judge::{Dismissal, ProfileOptions, judge, to_profile};
use record::merge;
use record::observation::{Container, Gained, Helper, Settled, Target, Task};

const CHOWN: &str = "ns_capable setattr_prepare notify_change chown_common";
const SETPCAP: &str = "ns_capable cap_task_prctl security_task_prctl";
const READ: &str = "capable_wrt_inode_uidgid generic_permission inode_permission";

#[test]
fn workers_kernel_threads_and_32_bit_calls_are_marked() {
    let mut seen = Vec::new();
    for (task, compat) in [
        (Task::IoWorker, false),
        (Task::UserWorker, false),
        (Task::KernelThread, false),
        (Task::Program, true),
        (Task::Program, false),
    ] {
        let mut o = check(C::CHOWN, "chown", CHOWN).path("/x").arguments(&[0, 1, 1]);
        o.task = task;
        if task == Task::Program {
            o.syscall.as_mut().unwrap().compat = compat;
        } else {
            o.syscall = None;
        }
        seen.push(judged(vec![o]).needs[0].uses[0].what.clone());
    }
    assert_eq!(
        seen,
        [
            "outside of any system call (io_uring worker)",
            "outside of any system call (kernel worker in its place)",
            "outside of any system call (kernel thread)",
            "chown /x to 1:1 (32-bit call)",
            "chown /x to 1:1",
        ]
    );
}

#[test]
fn what_is_needed_often_is_settled_and_what_has_an_alternative_is_not() {
    let judgement = judged(vec![
        check(C::SETPCAP, "prctl", SETPCAP).arguments(&[24, 99]).times(1000),
        check(C::CHOWN, "chown", CHOWN).times(3),
        check(C::DAC_READ_SEARCH, "openat", READ).times(1000),
        check(C::KILL, "kill", "ns_capable check_kill_permission").times(1000).refused(Some(-1)),
    ]);
    assert_eq!(judgement.settled(256), CapSet::of(&[C::SETPCAP]));
    assert_eq!(judgement.settled(1), CapSet::of(&[C::SETPCAP, C::CHOWN]));
}

#[test]
fn what_was_only_counted_is_counted_and_no_longer_at_start_alone() {
    let mut recording = recording(vec![check(C::CHOWN, "chown", CHOWN).times(300)]);
    assert!(judge(&recording).needs[0].uses[0].at_start);
    recording.settled =
        vec![Settled { capability: C::CHOWN, count: 1_000_000, last_ns: 59_000_000_000 }];
    let judgement = judge(&recording);
    let [need] = &judgement.needs[..] else { panic!("{:?}", judgement.needs) };
    assert_eq!(need.uses.iter().map(|u| u.count).collect::<Vec<_>>(), [300, 1_000_000]);
    assert!(need.uses.iter().all(|u| !u.at_start));
    assert_eq!(need.uses[1].last_ms, 59_000);
    assert!(judgement.complete);
}

fn asks(address: &str) -> Helper {
    Helper {
        process: 2,
        address: Some(address.to_owned()),
        pid: Some(4711),
        comm: Some("dockerd".to_owned()),
        count: 1,
    }
}

#[test]
fn a_helper_makes_the_trace_of_a_command_incomplete_and_is_told_of_a_container() {
    let told = "nginx (main) asked dockerd (process 4711) over unix:/run/docker.sock: what that did for it \
                is not in this trace";
    let mut recording = recording(vec![check(C::CHOWN, "chown", CHOWN)]);
    recording.helpers = vec![asks("unix:/dev/log"), asks("unix:/run/docker.sock")];
    let judgement = judge(&recording);
    assert_eq!((judgement.helpers.as_slice(), judgement.complete), (&[told.to_owned()][..], false));
    assert_eq!(judgement.incomplete, [told]);

    recording.target = Target::Container(Container::default());
    let judgement = judge(&recording);
    assert_eq!((judgement.helpers.as_slice(), judgement.complete), (&[told.to_owned()][..], true));
    let profile = to_profile(&recording, &judgement, &ProfileOptions::default());
    assert_eq!(profile.status.runs[0].helpers, [told]);
    // Merged with itself it is the same, whatever the order.
    let twice = merge::merge([profile.clone(), profile.clone()]);
    assert_eq!(twice.as_ref(), Some(&profile));
}

#[test]
fn a_file_with_capabilities_in_effect_needs_all_of_them_to_be_executed() {
    let mut recording = recording(vec![check(C::CHOWN, "chown", CHOWN)]);
    let permitted = CapSet::of(&[C::NET_RAW, C::NET_ADMIN]);
    for (effective, needed) in [(true, permitted.with(C::CHOWN)), (false, C::CHOWN.into())] {
        let process = recording.processes.get_mut(&3).unwrap();
        process.gained = Some(Gained { permitted, effective });
        assert_eq!(judge(&recording).solution().needed, needed);
    }
}

#[test]
fn what_a_process_drops_from_its_own_bounding_set_it_gave_up() {
    let refused = check(C::CHOWN, "chown", CHOWN).refused(Some(-1)).by(3);
    let mut recording = recording(vec![refused]);
    assert_eq!(judge(&recording).add(), C::CHOWN.into());
    let first = recording.processes.get_mut(&1).unwrap();
    first.bounding = Some(C::CHOWN.into());
    first.cgroup = Some("/a".to_owned());
    // In another cgroup it may be another container, which was given something else.
    recording.processes.get_mut(&3).unwrap().cgroup = Some("/b".to_owned());
    assert_eq!(judge(&recording).add(), C::CHOWN.into());
    recording.processes.get_mut(&3).unwrap().cgroup = Some("/a".to_owned());
    let judgement = judge(&recording);
    assert_eq!(judgement.add(), CapSet::EMPTY);
    assert_eq!(judgement.dismissed[0].reason, Dismissal::GivenUp);
}
