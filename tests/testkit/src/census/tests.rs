//! Each kind of leak is seen, as what it is; what others do is not.

use super::*;

/// Runs lines of a shell script in a namespace of its own that is seen for sure: the script goes on when it
/// was looked at.
fn run(census: &mut Census, unshare: &[&str], lines: &str) -> Output {
    let script = format!("touch ready; while [ ! -e go ]; do sleep 0.01; done; {lines}");
    let mut command = Command::new("unshare");
    command.args(unshare).args(["sh", "-c", &script]).current_dir(census.path("work"));
    census.mark(&mut command);
    let [ready, go] = ["work/ready", "work/go"].map(|name| census.path(name));
    let mut was_ready = false;
    let output = census.run_until(&mut command, |_| {
        // It is looked at before each call of this.
        if was_ready {
            fs::write(&go, "").unwrap();
        }
        was_ready = ready.exists();
    });
    assert!(output.status.success(), "{output:?}");
    fs::remove_file(ready).unwrap();
    fs::remove_file(go).unwrap();
    output
}

/// How many of each kind.
fn count(counts: &Counts) -> [usize; 7] {
    let Counts { processes, mounts, cgroups, namespaces, containers, volumes, files } = counts;
    [processes, mounts, cgroups, namespaces, containers, volumes, files].map(Vec::len)
}

/// A process of somebody else, ended with this.
struct Other(Child);

impl Other {
    fn start(words: &[&str]) -> Self {
        Self(Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).spawn().unwrap())
    }

    fn namespaces(&self) -> Vec<String> {
        links(&self.0.id().to_string())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_kind_of_leak_is_counted_as_what_it_is() {
    crate::needs!(root, program("unshare"), program("setsid"), program("umount"));
    let mut census = Census::new();
    let before = census.counts();
    assert_eq!(before, Counts::default());
    let outside = tempfile::tempdir_in("/var/tmp").unwrap();
    let kept = outside.path().join("kept");
    fs::write(&kept, "").unwrap();
    let kept_option = format!("--net={}", kept.display());
    let quiet = "> /dev/null 2>&1 < /dev/null";
    // Until it has executed it, it carries the mark.
    let executed = "until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.01; done";
    let unmarked = format!("env -i setsid sleep 600 {quiet} & echo $! > pid; {executed}");
    for (unshare, lines, left, clean) in [
        ("--net", "true".to_owned(), [0; 7], "true".to_owned()),
        // It carries the mark, and is in the network that was seen.
        ("--net", format!("setsid sleep 600 {quiet} &"), [1, 0, 0, 1, 0, 0, 0], "kill".to_owned()),
        // Without the mark it is known by the network alone, or by its mounts alone.
        ("--net", unmarked.clone(), [0, 0, 0, 1, 0, 0, 0], "kill -9 $(cat pid)".to_owned()),
        ("--mount", unmarked, [0, 0, 0, 1, 0, 0, 0], "kill -9 $(cat pid)".to_owned()),
        (
            "--net",
            "mount -t tmpfs x $TMPDIR".to_owned(),
            [0, 1, 0, 0, 0, 0, 0],
            "umount $TMPDIR".to_owned(),
        ),
        // What a network is kept by, in nobody's folder.
        (
            &kept_option,
            "true".to_owned(),
            [0, 1, 0, 0, 0, 0, 0],
            format!("umount {}", kept.display()),
        ),
        (
            "--net",
            "touch $TMPDIR/left".to_owned(),
            [0, 0, 0, 0, 0, 0, 1],
            "rm $TMPDIR/left".to_owned(),
        ),
    ] {
        run(&mut census, &[unshare], &lines);
        assert!(census.namespaces.len() >= 1, "{lines}: its network was seen");
        let counts = census.counts();
        assert_eq!(count(&counts), left, "{lines}: {counts:#?}");
        if clean == "kill" {
            let pid = counts.processes[0].split(' ').next().unwrap();
            succeed(Command::new("kill").args(["-9", pid]));
        } else {
            let mut shell = Command::new("sh");
            shell.args(["-c", &clean]).current_dir(census.path("work"));
            succeed(shell.env("TMPDIR", census.path("tmp")));
        }
        census.is_as(&before, &lines);
    }
    let cgroup = cgroup_mounts().into_iter().find_map(|root| {
        let folder = root.join(&census.name).join("left");
        fs::create_dir_all(&folder).is_ok().then_some(folder)
    });
    let counts = census.counts();
    assert_eq!(count(&counts), [0, 0, 1, 0, 0, 0, 0], "{counts:#?}");
    fs::remove_dir(cgroup.unwrap()).unwrap();
    census.is_as(&before, "a cgroup");
}

#[test]
fn what_an_engine_is_left_with_is_counted() {
    crate::needs!(podman);
    let census = Census::with_podman();
    let before = census.counts();
    assert_eq!(before, Counts::default());
    succeed(census.podman().args(["create", "--name", "left", crate::image(), "true"]));
    succeed(census.podman().args(["volume", "create", "kept"]));
    // Of somebody else.
    let container = format!("dropcap-test-census-{}", std::process::id());
    succeed(crate::podman().args(["create", "--name", &container, crate::image(), "true"]));
    let counts = census.counts();
    succeed(crate::podman().args(["rm", "--force", &container]));
    assert_eq!(
        (&counts.containers[..], &counts.volumes[..]),
        (&["left".to_owned()][..], &["kept".to_owned()][..])
    );
    // Its folder, its layer, and that below the layer.
    assert!(!counts.files.is_empty(), "{counts:#?}");
    assert_eq!(
        Counts { containers: Vec::new(), volumes: Vec::new(), files: Vec::new(), ..counts },
        before
    );
    succeed(census.podman().args(["rm", "left"]));
    succeed(census.podman().args(["volume", "rm", "kept"]));
    census.is_as(&before, "removed");
}

/// Also such as would have the number of a namespace that is gone.
#[test]
fn what_others_do_is_not_counted() {
    crate::needs!(root, program("unshare"), program("umount"));
    let outside = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = |name: &str| outside.path().join(name).display().to_string();
    let mut census = Census::new();
    let before = census.counts();
    // Begun before, and only then in a namespace of its own: a host name's, whose number is free at once.
    let waits = format!(
        "while [ ! -e {} ]; do sleep 0.01; done; exec unshare --uts --mount sleep 600",
        path("go")
    );
    let early = [(); 3].map(|()| Other::start(&["sh", "-c", &waits]));
    let at_first = links("self");
    run(&mut census, &["--uts", "--mount"], "true");
    fs::write(path("go"), "").unwrap();
    let late = [(); 3].map(|()| Other::start(&["unshare", "--uts", "--mount", "sleep", "600"]));
    let kept = path("kept");
    fs::write(&kept, "").unwrap();
    succeed(Command::new("unshare").args([&format!("--uts={kept}"), "true"]));
    succeed(Command::new("sh").args(["-c", "mkdir $0 && mount -t tmpfs x $0", &path("mounted")]));
    let end = Instant::now() + PATIENCE;
    while early.iter().chain(&late).any(|other| other.namespaces() == at_first) {
        assert!(Instant::now() < end, "they do not come");
        sleep(TICK);
    }
    let counts = census.counts();
    for mount in [kept, path("mounted")] {
        succeed(Command::new("umount").arg(mount));
    }
    assert_eq!(counts, before);
}
