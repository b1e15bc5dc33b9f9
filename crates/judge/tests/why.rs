//! Why a target failed: causes, what is no capability's fault, and what is no cause at all.

mod common;

use caps::{CapSet, Capability as C};
use common::{Change, check, recording};
use dropcap_judge::why::{Cause, Diagnosis, End, Finding, Kind, Known, Lack, Likelihood, diagnose};
use record::observation::{Exit, Failure, NamespaceRelation, Observation, Recording, Syscall};
use record::profile::START_NOT_SEEN;

const BIND: &str = "ns_capable __inet_bind inet_bind_sk __sys_bind";
const CHOWN: &str = "ns_capable setattr_prepare ovl_setattr notify_change chown_common";
const OPEN: &str = "capable_wrt_inode_uidgid generic_permission ovl_permission inode_permission may_open path_openat";
const MLOCK: &str = "capable do_mlock __x64_sys_mlock";
const EPERM: i64 = -1;
const ENOENT: i64 = -2;
const ENXIO: i64 = -6;
const ENOMEM: i64 = -12;
const EACCES: i64 = -13;
const EMFILE: i64 = -24;
const EROFS: i64 = -30;

/// What `nginx` saw, which ended with status 1 after a second.
fn failed(observations: Vec<Observation>, failures: Vec<Failure>) -> Recording {
    let mut recording = recording(observations);
    recording.duration_ns = 1_000_000_000;
    recording.exit = Some(Exit::Code(1));
    recording.failures = failures;
    recording
}

/// A failed call of the second program, the target's main one, at 5 ms.
fn failure(name: &str, path: &str, result: i64) -> Failure {
    Failure {
        process: 2,
        syscall: Syscall {
            number: name.len() as u32,
            name: Some(name.to_owned()),
            compat: false,
            arguments: [0; 6],
            path: (!path.is_empty()).then(|| path.to_owned()),
            address: None,
        },
        result,
        count: 1,
        first_ns: 5_000_000,
        last_ns: 5_000_000,
    }
}

fn why(recording: &Recording) -> Diagnosis {
    diagnose(recording, &Known::default())
}

/// Cause and calls of each finding.
fn said(findings: &[Finding]) -> Vec<(Cause, Vec<String>)> {
    findings.iter().map(|f| (f.cause.clone(), f.calls.iter().map(|c| c.line()).collect())).collect()
}

fn missing(any_of: &[C]) -> Cause {
    Cause::Capability { any_of: any_of.to_vec(), lack: Lack::Missing }
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    let kind = |finding: &Finding| match &finding.cause {
        Cause::Elsewhere { kind, .. } => *kind,
        cause => panic!("{cause:?}"),
    };
    findings.iter().map(kind).collect()
}

fn words(finding: &Finding) -> (&str, Likelihood) {
    match &finding.cause {
        Cause::Elsewhere { why, .. } => (why, finding.likelihood),
        cause => panic!("{cause:?}"),
    }
}

/// A check refused to user 33, who has it in the bounding set or not.
fn by_user(mut check: Observation, in_bounding: bool) -> Observation {
    check.uid = Some(33);
    check.in_bounding = Some(in_bounding);
    check
}

fn chown(path: &str) -> Observation {
    check(C::CHOWN, "chown", CHOWN).path(path).arguments(&[0, 33, 33]).by(2).refused(Some(EPERM))
}

#[test]
fn a_refused_check_that_failed_its_call_is_the_cause_with_its_remedies() {
    let found = why(&failed(vec![chown("/var/lib/nginx/body")], vec![]));
    assert_eq!(
        said(&found.findings),
        [(
            missing(&[C::CHOWN]),
            vec!["chown /var/lib/nginx/body to 33:33 failed (EPERM), by nginx (main)".to_owned()]
        )]
    );
    assert_eq!(found.findings[0].likelihood, Likelihood::Sure);
    assert!(found.findings[0].remedies[0].how.contains("fsGroup"), "{found:?}");
    assert_eq!((found.went_on.len(), found.end), (0, End::Badly(Exit::Code(1))));
    assert!(found.wants_capability());
    assert_eq!(found.incomplete, Vec::<String>::new());
}

#[test]
fn its_failed_calls_are_told_apart_by_path_and_are_no_causes_of_their_own() {
    let mut second = failure("chown", "/b", EPERM);
    second.syscall.arguments = [0, 33, 33, 0, 0, 0];
    (second.first_ns, second.last_ns) = (6_000_000, 7_000_000);
    let mut first = failure("chown", "/a", EPERM);
    first.syscall.arguments = [0, 33, 33, 0, 0, 0];
    let found = why(&failed(vec![chown("/a").times(2).at(5, 7)], vec![first, second]));
    assert_eq!(
        said(&found.findings),
        [(
            missing(&[C::CHOWN]),
            vec![
                "chown /b to 33:33 failed (EPERM), by nginx (main)".to_owned(),
                "chown /a to 33:33 failed (EPERM), by nginx (main)".to_owned()
            ]
        )]
    );
}

#[test]
fn two_questions_of_one_call_are_one_cause_with_two_ways_out() {
    let ask = |capability| {
        check(capability, "openat", OPEN)
            .path("/var/log/app.log")
            .arguments(&[0, 0, 0o2101])
            .by(2)
            .refused(Some(EACCES))
    };
    let found = why(&failed(
        vec![ask(C::DAC_READ_SEARCH), ask(C::DAC_OVERRIDE)],
        vec![failure("openat", "/var/log/app.log", EACCES)],
    ));
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.findings[0].cause, missing(&[C::DAC_OVERRIDE, C::DAC_READ_SEARCH]));
    assert_eq!(found.findings[0].calls.len(), 1, "{found:?}");
    // A write asks one question only.
    let found = why(&failed(vec![ask(C::DAC_OVERRIDE)], vec![]));
    assert_eq!(found.findings[0].cause, missing(&[C::DAC_OVERRIDE]));
}

#[test]
fn an_error_counts_only_where_the_call_fails_with_it_for_want_of_the_capability() {
    let lock = |result| check(C::IPC_LOCK, "mlock", MLOCK).by(2).refused(Some(result));
    assert_eq!(why(&failed(vec![lock(ENOMEM)], vec![])).findings[0].cause, missing(&[C::IPC_LOCK]));
    for other in [
        chown("/x").refused(Some(ENOENT)),
        chown("/x").refused(Some(0)),
        lock(-14),
        // The memory accounting asks at every mmap, and nothing depends on it.
        check(C::SYS_ADMIN, "mmap", "security_vm_enough_memory_mm do_mmap")
            .by(2)
            .refused(Some(EPERM)),
        // The kernel's own credentials.
        chown("/x").foreign(),
        // Netlink: only what says how it answers.
        check(C::FSETID, "chmod", "setattr_prepare").arguments(&[0, 0o2755]).by(2).refused(Some(0)),
    ] {
        let found = why(&failed(vec![other], vec![]));
        assert_eq!((found.findings, found.went_on), (vec![], vec![]));
    }
}

#[test]
fn a_refusal_in_a_netlink_answer_counts_though_the_call_succeeded() {
    let ask = check(C::NET_ADMIN, "sendmsg", "netlink_net_capable rtnetlink_rcv_msg").by(2);
    let found = why(&failed(vec![ask.refused(Some(32))], vec![]));
    let line = "ask the kernel over netlink for a change failed (EPERM), by nginx (main)";
    assert_eq!(said(&found.findings), [(missing(&[C::NET_ADMIN]), vec![line.to_owned()])]);
}

#[test]
fn a_call_that_was_not_seen_to_return_is_counted_and_blames_nobody() {
    let found = why(&failed(vec![chown("/x").refused(None).times(3)], vec![]));
    assert_eq!((found.findings, found.unseen), (vec![], 3));
    // The failed call tells what the check does not.
    let found = why(&failed(vec![chown("/x").refused(None)], vec![failure("chown", "/x", EPERM)]));
    assert_eq!((found.findings[0].cause.clone(), found.unseen), (missing(&[C::CHOWN]), 0));
}

#[test]
fn a_target_that_ended_well_minded_nothing() {
    for exit in [Exit::Code(0), Exit::Signal(15), Exit::Code(143)] {
        let mut run = failed(vec![chown("/x")], vec![failure("openat", "/y", EROFS)]);
        run.exit = Some(exit);
        let found = why(&run);
        assert_eq!((found.findings.len(), found.went_on.len(), found.end), (0, 2, End::Well));
        assert!(!found.wants_capability());
    }
}

#[test]
fn a_file_s_mode_is_no_capability_s_fault_where_the_process_is_not_root() {
    for in_bounding in [true, false] {
        let ask = |capability| {
            let ask = check(capability, "openat", OPEN).path("/etc/secret").by(2);
            by_user(ask.refused(Some(EACCES)), in_bounding)
        };
        let found = why(&failed(
            vec![ask(C::DAC_READ_SEARCH), ask(C::DAC_OVERRIDE)],
            vec![failure("openat", "/etc/secret", EACCES)],
        ));
        assert_eq!(kinds(&found.findings), [Kind::FileMode]);
        assert!(!found.wants_capability());
        let (why, likelihood) = words(&found.findings[0]);
        assert_eq!(
            why,
            "the mode or the owner of /etc/secret, or of a folder above it, does not let user 33 \
             in; only root is ever let past it"
        );
        assert_eq!(likelihood, Likelihood::Sure);
        let hows: Vec<_> = found.findings[0].remedies.iter().map(|r| r.how.as_str()).collect();
        assert_eq!(hows.len(), 2);
        assert!(hows[0].contains("fsGroup") && hows[1].contains("user 33"), "{hows:?}");
    }
}

#[test]
fn who_is_not_root_or_gave_it_up_is_told_so() {
    let lack = |uid, in_bounding, started_as, root| {
        let mut check = check(C::NET_BIND_SERVICE, "bind", BIND)
            .address("0.0.0.0:80")
            .by(3)
            .refused(Some(EACCES));
        (check.uid, check.in_bounding) = (Some(uid), Some(in_bounding));
        let mut run = failed(vec![check], vec![]);
        run.processes.get_mut(&3).unwrap().uid = Some(started_as);
        match diagnose(&run, &Known { root, ..Known::default() }).findings[0].cause {
            Cause::Capability { lack, .. } => lack,
            ref cause => panic!("{cause:?}"),
        }
    };
    assert_eq!(lack(0, false, 0, 0), Lack::Missing);
    assert_eq!(lack(0, true, 0, 0), Lack::GivenUp { uid: 0 });
    assert_eq!(lack(33, true, 33, 0), Lack::NonRoot { uid: 33, in_bounding: true });
    assert_eq!(lack(33, false, 33, 0), Lack::NonRoot { uid: 33, in_bounding: false });
    assert_eq!(lack(33, true, 0, 0), Lack::GivenUp { uid: 33 });
    // Root of a user namespace is another number outside.
    assert_eq!(lack(33, false, 33, 33), Lack::Missing);
    assert_eq!(lack(33, true, 33, 33), Lack::GivenUp { uid: 33 });
}

#[test]
fn what_a_process_drops_from_its_own_bounding_set_it_gave_up() {
    let mut run = failed(vec![chown("/x")], vec![]);
    run.processes.get_mut(&1).unwrap().bounding = Some(CapSet::from(C::CHOWN));
    let given_up = Cause::Capability { any_of: vec![C::CHOWN], lack: Lack::GivenUp { uid: 0 } };
    assert_eq!(why(&run).findings[0].cause, given_up);
}

#[test]
fn a_file_with_capabilities_beyond_the_bounding_set_is_not_executed() {
    let found = why(&failed(vec![], vec![failure("execve", "/bin/ping", EPERM)]));
    assert_eq!(kinds(&found.findings), [Kind::FileCapabilities]);
    assert!(found.wants_capability());
}

#[test]
fn what_was_asked_of_another_user_namespace_is_told_apart() {
    let asked_of = |namespace| {
        let mut check = chown("/x");
        check.namespace = namespace;
        said(&why(&failed(vec![check], vec![])).findings)
    };
    let outer = Cause::Capability { any_of: vec![C::CHOWN], lack: Lack::Outer };
    let line = "chown /x to 33:33 failed (EPERM), by nginx (main)".to_owned();
    assert_eq!(asked_of(NamespaceRelation::Outer), [(outer, vec![line])]);
    assert_eq!(asked_of(NamespaceRelation::Inner), []);
}

#[test]
fn a_set_uid_program_that_gained_nothing_is_named_with_what_it_was_refused() {
    let helper = |check: Option<Observation>| {
        let checks = check.into_iter().map(|c| by_user(c, true)).collect();
        let mut run = failed(checks, vec![]);
        let process = run.processes.get_mut(&3).unwrap();
        (process.comm, process.exe) = ("sudo".to_owned(), Some("/usr/bin/sudo".to_owned()));
        (process.uid, process.set_uid, process.no_new_privs) = (Some(33), Some(0), Some(true));
        run
    };
    let cause = |refused| Cause::NoNewPrivileges {
        program: "sudo".to_owned(),
        set_id: "set-uid root".to_owned(),
        refused,
    };
    let asked = why(&helper(Some(
        check(C::DAC_OVERRIDE, "openat", OPEN).path("/etc/shadow").by(3).refused(Some(EACCES)),
    )));
    let line = "open /etc/shadow for reading failed (EACCES), by sudo".to_owned();
    assert_eq!(said(&asked.findings), [(cause(CapSet::from(C::DAC_OVERRIDE)), vec![line])]);
    // sudo looks at its user before it asks the kernel for anything.
    let mut quiet = helper(None);
    assert_eq!(said(&why(&quiet).findings), [(cause(CapSet::EMPTY), vec![])]);
    assert!(why(&quiet).wants_capability());
    quiet.exit = Some(Exit::Code(0));
    assert_eq!(said(&why(&quiet).findings), []);
    quiet.exit = Some(Exit::Code(1));
    quiet.processes.get_mut(&3).unwrap().no_new_privs = Some(false);
    assert_eq!(said(&why(&quiet).findings), []);
}

#[test]
fn a_call_that_the_default_seccomp_profile_opens_with_a_capability_lacks_that() {
    let run = failed(vec![], vec![failure("chroot", "/srv", EPERM)]);
    let cause = Cause::Capability { any_of: vec![C::SYS_CHROOT], lack: Lack::Seccomp };
    let line = "chroot to /srv failed (EPERM), by nginx (main)".to_owned();
    assert_eq!(said(&why(&run).findings), [(cause, vec![line])]);
    // Who has it is refused by another profile.
    let mut given = run.clone();
    given.processes.get_mut(&1).unwrap().bounding = Some(CapSet::from(C::SYS_CHROOT));
    assert_eq!(kinds(&why(&given).findings), [Kind::Seccomp]);
    let mut held = run.clone();
    held.observations.push(check(C::SYS_CHROOT, "chroot", "ns_capable sys_chroot"));
    assert_eq!(kinds(&why(&held).findings), [Kind::Seccomp]);
}

#[test]
fn a_call_that_programs_do_without_is_named_only_where_nothing_better_is() {
    for name in ["unshare", "mbind", "io_uring_setup"] {
        let mut run = failed(vec![], vec![failure(name, "", EPERM)]);
        let alone = why(&run);
        assert_eq!((alone.findings.len(), alone.findings[0].likelihood), (1, Likelihood::Possible));
        run.failures.push(failure("openat", "/x", EROFS));
        let found = why(&run);
        assert_eq!((kinds(&found.findings), found.went_on.len()), (vec![Kind::ReadOnly], 1));
    }
}

#[test]
fn what_fails_without_a_check_says_where_to_look() {
    for (name, path, result, kind, likelihood) in [
        ("openat", "/data/x", EROFS, Kind::ReadOnly, Likelihood::Sure),
        ("mkdir", "/data", EPERM, Kind::Seccomp, Likelihood::Likely),
        ("keyctl", "", EPERM, Kind::Seccomp, Likelihood::Likely),
        ("openat", "/etc/passwd", EMFILE, Kind::Limit, Likelihood::Sure),
        ("execve", "/app/run", EACCES, Kind::FileMode, Likelihood::Sure),
        ("openat", "/dev/fuse", ENOENT, Kind::Device, Likelihood::Likely),
        ("openat", "/dev/kvm", ENXIO, Kind::Device, Likelihood::Likely),
        ("openat", "/dev/sda", EPERM, Kind::Device, Likelihood::Sure),
        ("clone", "", -11, Kind::Limit, Likelihood::Sure),
        ("write", "", -28, Kind::Disk, Likelihood::Sure),
        ("bind", "", -98, Kind::Network, Likelihood::Sure),
        ("openat", "/proc/x", EACCES, Kind::SecurityModule, Likelihood::Likely),
        ("unlink", "/x", EPERM, Kind::SecurityModule, Likelihood::Likely),
    ] {
        let found = why(&failed(vec![], vec![failure(name, path, result)]));
        assert_eq!(kinds(&found.findings), [kind], "{name} {path}");
        assert_eq!(found.findings[0].likelihood, likelihood, "{name} {path}");
        assert!(!found.findings[0].remedies.is_empty(), "{name} {path}");
        assert_eq!(found.findings[0].calls.len(), 1);
        assert!(!found.wants_capability());
    }
}

#[test]
fn what_programs_meet_every_day_is_no_cause() {
    for (name, path, result) in [
        ("openat", "/etc/ld.so.preload", ENOENT),
        ("execve", "/usr/local/bin/nginx", ENOENT),
        ("openat", "/dev/tty", ENXIO),
        ("read", "", -11),
        ("ioctl", "", -25),
        ("setsid", "", EPERM),
        ("epoll_ctl", "", EPERM),
        ("newfstatat", "/nowhere", -20),
    ] {
        let found = why(&failed(vec![], vec![failure(name, path, result)]));
        assert_eq!((found.findings, found.went_on), (vec![], vec![]), "{name} {path}");
    }
}

#[test]
fn the_latest_failure_comes_first_and_what_came_long_before_went_on() {
    let early = chown("/early").at(1, 2);
    let mut late = failure("openat", "/data/x", EROFS);
    (late.first_ns, late.last_ns) = (9_000_000_000, 9_000_000_000);
    let near = check(C::KILL, "kill", "ns_capable check_kill_permission")
        .arguments(&[7, 15])
        .by(2)
        .refused(Some(EPERM))
        .at(8_500, 8_500);
    let shrugged = check(C::NET_ADMIN, "setsockopt", "sockopt_ns_capable sk_setsockopt")
        .arguments(&[3, 1, 33])
        .by(2)
        .refused(Some(EPERM))
        .at(8_900, 8_900);
    let mut run = failed(vec![early, near, shrugged], vec![late]);
    run.duration_ns = 10_000_000_000;
    let causes = |findings: &[Finding]| {
        findings
            .iter()
            .map(|f| match &f.cause {
                Cause::Capability { any_of, .. } => any_of[0].to_string(),
                Cause::Elsewhere { kind, .. } => format!("{kind:?}"),
                cause => panic!("{cause:?}"),
            })
            .collect::<Vec<_>>()
    };
    let found = why(&run);
    assert_eq!(causes(&found.findings), ["ReadOnly", "KILL"]);
    assert_eq!(causes(&found.went_on), ["CHOWN", "NET_ADMIN"]);
    // While it runs, nothing tells what it minds but how often programs shrug such a thing off.
    (run.exit, run.still_running) = (None, 1);
    let found = why(&run);
    assert_eq!(causes(&found.findings), ["ReadOnly", "KILL", "CHOWN"]);
    assert_eq!(causes(&found.went_on), ["NET_ADMIN"]);
    assert_eq!(found.end, End::Running);
    // With nothing better to say, the least likely is said.
    let mut run = failed(vec![run.observations[2].clone()], vec![]);
    assert_eq!(causes(&why(&run).findings), ["NET_ADMIN"]);
    (run.exit, run.still_running) = (None, 1);
    assert_eq!(causes(&why(&run).went_on), ["NET_ADMIN"]);
}

#[test]
fn how_the_program_ended_that_could_not_do_it_counts_first() {
    let kill =
        || check(C::KILL, "kill", "ns_capable check_kill_permission").arguments(&[7, 15]).by(3);
    let mut run = failed(vec![chown("/x").at(5, 5), kill().refused(Some(EPERM)).at(6, 6)], vec![]);
    let first = |run: &Recording| why(run).findings.first().map(|f| f.cause.clone());
    // The main program's own failure comes before its helper's.
    assert_eq!(first(&run), Some(missing(&[C::CHOWN])));
    let end = |run: &mut Recording, exit| {
        let process = run.processes.get_mut(&3).unwrap();
        (process.exit, process.ended_ns) = (Some(exit), Some(7_000_000));
    };
    end(&mut run, Exit::Code(1));
    assert_eq!(first(&run), Some(missing(&[C::KILL])));
    // While the target runs, a program that ended well minded nothing.
    (run.exit, run.still_running) = (None, 1);
    end(&mut run, Exit::Code(0));
    assert_eq!(said(&why(&run).findings).len(), 1);
    assert_eq!(why(&run).went_on[0].cause, missing(&[C::KILL]));
}

#[test]
fn a_signal_that_ended_it_is_a_reason_too() {
    let ended = |exit| {
        let mut run = failed(vec![], vec![]);
        run.exit = Some(exit);
        why(&run)
    };
    for exit in [Exit::Signal(31), Exit::Code(159)] {
        assert_eq!(kinds(&ended(exit).findings), [Kind::Seccomp]);
    }
    assert_eq!(kinds(&ended(Exit::Signal(9)).findings), [Kind::Memory]);
    assert_eq!(ended(Exit::Signal(11)).findings, []);
    assert_eq!(ended(Exit::Signal(11)).end.words(), "ended with SIGSEGV");
}

#[test]
fn what_was_lost_is_said() {
    let mut run = failed(vec![], vec![]);
    run.start_seen = false;
    run.lost.evidence = 2;
    assert_eq!(why(&run).incomplete, [START_NOT_SEEN, "2 pieces of evidence found no room"]);
}
