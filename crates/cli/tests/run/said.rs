//! What `run` says: with `-v`, and when it cannot do what was asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::{dropcap, run, stderr, stdout};

#[test]
fn verbose_prints_the_sets_before_exec() {
    testkit::needs!(root, capability(10));
    let output = dropcap()
        .args(["-v", "run", "--runtime", "containerd", "--user", "1000:1000", "--cap-drop", "ALL"])
        .args(["--cap-add", "NET_BIND_SERVICE", "--no-new-privs", "sh", "-c", "echo $$"])
        .output()
        .unwrap();
    let pid = stdout(&output).trim().to_owned();
    assert_eq!(
        stderr(&output).replace(&format!("process {pid} "), "process PID "),
        "warning: user 1000 is not root and will hold nothing: containerd raises no ambient \
         capabilities, so what is added stays in the bounding set\n\
         process PID as containerd starts it: user 1000, group 1000, groups 1000, no_new_privs\n  \
         bounding     NET_BIND_SERVICE\n  \
         permitted    NET_BIND_SERVICE\n  \
         effective    NET_BIND_SERVICE\n  \
         inheritable  none\n  \
         ambient      none\n  \
         after execve of a program without file capabilities: effective none\n"
    );
}

/// The first line of what is said, and the exit code.
fn refusal(words: &[&str]) -> (String, Option<i32>) {
    let output = run(words);
    assert_eq!(stdout(&output), "");
    (stderr(&output).lines().next().unwrap_or_default().to_owned(), output.status.code())
}

#[test]
fn exit_codes_are_those_of_docker() {
    testkit::needs!(root);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        refusal(&["run", file]),
        (
            format!("error: cannot execute {file}: its mode is 0644, without an execute bit"),
            Some(126)
        )
    );
    assert_eq!(
        refusal(&["run", "/no/such/program"]),
        ("error: no such program: /no/such/program".to_owned(), Some(127))
    );
    assert_eq!(
        refusal(&["run", "--cap-add", "SYS_ADMINN", "true"]),
        (
            "error: Docker refuses to create the container: unknown capability \"SYS_ADMINN\" in \
             add; did you mean SYS_ADMIN?"
                .to_owned(),
            Some(125)
        )
    );
    for words in [
        &["run", "--cap-dorp", "ALL", "true"][..],
        &["run", "--runtime", "contained", "true"],
        &["run", "--user", "", "true"],
        &["run", "--user", "no-such-user", "true"],
        &["run", "-f", "/no/such/file.yaml", "true"],
        &["run", "-f", "-", "--cap-add", "CHOWN", "true"],
        &["run", "-c", "web", "true"],
        &["run"],
    ] {
        let (said, code) = refusal(words);
        assert!(said.starts_with("error: "), "{words:?}: {said}");
        assert_eq!(code, Some(125), "{words:?}: {said}");
    }
}

#[test]
fn a_word_without_effect_is_warned_of() {
    testkit::needs!(root);
    let output =
        run(&["run", "--runtime", "containerd", "--cap-add", "CAP_SYS_ADMIN,nat_raw", "true"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stderr(&output),
        "warning: \"CAP_SYS_ADMIN\" in add has no effect; write SYS_ADMIN\n\
         warning: \"nat_raw\" in add has no effect; did you mean NET_RAW?\n"
    );
}

#[test]
fn options_behind_the_command_are_the_commands() {
    testkit::needs!(root);
    let output = run(&["run", "echo", "--cap-add", "-v", "--", "-f"]);
    assert_eq!(stdout(&output), "--cap-add -v -- -f\n");
}

#[test]
fn an_ordinary_user_is_told_to_become_root() {
    testkit::needs!(root);
    // Where any user can reach it.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("dropcap");
    testkit::programs::copy(dropcap().get_program().as_ref(), &copy);
    let as_user = |words: &[&str]| {
        let output = Command::new(dropcap().get_program())
            .args(["run", "--runtime", "linux", "--user", "1000:1000"])
            .arg(&copy)
            .args(words)
            .output()
            .unwrap();
        (stdout(&output).to_owned(), stderr(&output).to_owned(), output.status.code())
    };
    let (_, said, code) = as_user(&["run", "--cap-drop", "ALL", "--cap-add", "CHOWN", "true"]);
    assert_eq!(
        (said.as_str(), code),
        (
            "error: cannot have CHOWN: not in this process's permitted set\n  help: run it as \
             root: sudo dropcap run …\n",
            Some(125)
        )
    );
    let (_, said, code) = as_user(&["run", "--cap-drop", "ALL", "true"]);
    assert!(said.contains("out of the bounding set: this process lacks SETPCAP"), "{said}");
    assert_eq!(code, Some(125));
    // What takes nothing can be had.
    let (out, said, code) = as_user(&["run", "--runtime", "linux", "--no-new-privs", "id", "-u"]);
    assert_eq!((out.as_str(), said.as_str(), code), ("1000\n", "", Some(0)));
}
