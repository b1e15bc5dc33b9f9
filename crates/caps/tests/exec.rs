//! The execve transition against what capabilities(7) and `security/commoncap.c` promise.

use dropcap_caps::{
    CapSet, CapState, Capability, ExecError, ExecFile, FileCaps, FileCapsVersion, Ids, Kernel,
    Process, Securebits, UserNamespace, exec, exec_on,
};
use proptest::prelude::*;

const ALL: CapSet = CapSet::all_known();
const NET_RAW: CapSet = CapSet::of(&[Capability::NET_RAW]);
const DOCKER: CapSet = CapSet::from_bits(0xa804_25fb);

/// What a container runtime sets up: these three sets, nothing inheritable, nothing ambient.
fn container(set: CapSet) -> CapState {
    CapState { bounding: set, permitted: set, effective: set, ..CapState::default() }
}

fn state(bounding: CapSet, permitted: CapSet, ambient: CapSet) -> CapState {
    CapState { bounding, permitted, effective: permitted, inheritable: ambient, ambient }
}

fn with_caps(caps: FileCaps) -> ExecFile {
    ExecFile { caps: Some(caps), ..ExecFile::plain() }
}

fn set_uid(uid: u32) -> ExecFile {
    ExecFile { uid, mode: 0o4755, ..ExecFile::plain() }
}

#[test]
fn root_gets_the_bounding_set_whatever_it_held() {
    let before = Process::new(0, 0, CapState { bounding: DOCKER, ..CapState::default() });
    let after = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!(after.caps, container(DOCKER));
}

#[test]
fn a_user_without_ambient_keeps_nothing() {
    let before = Process::new(1000, 1000, container(DOCKER));
    let after = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!(after.caps, CapState { bounding: DOCKER, ..CapState::default() });
}

#[test]
fn a_user_keeps_ambient_through_plain_programs_only() {
    let before = Process::new(1000, 1000, state(DOCKER, NET_RAW, NET_RAW));
    let after = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!(after.caps, before.caps);
    let empty = FileCaps { effective: false, ..FileCaps::effective(CapSet::EMPTY) };
    for file in [with_caps(empty), set_uid(1001)] {
        let after = exec(&before, &file).unwrap();
        assert_eq!(
            after.caps,
            CapState { bounding: DOCKER, inheritable: NET_RAW, ..CapState::default() },
            "{file:?}"
        );
    }
}

#[test]
fn set_uid_to_oneself_is_no_change_since_6_17_and_before() {
    let before = Process::new(1000, 1000, state(DOCKER, NET_RAW, NET_RAW));
    for kernel in [Kernel::CURRENT, Kernel::BEFORE_6_17] {
        assert_eq!(exec_on(kernel, &before, &set_uid(1000)).unwrap().caps, before.caps);
    }
}

#[test]
fn apart_ids_lose_ambient_before_6_17_only() {
    let mut before = Process::new(1000, 1000, state(DOCKER, NET_RAW, NET_RAW));
    before.uid = Ids::new(1000, 1001, 1001);
    let plain = ExecFile::plain();
    assert_eq!(exec(&before, &plain).unwrap().caps.ambient, NET_RAW);
    assert_eq!(exec_on(Kernel::BEFORE_6_17, &before, &plain).unwrap().caps.ambient, CapSet::EMPTY);
}

#[test]
fn set_gid_to_a_group_one_is_in_is_no_change_since_6_17() {
    let mut before = Process::new(1000, 1000, state(DOCKER, NET_RAW, NET_RAW));
    before.groups = vec![27];
    let file = ExecFile { gid: 27, mode: 0o2755, ..ExecFile::plain() };
    let after = exec(&before, &file).unwrap();
    assert_eq!((after.gid, after.caps.ambient), (Ids::new(1000, 27, 27), NET_RAW));
    assert_eq!(exec_on(Kernel::BEFORE_6_17, &before, &file).unwrap().caps.ambient, CapSet::EMPTY);
    before.groups.clear();
    assert_eq!(exec(&before, &file).unwrap().caps.ambient, CapSet::EMPTY);
}

#[test]
fn set_gid_without_the_groups_execute_bit_is_ignored() {
    let before = Process::new(1000, 1000, CapState::default());
    let file = ExecFile { gid: 27, mode: 0o2705, ..ExecFile::plain() };
    assert_eq!(exec(&before, &file).unwrap().gid, Ids::all(1000));
}

#[test]
fn set_uid_root_regains_the_bounding_set_unless_something_forbids() {
    let before = Process::new(1000, 1000, CapState { bounding: DOCKER, ..CapState::default() });
    let sudo = set_uid(0);
    let after = exec(&before, &sudo).unwrap();
    assert_eq!((after.uid, after.caps), (Ids::new(1000, 0, 0), container(DOCKER)));

    let forbidden: [(&str, Process, ExecFile); 6] = [
        ("no_new_privs", Process { no_new_privs: true, ..before.clone() }, sudo.clone()),
        ("shares_fs", Process { shares_fs: true, ..before.clone() }, sudo.clone()),
        ("tracer", Process { traced_by_unprivileged: true, ..before.clone() }, sudo.clone()),
        ("nosuid", before.clone(), ExecFile { nosuid: true, ..sudo.clone() }),
        ("unmapped", before.clone(), ExecFile { unmapped: true, ..sudo.clone() }),
        ("script", before.clone(), sudo.clone().script(ExecFile::plain())),
    ];
    for (why, process, file) in forbidden {
        let after = exec(&process, &file).unwrap();
        assert_eq!((after.uid, after.caps), (Ids::all(1000), before.caps), "{why}");
    }
}

#[test]
fn a_script_takes_privilege_from_its_interpreter() {
    let before = Process::new(1000, 1000, CapState { bounding: DOCKER, ..CapState::default() });
    let script = ExecFile::plain().script(ExecFile::plain().script(set_uid(0)));
    assert_eq!(exec(&before, &script).unwrap().caps, container(DOCKER));
    let raw = with_caps(FileCaps::effective(NET_RAW));
    assert_eq!(
        exec(&before, &ExecFile::plain().script(raw.clone())).unwrap().caps.effective,
        NET_RAW
    );
    assert_eq!(
        exec(&before, &raw.script(ExecFile::plain())).unwrap().caps.effective,
        CapSet::EMPTY
    );
}

#[test]
fn a_shared_fs_keeps_the_new_uid_for_a_caller_with_setuid() {
    let caps = container(CapSet::of(&[Capability::SETUID]));
    let before = Process { shares_fs: true, ..Process::new(1000, 1000, caps) };
    let after = exec(&before, &set_uid(0)).unwrap();
    assert_eq!((after.uid, after.caps.permitted), (Ids::new(1000, 0, 0), caps.permitted));
}

#[test]
fn file_capabilities_outside_the_bounding_set_refuse_root_too() {
    for uid in [0, 1000] {
        let before = Process::new(uid, 0, container(DOCKER - NET_RAW));
        let file = FileCaps::effective(NET_RAW);
        assert_eq!(
            exec(&before, &with_caps(file)),
            Err(ExecError::FileCapsExceedBounding { missing: NET_RAW })
        );
        let legacy = FileCaps { effective: false, ..file };
        assert!(exec(&before, &with_caps(legacy)).is_ok());
    }
    // What is inheritable on both sides makes up for the bounding set.
    let mut caps = container(DOCKER - NET_RAW);
    caps.inheritable = NET_RAW;
    let file = FileCaps { inheritable: NET_RAW, ..FileCaps::effective(NET_RAW) };
    let after = exec(&Process::new(1000, 0, caps), &with_caps(file)).unwrap();
    assert_eq!(after.caps.effective, NET_RAW);
}

#[test]
fn bits_the_kernel_does_not_know_are_ignored() {
    let file = FileCaps::effective(CapSet::from_bits(1 << 63) | NET_RAW);
    let before = Process::new(1000, 0, container(ALL));
    assert_eq!(exec(&before, &with_caps(file)).unwrap().caps.permitted, NET_RAW);
}

#[test]
fn no_new_privs_limits_file_capabilities_to_what_was_permitted() {
    let mut before = Process::new(1000, 1000, container(DOCKER));
    before.no_new_privs = true;
    let file = with_caps(FileCaps::effective(NET_RAW));
    let first = exec(&before, &file).unwrap();
    assert_eq!(first.caps.effective, NET_RAW);
    // Through a shell the permitted set is gone by then.
    let shell = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!(exec(&shell, &file).unwrap().caps.effective, CapSet::EMPTY);
}

#[test]
fn set_uid_root_with_file_capabilities_gives_a_user_only_those() {
    let file = ExecFile { caps: Some(FileCaps::effective(NET_RAW)), ..set_uid(0) };
    let user = Process::new(1000, 1000, CapState { bounding: DOCKER, ..CapState::default() });
    let after = exec(&user, &file).unwrap();
    assert_eq!((after.uid.effective, after.caps.permitted), (0, NET_RAW));
    let root = Process::new(0, 0, container(DOCKER));
    assert_eq!(exec(&root, &file).unwrap().caps.permitted, DOCKER);
}

#[test]
fn a_real_uid_0_alone_makes_permitted_and_not_effective() {
    let mut before = Process::new(1000, 0, CapState { bounding: DOCKER, ..CapState::default() });
    before.uid = Ids::new(0, 1000, 1000);
    let after = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!((after.caps.permitted, after.caps.effective), (DOCKER, CapSet::EMPTY));
}

#[test]
fn noroot_makes_root_a_user() {
    let mut before = Process::new(0, 0, container(DOCKER));
    before.securebits = Securebits::NOROOT | Securebits::KEEP_CAPS.locked();
    let after = exec(&before, &ExecFile::plain()).unwrap();
    assert_eq!(after.caps, CapState { bounding: DOCKER, ..CapState::default() });
    assert_eq!(after.securebits, Securebits::NOROOT | Securebits::KEEP_CAPS.locks());
}

#[test]
fn version_3_counts_in_its_own_user_namespace_and_below() {
    let caps = FileCaps {
        version: FileCapsVersion::V3 { rootid: 100_000 },
        ..FileCaps::effective(NET_RAW)
    };
    let file = with_caps(caps);
    let mut process = Process::new(1000, 1000, container(DOCKER));
    assert_eq!(exec(&process, &file).unwrap().caps.effective, CapSet::EMPTY);
    process.namespace = UserNamespace { roots: vec![200_000, 100_000, 0] };
    assert_eq!(exec(&process, &file).unwrap().caps.effective, NET_RAW);
    process.namespace = UserNamespace::with_root(300_000);
    assert_eq!(exec(&process, &file).unwrap().caps.effective, CapSet::EMPTY);
    // Attributes of version 2 are those of the initial namespace, and count everywhere below it.
    let v2 = with_caps(FileCaps::effective(NET_RAW));
    assert_eq!(exec(&process, &v2).unwrap().caps.effective, NET_RAW);
}

#[test]
fn leaving_uid_0_follows_cap_emulate_setxuid() {
    let root = Process::new(0, 0, state(DOCKER, DOCKER, NET_RAW));
    let left = root.set_uids(1000, 1000, 1000);
    assert_eq!(
        left.caps,
        CapState { bounding: DOCKER, inheritable: NET_RAW, ..CapState::default() }
    );
    let keep = Process { securebits: Securebits::KEEP_CAPS, ..root.clone() };
    let kept = keep.set_uids(1000, 1000, 1000).caps;
    assert_eq!(
        (kept.permitted, kept.effective, kept.ambient),
        (DOCKER, CapSet::EMPTY, CapSet::EMPTY)
    );
    let back = root.set_uids(0, 1000, 0);
    assert_eq!((back.caps.effective, back.caps.permitted), (CapSet::EMPTY, DOCKER));
    assert_eq!(back.set_uids(0, 0, 0).caps.effective, DOCKER);
    let fixed = Process { securebits: Securebits::NO_SETUID_FIXUP, ..root.clone() };
    assert_eq!(fixed.set_uids(1000, 1000, 1000).caps, root.caps);
}

#[test]
fn an_impossible_state_is_said_to_be_one() {
    let caps = CapState { ambient: NET_RAW, ..container(NET_RAW) };
    assert_eq!(
        exec(&Process::new(1, 1, caps), &ExecFile::plain()),
        Err(ExecError::AmbientInvariant { excess: NET_RAW })
    );
}

fn any_set() -> impl Strategy<Value = CapSet> {
    // Sparse, dense and full sets, all within what the kernel knows.
    prop_oneof![Just(CapSet::EMPTY), Just(ALL), any::<u64>().prop_map(CapSet::from_bits)]
        .prop_map(|set| set & ALL)
}

prop_compose! {
    fn any_process()(
        sets in [any_set(), any_set(), any_set(), any_set(), any_set()],
        ids in [0_u32..3, 0..3, 0..3, 0..3, 0..3, 0..3],
        groups in prop::collection::vec(0_u32..3, 0..3),
        securebits in 0_u32..256,
        flags in any::<[bool; 3]>(),
    ) -> Process {
        let [bounding, permitted, effective, inheritable, ambient] = sets;
        Process {
            uid: Ids::new(ids[0], ids[1], ids[2]),
            gid: Ids::new(ids[3], ids[4], ids[5]),
            groups,
            caps: CapState {
                bounding,
                permitted,
                effective: effective & permitted,
                inheritable,
                ambient: ambient & permitted & inheritable,
            },
            securebits: Securebits::from_bits(securebits),
            no_new_privs: flags[0],
            shares_fs: flags[1],
            traced_by_unprivileged: flags[2],
            namespace: UserNamespace::default(),
        }
    }
}

prop_compose! {
    fn any_file()(
        uid in 0_u32..3,
        gid in 0_u32..3,
        mode in prop::sample::select(vec![0o755_u32, 0o4755, 0o2755, 0o6755, 0o2745]),
        flags in prop::sample::select(vec![(false, false), (true, false), (false, true)]),
        caps in prop::option::of((any_set(), any_set(), any::<bool>())),
    ) -> ExecFile {
        ExecFile {
            uid, gid, mode,
            nosuid: flags.0,
            unmapped: flags.1,
            caps: caps.map(|(permitted, inheritable, effective)| FileCaps {
                permitted, inheritable, effective, version: FileCapsVersion::V2,
            }),
            interpreter: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_invariants_of_the_kernel_hold(process in any_process(), file in any_file()) {
        for kernel in [Kernel::CURRENT, Kernel::BEFORE_6_17] {
            let Ok(after) = exec_on(kernel, &process, &file) else { continue };
            prop_assert!(after.caps.effective.is_subset(after.caps.permitted));
            prop_assert!(after.caps.ambient.is_subset(after.caps.permitted & after.caps.inheritable));
            prop_assert!(after.caps.ambient.is_subset(process.caps.ambient));
            prop_assert!(after.caps.permitted.is_subset(
                process.caps.bounding | process.caps.inheritable | process.caps.ambient
            ));
            prop_assert_eq!(after.caps.bounding, process.caps.bounding);
            prop_assert_eq!(after.caps.inheritable, process.caps.inheritable);
            prop_assert_eq!(after.uid.saved, after.uid.effective);
            prop_assert_eq!(after.uid.filesystem, after.uid.effective);
            prop_assert!(!after.securebits.contains(Securebits::KEEP_CAPS));
            if process.no_new_privs {
                prop_assert!(after.caps.permitted.is_subset(process.caps.permitted));
                prop_assert!([process.uid.real, process.uid.effective].contains(&after.uid.effective));
            }
        }
    }

    #[test]
    fn a_smaller_bounding_set_never_gives_more(
        process in any_process(), file in any_file(), less in any_set(),
    ) {
        let mut smaller = process.clone();
        smaller.caps.bounding = process.caps.bounding & less;
        if let (Ok(full), Ok(cut)) = (exec(&process, &file), exec(&smaller, &file)) {
            prop_assert!(cut.caps.permitted.is_subset(full.caps.permitted));
            prop_assert!(cut.caps.effective.is_subset(full.caps.effective));
        }
    }
}
