//! libcap's text form: what its manual promises, and what libcap itself makes of the same text.

use std::process::Command;

use dropcap_caps::{CapSet, Capability, FileCaps, LibcapText};
use proptest::prelude::*;

const RAW: CapSet = CapSet::of(&[Capability::NET_RAW]);
const ALL: CapSet = CapSet::all_known();

fn sets(permitted: CapSet, effective: CapSet, inheritable: CapSet) -> LibcapText {
    LibcapText { permitted, effective, inheritable }
}

#[test]
fn the_examples_of_the_manual_are_read() {
    let none = CapSet::EMPTY;
    let admin = CapSet::of(&[Capability::NET_ADMIN]);
    for (text, expected) in [
        ("", sets(none, none, none)),
        ("=", sets(none, none, none)),
        ("cap_net_raw,cap_net_admin=ep", sets(RAW | admin, RAW | admin, none)),
        ("CAP_NET_RAW=p+e", sets(RAW, RAW, none)),
        ("13=p", sets(RAW, none, none)),
        ("0xd=p", sets(RAW, none, none)),
        ("015=p", sets(RAW, none, none)),
        ("=ep cap_net_raw-e", sets(ALL, ALL - RAW, none)),
        ("all=p cap_net_raw+i-p", sets(ALL - RAW, none, RAW)),
        ("all,cap_net_raw+i", sets(none, none, ALL)),
        ("cap_net_raw=+ep", sets(RAW, RAW, none)),
        ("=p cap_net_raw=-p", sets(ALL - RAW, none, none)),
        (" cap_net_raw=eip\n =", sets(none, none, none)),
        ("45=p", sets(CapSet::from_bits(1 << 45), none, none)),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text:?}");
    }
}

#[test]
fn what_libcap_refuses_is_refused_with_the_place() {
    for (text, at, why) in [
        ("+ep", 1, "need names"),
        ("=+ep", 2, "need names"),
        ("=p+i", 3, "need names"),
        ("cap_net_raw", 12, "expected `=`"),
        ("cap_net_raw=xp", 13, "flag"),
        ("cap_net_raw+", 13, "flag"),
        ("cap_net_raw=p=e", 14, "flag"),
        ("cap_net_rw=p", 1, "did you mean NET_RAW?"),
        ("cap_13=p", 1, "unknown"),
        ("net_raw=p", 1, "write `cap_net_raw`"),
        ("64=p", 1, "0 to 63"),
        ("cap_kill,=p", 10, "expected a name"),
        ("cap_kill=p é", 12, "expected a name"),
    ] {
        let error = text.parse::<LibcapText>().unwrap_err();
        assert!(error.at == at && error.why.contains(why), "{text:?}: {error}");
    }
}

#[test]
fn it_prints_as_getcap_does() {
    let none = CapSet::EMPTY;
    for (sets, text) in [
        (sets(none, none, none), "="),
        (sets(RAW, RAW, none), "cap_net_raw=ep"),
        (sets(RAW, RAW, RAW), "cap_net_raw=eip"),
        (sets(ALL, ALL, none), "=ep"),
        (sets(ALL - RAW, ALL - RAW, none), "=ep cap_net_raw-ep"),
        (sets(ALL, ALL - RAW, RAW), "=ep cap_net_raw+i-e"),
        (sets(CapSet::from_bits(1 << 45), none, none), "45=p"),
    ] {
        assert_eq!(sets.to_string(), text);
    }
}

fn any_sets() -> impl Strategy<Value = LibcapText> {
    let sparse = (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| a & b & c);
    let set =
        prop_oneof![any::<u64>(), sparse, Just(0), Just(u64::MAX)].prop_map(CapSet::from_bits);
    [set.clone(), set.clone(), set].prop_map(|[p, e, i]| sets(p, e, i))
}

proptest! {
    #[test]
    fn what_is_printed_is_read(sets in any_sets()) {
        prop_assert_eq!(sets.to_string().parse(), Ok(sets));
    }

    #[test]
    fn no_text_panics(text in "[a-z_0-9=+, ei p-é]{0,40}") {
        let _ = text.parse::<LibcapText>();
    }
}

/// Sets a file can have, within what the kernel knows: setcap(8) takes no others.
fn any_file_caps() -> impl Strategy<Value = FileCaps> {
    any_sets().prop_map(|sets| FileCaps {
        inheritable: sets.inheritable & ALL,
        effective: sets.effective.contains(Capability::CHOWN)
            && !((sets.permitted | sets.inheritable) & ALL).is_empty(),
        ..FileCaps::effective(sets.permitted & ALL)
    })
}

#[test]
fn libcap_reads_what_is_printed_and_prints_what_is_read() {
    testkit::needs!(root, program("setcap"), program("getcap"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, "").unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    runner
        .run(&any_file_caps(), |caps| {
            let text = LibcapText::from(caps).to_string();
            let set = Command::new("setcap").arg(&text).arg(&file).output().unwrap();
            prop_assert!(set.status.success(), "setcap {text:?}: {set:?}");
            let got = Command::new("getcap").arg(&file).output().unwrap();
            let line = String::from_utf8(got.stdout).unwrap();
            let prefix = format!("{} ", file.display());
            let printed = line.strip_prefix(&prefix).unwrap().trim_end();
            let read = printed.parse::<LibcapText>().unwrap();
            // A capability set of a file is at most what libcap's `all` is on this kernel.
            prop_assert_eq!(read.to_file_caps().unwrap(), caps, "{}", printed);
            Ok(())
        })
        .unwrap();
}

#[test]
fn capsh_decodes_masks_to_the_same_names() {
    testkit::needs!(program("capsh"));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    runner
        .run(&any::<u64>(), |bits| {
            let set = CapSet::from_bits(bits) & ALL;
            let out = Command::new("capsh").arg(format!("--decode={set:016x}")).output().unwrap();
            let line = String::from_utf8(out.stdout).unwrap();
            let names = line.trim_end().strip_prefix(&format!("{set:#018x}=")).unwrap();
            prop_assert_eq!(names.parse(), Ok(set));
            Ok(())
        })
        .unwrap();
}
