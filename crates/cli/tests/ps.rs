//! `dropcap ps` on real podman containers: what it lists is what the kernel says, set by set.
#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::Container;

fn ps(arguments: &[&str]) -> Output {
    Command::new(testkit::dropcap()).arg("ps").args(arguments).output().expect("dropcap runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = ps(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The container of this name, if it is listed.
fn group(listing: &Value, container: &Container) -> Option<Value> {
    let groups = listing["containers"].as_array().expect("containers");
    groups.iter().find(|group| group["name"] == container.name.as_str()).cloned()
}

/// A set of names as the kernel's mask.
fn mask(names: &Value) -> u64 {
    let names = names.as_array().expect("a set");
    names.iter().fold(0, |mask, name| {
        let name = name.as_str().expect("a name");
        mask | 1 << name.parse::<caps::Capability>().expect("a capability").number()
    })
}

/// The fields of `/proc/PID/status`.
fn status(pid: u64) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    text.lines()
        .filter_map(|line| line.split_once(":\t"))
        .map(|(field, value)| (field.to_owned(), value.trim().to_owned()))
        .collect()
}

/// Compares every process listed with what the kernel says; returns how many there are.
fn agrees_with_the_kernel(group: &Value) -> usize {
    let processes = group["processes"].as_array().expect("processes");
    for process in processes {
        let pid = process["pid"].as_u64().expect("a process ID");
        let status = status(pid);
        let kernel = |field: &str| u64::from_str_radix(&status[field], 16).expect("a mask");
        for (name, field) in [
            ("bounding", "CapBnd"),
            ("permitted", "CapPrm"),
            ("effective", "CapEff"),
            ("inheritable", "CapInh"),
            ("ambient", "CapAmb"),
        ] {
            assert_eq!(mask(&process["sets"][name]), kernel(field), "{name} of {pid}");
        }
        assert_eq!(mask(&process["holds"]), kernel("CapEff"));
        assert_eq!(mask(&process["raisable"]), kernel("CapPrm") & !kernel("CapEff"));
        let no_new_privs = status["NoNewPrivs"] == "1";
        let reach = if no_new_privs { 0 } else { kernel("CapBnd") | kernel("CapInh") };
        assert_eq!(mask(&process["regainable"]), reach & !kernel("CapPrm"));
        assert_eq!(process["noNewPrivs"], no_new_privs);
        let inside: u64 =
            status["NSpid"].rsplit('\t').next().expect("one").parse().expect("a number");
        assert_eq!(process["pidInside"], inside);
    }
    processes.len()
}

#[test]
fn a_container_is_listed_with_exactly_the_kernel_s_sets() {
    testkit::needs!(podman);
    let container = Container::start(&[], &["sleep", "600"]);
    let group = group(&json(&[]), &container).expect("it is listed");
    assert_eq!(agrees_with_the_kernel(&group), 1);
    assert_eq!(group["id"], container.id.as_str());
    assert_eq!(group["engine"], "podman");
    assert_eq!(group["image"], testkit::IMAGE);
    assert_eq!(group["init"], container.pid);
    assert_eq!(group["sandbox"], false);
    let process = &group["processes"][0];
    assert_eq!(process["pid"], container.pid);
    assert_eq!(process["pidInside"], 1);
    assert_eq!(
        (&process["uid"], &process["command"]),
        (&Value::from(0), &Value::from("sleep 600"))
    );
    assert_eq!(process["userNamespace"], "node");
}

#[test]
fn a_user_holds_nothing_and_could_regain_the_bounding_set() {
    testkit::needs!(podman);
    let container = Container::start(&["--user", "1000"], &["sleep", "600"]);
    let group = group(&json(&[]), &container).expect("it is listed");
    assert_eq!(agrees_with_the_kernel(&group), 1);
    let process = &group["processes"][0];
    assert_eq!(process["uid"], 1000);
    assert_eq!(mask(&process["holds"]), 0);
    assert_eq!(process["regainable"], process["sets"]["bounding"]);
    assert_ne!(mask(&process["regainable"]), 0);
    assert_eq!(process["regainableBy"], "privilegedProgram");
}

#[test]
fn no_new_privs_leaves_nothing_to_regain() {
    testkit::needs!(podman);
    let options = ["--user", "1000", "--security-opt", "no-new-privileges"];
    let container = Container::start(&options, &["sleep", "600"]);
    let group = group(&json(&[]), &container).expect("it is listed");
    assert_eq!(agrees_with_the_kernel(&group), 1);
    let process = &group["processes"][0];
    assert_ne!(mask(&process["sets"]["bounding"]), 0);
    assert_eq!((mask(&process["regainable"]), &process["regainableBy"]), (0, &Value::Null));
}

#[test]
fn a_privileged_container_comes_before_a_plain_one() {
    testkit::needs!(podman);
    let plain = Container::start(&[], &["sleep", "600"]);
    let privileged = Container::start(&["--privileged"], &["sleep", "600"]);
    let listing = json(&[]);
    let group = group(&listing, &privileged).expect("it is listed");
    assert_eq!(agrees_with_the_kernel(&group), 1);
    let own = status(u64::from(std::process::id()));
    let bounding = u64::from_str_radix(&own["CapBnd"], 16).expect("a mask");
    assert_eq!(mask(&group["processes"][0]["holds"]), bounding);
    let groups = listing["containers"].as_array().expect("containers");
    let place = |c: &Container| groups.iter().position(|g| g["id"] == c.id.as_str());
    assert!(place(&privileged) < place(&plain), "the most dangerous first");
}

#[test]
fn children_and_what_is_executed_later_belong_to_the_container() {
    testkit::needs!(podman);
    let container =
        Container::start(&[], &["sh", "-c", "sleep 600 & su user -c 'sleep 601' & wait"]);
    let exec = testkit::podman()
        .args(["exec", "--detach", "--user", "1000", &container.name, "sleep", "602"])
        .output()
        .expect("podman runs");
    assert!(exec.status.success());
    let wanted = ["sleep 600", "sleep 601", "sleep 602"];
    // `su` and podman start them a moment later.
    let group = (0..100)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let group = group(&json(&[]), &container)?;
            let all: Vec<_> = commands(&group);
            wanted.iter().all(|w| all.iter().any(|(command, _)| command == w)).then_some(group)
        })
        .expect("all three are listed");
    assert!(agrees_with_the_kernel(&group) >= 4);
    let uids = BTreeMap::from_iter(commands(&group));
    assert_eq!((uids["sleep 600"], uids["sleep 601"], uids["sleep 602"]), (0, 1000, 1000));
}

/// Command and user of every process.
fn commands(group: &Value) -> Vec<(String, u64)> {
    let processes = group["processes"].as_array().expect("processes");
    let word = |value: &Value| value.as_str().expect("text").to_owned();
    processes.iter().map(|p| (word(&p["command"]), p["uid"].as_u64().expect("a user"))).collect()
}

#[test]
fn sets_in_a_user_namespace_are_said_to_count_inside() {
    testkit::needs!(podman);
    let container = Container::start(&["--uidmap", "0:100000:65536"], &["sleep", "600"]);
    let group = group(&json(&[]), &container).expect("it is listed");
    assert_eq!(agrees_with_the_kernel(&group), 1);
    let process = &group["processes"][0];
    assert_eq!(process["userNamespace"], "own");
    assert_eq!((&process["uid"], &process["uidOnNode"]), (&Value::from(0), &Value::from(100_000)));
    assert_eq!(process["rootOnNode"], 100_000);
    let text = String::from_utf8(ps(&[]).stdout).expect("text");
    assert!(
        block(&text, &container.name)[0]
            .contains("own user namespace, its root is 100000 on the node")
    );
}

/// The title and the lines of one container in the text.
fn block<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines()
        .skip_while(|line| line.split("  ").next() != Some(name))
        .take_while(|line| !line.is_empty())
        .collect()
}

#[test]
fn the_text_is_short_and_names_what_is_held() {
    testkit::needs!(podman);
    let caps = ["--cap-drop", "all", "--cap-add", "net_bind_service,chown,setuid,setgid,mknod"];
    let container = Container::start(&caps, &["sh", "-c", "su user -c 'sleep 600' & wait"]);
    let read = || String::from_utf8(ps(&[]).stdout).expect("text");
    let text = (0..100)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            read()
        })
        .find(|text| block(text, &container.name).iter().any(|line| line.ends_with("  sleep 600")))
        .expect("su starts it");
    let lines = block(&text, &container.name);
    // A process's line begins with its ID on the node and that inside, before which runc's init has had some,
    // not always as many.
    let scrubbed: Vec<String> = lines
        .iter()
        .map(|line| {
            let line = line.replace(&container.name, "NAME").replace(&container.id[..12], "ID");
            let mut words: Vec<&str> = line.split_whitespace().collect();
            if let Ok(pid) = words[0].parse() {
                let inside = status(pid)["NSpid"].clone();
                words[0] = "PID";
                if inside.rsplit('\t').next() == Some(words[1]) {
                    words[1] = "INSIDE";
                }
            }
            words.join(" ")
        })
        .collect();
    assert_eq!(
        scrubbed,
        [
            "NAME podman · localhost/dropcap-test/busybox:1 · ID",
            "PID INSIDE root CHOWN SETGID SETUID MKNOD NET_BIND_SERVICE sh -c su user -c 'sleep 600' & wait",
            "PID INSIDE 1000 none · could regain CHOWN SETGID SETUID MKNOD NET_BIND_SERVICE sleep 600",
        ]
    );
}

#[test]
fn holds_filters_by_what_is_held_and_counts_what_could_be_regained() {
    testkit::needs!(podman);
    let root = Container::start(&["--cap-drop", "all", "--cap-add", "sys_time"], &["sleep", "600"]);
    let user = Container::start(
        &["--user", "1000", "--cap-add", "sys_time", "--cap-drop", "all"],
        &["sleep", "600"],
    );
    let setuid = Container::start(
        &["--cap-drop", "all", "--cap-add", "sys_time,setuid,setgid"],
        &["su", "user", "-c", "exec sleep 600"],
    );
    let none = Container::start(&["--cap-drop", "all"], &["sleep", "600"]);
    let listed = |listing: &Value| {
        [&root, &user, &setuid, &none].map(|container| group(listing, container).is_some())
    };
    // podman gives a user the capability by name through the ambient set.
    assert_eq!(listed(&json(&["--holds", "SYS_TIME"])), [true, true, false, false]);
    assert_eq!(
        listed(&json(&["--holds", "cap_sys_time", "--regainable"])),
        [true, true, true, false]
    );
    assert_eq!(listed(&json(&["--holds", "SYS_TIME,CHOWN"])), [true, true, false, false]);
    let left = json(&["--holds", "SYS_TIME"])["leftOut"]["couldRegain"].as_u64();
    assert!(left.is_some_and(|left| left >= 1), "{left:?}");
}

#[test]
fn the_host_is_listed_on_demand_only() {
    let without = json(&[]);
    assert_eq!(without["version"], 1);
    assert_eq!(without["host"], Value::Null);
    let with = json(&["-a"]);
    let host = with["host"].as_array().expect("the host");
    let me = u64::from(std::process::id());
    let own = host.iter().find(|p| p["pid"] == me).expect("this test is a process of the host");
    let own_status = status(me);
    let kernel = u64::from_str_radix(&own_status["CapEff"], 16).expect("a mask");
    assert_eq!(mask(&own["holds"]), kernel);
}

#[test]
fn a_word_that_is_no_capability_is_refused() {
    for (word, says) in [("SYS_ADMINN", "did you mean SYS_ADMIN?"), ("none", "no capability named")]
    {
        let output = ps(&["--holds", word]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}
