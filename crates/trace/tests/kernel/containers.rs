//! Containers of real engines: the runtime's own init never counts, the entrypoint always does.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use caps::Capability;
use dropcap_trace::{Options, Scope, TargetName, Tracer};
use record::observation::{Recording, Target};
use testkit::needs;

use crate::support::{capabilities, own, tracer};

/// A podman container by its name; removed when dropped.
struct Podman(String);

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = testkit::podman().args(["rm", "--force", "--time", "0", &self.0]).output();
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Made by podman and set up by runc up to where it waits for `start`.
fn created(name: &str, command: &[&str]) -> Podman {
    let name = format!("dropcap-trace-{}-{name}", std::process::id());
    let mut create = testkit::podman();
    create.args(["create", "--name", &name, "--network", "none"]);
    create.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]);
    succeed(create.arg(testkit::image()).args(command));
    let container = Podman(name);
    succeed(testkit::podman().args(["init", &container.0]));
    container
}

fn watch(name: &str) -> Option<Tracer> {
    let mut tracer = tracer(Options::default())?;
    let scopes = format!("ctr/{name}").parse::<TargetName>().unwrap().find().unwrap();
    let [scope] = &scopes[..] else { panic!("{scopes:?}") };
    tracer.watch(scope.clone()).unwrap();
    Some(tracer)
}

fn until_it_ends(mut tracer: Tracer) -> Recording {
    let patience = Instant::now() + Duration::from_secs(60);
    while tracer.poll().unwrap().exit.is_none() {
        assert!(Instant::now() < patience, "the container does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    tracer.finish().unwrap()
}

#[test]
fn a_container_s_runtime_does_not_count_its_entrypoint_does() {
    needs!(podman, bpf, runc);
    let container = created("start", &["sh", "-c", "chown 1:1 /tmp; chroot / /bin/true; exit 3"]);
    let Some(tracer) = watch(&container.0) else { return };
    succeed(testkit::podman().args(["start", &container.0]));
    let recording = until_it_ends(tracer);

    assert!(recording.start_seen);
    assert_eq!(recording.exit, Some(record::observation::Exit::Code(3)));
    assert!(recording.lost.is_complete());
    // runc's init asks for a dozen more: SETPCAP, SYS_ADMIN, SETUID, SETGID, DAC_OVERRIDE…
    assert_eq!(
        capabilities(own(&recording)),
        BTreeSet::from([Capability::CHOWN, Capability::SYS_CHROOT])
    );
    for process in recording.processes.values() {
        assert_eq!(process.exe.as_deref(), Some("/bin/busybox"), "{process:?}");
    }
    let Target::Container(target) = &recording.target else { panic!("{:?}", recording.target) };
    assert_eq!(target.engine, "podman");
    assert_eq!(target.name.as_deref(), Some(container.0.as_str()));
}

#[test]
fn what_is_executed_in_a_running_container_counts_too() {
    needs!(podman, bpf, runc);
    let container = testkit::Container::start(&[], &["sleep", "600"]);
    let Some(tracer) = watch(&container.name) else { return };
    let ran = container.exec(&["chown", "1:1", "/root"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let recording = tracer.finish().unwrap();

    assert!(!recording.start_seen);
    assert_eq!(capabilities(own(&recording)), BTreeSet::from([Capability::CHOWN]));
    let programs: BTreeSet<_> =
        recording.processes.values().map(|p| (p.comm.as_str(), p.exe.as_deref())).collect();
    assert_eq!(
        programs,
        BTreeSet::from([("sleep", Some("/bin/busybox")), ("chown", Some("/bin/busybox"))])
    );
}

/// A cgroup that an engine is told to put its containers below; removed, with what podman made in
/// the other hierarchies, when dropped.
struct Parent {
    name: String,
    mounts: Vec<std::path::PathBuf>,
}

impl Parent {
    fn make(layout: sys::cgroup::Layout) -> Option<Self> {
        let name = format!("dropcap-trace-{}", std::process::id());
        let unified = layout.unified?.point;
        std::fs::create_dir(unified.join(&name)).unwrap();
        let others = layout.v1.into_iter().map(|(_, mount)| mount.point);
        Some(Self { name, mounts: others.chain([unified]).collect() })
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        for folder in self.mounts.iter().map(|mount| mount.join(&self.name)) {
            let below = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in below.filter(|entry| entry.path().is_dir()) {
                let _ = std::fs::remove_dir(entry.path());
            }
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[test]
fn a_container_that_is_yet_to_come_counts_from_its_entrypoint_on() {
    needs!(podman, bpf, runc);
    let Some(parent) = Parent::make(sys::cgroup::Layout::read().unwrap()) else {
        return testkit::skip("needs the unified cgroup hierarchy");
    };
    let Some(mut tracer) = tracer(Options::default()) else { return };
    let path = format!("/{}", parent.name);
    let described =
        record::observation::Container { name: Some("soon".into()), ..Default::default() };
    tracer.watch(Scope::future_container(&path, described).unwrap()).unwrap();
    succeed(
        testkit::podman_run()
            .args(["--rm", "--cgroup-parent", &path])
            .arg(testkit::image())
            .args(["sh", "-c", "chown 1:1 /tmp"]),
    );
    let recording = tracer.finish().unwrap();

    assert!(recording.start_seen);
    assert_eq!(recording.exit, Some(record::observation::Exit::Code(0)));
    assert_eq!(capabilities(own(&recording)), BTreeSet::from([Capability::CHOWN]));
    let programs: BTreeSet<_> =
        recording.processes.values().filter_map(|p| p.exe.as_deref()).collect();
    assert_eq!(programs, BTreeSet::from(["/bin/busybox"]));
}
