//! Real Debian programs in containers: one trace holds every capability that brute force found to be
//! truly needed, and never SYS_ADMIN for the kernel's memory accounting.

#![expect(clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use caps::{CapSet, Capability};
use testkit::podman;

/// A program, what it takes, and how to see that it works.
struct Program {
    name: &'static str,
    command: &'static [&'static str],
    options: &'static [&'static str],
    /// Every minimal set; most programs have one.
    minimal: &'static [CapSet],
    /// Run on this machine in the container's network, until it succeeds. Empty: the program ends itself.
    test: &'static [&'static str],
}

const STEP_DOWN: CapSet = CapSet::of(&[Capability::SETGID, Capability::SETUID]);

/// Docker's default set is what an image usually gets: Podman's and what it lacks of that.
const DOCKER: &[&str] = &["--cap-add", "AUDIT_WRITE,MKNOD,NET_RAW,SETFCAP,SYS_CHROOT"];

const PROGRAMS: &[Program] = &[
    Program {
        name: "nginx",
        command: &["nginx", "-g", "daemon off;"],
        options: &[],
        minimal: &[CapSet::of(&[
            Capability::CHOWN,
            Capability::DAC_OVERRIDE,
            Capability::SETGID,
            Capability::SETUID,
            Capability::NET_BIND_SERVICE,
        ])],
        test: &["curl", "-fsS", "-m", "2", "http://127.0.0.1/"],
    },
    Program {
        name: "redis",
        command: &["redis-entrypoint"],
        options: &[],
        minimal: &[
            CapSet::of(&[
                Capability::CHOWN,
                Capability::SETGID,
                Capability::SETUID,
                Capability::DAC_OVERRIDE,
            ]),
            CapSet::of(&[
                Capability::CHOWN,
                Capability::SETGID,
                Capability::SETUID,
                Capability::DAC_READ_SEARCH,
            ]),
        ],
        test: &[
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/6379; echo PING >&3; read -t 2 line <&3; test \"${line%?}\" = +PONG",
        ],
    },
    Program {
        name: "sshd",
        command: &["/usr/sbin/sshd", "-D", "-e"],
        options: &[],
        minimal: &[CapSet::of(&[
            Capability::CHOWN,
            Capability::SETGID,
            Capability::SETUID,
            Capability::NET_BIND_SERVICE,
            Capability::SYS_CHROOT,
            Capability::AUDIT_WRITE,
        ])],
        test: &[
            "ssh",
            "-i",
            "KEY",
            "-tt",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "ConnectTimeout=2",
            "guest@127.0.0.1",
            "true",
        ],
    },
    Program {
        name: "ping",
        command: &["ping", "-c", "1", "127.0.0.1"],
        // Podman lets root's group ping without a capability; Kubernetes' runtimes before containerd 2 do not.
        options: &["--sysctl", "net.ipv4.ping_group_range=1 0"],
        minimal: &[CapSet::of(&[Capability::NET_RAW])],
        test: &[],
    },
    Program {
        name: "tar",
        command: &["tar", "-C", "/tmp", "-xpf", "/srv/archive.tar"],
        options: &[],
        minimal: &[CapSet::of(&[
            Capability::CHOWN,
            Capability::DAC_OVERRIDE,
            Capability::FOWNER,
            Capability::FSETID,
        ])],
        test: &[],
    },
    Program {
        name: "su",
        command: &["su", "nobody", "-s", "/bin/sh", "-c", "id"],
        options: &[],
        minimal: &[STEP_DOWN],
        test: &[],
    },
];

#[test]
fn one_trace_holds_every_truly_needed_capability() {
    testkit::needs!(debian, bpf);
    testkit::debian_image();
    for program in PROGRAMS {
        let add = trace(program);
        assert!(
            program.minimal.iter().any(|minimal| minimal.is_subset(add)),
            "{}: the trace holds {add}",
            program.name
        );
        assert!(!add.contains(Capability::SYS_ADMIN), "{}: {add}", program.name);
        eprintln!("{}: {add}", program.name);
    }
}

/// Runs it in a container, traced from its entrypoint on, and returns what the trace would add.
fn trace(program: &Program) -> CapSet {
    let name = format!("dropcap-test-{}-{}", program.name, std::process::id());
    let container = Created::new(&name, program);
    let mut trace = Command::new(testkit::dropcap());
    trace.args(["trace", &format!("ctr/{name}"), "--for", "300s", "--json"]);
    let mut trace =
        trace.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dropcap runs");
    let mut notes =
        BufReader::new(trace.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let ready = notes.by_ref().find(|line| line.contains("watching"));
    assert!(ready.is_some(), "{}: the tracer does not get ready", program.name);
    succeed(podman().args(["start", &name]), program.name);
    if !program.test.is_empty() {
        container.passes(program);
        succeed(podman().args(["stop", "--time", "5", &name]), program.name);
    }
    let output = trace.wait_with_output().expect("dropcap ends");
    assert!(output.status.success(), "{}: {output:?}", program.name);
    let status =
        succeed(podman().args(["inspect", "--format", "{{.State.ExitCode}}", &name]), program.name);
    assert_eq!(
        String::from_utf8_lossy(&status.stdout).trim(),
        "0",
        "{}: {}",
        program.name,
        container.logs()
    );

    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let target = &report["targets"][0];
    assert_eq!(target["startSeen"], true, "{}", program.name);
    assert_eq!(target["judgement"]["incomplete"], serde_json::json!([]), "{}", program.name);
    let set = |field: &str| serde_json::from_value::<CapSet>(target[field].clone()).expect("a set");
    set("needed") | set("doubtful")
}

/// A container before its entrypoint; removed when dropped.
struct Created {
    name: String,
    folder: tempfile::TempDir,
}

impl Created {
    fn new(name: &str, program: &Program) -> Self {
        let this = Self { name: name.to_owned(), folder: tempfile::tempdir().expect("a folder") };
        let mut create = podman();
        create.args(["create", "--network", "none", "--name", name]);
        create.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]);
        create.args(DOCKER).args(program.options).arg(testkit::DEBIAN_IMAGE).args(program.command);
        succeed(&mut create, program.name);
        succeed(podman().args(["init", name]), program.name);
        let key = this.key();
        succeed(podman().args(["cp", &format!("{name}:/root/key"), &key]), program.name);
        this
    }

    fn key(&self) -> String {
        self.folder.path().join("key").display().to_string()
    }

    /// Runs the program's test in the container's network until it succeeds.
    fn passes(&self, program: &Program) {
        let pid = succeed(
            podman().args(["inspect", "--format", "{{.State.Pid}}", &self.name]),
            program.name,
        );
        let pid = String::from_utf8_lossy(&pid.stdout).trim().to_owned();
        let key = self.key();
        let words =
            program.test.iter().map(|word| if *word == "KEY" { key.as_str() } else { word });
        let mut test = Command::new("nsenter");
        test.args(["--net", "--target", &pid]).args(words).stdin(Stdio::null());
        let mut last = None;
        for _ in 0..100 {
            let output = test.output().expect("nsenter runs");
            if output.status.success() {
                return;
            }
            last = Some(output);
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} does not work: {last:?}\n{}", program.name, self.logs());
    }

    fn logs(&self) -> String {
        let output = podman().args(["logs", &self.name]).output().expect("podman runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        let _ = podman().args(["rm", "--force", "--time", "0", "--ignore", &self.name]).output();
    }
}

fn succeed(command: &mut Command, what: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {command:?}: {error}"));
    assert!(output.status.success(), "{what}: {command:?}: {output:?}");
    output
}
