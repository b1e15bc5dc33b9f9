//! A fork bomb inside a limit of processes: it is watched as long as it goes on, and ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use caps::Capability;
use dropcap_trace::Scope;
use record::observation::{Exit, Lost};
use testkit::needs;

use crate::guard::guarded;
use crate::support::{Cgroup, counts, options, own_state, spec, tracer, until};

/// So many processes at once.
const LIMIT: usize = 30;
/// After so many seconds the bomb is over by itself, whatever happens here: not before patience is.
const SECONDS: &str = "300";
const KILL: i32 = 9;

/// The cgroup of a bomb. Dropped, whatever is in it is killed.
struct Limited(Cgroup);

impl Limited {
    fn limit(&self, processes: usize) {
        fs::write(self.0.folder.join("pids.max"), processes.to_string()).unwrap();
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Nobody is added to them meanwhile.
        self.limit(0);
        until("all are dead", || {
            let left = self.0.processes();
            for pid in &left {
                let _ = sys::signal::send_to(*pid, KILL);
            }
            left.is_empty()
        });
        self.0.remove();
    }
}

/// Where processes can be limited: the controller's own hierarchy, or the unified one.
fn limited() -> Option<Limited> {
    let layout = sys::cgroup::Layout::read().unwrap();
    let v1 = layout
        .v1
        .into_iter()
        .find(|(names, _)| names.iter().any(|name| name == "pids"))
        .map(|(_, mount)| mount.point);
    let unified = || {
        let point = layout.unified?.point;
        // The controller must be on for those below the root.
        let _ = fs::write(point.join("cgroup.subtree_control"), "+pids");
        Some(point)
    };
    let cgroup = Cgroup::below(v1.or_else(unified)?, "bomb");
    cgroup.folder.join("pids.max").exists().then_some(Limited(cgroup))
}

#[test]
fn a_fork_bomb_inside_a_limit_is_watched_and_ended() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(cgroup) = limited() else {
            return testkit::skip("needs the pids controller of cgroups");
        };
        cgroup.limit(LIMIT);
        let Some(mut tracer) = tracer(options()) else { return };
        let held = launch::spawn_held(spec("bomb", &[SECONDS], own_state())).unwrap();
        cgroup.0.enter(held.pid());
        tracer.watch(Scope::held(held.pid(), vec!["bomb".to_owned()])).unwrap();
        let bomb = held.release().unwrap();

        until("it has filled its room", || cgroup.0.processes().len() >= LIMIT - 5);
        // It goes on, and can be looked at meanwhile.
        let mut last = 0;
        for _ in 0..5 {
            let before = last;
            until("more was asked", || {
                assert_eq!(tracer.poll().unwrap().exit, None);
                let snapshot = tracer.snapshot().unwrap();
                last = counts(&snapshot).values().sum();
                assert_eq!(snapshot.lost, Lost::default(), "of {last}");
                last > before
            });
        }

        // No more of them, and then none.
        cgroup.limit(0);
        until("all are dead", || {
            let living = tracer.living().unwrap();
            for pid in &living {
                let _ = sys::signal::send_to(*pid, KILL);
            }
            living.is_empty()
        });
        let output = bomb.output(None).unwrap();
        assert_eq!(output.exit, launch::Exit::Signal(KILL));
        // One is over for the tracer (`sched_process_exit`) a moment before it leaves its cgroup (`cgroup_exit`).
        until("the cgroup is empty", || cgroup.0.processes().is_empty());
        let recording = tracer.snapshot().unwrap();
        assert_eq!((recording.exit, recording.still_running), (Some(Exit::Signal(KILL)), 0));
        assert_eq!(recording.lost, Lost::default());
        drop(tracer);
        let counts: BTreeMap<_, _> = counts(&recording);
        let asked: BTreeSet<_> = counts.keys().copied().collect();
        // Whoever may go beyond the limit is asked, too, where there is no room (`copy_process`).
        let always = BTreeSet::from([Capability::SETPCAP, Capability::SYS_CHROOT]);
        assert!(asked.is_superset(&always), "{asked:?}");
        assert_eq!(recording.processes.len(), 1);
    });
}
