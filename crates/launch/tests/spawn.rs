//! Starting, holding, reading, killing; and every way in which a program is not executed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use caps::{CapSet, CapState, Capability};
use dropcap_launch::{self as launch, Exit, LaunchError, Spec, Stdio, spawn, spawn_held};

/// This process's own sets, so that nothing has to be given up.
fn own() -> CapState {
    sys::credentials::own_state().unwrap()
}

fn sh(script: &str) -> Spec {
    Spec::new("/bin/sh", own()).args(["-c", script])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn what_it_prints_and_how_it_ends_is_passed_on() {
    let output = launch::output(sh("echo out; echo err >&2; exit 7"), None).unwrap();
    assert_eq!(text(&output.stdout), "out\n");
    assert_eq!(text(&output.stderr), "err\n");
    assert_eq!((output.exit, output.timed_out), (Exit::Code(7), false));
    let output = launch::output(sh("kill -TERM $$"), None).unwrap();
    assert_eq!(output.exit, Exit::Signal(15));
    assert_eq!(output.exit.status(), 143);
}

#[test]
fn much_output_on_both_streams_does_not_block() {
    let script = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
    let output = launch::output(sh(script), None).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 300_000));
    assert!(output.exit.success());
}

#[test]
fn a_limit_kills_the_whole_group() {
    let started = Instant::now();
    let script = "sleep 600 & echo $!; wait";
    let output = launch::output(sh(script), Some(Duration::from_secs(2))).unwrap();
    assert!(output.timed_out);
    assert_eq!(output.exit, Exit::Signal(9));
    assert!(started.elapsed() < Duration::from_secs(300), "it waited for the sleep");
    assert_gone(text(&output.stdout).trim());
}

#[test]
fn what_is_left_in_the_background_ends_with_a_captured_run() {
    let output = launch::output(sh("sleep 600 & echo $!"), None).unwrap();
    assert!(output.exit.success());
    assert_gone(text(&output.stdout).trim());
}

/// A killed process whose parent is gone is reaped by init, a moment later.
fn assert_gone(pid: &str) {
    let status = format!("/proc/{}/status", pid.parse::<u32>().unwrap());
    for _ in 0..1000 {
        match fs::read_to_string(&status) {
            Ok(text) if !text.contains("State:\tZ") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => return,
        }
    }
    panic!("process {pid} still runs");
}

#[test]
fn a_held_one_waits_before_exec_with_its_credentials() {
    let mut spec = sh("exit 3");
    spec.no_new_privs = true;
    let held = spawn_held(spec).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", held.pid())).unwrap();
    assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    assert_eq!(held.state(), own());
    let pid = held.pid();
    let exe = |pid| fs::read_link(format!("/proc/{pid}/exe"));
    assert_eq!(exe(pid).unwrap(), std::env::current_exe().unwrap());
    let mut child = held.release().unwrap();
    assert_eq!(child.pid(), pid);
    assert_eq!(child.wait().unwrap(), Exit::Code(3));
    assert_eq!(child.wait().unwrap(), Exit::Code(3));
}

#[test]
fn a_held_one_that_is_not_wanted_goes() {
    let held = spawn_held(sh("exit 3")).unwrap();
    let pid = held.pid();
    drop(held);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn two_held_at_once_do_not_hold_each_other() {
    let first = spawn_held(sh("exit 1")).unwrap();
    let second = spawn_held(sh("exit 2")).unwrap();
    assert_eq!(first.release().unwrap().wait().unwrap(), Exit::Code(1));
    assert_eq!(second.release().unwrap().wait().unwrap(), Exit::Code(2));
}

#[test]
fn waiting_with_a_limit_leaves_it_running() {
    let mut child = spawn(Spec::new("sleep", own()).args(["600"])).unwrap();
    assert_eq!(child.wait_for(Duration::from_millis(20)).unwrap(), None);
    assert_eq!(child.try_wait().unwrap(), None);
    assert_eq!(child.kill().unwrap(), Exit::Signal(9));
    assert_eq!(child.wait_for(Duration::ZERO).unwrap(), Some(Exit::Signal(9)));
}

#[test]
fn environment_and_working_directory_are_as_asked() {
    let mut spec = sh("pwd; env | sort");
    spec.env = Some(vec![("ONLY".into(), "this".into())]);
    spec.working_directory = Some("/usr".into());
    let output = launch::output(spec, None).unwrap();
    assert_eq!(text(&output.stdout), "/usr\nONLY=this\nPWD=/usr\n");
}

#[test]
fn files_take_the_place_of_streams() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut spec = sh("cat; echo end");
    spec.stdin = Stdio::Null;
    spec.stdout = Stdio::File(fs::File::create(&path).unwrap());
    assert!(spawn(spec).unwrap().wait().unwrap().success());
    assert_eq!(fs::read_to_string(path).unwrap(), "end\n");
}

/// How a program fails to be executed: what is said, and the exit code of `run`.
fn refusal(program: &str) -> (String, u8) {
    let error = spawn(Spec::new(program, own())).unwrap_err();
    (error.to_string(), error.exit_code())
}

#[test]
fn what_is_not_there_and_what_cannot_be_executed_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    assert_eq!(refusal(&missing), (format!("no such program: {missing}"), 127));

    let (said, code) = refusal("no-such-program-anywhere");
    let path = std::env::var("PATH").unwrap();
    assert_eq!(said, format!("no such program: no-such-program-anywhere (PATH is {path})"));
    assert_eq!(code, 127);
    assert_eq!(refusal("").1, 127);

    let plain = file("plain", "#!/bin/sh\n", 0o644);
    assert_eq!(
        refusal(&plain),
        (format!("cannot execute {plain}: its mode is 0644, without an execute bit"), 126)
    );

    let under = format!("{plain}/under");
    assert_eq!(refusal(&under), (format!("no such program: {under}"), 127));

    let text = file("text", "no program\n", 0o755);
    assert_eq!(
        refusal(&text),
        (
            format!(
                "cannot execute {text}: not a program for this machine, and not a script with a \
                 \"#!\" line"
            ),
            126
        )
    );

    let script = file("script", "#! /no/such/interpreter -x\r\n", 0o755);
    let (said, code) = refusal(&script);
    assert_eq!(
        said,
        format!("cannot execute {script}: its interpreter is missing: /no/such/interpreter")
            + " (its first line ends in a carriage return)"
    );
    assert_eq!(code, 127);

    let directory = folder.path().to_str().unwrap().to_owned();
    assert_eq!(refusal(&directory), (format!("cannot execute {directory}: it is a folder"), 126));

    let nul = spawn(Spec::new("true", own()).args(["a\0b"])).unwrap_err();
    assert_eq!(nul.to_string(), "an argument holds a NUL byte: \"a\\0b\"");
    assert_eq!(nul.exit_code(), 125);

    let mut spec = Spec::new("true", own());
    spec.working_directory = Some(missing.clone().into());
    let error = spawn(spec).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("cannot enter the working directory {missing}: ")),
        "{error}"
    );
}

#[test]
fn a_program_that_comes_later_in_path_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ls"), "not to be executed").unwrap();
    let mut spec = Spec::new("ls", own());
    let path = format!("/nowhere:{}:/bin", folder.path().display());
    spec.env = Some(vec![("PATH".into(), path.into())]);
    spec.args = vec!["-d".into(), "/".into()];
    let output = launch::output(spec, None).unwrap();
    assert_eq!(text(&output.stdout), "/\n");
}

#[test]
fn a_capability_that_no_kernel_has_cannot_be_had() {
    let mut state = own();
    state.bounding.insert(Capability::from_number(63).unwrap());
    let error = spawn(Spec::new("true", state)).unwrap_err();
    assert_eq!(error.to_string(), "cannot have 63: not in this process's bounding set");
    assert!(matches!(error, LaunchError::CannotHave { .. }), "{error:?}");
}

#[test]
fn a_file_capability_outside_the_bounding_set_is_named() {
    testkit::needs!(root, capability(31));
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("true");
    // By another process: a child that another thread forks meanwhile would hold the file open for
    // writing, and ETXTBSY would be the answer.
    let copied = std::process::Command::new("cp").arg("/bin/true").arg(&program).status();
    assert!(copied.unwrap().success());
    // Version 2, the effective bit, permitted NET_RAW and CHOWN.
    let mut value = 0x0200_0001_u32.to_le_bytes().to_vec();
    value.extend((1_u32 << 13 | 1).to_le_bytes());
    value.extend([0; 12]);
    sys::xattr::set_file_capabilities(&program, &value).unwrap();
    assert_eq!(sys::xattr::file_capabilities(&program).unwrap(), Some(value));
    let mut state = own();
    state.bounding = state.bounding.without(Capability::NET_RAW);
    let error = spawn(Spec::new(&program, state)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot execute {}: its file capabilities cannot be granted: NET_RAW not in the \
             bounding set",
            program.display()
        )
    );
    assert_eq!(error.exit_code(), 126);
    sys::xattr::remove_file_capabilities(&program).unwrap();
    assert!(spawn(Spec::new(&program, state)).unwrap().wait().unwrap().success());
}

#[test]
fn a_user_gets_the_sets_that_a_runtime_would_give() {
    testkit::needs!(root, capability(6), capability(7), capability(8), capability(10));
    let set = CapSet::from(Capability::NET_BIND_SERVICE);
    // As containerd: bounding, permitted, effective; a plain program keeps none of it.
    let state = CapState { bounding: set, permitted: set, effective: set, ..CapState::default() };
    let after = |state: CapState| {
        let spec = Spec::new("grep", state).args(["-E", "^(Cap|Uid|Groups)", "/proc/self/status"]);
        let output = launch::output(spec.user(1000, 1001, vec![7, 5]), None).unwrap();
        text(&output.stdout).replace('\t', " ")
    };
    let line = |inh, prm, eff, bnd, amb| {
        format!(
            "Uid: 1000 1000 1000 1000\nGroups: 5 7 \nCapInh: {inh:016x}\nCapPrm: {prm:016x}\n\
             CapEff: {eff:016x}\nCapBnd: {bnd:016x}\nCapAmb: {amb:016x}\n"
        )
    };
    assert_eq!(after(state), line(0, 0, 0, 0x400, 0));
    // As podman: inheritable and ambient too.
    let state = CapState { inheritable: set, ambient: set, ..state };
    assert_eq!(after(state), line(0x400, 0x400, 0x400, 0x400, 0x400));
}
