//! What is done less well without a capability is said; and what takes none.

use std::fs::File;
use std::process::{Command, Output};

use caps::{CapSet, Capability};
use testkit::needs;

use crate::harness::{Place, Who, traces};
use crate::{USER, holds_for};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_of_one_s_own_is_fixed_with_nothing() {
    needs!(root);
    let before = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  \
                  - {name: c, image: x, securityContext: {capabilities: {drop: [all]}}}\n";
    let whose = [Who::Root(CapSet::EMPTY), Who::User(USER, CapSet::EMPTY)];
    holds_for("static", &whose, |who| {
        let place = Place::new();
        let (folder, file) = (place.path("mine"), place.path("mine/pod.yaml"));
        std::fs::create_dir(&folder).expect("a folder");
        place.write("mine/pod.yaml", before);
        let uid = if let Who::User(uid, _) = who { uid } else { 0 };
        for path in [&folder, &file] {
            std::os::unix::fs::chown(path, Some(uid), Some(uid)).expect("root may");
        }
        place.succeed(who, &["fix", "mine/pod.yaml"])?;
        Ok(std::fs::read_to_string(file).expect("it is there"))
            .inspect(|after| assert_eq!(*after, before.replace("all", "ALL")))
    });
}

#[test]
fn ps_leaves_out_what_only_sys_ptrace_shows() {
    needs!(root);
    let place = Place::new();
    let giver = place.giver();
    let pid = giver.child();
    let program = |set| {
        let listing = place.succeed(Who::Root(set), &["ps", "-a", "--json"]).expect("it works");
        let listing: serde_json::Value = serde_json::from_str(&listing).expect("JSON");
        let host = listing["host"].as_array().expect("processes");
        host.iter().find(|holder| holder["pid"] == pid).expect("it runs")["exe"].clone()
    };
    assert_eq!(program(CapSet::EMPTY), serde_json::Value::Null);
    assert!(program(CapSet::from(Capability::SYS_PTRACE)).is_string());
}

#[test]
fn a_command_that_may_not_be_ended_is_named_and_what_was_seen_is_kept() {
    needs!(root, bpf, program("setpriv"));
    if !traces() {
        return;
    }
    let place = Place::new();
    let set = CapSet::of(&[
        Capability::BPF,
        Capability::PERFMON,
        Capability::SYS_RESOURCE,
        Capability::SETUID,
        Capability::SETGID,
    ]) & own_bounding();
    let user = ["--reuid", "33", "--regid", "33", "--clear-groups"];
    let steps_down = |who| {
        let mut command = place.dropcap(who);
        command.args(["trace", "--for", "1s", "--json", "--", "setpriv"]).args(user);
        // To files: a pipe would be open, and waited for, until what goes on has ended, too.
        let files = ["out", "err"].map(|name| place.path(name));
        let [out, err] = files.clone().map(|file| File::create(file).expect("a file"));
        let status = command.args(["sleep", "30"]).stdout(out).stderr(err).status();
        let [stdout, stderr] = files.map(|file| std::fs::read(file).expect("a file"));
        Output { status: status.expect("dropcap runs"), stdout, stderr }
    };
    let output = steps_down(Who::Root(set));
    let said = stderr(&output);
    let left = said.split("still running: ").nth(1).and_then(|rest| rest.split(',').next());
    let left = left.unwrap_or_else(|| panic!("{said}")).to_owned();
    assert!(said.contains("KILL"), "{said}");
    let name = std::fs::read_to_string(format!("/proc/{left}/comm")).expect("it runs");
    let killed = Command::new("kill").args(["-9", &left]).status().expect("kill");
    assert!(killed.success() && name == "sleep\n", "{name}");
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(crate::harness::found(&json).2, ["SETGID", "SETUID"]);

    let output = steps_down(Who::Root(set | CapSet::from(Capability::KILL)));
    assert!(!stderr(&output).contains("still running"), "{}", stderr(&output));
}

#[test]
fn a_container_that_only_root_s_files_name_is_not_there_without_a_word() {
    needs!(podman, bpf, runc);
    if !traces() {
        return;
    }
    let place = Place::new();
    let set = CapSet::of(&[Capability::BPF, Capability::PERFMON]);
    let output =
        place.run(Who::User(1000, set), &["trace", "ctr/no-such-container", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("that may name it could not be read"), "{}", stderr(&output));
}

#[test]
fn a_user_s_own_groups_take_nothing() {
    needs!(root);
    let place = Place::new();
    let nobody = Who::User(1000, CapSet::EMPTY);
    let again = ["run", "--user", "1000:1000", "--cap-drop", "ALL", "--", "id", "-u"];
    assert_eq!(place.succeed(nobody, &again), Ok("1000\n".to_owned()));
    let other = ["run", "--user", "1000:5", "--cap-drop", "ALL", "--", "id", "-u"];
    let said = place.succeed(nobody, &other).expect_err("another group");
    assert!(said.contains("SETGID"), "{said}");
}

fn own_bounding() -> CapSet {
    sys::credentials::own_state().expect("procfs").bounding
}
