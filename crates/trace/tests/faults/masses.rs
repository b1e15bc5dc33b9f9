//! More of everything than a target usually has.

use std::collections::{BTreeMap, BTreeSet};

use dropcap_trace::{Options, Results, Rooms, Scope};
use record::observation::{Lost, Recording};
use testkit::needs;

use crate::guard::guarded;
use crate::support::{Cgroup, counts, options, own, own_state, setpcap, spec, trace, tracer};

#[test]
fn ten_thousand_short_lived_processes_are_counted_exactly() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let number = testkit::fewer(1_000, testkit::many(10_000));
        let Some(recording) = trace(options(), "churn", &[&number.to_string()]) else { return };
        assert_eq!(counts(&recording), setpcap(number));
        assert_eq!((recording.lost, recording.still_running), (Lost::default(), 0));
        // The program, and the program started by itself: every fifth.
        let programs: Vec<_> = recording.processes.values().map(|p| p.comm.as_str()).collect();
        assert_eq!(programs, ["churn", "churn"]);
        let [first, second] = own(&recording).map(|o| (o.process, o.count)).collect::<Vec<_>>()[..]
        else {
            panic!("{:?}", recording.observations)
        };
        assert_eq!(
            BTreeMap::from([first, second]),
            BTreeMap::from([(1, number / 5 * 4), (2, number / 5)])
        );
    });
}

#[test]
fn more_processes_at_once_than_there_is_room_for_are_lost_one_by_one() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let rooms = Rooms { processes: Some(64), ..Rooms::default() };
        let Some(recording) = trace(Options { rooms, ..options() }, "crowd", &["200"]) else {
            return;
        };
        // The one that starts them has a room, too.
        assert_eq!(counts(&recording), setpcap(63));
        assert_eq!(recording.lost, Lost { processes: 200 - 63, ..Lost::default() });
        assert!(!recording.lost.is_complete());
    });
}

/// What each cgroup below this one asked for, with the cgroups' own names.
fn by_cgroup(recording: &Recording, below: &str) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for observation in own(recording) {
        let cgroup = recording.processes[&observation.process].cgroup.as_deref().unwrap();
        let name = cgroup.strip_prefix(&format!("/{below}/")).unwrap_or(cgroup);
        *all.entry(name.to_owned()).or_default() += observation.count;
    }
    all
}

/// By the cgroup above them, and by the process that makes them, at the same time.
#[test]
fn a_thousand_cgroups_are_told_apart() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        const MANY: u64 = 1_000;
        let Some(parent) = Cgroup::make("many") else { return };
        let options = Options { results: Results::Never, ..options() };
        let Some(mut around) = tracer(options) else { return };
        let Some(mut after) = tracer(options) else { return };
        let words = [parent.folder.to_str().unwrap(), &MANY.to_string()];
        let held = launch::spawn_held(spec("cgroups", &words, own_state())).unwrap();
        around.watch(Scope::cgroup(&parent.name).unwrap()).unwrap();
        after.watch(Scope::held(held.pid(), vec![])).unwrap();
        let output = held.release().unwrap().output(None).unwrap();
        let (around, after) = (around.finish().unwrap(), after.finish().unwrap());

        assert_eq!(after.exit, Some(record::observation::Exit::Code(0)), "{output:?}");
        let each: BTreeMap<_, _> = (0..MANY).map(|number| (number.to_string(), 1)).collect();
        assert_eq!(by_cgroup(&around, &parent.name), each);
        assert_eq!(around.lost, Lost::default());
        assert!(around.start_seen);
        // The maker asks for what making them takes, in its own cgroup.
        let mut followed = by_cgroup(&after, &parent.name);
        followed.retain(|name, _| each.contains_key(name));
        assert_eq!(followed, each);
        assert_eq!(after.lost, Lost::default());
        let programs: BTreeSet<_> = around.processes.values().map(|p| p.comm.as_str()).collect();
        assert_eq!(programs, BTreeSet::from(["cgroups"]));
    });
}
