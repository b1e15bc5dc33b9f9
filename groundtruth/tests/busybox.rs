//! The whole command on a root of one file, busybox: sets that are told apart, on both file systems,
//! and nothing left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A root file system, programs, and a cache of their own.
struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("root/bin");
        fs::create_dir_all(&bin).unwrap();
        // By another process: a file that this one has open for writing would be inherited by
        // what other threads start, and could not be executed meanwhile.
        let copied = Command::new("cp").arg("/bin/busybox").arg(bin.join("busybox")).status();
        assert!(copied.unwrap().success());
        let installed = Command::new("chroot")
            .arg(folder.path().join("root"))
            .args(["/bin/busybox", "--install", "-s", "/bin"])
            .status();
        assert!(installed.unwrap().success());
        fs::create_dir(folder.path().join("root/srv")).unwrap();
        fs::write(folder.path().join("root/srv/file"), "as it was").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, more: &str, run: &str, test: &str) {
        let folder = self.path("programs").join(name);
        fs::create_dir_all(&folder).unwrap();
        let text = format!("what = \"{name}\"\ngroup = \"first\"\npackages = []\n{more}");
        fs::write(folder.join("program.toml"), text).unwrap();
        fs::write(folder.join("run"), run).unwrap();
        fs::write(folder.join("test"), test).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropcap-groundtruth"));
        command
            .arg("--programs")
            .arg(self.path("programs"))
            .arg("--root")
            .arg(self.path("root"))
            .args(arguments)
            .env("CARGO_TARGET_DIR", self.path("target"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn truth(&self, name: &str, place: &str) -> Vec<Vec<String>> {
        let file = self.path("programs").join(name).join("truth.toml");
        let table: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
        let minimal = table[place]["minimal"].clone();
        minimal.try_into().unwrap()
    }

    fn work(&self) -> Vec<PathBuf> {
        let work = self.path("target/groundtruth/work");
        fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn said(output: &Output) -> String {
    let [out, err] =
        [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b).into_owned());
    out + &err
}

#[test]
fn minimal_sets_are_found_on_both_file_systems() {
    testkit::needs!(root, program("busybox"), program("rsync"));
    let house = House::new();
    house.program(
        "owner",
        "",
        "chown 7:7 /srv/file && chmod 600 /srv/file",
        "[ \"$STATUS\" = 0 ] && [ \"$(stat -c %u:%a /srv/file)\" = 7:600 ]",
    );
    // Either serves, and the next run must find the file as it was.
    house.program(
        "reader",
        "",
        "cat /srv/file > /tmp/read",
        "[ \"$STATUS\" = 0 ] && [ \"$(cat /tmp/read)\" = 'as it was' ]",
    );
    fs::write(house.path("programs/reader/setup"), "chown 7 /srv/file && chmod 600 /srv/file")
        .unwrap();
    house.program(
        "service",
        "service = true\nseconds = 1\n",
        "exec httpd -f -p 127.0.0.1:80 -h /srv",
        "[ \"$(wget -q -O - http://127.0.0.1/file)\" = 'as it was' ]",
    );
    let output = house.run(&["--measure"]);
    assert!(output.status.success(), "{}", said(&output));
    for place in ["overlayfs", "plain"] {
        assert_eq!(house.truth("owner", place), [["CHOWN", "FOWNER"]]);
        assert_eq!(house.truth("reader", place), [["DAC_OVERRIDE"], ["DAC_READ_SEARCH"]]);
        assert_eq!(house.truth("service", place), [["NET_BIND_SERVICE"]]);
    }
    assert_eq!(house.work(), Vec::<PathBuf>::new());
    assert_eq!(fs::read_to_string(house.path("root/srv/file")).unwrap(), "as it was");
}

#[test]
fn a_program_that_fails_with_everything_is_an_error() {
    testkit::needs!(root, program("busybox"));
    let house = House::new();
    house.program("broken", "", "echo no luck; exit 3", "[ \"$STATUS\" = 0 ]");
    let output = house.run(&["--measure", "--on", "overlayfs"]);
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("fails even with everything: ended with status 3 | no luck"), "{said}");
}

#[test]
fn a_trace_lists_what_is_true() {
    testkit::needs!(root, bpf, program("busybox"), program("rsync"));
    let house = House::new();
    house.program("owner", "", "chown 7:7 /srv/file", "[ \"$(stat -c %u /srv/file)\" = 7 ]");
    let output = house.run(&["--measure"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = house.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let said = said(&output);
    for place in ["overlayfs", "plain"] {
        assert!(said.contains(&format!("## The first programs, {place}")), "{said}");
    }
    let needed: Vec<&str> = said.lines().filter(|l| l.contains("| ours: needed  ")).collect();
    assert_eq!(needed.len(), 2, "{said}");
    for line in needed {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells, ["", "ours: needed", "1.000", "1.000", "1 of 1", ""], "{said}");
    }
    // Too few programs: the figures are not those of the house.
    assert!(!house.run(&["--check"]).status.success());
}

#[test]
fn the_search_finds_what_is_true_in_both_meanings() {
    testkit::needs!(root, bpf, time, program("busybox"), program("rsync"));
    let house = House::new();
    // It works without the device, too, which is refused all the same.
    house.program(
        "owner",
        "",
        "chown 7:7 /srv/file && chmod 600 /srv/file; mknod /tmp/null c 1 3; true",
        "[ \"$STATUS\" = 0 ] && [ \"$(stat -c %u:%a /srv/file)\" = 7:600 ]",
    );
    house.program("reader", "", "cat /srv/file > /tmp/read", "[ -s /tmp/read ]");
    fs::write(house.path("programs/reader/setup"), "chown 7 /srv/file && chmod 600 /srv/file")
        .unwrap();
    let on = ["--on", "overlayfs"];
    for task in ["--measure", "--measure-denials"] {
        let output = house.run(&[&[task][..], &on[..]].concat());
        assert!(output.status.success(), "{task}: {}", said(&output));
    }
    let output = house.run(&["--fit", "--check", "--beside", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    let traced = said(&output);
    for line in [
        "CHOWN FOWNER; without new denials and MKNOD; 4 runs, 6 with repeats",
        "DAC_OVERRIDE; without new denials the same; 3 runs, 4 with repeats",
        "owner             overlayfs the same with 2 runs at a time",
        "reader            overlayfs the same with 2 runs at a time",
        "the figures hold",
    ] {
        assert!(traced.contains(line), "{line}\n{traced}");
    }
    let output = house.run(&["--fit", "--untraced", "owner"]);
    assert!(said(&output).contains("proven     CHOWN FOWNER; without new denials not traced"));
    // With a test that fails each fifth run, whichever is the first, what is proven is right.
    let output = house.run(&["--fit", "--fail-every", "5", "--check", "owner"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("each 5th fails from 4"), "{}", said(&output));
    // A truth that is not true is noticed.
    let file = house.path("programs/owner/truth.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"MKNOD\"", "\"NET_RAW\"")).unwrap();
    let output = house.run(&["--fit", "--check", "owner"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("true: CHOWN FOWNER NET_RAW"), "{}", said(&output));
}

#[test]
fn nothing_is_left_when_it_is_killed() {
    testkit::needs!(root, program("busybox"));
    let house = House::new();
    let mark = &format!("4711.{}", std::process::id());
    house.program("sleeper", "seconds = 60\n", &format!("exec sleep {mark}"), "false");
    let mut child: Child = house
        .command(&["--try", "all", "--on", "overlayfs"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| running(mark) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| running(mark) == 0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(house.folder.path().to_str().unwrap()), "{mounts}");
    // What it left on the disk goes with the next one.
    assert_eq!(house.work().len(), 1);
    house.program("sleeper", "", "true", "true");
    assert!(house.run(&["--try", "all", "--on", "overlayfs"]).status.success());
    assert_eq!(house.work(), Vec::<PathBuf>::new());
}

fn running(argument: &str) -> usize {
    let is_it = |folder: &Path| {
        fs::read(folder.join("cmdline")).is_ok_and(|words| {
            words.split(|b| *b == 0).eq(["sleep", argument, ""].map(str::as_bytes))
        })
    };
    fs::read_dir("/proc").unwrap().filter(|e| is_it(&e.as_ref().unwrap().path())).count()
}

fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not come to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}
