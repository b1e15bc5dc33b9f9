//! What a person reads, of recordings written by hand: no kernel, no privilege.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use caps::Capability;
use record::observation::{
    Container, Exit, Failure, Lost, Machine, NamespaceRelation, Observation, Process,
    RECORDING_VERSION, Recording, Syscall, Target, Task,
};

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: shop
spec:
  containers:
  - name: web
    image: nginx
    securityContext:
      readOnlyRootFilesystem: true
      capabilities:
        drop:
        - ALL
";

fn process(pid: u32, parent: u32, exe: &str, code: i32) -> Process {
    Process {
        pid,
        parent: Some(parent),
        comm: exe.rsplit('/').next().unwrap().to_owned(),
        exe: Some(exe.to_owned()),
        uid: Some(0),
        exit: Some(Exit::Code(code)),
        ended_ns: Some(900_000_000),
        ..Process::default()
    }
}

fn recording(processes: Vec<Process>) -> Recording {
    Recording {
        version: RECORDING_VERSION,
        machine: Machine {
            kernel: "6.18.0".to_owned(),
            architecture: "x86_64".to_owned(),
            backend: "tp_btf".to_owned(),
        },
        target: Target::Container(Container {
            id: "c".repeat(64),
            engine: "containerd".to_owned(),
            name: Some("web".to_owned()),
            pod: Some("shop".to_owned()),
            namespace: Some("default".to_owned()),
            ..Container::default()
        }),
        start_seen: true,
        duration_ns: 1_000_000_000,
        exit: None,
        root: 0,
        still_running: 0,
        lost: Lost::default(),
        processes: (1..).zip(processes).collect::<BTreeMap<u32, Process>>(),
        observations: Vec::new(),
        settled: Vec::new(),
        failures: Vec::new(),
        helpers: Vec::new(),
    }
}

fn syscall(name: &str, arguments: &[u64], path: &str) -> Syscall {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    Syscall {
        number: name.len() as u32,
        name: Some(name.to_owned()),
        compat: false,
        arguments: all,
        path: (!path.is_empty()).then(|| path.to_owned()),
        address: None,
    }
}

/// A check refused to a process at so many milliseconds, whose call failed.
fn refused(
    process: u32,
    ms: u64,
    capability: Capability,
    stack: &str,
    call: Syscall,
) -> Observation {
    Observation {
        capability,
        granted: false,
        own_credentials: true,
        namespace: NamespaceRelation::Own,
        uid: Some(0),
        in_bounding: Some(false),
        no_audit: None,
        task: Task::Program,
        syscall: Some(call),
        stack: stack.split(' ').map(str::to_owned).collect(),
        process,
        count: 1,
        first_ns: ms * 1_000_000,
        last_ns: ms * 1_000_000,
        result: Some(-1),
    }
}

fn chown(process: u32, ms: u64, path: &str) -> Observation {
    let call = syscall("chown", &[0, 33, 0xffff_ffff], path);
    refused(process, ms, Capability::CHOWN, "ns_capable setattr_prepare chown_common", call)
}

fn bind(process: u32, ms: u64, uid: u32) -> Observation {
    let mut call = syscall("bind", &[3, 0, 16], "");
    call.address = Some("0.0.0.0:80".to_owned());
    let stack = "ns_capable __inet_bind inet_bind_sk";
    let mut bind = refused(process, ms, Capability::NET_BIND_SERVICE, stack, call);
    (bind.uid, bind.result) = (Some(uid), Some(-13));
    bind
}

fn failed(process: u32, ms: u64, call: Syscall, result: i64) -> Failure {
    let at = ms * 1_000_000;
    Failure { process, syscall: call, result, count: 1, first_ns: at, last_ns: at }
}

/// `dropcap why --replay` with more words, in a folder with the manifest.
fn why(recording: &Recording, words: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pod.yaml"), POD).expect("the manifest");
    fs::write(folder.path().join("run.json"), recording.to_json().unwrap()).expect("the recording");
    let mut dropcap = Command::new(env!("CARGO_BIN_EXE_dropcap"));
    dropcap.args(["why", "--replay", "run.json"]).args(words).current_dir(folder.path());
    dropcap.env("NO_COLOR", "1").output().expect("dropcap runs")
}

fn said(recording: &Recording, words: &[&str]) -> (String, Option<i32>) {
    let output = why(recording, words);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    // The answer itself is one line, however long; all else fits a terminal.
    let long: Vec<&str> = text.lines().skip(1).filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, Vec::<&str>::new());
    (text, output.status.code())
}

#[test]
fn a_missing_capability_with_its_line_and_its_edit() {
    let mut run = recording(vec![process(100, 1, "/usr/sbin/nginx", 1)]);
    run.observations =
        vec![chown(1, 800, "/var/lib/nginx/body"), chown(1, 801, "/var/lib/nginx/proxy")];
    let (text, status) = said(&run, &["-f", "pod.yaml"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("missing", text);
    let (text, status) = said(&run, &[]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("missing_without_a_manifest", text);
}

#[test]
fn no_capability_and_where_to_look() {
    let mut run = recording(vec![process(100, 1, "/usr/bin/app", 1)]);
    run.failures = vec![
        failed(1, 100, syscall("openat", &[0, 0, 0], "/etc/ld.so.preload"), -2),
        failed(1, 800, syscall("openat", &[0, 0, 0o2101], "/var/cache/app/index"), -30),
    ];
    run.observations = vec![chown(1, 1, "/early")];
    run.failures[1].last_ns = 9_000_000_000;
    run.processes.get_mut(&1).unwrap().ended_ns = Some(9_100_000_000);
    let (text, status) = said(&run, &["-f", "pod.yaml", "-v"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!("elsewhere", text);
}

#[test]
fn a_user_who_is_not_root_and_what_started_more_than_once() {
    let again =
        |pid, parent| Process { uid: Some(1000), ..process(pid, parent, "/usr/bin/app", 1) };
    let mut run = recording(vec![again(100, 1), again(200, 2)]);
    run.observations = vec![bind(1, 100, 1000), bind(2, 5_100, 1000)];
    run.lost.evidence = 3;
    let (text, status) = said(&run, &["-f", "pod.yaml", "--runtime", "containerd@1.7"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("not_root", text);
}

#[test]
fn a_set_uid_helper_that_gained_nothing() {
    let helper = Process {
        uid: Some(1000),
        set_uid: Some(0),
        no_new_privs: Some(true),
        ..process(101, 100, "/usr/bin/sudo", 1)
    };
    let run = recording(vec![process(100, 1, "/usr/bin/app", 1), helper]);
    let (text, status) = said(&run, &["-f", "pod.yaml"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("no_new_privs", text);
}

#[test]
fn nothing_that_matters() {
    let mut run = recording(vec![process(100, 1, "/usr/bin/app", 0)]);
    run.observations = vec![chown(1, 800, "/x")];
    insta::assert_snapshot!("ended_well", said(&run, &[]).0);
    insta::assert_snapshot!("ended_well_verbose", said(&run, &["-v"]).0);
    let mut run = recording(vec![process(100, 1, "/usr/bin/app", 3)]);
    let (text, status) = said(&run, &[]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!("nothing_found", text);
    let main = run.processes.get_mut(&1).unwrap();
    (main.exit, main.ended_ns) = (None, None);
    run.still_running = 1;
    run.start_seen = false;
    insta::assert_snapshot!("still_running", said(&run, &[]).0);
}

#[test]
fn what_cannot_be_done_is_said() {
    let run = recording(vec![process(100, 1, "/usr/bin/app", 1)]);
    for (words, expected) in [
        (
            vec!["-f", "no.yaml"],
            "error: no.yaml: cannot read it: No such file or directory (os error 2)\n",
        ),
        (
            vec!["-f", "pod.yaml", "-c", "db"],
            "error: pod.yaml: has no container db; it has Pod/shop/web\n",
        ),
    ] {
        let output = why(&run, &words);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    }
}
