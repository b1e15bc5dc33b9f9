//! Evidence in words, remedies, and the profile that comes of a judgement.

mod common;

use caps::Capability as C;
use common::{Change, check, judged, recording};
use dropcap_judge::{Judgement, Place, ProfileOptions, judge, to_profile};
use record::observation::{Container, Gained, Target};
use record::profile::{ProofState, START_NOT_SEEN};

const BIND: &str = "ns_capable __inet_bind inet_bind_sk __sys_bind";
const CHOWN: &str = "ns_capable setattr_prepare ovl_setattr notify_change chown_common";

fn lines(judgement: &Judgement) -> Vec<String> {
    judgement.needs.iter().flat_map(|n| &n.uses).map(|u| u.line()).collect()
}

fn remedies(judgement: &Judgement) -> Vec<(Place, &str)> {
    let remedies = judgement.needs.iter().flat_map(|n| &n.remedies);
    remedies.map(|r| (r.place, r.how.as_str())).collect()
}

#[test]
fn evidence_is_said_as_a_person_would() {
    let judgement = judged(vec![
        check(C::NET_BIND_SERVICE, "bind", BIND).address("0.0.0.0:80").by(2).at(10, 12),
        check(C::CHOWN, "chown", CHOWN)
            .path("/var/lib/nginx/body")
            .arguments(&[0, 33, 33])
            .times(5),
        check(C::SETUID, "setuid", "ns_capable_setid __sys_setuid")
            .arguments(&[33])
            .by(3)
            .at(20, 45_000),
        check(C::KILL, "kill", "ns_capable check_kill_permission")
            .arguments(&[101, 1])
            .by(2)
            .times(2)
            .refused(Some(-1)),
    ]);
    assert_eq!(
        lines(&judgement),
        [
            "chown /var/lib/nginx/body to 33:33 by entrypoint.sh (main), at start, 5 checks",
            "kill 101 with SIGHUP by nginx (main), at start, refused 2 times: EPERM",
            "setuid to 33 by nginx",
            "bind 0.0.0.0:80 by nginx (main), at start",
        ]
    );
}

#[test]
fn at_start_is_said_only_when_the_start_was_seen_and_something_followed() {
    let seen = |start_seen, duration_ns, last_ms| {
        let mut run = recording(vec![check(C::CHOWN, "chown", CHOWN).at(1, last_ms)]);
        (run.start_seen, run.duration_ns) = (start_seen, duration_ns);
        judge(&run).needs[0].uses[0].at_start
    };
    assert!(seen(true, 60_000_000_000, 9_000));
    assert!(!seen(false, 60_000_000_000, 9_000));
    assert!(!seen(true, 60_000_000_000, 10_001));
    assert!(!seen(true, 10_000_000_000, 9_000));
}

#[test]
fn the_same_use_by_the_same_process_is_said_once() {
    let judgement = judged(vec![
        check(C::CHOWN, "chown", CHOWN).path("/x").arguments(&[0, 1, 1]).times(3).at(5, 5),
        check(C::CHOWN, "chown", CHOWN).path("/x").arguments(&[0, 1, 1]).times(7).at(2, 9),
    ]);
    let uses = &judgement.needs[0].uses;
    assert_eq!(uses.len(), 1);
    assert_eq!((uses[0].count, uses[0].first_ms, uses[0].last_ms), (10, 2, 9));
}

#[test]
fn a_port_has_three_remedies_and_a_high_one_none() {
    let on = |address: &str| {
        let judgement = judged(vec![check(C::NET_BIND_SERVICE, "bind", BIND).address(address)]);
        judgement.needs[0].remedies.clone()
    };
    for address in ["0.0.0.0:80", "[::]:80"] {
        let remedies = on(address);
        let places: Vec<Place> = remedies.iter().map(|r| r.place).collect();
        assert_eq!(places, [Place::Nothing, Place::Manifest, Place::Configuration], "{address}");
        assert!(remedies[1].how.ends_with("ip_unprivileged_port_start = \"80\""));
        assert!(remedies[2].how.contains("8080"), "{}", remedies[2].how);
    }
    assert_eq!(on("0.0.0.0:8080"), []);
    assert_eq!(on("0.0.0.0:0"), []);
}

/// The file cannot be executed without, whatever removes the need of what it then does.
#[test]
fn what_removes_the_need_of_a_file_with_capabilities_begins_with_the_file() {
    let bind = || check(C::NET_BIND_SERVICE, "bind", BIND).address("0.0.0.0:80");
    for observations in [vec![bind()], Vec::new()] {
        let asks = !observations.is_empty();
        let mut run = recording(observations);
        let process = run.processes.values_mut().next().unwrap();
        process.exe = Some("/opt/web".to_owned());
        process.gained = Some(Gained { permitted: C::NET_BIND_SERVICE.into(), effective: true });
        let judgement = judge(&run);
        let remedies = remedies(&judgement);
        assert_eq!(remedies.len(), if asks { 3 } else { 1 });
        for (place, how) in remedies {
            assert!(how.contains("setcap -r /opt/web") && place >= Place::Image, "{how}");
        }
    }
}

#[test]
fn stepping_down_from_root_is_run_as_user() {
    let judgement = judged(vec![
        check(C::SETUID, "setresuid", "__sys_setresuid").arguments(&[33, 33, 33]),
        check(C::SETGID, "setgid", "__sys_setgid").arguments(&[34]),
    ]);
    let how: Vec<&str> = remedies(&judgement).into_iter().map(|(_, how)| how).collect();
    assert_eq!(
        how,
        [
            "set securityContext.runAsGroup: 34 (and runAsUser)",
            "set securityContext.runAsUser: 33 (and runAsGroup, and runAsNonRoot: true)",
        ]
    );
    // Becoming root is not stepping down.
    let root = judged(vec![check(C::SETUID, "setuid", "__sys_setuid").arguments(&[0])]);
    assert_eq!(remedies(&root), []);
}

#[test]
fn a_chown_at_start_belongs_in_the_image_or_the_volume() {
    let chown =
        check(C::CHOWN, "fchownat", CHOWN).path("/var/cache/app/tmp").arguments(&[0, 0, 101, 101]);
    let judgement = judged(vec![chown.clone()]);
    let places: Vec<Place> = remedies(&judgement).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [Place::Manifest, Place::Manifest, Place::Image]);
    // It would hide /var/cache/app/tmp, and what is in it is root's, too: a chown fails as before.
    assert!(judgement.needs[0].remedies.iter().all(|r| !r.how.contains("emptyDir")));
    assert!(judgement.needs[0].remedies[0].how.contains("if /var/cache/app/tmp is in a volume"));
    assert!(judgement.needs[0].remedies.iter().any(|r| r.how.contains("COPY --chown=101")));
    // Later on, only the user helps.
    let later = judged(vec![chown.at(5, 50_000)]);
    assert_eq!(
        remedies(&later),
        [(Place::Manifest, "run as user 101 from the start: securityContext.runAsUser: 101")]
    );
}

#[test]
fn an_empty_folder_is_no_way_to_read_what_is_there() {
    const OPEN: &str = "capable_wrt_inode_uidgid generic_permission inode_permission may_open";
    let how = |call: &str, arguments: &[u64]| {
        let asked =
            check(C::DAC_OVERRIDE, call, OPEN).path("/var/lib/app/key").arguments(arguments);
        let judgement = judged(vec![asked]);
        let all = remedies(&judgement).into_iter().map(|(place, how)| format!("{place:?}: {how}"));
        all.collect::<Vec<_>>().join("\n")
    };
    let (readable, empty, group) =
        ("Image: give the user", "emptyDir at /var/lib/app ", "in a volume");
    for (call, arguments, in_memory, in_volume) in [
        ("openat", &[0, 0, 0o2_000_000][..], false, true),
        ("open", &[0, 0], false, true),
        ("execve", &[], false, true),
        ("statx", &[], false, true),
        ("openat", &[0, 0, 0o2101], true, false),
        ("open", &[0, 0o2], true, false),
        ("mkdir", &[], true, false),
        ("unlinkat", &[], true, false),
        // Its flags are in memory that nobody read.
        ("openat2", &[0, 0, 4096], false, false),
    ] {
        let how = how(call, arguments);
        assert!(how.contains(readable), "{call}: {how}");
        let said = (how.contains(empty), how.contains(group));
        assert_eq!(said, (in_memory, in_volume), "{call} {arguments:?}: {how}");
    }
}

#[test]
fn ping_needs_a_sysctl_and_tcpdump_has_no_such_way_out() {
    let ping = check(C::NET_RAW, "socket", "inet_create __sock_create").arguments(&[2, 0x80003, 1]);
    let judgement = judged(vec![ping]);
    assert!(remedies(&judgement)[0].1.contains("ping_group_range"));
    let tcpdump =
        check(C::NET_RAW, "socket", "packet_create __sock_create").arguments(&[17, 3, 768]);
    assert_eq!(remedies(&judged(vec![tcpdump])), []);
    let stream = check(C::NET_RAW, "setsockopt", "sk_setsockopt").arguments(&[2, 1, 25]);
    assert_eq!(remedies(&judged(vec![stream])), []);
}

#[test]
fn the_profile_holds_the_answer_and_where_it_comes_from() {
    let run = recording(vec![
        check(C::NET_BIND_SERVICE, "bind", BIND).address("0.0.0.0:80"),
        check(C::SYS_ADMIN, "ioctl", "capable shiny_new_ioctl vfs_ioctl"),
    ]);
    let judgement = judge(&run);
    let profile = to_profile(&run, &judgement, &ProfileOptions::default());
    assert_eq!(profile.metadata.name, "nginx");
    assert_eq!(profile.spec.target.command, ["/usr/sbin/nginx"]);
    assert_eq!(profile.add(), judgement.add());
    assert_eq!(profile.spec.capabilities.needed, judgement.solution().needed);
    assert_eq!(profile.status.proof, ProofState::Unproven);
    assert!(profile.status.complete);
    assert_eq!(profile.status.runs.len(), 1);
    assert_eq!(profile.status.runs[0].id, run.id());
    assert_eq!(
        profile.status.unknown_sites.iter().collect::<Vec<_>>(),
        ["SYS_ADMIN at shiny_new_ioctl < vfs_ioctl in ioctl"]
    );
    // What is written is what is read.
    for text in [profile.to_yaml().unwrap(), profile.to_json().unwrap()] {
        assert_eq!(record::profile::Profile::parse(&text).unwrap(), profile, "{text}");
    }
}

#[test]
fn a_container_that_was_running_gives_an_incomplete_profile_with_its_names() {
    let mut run = recording(vec![check(C::CHOWN, "chown", CHOWN)]);
    run.start_seen = false;
    run.target = Target::Container(Container {
        id: "0123456789abcdef".to_owned(),
        engine: "containerd".to_owned(),
        name: Some("Web".to_owned()),
        pod: Some("nginx-pod".to_owned()),
        namespace: Some("shop".to_owned()),
        image: Some("nginx:1.27".to_owned()),
        image_digest: None,
        argv: Vec::new(),
    });
    let profile = to_profile(&run, &judge(&run), &ProfileOptions::default());
    assert_eq!(profile.metadata.name, "nginx-pod-web");
    assert_eq!(profile.spec.target.workload.as_deref(), Some("Pod/nginx-pod"));
    assert_eq!(profile.spec.target.namespace.as_deref(), Some("shop"));
    assert!(!profile.status.complete);
    assert_eq!(profile.status.incomplete, [START_NOT_SEEN]);
}
