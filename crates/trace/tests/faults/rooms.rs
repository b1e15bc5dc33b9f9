//! Every map at its limit, one by one: what finds no room is counted where it belongs, and no capability
//! is lost, but those of processes that are not followed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use aya::maps::{HashMap, Map, MapData, MapInfo, loaded_maps};
use caps::Capability;
use dropcap_trace::{Options, Results, Rooms};
use record::observation::{Lost, Recording};
use testkit::needs;

use crate::guard::{Held, guarded};
use crate::support::{options, trace, tracer};

fn asked(recording: &Recording) -> BTreeSet<(Capability, bool)> {
    recording.observations.iter().map(|o| (o.capability, o.granted)).collect()
}

fn checks(recording: &Recording) -> u64 {
    recording.observations.iter().map(|o| o.count).sum()
}

/// Which counters are not zero.
fn lost(lost: &Lost) -> Vec<&'static str> {
    let Lost { checks, stacks, processes, evidence } = *lost;
    [("checks", checks), ("stacks", stacks), ("processes", processes), ("evidence", evidence)]
        .into_iter()
        .filter_map(|(name, count)| (count > 0).then_some(name))
        .collect()
}

fn several(rooms: Rooms) -> Option<Recording> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let options = Options { rooms, failures: true, results: Results::Always, ..options() };
    trace(options, "several", &[file.to_str().unwrap()])
}

/// The map of this process's one tracer.
fn map(name: &str) -> HashMap<MapData, u32, u32> {
    let held = Held::by(std::process::id()).maps;
    let ours = |map: &MapInfo| map.name_as_str() == Some(name) && held.contains(&map.id());
    let info = loaded_maps().flatten().find(ours).expect("the tracer has it");
    let map = Map::LruHashMap(MapData::from_id(info.id()).unwrap());
    map.try_into().unwrap()
}

/// What is listed may be gone when it is removed: the kernel makes room, and processes end.
#[test]
fn maps_are_emptied_while_their_entries_come_and_go() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut ended = map("ended");
        let (stop, mut emptied) = (AtomicBool::new(false), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for pid in 1..=200 {
                        ended.insert(pid, pid, 0).unwrap();
                    }
                    (1..=200).for_each(|pid| drop(ended.remove(&pid)));
                }
            });
            let again = (0..30).try_for_each(|_| tracer.again(options()).map(|()| emptied += 1));
            stop.store(true, Ordering::Relaxed);
            again.unwrap();
        });
        assert_eq!(emptied, 30);
    });
}

#[test]
fn each_map_at_its_limit_is_counted_in_its_own_counter_and_loses_no_capability() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(whole) = several(Rooms::default()) else { return };
        assert_eq!(whole.lost, Lost::default());
        assert_eq!(whole.processes.len(), 2);
        for wanted in [
            Capability::CHOWN,
            Capability::SETGID,
            Capability::SETPCAP,
            Capability::SYS_CHROOT,
            Capability::SYS_NICE,
        ] {
            assert!(asked(&whole).contains(&(wanted, true)), "{wanted}");
        }
        let none = Rooms::default();
        let limits: [(Rooms, &[&str]); 6] = [
            (Rooms { checks: Some(1), ..none }, &["checks"]),
            (Rooms { stacks: Some(1), ..none }, &["stacks"]),
            (Rooms { stack_bits: Some(1), ..none }, &["stacks"]),
            (Rooms { symbols: Some(1), ..none }, &["stacks"]),
            (Rooms { images: Some(1), ..none }, &["processes"]),
            (Rooms { failures: Some(1), ..none }, &["evidence"]),
        ];
        for (rooms, counter) in limits {
            let Some(short) = several(rooms) else { return };
            assert_eq!(lost(&short.lost), counter, "{rooms:?}");
            assert!(!short.lost.is_complete() || counter == ["evidence"], "{rooms:?}");
            assert_eq!(asked(&short), asked(&whole), "{rooms:?}");
            assert_eq!(checks(&short), checks(&whole), "{rooms:?}");
        }
        // The program that it starts is not followed: that it was there is counted, what it does is not
        // known.
        let Some(short) = several(Rooms { processes: Some(1), ..none }) else { return };
        assert_eq!(short.lost, Lost { processes: 1, ..Lost::default() });
        assert_eq!((short.processes.len(), short.lost.is_complete()), (1, false));
    });
}
