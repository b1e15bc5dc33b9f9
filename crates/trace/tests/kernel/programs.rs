//! What single programs ask for.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use caps::Capability;
use dropcap_trace::{Options, Results};
use record::observation::NamespaceRelation;
use testkit::needs;

use crate::support::{
    call, capabilities, is_overcommit, is_whole, own, own_of, spec, state_without, trace,
    trace_with,
};

/// An operation of `tryout`, the one capability it asks for, the call and the kernel function
/// that asks.
const OPERATIONS: &[(&str, Capability, &str, &str)] = &[
    ("chown", Capability::CHOWN, "fchown", "setattr_prepare"),
    ("rawsocket", Capability::NET_RAW, "socket", "inet_create"),
    ("packetsocket", Capability::NET_RAW, "socket", "packet_create"),
    ("loadmodule", Capability::SYS_MODULE, "init_module", "sys_init_module"),
    ("chroot", Capability::SYS_CHROOT, "chroot", "sys_chroot"),
    ("setuid", Capability::SETUID, "setuid", "__sys_setuid"),
    ("setgid", Capability::SETGID, "setgid", "__sys_setgid"),
    ("settime", Capability::SYS_TIME, "clock_settime", "cap_settime"),
    ("nice", Capability::SYS_NICE, "setpriority", "can_nice"),
];

/// What an operation asks for, by what it said: a kernel without the call (one without modules)
/// asks for nothing.
fn asked(capability: Capability, said: &str) -> BTreeSet<Capability> {
    (!said.contains("ENOSYS")).then_some(capability).into_iter().collect()
}

#[test]
fn each_operation_asks_for_its_one_capability() {
    needs!(root, bpf);
    let tryout = testkit::tryout();
    for (operation, capability, syscall, function) in OPERATIONS {
        if testkit::need::capability(capability.number()).is_err() {
            continue;
        }
        let Some((recording, said)) = trace(&[tryout.to_str().unwrap(), operation]) else { return };
        let checks: Vec<_> = own(&recording).collect();
        assert_eq!(capabilities(checks.clone()), asked(*capability, &said), "{operation}: {said}");
        assert!(is_whole(&recording) && recording.lost.evidence == 0, "{operation}");
        for check in checks {
            assert!(check.granted && check.result.is_none(), "{operation}: {check:?}");
            assert_eq!(call(check), Some(*syscall), "{operation}");
            // `__x64_sys_chroot` where `__do_sys_chroot` was inlined into it.
            assert!(check.stack.iter().any(|f| f.contains(function)), "{operation}: {check:?}");
            assert_eq!((check.uid, check.in_bounding), (Some(0), Some(true)), "{operation}");
        }
    }
}

#[test]
fn a_refused_check_comes_with_what_the_call_returned() {
    needs!(root, bpf);
    let tryout = testkit::tryout();
    for (operation, capability, syscall, _) in OPERATIONS {
        let options = Options { results: Results::Always, ..Options::default() };
        let spec = spec(&[tryout.to_str().unwrap(), operation], state_without(&[*capability]));
        let Some((recording, said)) = trace_with(options, spec) else { return };
        let refused: Vec<_> = own(&recording).filter(|o| !o.granted).collect();
        assert_eq!(capabilities(refused.clone()), asked(*capability, &said), "{operation}: {said}");
        for check in refused {
            assert_eq!(call(check), Some(*syscall), "{operation}");
            // EPERM; setpriority(2) says EACCES.
            let expected = if *operation == "nice" { -13 } else { -1 };
            assert_eq!(check.result, Some(expected), "{operation}: {check:?}");
            assert_eq!(check.in_bounding, Some(false), "{operation}");
        }
    }
}

#[test]
fn a_bind_comes_with_its_address() {
    needs!(root, bpf, program("unshare"));
    let tryout = testkit::tryout();
    let argv = ["unshare", "--net", tryout.to_str().unwrap(), "bind:80"];
    let Some((recording, said)) = trace(&argv) else { return };
    assert_eq!(said, "bind:80: ok\n");
    let checks = own_of(&recording, "tryout");
    assert_eq!(capabilities(checks.clone()), BTreeSet::from([Capability::NET_BIND_SERVICE]));
    let addresses: Vec<_> =
        checks.iter().filter_map(|o| o.syscall.as_ref()?.address.as_deref()).collect();
    assert_eq!(addresses, ["0.0.0.0:80"]);
}

#[test]
fn a_mount_comes_with_its_path_and_the_process_that_made_it() {
    needs!(root, bpf, program("unshare"));
    let tryout = testkit::tryout();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let operation = format!("mount:{path}");
    let argv = ["unshare", "--mount", tryout.to_str().unwrap(), &operation];
    let Some((recording, _)) = trace(&argv) else { return };
    let checks = own_of(&recording, "tryout");
    assert_eq!(capabilities(checks.clone()), BTreeSet::from([Capability::SYS_ADMIN]));
    let paths: BTreeSet<_> =
        checks.iter().map(|o| (call(o), o.syscall.as_ref().unwrap().path.as_deref())).collect();
    assert_eq!(paths, BTreeSet::from([(Some("mount"), Some(path)), (Some("umount2"), Some(path))]));
    let process = &recording.processes[&checks[0].process];
    assert_eq!(process.exe.as_deref(), tryout.canonicalize().unwrap().to_str());
}

/// A file system gives the number of a file that was removed to the next one, ext4 at once.
#[test]
fn programs_that_have_one_inode_number_after_each_other_are_two() {
    needs!(root, bpf, program("stat"));
    let folder = tempfile::tempdir().unwrap();
    let script = "cd $1; for o in chroot setuid; do cp $0 x; stat -c %i x; ./x $o; rm x; done";
    let tryout = testkit::tryout();
    let argv = ["sh", "-c", script, tryout.to_str().unwrap(), folder.path().to_str().unwrap()];
    let Some((recording, said)) = trace(&argv) else { return };
    let numbers: Vec<&str> = said.lines().filter(|line| line.parse::<u64>().is_ok()).collect();
    if numbers.len() == 2 && numbers[0] != numbers[1] {
        return testkit::skip("needs a file system that gives the numbers of inodes again");
    }
    let asked = own_of(&recording, "x").into_iter().map(|o| (o.process, o.capability));
    let asked: Vec<_> = asked.collect::<BTreeSet<_>>().into_iter().collect();
    let [(first, Capability::SYS_CHROOT), (second, Capability::SETUID)] = asked[..] else {
        panic!("{asked:?} {said}")
    };
    assert_ne!(first, second, "{said}");
}

#[test]
fn modes_of_chmod_are_told_apart() {
    needs!(root, bpf, program("perl"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::chown(file.path(), None, Some(12345)).unwrap();
    let path = file.path().to_str().unwrap();
    let script = "chmod $_, $ARGV[0] for 0644, 02755, 0644, 0644";
    let Some((recording, _)) = trace(&["perl", "-e", script, path]) else { return };
    assert_eq!(file.path().metadata().unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(file.path().metadata().unwrap().gid(), 12345);
    let mut modes: Vec<_> = own(&recording)
        .filter(|o| o.capability == Capability::FSETID)
        .filter(|o| o.stack.iter().any(|f| f.starts_with("setattr_prepare")))
        .map(|o| (o.syscall.as_ref().unwrap().arguments[1], o.count))
        .collect();
    modes.sort_unstable();
    assert_eq!(modes, [(0o644, 3), (0o2755, 1)]);
}

#[test]
fn overcommit_shows_at_its_own_site() {
    needs!(root, bpf);
    let Some((recording, _)) = trace(&["/bin/true"]) else { return };
    assert_eq!(own(&recording).collect::<Vec<_>>(), Vec::<&_>::new());
    assert!(!recording.observations.is_empty());
    for observation in &recording.observations {
        assert!(is_overcommit(observation), "{observation:?}");
        assert_eq!(observation.capability, Capability::SYS_ADMIN);
    }
}

#[test]
fn a_mount_in_a_user_namespace_of_its_own_asks_the_target_for_nothing() {
    needs!(root, bpf, user_namespaces);
    let tryout = testkit::tryout();
    let folder = tempfile::tempdir().unwrap();
    let operation = format!("mount:{}", folder.path().display());
    let argv =
        ["unshare", "--user", "--map-root-user", "--mount", tryout.to_str().unwrap(), &operation];
    let Some((recording, said)) = trace(&argv) else { return };
    assert!(said.ends_with(": ok\n"), "{said}");
    assert_eq!(own_of(&recording, "tryout"), Vec::<&_>::new());
    let inner: BTreeSet<_> = recording
        .observations
        .iter()
        .filter(|o| recording.processes[&o.process].comm == "tryout" && !is_overcommit(o))
        .map(|o| (o.capability, o.namespace, o.granted))
        .collect();
    assert_eq!(inner, BTreeSet::from([(Capability::SYS_ADMIN, NamespaceRelation::Inner, true)]));
}

#[test]
fn every_backend_sees_the_same() {
    needs!(root, bpf);
    let tryout = testkit::tryout();
    let mut seen = Vec::new();
    let attempts = dropcap_trace::probe().unwrap();
    let works = |attempt: &&dropcap_trace::Attempt| attempt.outcome.is_ok();
    let working: Vec<_> = attempts.iter().filter(works).map(|attempt| attempt.backend).collect();
    if working.len() < 2 {
        return testkit::skip("needs a kernel on which two backends work");
    }
    crate::support::unload();
    for backend in working {
        let options =
            Options { backend: Some(backend), results: Results::Always, ..Options::default() };
        let spec = spec(
            &[tryout.to_str().unwrap(), "chown", "rawsocket"],
            state_without(&[Capability::NET_RAW]),
        );
        let Some((recording, _)) = trace_with(options, spec) else { return };
        assert_eq!(recording.machine.backend, backend.name());
        let checks: BTreeSet<_> = own(&recording)
            .map(|o| {
                let stack = o.stack.join(" ");
                (o.capability, o.granted, o.uid, o.in_bounding, o.result, o.count, stack)
            })
            .collect();
        assert_eq!(checks.len(), 2, "{checks:?}");
        seen.push(checks);
    }
    for other in &seen {
        assert_eq!(*other, seen[0]);
    }
}

/// A 32-bit system call from a 64-bit program: `chown32` through `int 0x80`.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_32_bit_call_is_named_by_its_own_table() {
    needs!(root, bpf, test_programs);
    let program = testkit::programs::program("kernel", "compat");
    let Some((recording, _)) = trace(&[program.to_str().unwrap()]) else { return };
    if recording.exit != Some(record::observation::Exit::Code(0)) {
        return testkit::skip("needs a kernel with 32-bit system calls (CONFIG_IA32_EMULATION)");
    }
    let calls: Vec<_> = own(&recording)
        .map(|o| {
            let s = o.syscall.as_ref().unwrap();
            (o.capability, s.number, s.compat, s.name.as_deref(), s.path.as_deref())
        })
        .collect();
    assert_eq!(calls, [(Capability::SYS_CHROOT, 61, true, Some("chroot"), Some("/"))]);
}
