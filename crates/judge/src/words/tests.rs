use super::*;

fn said(name: &str, arguments: [u64; 6], path: Option<&str>, address: Option<&str>) -> String {
    let syscall = Syscall {
        number: 0,
        name: Some(name.to_owned()),
        compat: false,
        arguments,
        path: path.map(str::to_owned),
        address: address.map(str::to_owned),
    };
    match WORDS.sentence.get(name) {
        Some(sentence) => fill(sentence, &syscall, Capability::CHOWN),
        None => panic!("no sentence for {name}"),
    }
}

const UNCHANGED: u64 = 0xffff_ffff;

#[test]
fn a_call_is_said_as_a_person_would() {
    let at_fdcwd = -100_i64 as u64;
    for (line, name, arguments, path, address) in [
        ("bind 0.0.0.0:80", "bind", [3, 0, 16, 0, 0, 0], None, Some("0.0.0.0:80")),
        ("chown /x to 33:33", "chown", [0, 33, 33, 0, 0, 0], Some("/x"), None),
        ("chown /x to 33", "chown", [0, 33, UNCHANGED, 0, 0, 0], Some("/x"), None),
        ("chown /x to :33", "lchown", [0, UNCHANGED, 33, 0, 0, 0], Some("/x"), None),
        ("chown /x to 0:5", "fchownat", [at_fdcwd, 0, 0, 5, 0, 0], Some("/x"), None),
        ("chown file descriptor 7 to 1:1", "fchown", [7, 1, 1, 0, 0, 0], None, None),
        ("chmod /x to 2755", "fchmodat", [at_fdcwd, 0, 0o102_755, 0, 0, 0], Some("/x"), None),
        ("setuid to 33", "setuid", [33, 9, 9, 9, 9, 9], None, None),
        ("setresuid to 33", "setresuid", [33, 33, 33, 0, 0, 0], None, None),
        ("setresuid to 33", "setresuid", [UNCHANGED, 33, UNCHANGED, 0, 0, 0], None, None),
        ("setreuid to 0, 33", "setreuid", [0, 33, 7, 0, 0, 0], None, None),
        ("setgroups to 2 groups", "setgroups", [2, 0, 0, 0, 0, 0], None, None),
        ("setgroups to 1 group", "setgroups", [1, 0, 0, 0, 0, 0], None, None),
        ("setgroups to 0 groups", "setgroups", [0, 0, 0, 0, 0, 0], None, None),
        ("kill 17 with SIGHUP", "kill", [17, 1, 0, 0, 0, 0], None, None),
        ("kill -1 with SIGKILL", "kill", [UNCHANGED, 9, 0, 0, 0, 0], None, None),
        ("socket AF_INET SOCK_RAW ICMP", "socket", [2, 0x80003, 1, 0, 0, 0], None, None),
        ("socket AF_PACKET SOCK_RAW", "socket", [17, 3, 0x300, 0, 0, 0], None, None),
        ("socket AF_NETLINK SOCK_RAW", "socket", [16, 3, 9, 0, 0, 0], None, None),
        ("setsockopt SOL_SOCKET SO_SNDBUFFORCE", "setsockopt", [3, 1, 32, 0, 0, 0], None, None),
        ("setsockopt 999 1", "setsockopt", [3, 999, 1, 0, 0, 0], None, None),
        ("prctl PR_CAPBSET_DROP NET_RAW", "prctl", [24, 13, 0, 0, 0, 0], None, None),
        ("prctl PR_CAPBSET_DROP", "prctl", [24, 99, 0, 0, 0, 0], None, None),
        ("prctl PR_SET_KEEPCAPS", "prctl", [8, 1, 0, 0, 0, 0], None, None),
        (
            "open /etc/shadow for reading",
            "openat",
            [0, 0, 0o2_000_000, 0, 0, 0],
            Some("/etc/shadow"),
            None,
        ),
        (
            "open /var/log/x for writing",
            "openat",
            [0, 0, 0o2101, 0, 0, 0],
            Some("/var/log/x"),
            None,
        ),
        ("mknod /dev/x c 1:3", "mknod", [0, 0o020_644, 0x103, 0, 0, 0], Some("/dev/x"), None),
        ("unshare CLONE_NEWNS|CLONE_NEWNET", "unshare", [0x4002_0000, 0, 0, 0, 0, 0], None, None),
        ("set resource limit RLIMIT_NOFILE", "prlimit64", [0, 7, 0, 0, 0, 0], None, None),
        ("set the clock", "clock_settime", [0, 0, 0, 0, 0, 0], None, None),
        ("bind an address", "bind", [3, 0, 16, 0, 0, 0], None, None),
    ] {
        assert_eq!(said(name, arguments, path, address), line);
    }
}

#[test]
fn what_a_call_returned_has_a_name() {
    assert_eq!(returned(-1), "EPERM");
    assert_eq!(returned(-13), "EACCES");
    assert_eq!(returned(-4095), "error 4095");
    assert_eq!(returned(0), "ok");
    assert_eq!(returned(7), "ok");
    // An address in the upper half is no error.
    assert_eq!(returned(-4096), "ok");
    assert_eq!(signal(15), "SIGTERM");
    assert_eq!(signal(64), "signal 64");
}

#[test]
fn every_slot_of_every_sentence_is_understood() {
    let nothing = Syscall {
        number: 0,
        name: None,
        compat: false,
        arguments: [0; 6],
        path: None,
        address: None,
    };
    assert!(WORDS.sentence.len() > 100);
    for (name, sentence) in &WORDS.sentence {
        let filled = fill(sentence, &nothing, Capability::CHOWN);
        assert!(!filled.contains(['{', '}', ':']) || filled.contains("0:0"), "{name}: {filled}");
        for slot in sentence.split('{').skip(1).filter_map(|s| s.split_once('}')).map(|s| s.0) {
            let mut parts = slot.split(':');
            let (kind, table) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            match kind {
                "name" => assert!(WORDS.names.contains_key(table), "{name}: {slot}"),
                "bits" => assert!(WORDS.bits.contains_key(table), "{name}: {slot}"),
                _ => assert_ne!(value(slot, &nothing, Capability::CHOWN), slot, "{name}: {slot}"),
            }
        }
    }
}
