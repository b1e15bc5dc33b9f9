//! What happens in a sandbox stays there, and nothing of it is left.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;
use std::thread;

use dropcap_launch::{Fresh, Inside, LaunchError, Sandbox, Spec, output};

/// Runs a script in a sandbox, with everything this process has, and says what it printed.
fn shell(inside: &Inside, script: &str, folder: &str) -> String {
    let _ = inside;
    let state = sys::credentials::own_state().unwrap();
    let mut spec = Spec::new("/bin/sh", state).args(["-c", script]).captured();
    spec.working_directory = Some(folder.into());
    let output = output(spec, Some(std::time::Duration::from_secs(20))).unwrap();
    assert!(output.exit.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// In a thread of its own, as it must be.
fn within<T: Send>(fresh: &Fresh<'_>, work: impl FnOnce(&Inside) -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let inside = fresh.enter().unwrap();
            let done = work(&inside);
            inside.end().unwrap();
            done
        });
        worker.join().unwrap()
    })
}

/// What is mounted, but for what other tests' containers come and go with.
fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let others = ["/containers/", "/docker", "/run/", "/tmp/"];
    let own = text.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
    own.map(str::to_owned).collect()
}

#[test]
fn writes_stay_inside_and_the_machine_is_as_before() {
    testkit::needs!(root);
    let before = mounts();
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("file"), "outside").unwrap();
    let upper = tempfile::tempdir_in("/var/tmp").unwrap();
    for upper in [None, Some(upper.path().to_owned())] {
        let sandbox = Sandbox::prepare(upper.clone(), Some(here.path())).unwrap();
        let fresh = sandbox.fresh().unwrap();
        let script = "cat file; echo inside > file; echo x > /etc/dropcap-test; rm /bin/cat; \
                      hostname dropcap-test; ls -A /tmp | wc -l";
        let printed = within(&fresh, |inside| shell(inside, script, here.path().to_str().unwrap()));
        assert!(printed.starts_with("outside1\n"), "{printed}");
        drop(fresh);
        assert_eq!(fs::read_to_string(here.path().join("file")).unwrap(), "outside");
        assert!(!Path::new("/etc/dropcap-test").exists() && Path::new("/bin/cat").exists());
        assert_ne!(rustix::system::uname().nodename().to_string_lossy(), "dropcap-test");
        // The next run finds nothing of it.
        let again = sandbox.fresh().unwrap();
        let printed =
            within(&again, |inside| shell(inside, "cat file", here.path().to_str().unwrap()));
        assert_eq!(printed, "outside");
        drop(again);
        if let Some(upper) = upper {
            assert_eq!(fs::read_dir(upper).unwrap().count(), 0);
        }
    }
    assert_eq!(mounts(), before);
}

#[test]
fn it_has_devices_a_loopback_and_processes_of_its_own() {
    testkit::needs!(root);
    let sandbox = Sandbox::prepare(None, None).unwrap();
    let fresh = sandbox.fresh().unwrap();
    let script = "echo x > /dev/null; head -c 4 /dev/urandom | wc -c; ls /dev/pts /dev/shm; \
                  cat /proc/1/comm > /dev/null; ls -d /proc/[0-9]* | wc -l; \
                  ls /sys/class/net; cat /proc/net/dev | grep -c :; touch /sys/x 2>&1 || true";
    let printed = within(&fresh, |inside| shell(inside, script, "/"));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.first(), Some(&"4"), "{printed}");
    assert!(lines.contains(&"lo") && !printed.contains("eth0"), "{printed}");
    assert!(printed.contains("Read-only"), "{printed}");
}

#[test]
fn everything_in_it_ends_with_it() {
    testkit::needs!(root);
    let sandbox = Sandbox::prepare(None, None).unwrap();
    let fresh = sandbox.fresh().unwrap();
    let marker = format!("sleep 600.{}", std::process::id());
    let script = format!("({marker} > /dev/null 2>&1 & ) ; sleep 0.05");
    within(&fresh, |inside| {
        assert!(!inside.is_busy());
        shell(inside, &script, "/");
        // In the background it is nobody's child but process 1's. Captured output ends with the group, which it must
        // have left by then.
        let apart = format!("setsid sh -c 'echo > /tmp/apart; exec {marker}' > /dev/null 2>&1 &");
        let _ =
            shell(inside, &format!("{apart} until [ -e /tmp/apart ]; do sleep 0.01; done"), "/");
        assert!(inside.is_busy());
    });
    let lines = fs::read_dir("/proc").unwrap().flatten();
    let left = lines.filter_map(|p| fs::read_to_string(p.path().join("cmdline")).ok());
    assert_eq!(left.filter(|line| line.replace('\0', " ").contains(&marker)).count(), 0);
}

#[test]
fn a_disk_that_is_full_is_told_and_a_folder_that_is_none_is_named() {
    testkit::needs!(root);
    let small = tempfile::tempdir().unwrap();
    let options = Some(c"size=1m");
    rustix::mount::mount(
        "tmpfs",
        small.path(),
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        options,
    )
    .unwrap();
    let sandbox = Sandbox::prepare(Some(small.path().to_owned()), None).unwrap();
    let fresh = sandbox.fresh().unwrap();
    within(&fresh, |inside| {
        assert!(!inside.is_full());
        let _ = shell(inside, "head -c 2000000 /dev/zero > /var/full 2> /dev/null || true", "/");
        assert!(inside.is_full());
    });
    drop(fresh);
    assert_eq!(fs::read_dir(small.path()).unwrap().count(), 0);
    // Detached: a sandbox of another test that just copies the mounts has it, too, for that moment (EBUSY).
    rustix::mount::unmount(small.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    let none = Sandbox::prepare(Some("/no/such/folder".into()), None).unwrap_err().to_string();
    assert!(none.contains("/no/such/folder"), "{none}");
}

#[test]
fn sets_are_as_asked_for_in_it() {
    testkit::needs!(root);
    let sandbox = Sandbox::prepare(None, None).unwrap();
    let fresh = sandbox.fresh().unwrap();
    let held = within(&fresh, |_| {
        let set = caps::CapSet::of(&[caps::Capability::CHOWN]);
        let state = caps::CapState {
            bounding: set,
            permitted: set,
            effective: set,
            ..caps::CapState::default()
        };
        let spec = Spec::new("/bin/grep", state).args(["CapEff", "/proc/self/status"]);
        let output = output(spec, None)?;
        Ok::<_, LaunchError>(String::from_utf8(output.stdout).unwrap())
    });
    assert_eq!(held.unwrap().trim(), "CapEff:\t0000000000000001");
}
