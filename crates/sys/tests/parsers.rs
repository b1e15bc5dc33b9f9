//! The readers of procfs never panic, and what is written as the kernel writes it is read as it was.

use dropcap_sys::cgroup::{Cgroups, Layout, Membership};
use dropcap_sys::container::identify;
use dropcap_sys::namespace::{IdMap, IdRange, parse_link};
use dropcap_sys::procfs::{Stat, Status};
use proptest::prelude::*;

proptest! {
    #[test]
    fn nothing_panics(text in any::<String>()) {
        let _ = text.parse::<Status>();
        let _ = text.parse::<Stat>();
        let _ = text.parse::<Cgroups>();
        let _ = text.parse::<IdMap>();
        let _ = Layout::parse(&text);
        let _ = parse_link(&text);
        let _ = identify(&text);
    }

    /// Lines that are nearly right.
    #[test]
    fn nothing_panics_on_broken_lines(lines in prop::collection::vec(
        "(Name|Pid|Uid|Groups|CapBnd|Seccomp|NSpid|[0-9]{1,11}|)[:\\t ]{0,3}[0-9a-fx/ \\-\\\\():]{0,30}", 0..12)) {
        let text = lines.join("\n");
        let _ = text.parse::<Status>();
        let _ = text.parse::<Stat>();
        let _ = text.parse::<Cgroups>();
        let _ = text.parse::<IdMap>();
        let _ = Layout::parse(&text);
    }

    #[test]
    fn masks_and_numbers_are_read_as_written(
        sets in prop::array::uniform5(any::<u64>()),
        ids in prop::array::uniform4(any::<u32>()),
        groups in prop::collection::vec(any::<u32>(), 0..5),
        pids in prop::collection::vec(1..=u32::MAX, 1..4),
        name in "[^\\n\\\\]{0,15}",
        no_new_privs: bool,
    ) {
        let [bounding, permitted, effective, inheritable, ambient] = sets;
        let join = |numbers: &[u32], end: &str| {
            numbers.iter().map(|n| format!("{n}{end}")).collect::<String>()
        };
        let text = format!(
            "Name:\t{name}\nPid:\t{}\nPPid:\t1\nUid:\t{}\nGid:\t{}\nGroups:\t{}\nNSpid:\t{}\nThreads:\t1\n\
             CapInh:\t{inheritable:016x}\nCapPrm:\t{permitted:016x}\nCapEff:\t{effective:016x}\n\
             CapBnd:\t{bounding:016x}\nCapAmb:\t{ambient:016x}\nNoNewPrivs:\t{}\n",
            pids[0], join(&ids, "\t").trim_end(), join(&ids, "\t").trim_end(), join(&groups, " "),
            join(&pids, "\t").trim_end(), u8::from(no_new_privs),
        );
        let status: Status = text.parse().expect("as the kernel writes it");
        let read = status.caps;
        prop_assert_eq!(
            [read.bounding, read.permitted, read.effective, read.inheritable, read.ambient].map(|s| s.bits()),
            sets
        );
        prop_assert_eq!(status.ns_pids, pids);
        prop_assert_eq!(status.groups, groups);
        prop_assert_eq!([status.uids.real, status.uids.effective, status.uids.saved, status.uids.filesystem], ids);
        prop_assert_eq!(status.no_new_privs, no_new_privs);
    }

    #[test]
    fn cgroups_are_read_as_written(
        lines in prop::collection::vec((any::<u32>(), prop::collection::vec("[a-z_=]{1,9}", 0..3), "(/[a-z0-9.:_-]{1,12}){1,4}"), 0..6)
    ) {
        let text: String = lines.iter().map(|(h, c, p)| format!("{h}:{}:{p}\n", c.join(","))).collect();
        let expected = lines.into_iter().map(|(hierarchy, controllers, path)| Membership { hierarchy, controllers, path });
        prop_assert_eq!(text.parse::<Cgroups>().expect("as the kernel writes it").0, expected.collect::<Vec<_>>());
    }

    /// In is the inverse of out.
    #[test]
    fn ids_map_there_and_back(inside in 0..1_000_000_u32, outside in any::<u32>(), count in 1..100_000_u32, at in 0..100_000_u32) {
        let map = IdMap(vec![IdRange { inside, outside, count }]);
        prop_assert_eq!(map.to_string().parse::<IdMap>().expect("as written"), map.clone());
        let there = inside.checked_add(at).and_then(|id| map.to_outside(id));
        if let Some(there) = there {
            prop_assert!(at < count);
            prop_assert_eq!(map.to_inside(there), inside.checked_add(at));
        } else {
            prop_assert!(at >= count || outside.checked_add(at).is_none());
        }
    }

    /// A container's identifier is found wherever an engine puts it, and nothing else passes for one.
    #[test]
    fn identifiers_are_found_in_paths(
        above in "(/[a-z0-9.-]{1,12}){0,3}", id in "[0-9a-f]{64}", below in "(/[a-z]{1,9}\\.slice){0,2}"
    ) {
        for name in [format!("docker-{id}.scope"), format!("libpod-{id}"), format!("crio-{id}.scope"), id.clone()] {
            let named = identify(&format!("{above}/{name}{below}")).expect("a container");
            prop_assert_eq!(&named.id, &id);
            prop_assert_eq!(named.path, format!("{above}/{name}"));
        }
        prop_assert_eq!(identify(&format!("{above}/crio-conmon-{id}.scope")), None);
        prop_assert_eq!(identify(&format!("{above}/{}", &id[1..])), None);
    }
}
