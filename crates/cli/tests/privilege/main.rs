//! Everything that dropcap does, done with exactly the capabilities that `data/needs.toml` names, which
//! `dropcap doctor` and docs/privileges.md are made of: the same result as with everything; and without
//! each of them a failure that names it.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

mod harness;
mod said;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use caps::{CapSet, Capability};
use harness::{Cgroup, Place, Who, backend, found, traces};
use jobs::needs::{self, Machine, Mode};
use testkit::daemon::{Daemon, docker, docker_host};
use testkit::needs;
use trace::Backend;

/// An ordinary user.
const USER: u32 = 1000;

/// What a case tries: its result in a form that can be compared, or what it said when it failed.
type Outcome = Result<String, String>;

/// User 0, and an ordinary one.
const WHOSE: [Who; 2] = [Who::Root(CapSet::EMPTY), Who::User(USER, CapSet::EMPTY)];

/// Holds a mode of the table against the kernel, for user 0 and for an ordinary user.
fn holds(id: &str, attempt: impl Fn(Who) -> Outcome) {
    holds_for(id, &WHOSE, attempt);
}

/// Of what is traced for a second each time, those who try it at every change: the one who has less.
fn whose_in_seconds() -> &'static [Who] {
    if testkit::is_all_tried() { &WHOSE } else { &WHOSE[1..] }
}

fn holds_for(id: &str, whose: &[Who], attempt: impl Fn(Who) -> Outcome) {
    let mode = needs::of(id).expect("a mode of the table");
    let with_everything = attempt(Who::Everything).expect("it works with everything");
    for who in whose {
        let takes = takes(mode, *who);
        assert_eq!(
            attempt(who.with(takes)),
            Ok(with_everything.clone()),
            "{id} with {takes} {who:?}"
        );
        for missing in takes {
            let set = takes.without(missing);
            let said = attempt(who.with(filled(mode, set))).expect_err("it is required");
            assert!(said.contains(&missing.to_string()), "{id} without {missing}: {said}");
        }
    }
}

/// What the table says that it takes for somebody here.
fn takes(mode: &'static Mode, who: Who) -> CapSet {
    let uid = if let Who::User(uid, _) = who { uid } else { 0 };
    let machine = Machine { uid, ..Machine::read() };
    let (required, _) = mode.wants(backend().unwrap_or(Backend::ALL[0]));
    needs::taken(&required, &machine)
}

/// The same, and if nothing is left something to drop.
fn filled(mode: &Mode, set: CapSet) -> CapSet {
    let drops = mode.required.iter().any(|want| want.when == Some(needs::When::Drops));
    if drops && set.is_empty() { CapSet::from(Capability::LEASE) } else { set }
}

#[test]
fn every_mode_of_the_table_is_tried_here() {
    let mut ids: Vec<&str> = needs::modes().iter().map(|mode| mode.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "demo",
            "demo.whole",
            "doctor",
            "fit",
            "fit.container",
            "fit.sandbox",
            "fit.user",
            "ps",
            "run",
            "run.user",
            "static",
            "trace.command",
            "trace.container",
            "trace.process"
        ]
    );
}

#[test]
fn text_and_rules_take_nothing() {
    needs!(root);
    let place = Place::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  \
               - {name: c, image: x, securityContext: {capabilities: {add: [SYS_ADMIN]}}}\n";
    place.write("pod.yaml", pod);
    let profile = "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: {name: p}\n\
                   spec: {capabilities: {needed: [CHOWN], doubtful: []}}\n";
    place.write("profile.yaml", profile);
    let waiver = "version = 1\n\n[[waiver]]\nkind = \"Pod\"\nname = \"p\"\ncontainer = \"c\"\n\
                  capabilities = [\"SYS_TIME\"]\nreason = \"a clock\"\n\
                  approvers = [\"a@example.com\"]\nexpires = 2099-12-31\n";
    place.write("dropcap-waivers.toml", waiver);
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["waiver", "list", "."],
        vec!["explain", "NET_RAW"],
        vec!["show", "pod.yaml"],
        vec!["check", "pod.yaml", "--format", "json"],
        vec!["fix", "--diff", "--unsafe-fixes", "pod.yaml"],
        vec!["completions", "bash"],
        vec!["man", "check"],
        vec!["profile", "show", "profile.yaml"],
        vec!["profile", "merge", "profile.yaml", "profile.yaml"],
        vec!["profile", "diff", "profile.yaml", "profile.yaml"],
        vec!["profile", "export", "--to", "docker", "--incomplete", "profile.yaml"],
    ];
    let record = ["trace", "--record", "recording", "--", "chown", "5", "file"];
    if place.run(Who::Everything, &record).status.success() {
        let mode = PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(place.path("recording"), mode).expect("chmod");
        commands.push(vec!["trace", "--replay", "recording"]);
        commands.push(vec!["why", "--replay", "recording"]);
    } else {
        testkit::skip("needs a kernel that can be traced, for a recording");
    }
    let whose = [Who::Root(CapSet::EMPTY), Who::User(65534, CapSet::EMPTY)];
    for command in commands {
        holds_for("static", &whose, |who| {
            let output = place.run(who, &command);
            let stderr = String::from_utf8_lossy(&output.stderr);
            // 2: it could not be done.
            if output.status.code() == Some(2) || output.status.code().is_none() {
                return Err(format!("{command:?}: {stderr}"));
            }
            assert!(!output.stdout.is_empty() || command[1] == "diff", "{command:?}: {stderr}");
            Ok(format!("{:?} {}", output.status.code(), String::from_utf8_lossy(&output.stdout)))
        });
    }
}

/// An engine is asked by its own client, which needs no more than to be let in.
#[test]
fn to_ask_an_engine_for_images_takes_nothing() {
    needs!(dockerd, runc, program("docker"));
    let ready =
        |folder: &Path| docker(folder).arg("info").output().is_ok_and(|o| o.status.success());
    let daemon = Daemon::dockerd(ready);
    for (path, mode) in
        [(daemon.folder().to_owned(), 0o711), (daemon.folder().join("socket"), 0o666)]
    {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("chmod");
    }
    let place = Place::new();
    let import = "mkdir -p root/bin && cp \"$1\" root/bin/tool && tar -C root -c . | \
                  docker import -c 'USER 33' -c 'ENTRYPOINT [\"/bin/tool\"]' - tool:1";
    let imported = docker_env(&mut Command::new("sh"), daemon.folder())
        .current_dir(place.path("."))
        .args(["-c", import, "sh"])
        .arg(place.path("dropcap"))
        .output()
        .expect("sh");
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  \
               - {name: c, image: \"tool:1\"}\n";
    place.write("pod.yaml", pod);
    let whose = [Who::Root(CapSet::EMPTY), Who::User(USER, CapSet::EMPTY)];
    for command in [
        &["images", "--from", "docker", "pod.yaml"][..],
        &["show", "--images", "docker", "--runtime", "docker", "pod.yaml"],
    ] {
        holds_for("static", &whose, |who| {
            let mut dropcap = place.dropcap(who);
            let output = docker_env(&mut dropcap, daemon.folder()).args(command).output();
            let output = output.expect("dropcap runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() && printed.contains("33") { Ok(printed) } else { Err(said) }
        });
    }
}

fn docker_env<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("DOCKER_HOST", docker_host(folder))
}

#[test]
fn doctor_takes_nothing() {
    needs!(root);
    let place = Place::new();
    holds("doctor", |who| {
        let output = place.run(who, &["doctor", "--json"]);
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        // Which commands there are is the same for everybody.
        let commands = report["commands"].as_array().expect("commands").iter();
        Ok(commands.map(|command| format!("{}\n", command["id"])).collect())
    });
}

#[test]
fn ps_takes_nothing() {
    needs!(root);
    let place = Place::new();
    let giver = place.giver();
    let pid = giver.child();
    holds("ps", |who| {
        let listing = place.succeed(who, &["ps", "-a", "--json"])?;
        let listing: serde_json::Value = serde_json::from_str(&listing).expect("JSON");
        let host = listing["host"].as_array().expect("processes");
        let holder = host.iter().find(|holder| holder["pid"] == pid).expect("it runs");
        Ok(format!("{} {} {}", holder["holds"], holder["sets"], holder["uidOnNode"]))
    });
}

#[test]
fn run_takes_setpcap_to_drop() {
    needs!(root);
    let place = Place::new();
    holds("run", |who| {
        place.succeed(who, &["run", "--cap-drop", "ALL", "--", "grep", "Cap", "/proc/self/status"])
    });
    // What the command is to have, it takes, too.
    let set = CapSet::of(&[Capability::SETPCAP, Capability::KILL]);
    let kill =
        ["run", "--cap-drop", "ALL", "--cap-add", "KILL", "--", "grep", "Cap", "/proc/self/status"];
    let with_everything = place.succeed(Who::Everything, &kill).expect("it works");
    assert_eq!(place.succeed(Who::Root(set), &kill), Ok(with_everything));
    let said = place.succeed(Who::Root(set.without(Capability::KILL)), &kill).expect_err("none");
    assert!(said.contains("cannot have KILL"), "{said}");
}

#[test]
fn run_as_another_user_takes_setuid_and_setgid() {
    needs!(root);
    let place = Place::new();
    let shell = "id -u; id -g; grep -e Cap -e Groups /proc/self/status";
    holds("run.user", |who| {
        place
            .succeed(who, &["run", "--user", "33:33", "--cap-drop", "ALL", "--", "sh", "-c", shell])
    });
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n    \
         image: x\n    command: [sh, -c, {shell:?}]\n    \
         securityContext: {{runAsUser: 33, runAsGroup: 33, capabilities: {{drop: [ALL]}}}}\n"
    );
    place.write("pod.yaml", &pod);
    holds("run.user", |who| place.succeed(who, &["run", "-f", "pod.yaml"]));
}

#[test]
fn fit_takes_setpcap_and_its_sandbox_more() {
    needs!(root);
    let place = Place::new();
    let fit = |who, more: &[&str]| {
        let args = [&["-q", "fit", "--no-trace", "--json"], more, &["--", "true"]].concat();
        let json: serde_json::Value =
            serde_json::from_str(&place.succeed(who, &args)?).map_err(|error| error.to_string())?;
        let found = &json["status"]["searches"][0]["found"];
        Ok(format!("{} {found}", json["spec"]["capabilities"]["add"]))
    };
    // Who does not trace says what is done around each run, or nothing is proven.
    holds("fit", |who| fit(who, &["--setup", "true"]));
    holds_for("fit.sandbox", &[Who::Root(CapSet::EMPTY)], |who| fit(who, &["--sandbox"]));
}

/// In a user namespace of its own it has what it takes: whoever it is needs nothing.
#[test]
fn fit_in_a_user_namespace_takes_nothing() {
    needs!(root, user_namespaces);
    let place = Place::new();
    let nobody = Who::User(65534, CapSet::EMPTY);
    let output =
        place.run(nobody, &["-q", "fit", "--sandbox", "--json", "--", "chroot", "/", "true"]);
    let said = String::from_utf8_lossy(&output.stderr);
    // 1: such a namespace does not decide everything.
    assert_eq!(output.status.code(), Some(1), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["spec"]["capabilities"]["add"], serde_json::json!(["SYS_CHROOT"]), "{said}");
    let mode = needs::of("fit.user").expect("a mode of the table");
    assert_eq!((takes(mode, nobody), mode.better.len()), (CapSet::EMPTY, 0));
}

/// A container that holds nothing, so that all that is taken is podman's. Without SYS_ADMIN it would go on
/// in a user namespace, on the same storage: that is refused.
#[test]
fn containers_are_fitted_with_what_podman_takes() {
    needs!(podman, bpf, runc, time);
    if !traces() {
        return;
    }
    let place = Place::new();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n    \
         image: {}\n    command: [\"true\"]\n    securityContext: {{capabilities: {{drop: [ALL]}}}}\n",
        testkit::image()
    );
    place.write("pod.yaml", &pod);
    let runc = testkit::need::find_program("runc").expect("runc");
    let engine = format!(
        "--network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --runtime {}",
        runc.display()
    );
    let fit = ["-q", "fit", "-f", "pod.yaml", "--until-exit", "--json", "--engine-args", &engine];
    holds_for("fit.container", &[Who::Root(CapSet::EMPTY)], |who| {
        let json = place.succeed(who, &fit)?;
        let json: serde_json::Value =
            serde_json::from_str(&json).map_err(|error| error.to_string())?;
        let found = &json["status"]["searches"][0]["found"];
        Ok(format!("{} {found}", json["spec"]["capabilities"]["add"]))
    });
}

/// `fit` asks for all of it before it begins, and so never comes to what happens without. Here Podman itself
/// is run as `fit` runs it: each of what the table says that it takes it takes.
#[test]
fn podman_itself_takes_each_of_them() {
    needs!(root, podman, runc);
    let place = Place::new();
    let podman = testkit::need::find_program("podman").expect("podman");
    let mode = needs::of("fit.container").expect("a mode of the table");
    let takes: CapSet = mode.required.iter().map(|want| want.capability).collect();
    let run = |set| {
        let mut command = place.program(Who::Root(set), &podman);
        let log = testkit::Log::new();
        command.args(testkit::podman_run().get_args()).args(log.options());
        command.args(["--rm", "--cap-drop", "ALL"]);
        let command = command.arg(testkit::image()).args(["grep", "CapBnd", "/proc/self/status"]);
        let output = command.output().expect("podman runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(log.stdout()) } else { Err(said) }
    };
    let nothing = "CapBnd:\t0000000000000000\n";
    assert_eq!(run(takes).as_deref(), Ok(nothing));
    // Without it podman goes on as one of an ordinary user: asked with storage that nobody else has.
    let info = |set| {
        let mut info = place.program(Who::Root(set), &podman);
        for option in ["root", "runroot"] {
            info.arg(format!("--{option}")).arg(place.path("tmp").join(option));
        }
        let info = info.args(["info", "--format", "rootless: {{.Host.Security.Rootless}}"]);
        let output = info.output().expect("podman runs");
        let both = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&both).trim().to_owned()
    };
    assert!(info(takes).starts_with("rootless: false"), "{}", info(takes));
    let said = info(takes.without(Capability::SYS_ADMIN));
    let is_users =
        said.contains("Using rootless single mapping") || said.starts_with("rootless: true");
    assert!(is_users, "without SYS_ADMIN: {said}");
    // Without it the container holds what it is not to hold, and is run all the same.
    let holds = run(takes.without(Capability::SETPCAP)).expect("podman says nothing");
    assert_ne!(holds, nothing);
    let fails = [
        (Capability::DAC_OVERRIDE, "permission denied"),
        (Capability::NET_ADMIN, "operation not permitted"),
        (Capability::SETGID, "operation not permitted"),
    ];
    let tried: CapSet = fails.iter().map(|(capability, _)| *capability).collect();
    assert_eq!(tried | CapSet::of(&[Capability::SYS_ADMIN, Capability::SETPCAP]), takes);
    for (missing, says) in fails {
        let said = run(takes.without(missing)).expect_err("it is required").to_lowercase();
        assert!(said.contains(says), "without {missing}: {said}");
    }
}

#[test]
fn a_command_is_traced_with_what_the_backend_takes() {
    needs!(root, bpf);
    if !traces() {
        return;
    }
    let place = Place::new();
    holds("trace.command", |who| {
        let json = place.succeed(who, &["trace", "--json", "--", "chown", "5", "file"])?;
        let (_, start_seen, list) = found(&json);
        assert!(start_seen);
        Ok(list.join(" "))
    });
    // Root of the whole machine lacks nothing: user 0 and an ordinary user with little, beside each other.
    for who in WHOSE {
        let mode = needs::of("trace.command").expect("a mode of the table");
        let takes = takes(mode, who);
        let why = |set| place.run(who.with(set), &["why", "--", "chown", "5", "file"]);
        let said = String::from_utf8(why(takes).stdout).expect("text");
        assert!(said.starts_with("CHOWN is "), "{who:?}: {said}");
        for missing in takes {
            let output = why(takes.without(missing));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&missing.to_string()), "without {missing}: {said}");
        }
    }
}

#[test]
fn processes_of_others_are_traced_with_no_more() {
    needs!(root, bpf);
    if !traces() {
        return;
    }
    let place = Place::new();
    let giver = place.giver();
    let pid = giver.child();
    let Some(cgroup) = Cgroup::with(pid, "dropcap-privilege") else { return };
    for target in [format!("pid/{pid}"), cgroup.target()] {
        holds_for("trace.process", whose_in_seconds(), |who| {
            let json = place.succeed(who, &["trace", &target, "--for", "1s", "--json"])?;
            let (_, start_seen, list) = found(&json);
            assert!(!start_seen, "{target} was running");
            assert_eq!(list, ["CHOWN"], "{target} {who:?}");
            Ok(list.join(" "))
        });
    }
    drop(giver);
}

#[test]
fn containers_are_traced_with_no_more() {
    needs!(podman, bpf, runc);
    if !traces() {
        return;
    }
    let place = Place::new();
    let gives = ["sh", "-c", "while :; do chown 5 /tmp; sleep 0.05; done"];
    let container = testkit::Container::start(&[], &gives);
    let target = format!("ctr/{}", container.name);
    holds_for("trace.container", whose_in_seconds(), |who| {
        let json = place.succeed(who, &["trace", &target, "--for", "1s", "--json"])?;
        let (name, start_seen, list) = found(&json);
        assert_eq!((&name, start_seen), (&container.name, false));
        assert_eq!(list, ["CHOWN"], "{who:?}");
        Ok(list.join(" "))
    });
}

#[test]
fn the_demo_takes_nothing_of_an_ordinary_user() {
    needs!(root, user_namespaces);
    let place = Place::new();
    let nobody = Who::User(65534, CapSet::EMPTY);
    let of_nobody = last_line(&place.succeed(nobody, &["demo"]).expect("it takes nothing"));
    assert!(of_nobody.ends_with("not all decided in 8 runs"), "{of_nobody}");
    // User 0 without the rest of root.
    let mode = needs::of("demo").expect("a mode of the table");
    let takes = takes(mode, Who::Root(CapSet::EMPTY));
    assert_eq!(takes, CapSet::from(Capability::SETFCAP));
    assert_eq!(
        last_line(&place.succeed(Who::Root(takes), &["demo"]).expect("it works")),
        of_nobody
    );
    assert_eq!(place.leftovers(), Vec::<std::path::PathBuf>::new());
    match place.succeed(Who::Root(CapSet::EMPTY), &["demo"]) {
        Err(said) => assert!(said.contains("SETFCAP"), "{said}"),
        Ok(_) => assert!(Machine::read().kernel < (5, 12), "verify_root_map() is of Linux 5.12"),
    }
}

#[test]
fn the_whole_demo_takes_what_its_service_does() {
    needs!(root, bpf);
    if !traces() {
        return;
    }
    let place = Place::new();
    holds_for("demo.whole", &[Who::Root(CapSet::EMPTY)], |who| {
        let printed = place.succeed(who, &["demo"])?;
        assert_eq!(place.leftovers(), Vec::<std::path::PathBuf>::new());
        let line = last_line(&printed);
        if line.contains("not all decided") {
            return Err(printed);
        }
        // The number of runs depends on how much there was to leave out; a trace saves some.
        let traced = printed.contains("== trace");
        let proven = line.split(" in ").next().unwrap_or_default();
        if traced { Ok(proven.to_owned()) } else { Err(printed) }
    });
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}
