//! Signals are passed on, and how the command ended comes back.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{dropcap, run};

/// Starts a shell script through `run` that keeps what this process holds, and waits for `ready`.
fn start(script: &str) -> (Child, BufReader<std::process::ChildStdout>, u32) {
    // Not as this process has them: what a shell starts in the background ignores SIGINT, and hands that on.
    let mut child = Command::new("env")
        .arg("--default-signal")
        .arg(dropcap().get_program())
        .args(["run", "--runtime", "linux", "sh", "-c"])
        .arg(format!("echo $$; {script}; echo ready; while :; do sleep 0.02; done"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("dropcap runs");
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let pid = line.trim().parse().expect("a process ID");
    line.clear();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, out, pid)
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}

#[test]
fn every_signal_that_means_something_is_passed_on() {
    testkit::needs!(root, program("kill"));
    for signal in ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT", "WINCH"] {
        let (mut child, mut out, _) = start(&format!("trap 'echo {signal}; exit 7' {signal}"));
        kill(signal, child.id());
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        assert_eq!((said, child.wait().unwrap().code()), (format!("{signal}\n"), Some(7)));
    }
}

#[test]
fn a_command_that_a_signal_ends_gives_128_and_its_number() {
    testkit::needs!(root, program("kill"));
    for (signal, number) in [("TERM", 15), ("HUP", 1), ("USR1", 10), ("INT", 2)] {
        let (mut child, _out, _) = start("true");
        kill(signal, child.id());
        assert_eq!(child.wait().unwrap().code(), Some(128 + number), "{signal}");
    }
    assert_eq!(run(&["run", "sh", "-c", "kill -KILL $$"]).status.code(), Some(137));
}

#[test]
fn a_stopped_command_goes_on_and_is_still_waited_for() {
    testkit::needs!(root, program("kill"));
    let (mut child, mut out, pid) = start("trap 'echo on; exit 3' USR1");
    kill("STOP", pid);
    std::thread::sleep(Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none());
    kill("USR1", child.id());
    kill("CONT", child.id());
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), child.wait().unwrap().code()), ("on\n", Some(3)));
}

#[test]
fn a_killed_dropcap_leaves_nothing_running() {
    testkit::needs!(root, program("kill"));
    let (mut child, mut out, pid) = start("true");
    kill("KILL", child.id());
    assert_eq!(child.wait().unwrap().code(), None);
    // The pipe closes when the command is gone too; a `sleep` it started goes by itself.
    out.read_to_string(&mut String::new()).unwrap();
    for _ in 0..500 {
        match std::fs::read_to_string(format!("/proc/{pid}/status")) {
            Ok(status) if !status.contains("State:\tZ") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => return,
        }
    }
    panic!("process {pid} still runs");
}

#[test]
fn a_parent_that_ignores_sigchld_gets_the_status_all_the_same() {
    testkit::needs!(root);
    // A shell that ignores CHLD hands that on to what it starts.
    let script = "trap '' CHLD; exec \"$0\" run sh -c 'exit 5'";
    let status = Command::new("bash").args(["-c", script]).arg(dropcap().get_program()).status();
    assert_eq!(status.expect("bash runs").code(), Some(5));
}

#[test]
fn the_commands_own_status_comes_back() {
    testkit::needs!(root);
    for code in [0, 1, 2, 42, 125, 255] {
        let output = run(&["run", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(output.status.code(), Some(code));
    }
}
