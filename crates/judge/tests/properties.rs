//! Whatever is recorded: nothing panics, no check is lost, the order does not matter.

mod common;

use caps::Capability;
use common::{check, recording};
use dropcap_judge::{ProfileOptions, judge, to_profile};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use record::observation::{NamespaceRelation, Observation};
use record::profile::Profile;

/// Frames that the table knows, and some that it does not.
const FRAMES: &[&str] = &[
    "cap_capable",
    "ns_capable",
    "capable",
    "generic_permission",
    "setattr_prepare.isra.0",
    "security_vm_enough_memory_mm",
    "ovl_permission",
    "inode_permission",
    "do_faccessat",
    "sk_setsockopt",
    "__x64_sys_chroot",
    "ioprio_check_cap",
    "do_syscall_64",
    "stranger",
    "bpf_prog_0123456789abcdef_x",
    "bpf_prog_é",
    "",
];
const CALLS: &[&str] =
    &["openat", "chmod", "setuid", "bind", "chown32", "faccessat2", "novelty", "32"];

fn observation() -> impl Strategy<Value = Observation> {
    let relation = prop_oneof![
        8 => Just(NamespaceRelation::Own),
        1 => Just(NamespaceRelation::Inner),
        1 => Just(NamespaceRelation::Outer),
    ];
    (
        prop::sample::select(Capability::known().collect::<Vec<_>>()),
        vec(prop::sample::select(FRAMES), 0..6),
        option::of(prop::sample::select(CALLS)),
        vec(any::<u64>(), 0..7),
        (any::<bool>(), any::<bool>(), relation, option::of(any::<bool>())),
        (1u64..5, 0u64..9, 0u64..9, option::of(-20i64..3), 0u32..5),
        (option::of("/?[a-c]{0,3}"), option::of("[0-9.:]{0,9}")),
    )
        .prop_map(|(capability, stack, call, arguments, flags, numbers, text)| {
            let mut o = check(capability, call.unwrap_or("x"), &stack.join(" "));
            if call.is_none() {
                o.syscall = None;
            }
            if let Some(syscall) = &mut o.syscall {
                let n = arguments.len().min(6);
                syscall.arguments[..n].copy_from_slice(&arguments[..n]);
                (syscall.path, syscall.address) = text;
            }
            (o.granted, o.own_credentials, o.namespace, o.in_bounding) = flags;
            let (count, first, last, result, process) = numbers;
            (o.count, o.first_ns, o.last_ns, o.result, o.process) =
                (count, first, last, result, process);
            o
        })
}

proptest! {
    #[test]
    fn no_check_is_lost_and_order_does_not_matter(
        observations in vec(observation(), 0..20),
        turn in any::<prop::sample::Index>(),
    ) {
        let run = recording(observations.clone());
        let judgement = judge(&run);
        let seen: u64 = observations.iter().map(|o| o.count).sum();
        let dismissed: u64 = judgement.dismissed.iter().map(|d| d.count).sum();
        let used: u64 =
            judgement.requirements.iter().flat_map(|r| &r.uses).map(|u| u.count).sum();
        let shown: u64 = judgement.needs.iter().flat_map(|n| &n.uses).map(|u| u.count).sum();
        prop_assert_eq!(seen, dismissed + used);
        prop_assert_eq!(shown, used);
        let mut turned = observations;
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        prop_assert_eq!(&judge(&recording(turned)).needs, &judgement.needs);
        let profile = to_profile(&run, &judgement, &ProfileOptions::default());
        prop_assert_eq!(profile.add(), judgement.add());
        prop_assert_eq!(&Profile::parse(&profile.to_yaml().unwrap()).unwrap(), &profile);
    }
}
