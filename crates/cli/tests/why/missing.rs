//! Ten real failures for want of a capability, each with its cause, the line that took it away, and
//! the edit after which it works.

use crate::harness::{Scenario, Seen};

/// The `securityContext` of most of these.
const DROP_ALL: [&str; 3] = ["capabilities:", "  drop:", "  - ALL"];
/// What takes it away there: the eleventh line of the manifest.
const BY_DROP_ALL: (&str, Option<u64>) = ("removed by drop ALL", Some(12));
/// What no container has that does not ask for it.
const NO_DEFAULT: (&str, Option<u64>) = ("not in Podman 4.5's default set", None);

fn found(kind: &str, capabilities: &[&str], call: &str) -> (String, Vec<String>, String) {
    let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
    (kind.to_owned(), capabilities, call.to_owned())
}

/// Fails for this reason, for which drop ALL is to blame; works after the edit that is offered.
fn mended_by_its_edit(scenario: &Scenario, expected: (String, Vec<String>, String)) -> Seen {
    mended(scenario, expected, BY_DROP_ALL)
}

/// The same, whoever is to blame.
fn mended(
    scenario: &Scenario,
    expected: (String, Vec<String>, String),
    by: (&str, Option<u64>),
) -> Seen {
    let manifest = scenario.manifest();
    assert!(!scenario.works(&manifest), "it works as it is");
    let seen = scenario.why();
    assert_eq!(seen.found(), expected, "{:#}", seen.report);
    assert_eq!((seen.taken_by(), seen.status), (by, Some(1)));
    let mended = seen.mended(&manifest);
    assert!(scenario.works(&mended), "{mended}");
    seen
}

#[test]
fn nginx_is_brought_to_work_one_answer_after_the_other() {
    testkit::needs!(debian, bpf);
    let script = "nginx || exit 1; sleep 1; curl -fsS -m 2 -o /dev/null http://127.0.0.1/";
    let scenario = Scenario::new(&DROP_ALL, &["sh", "-c", script]).debian();
    let (mut manifest, mut said) = (scenario.manifest(), Vec::new());
    for _ in 0..8 {
        let seen = scenario.why_of(&manifest);
        if seen.status == Some(0) {
            break;
        }
        let (kind, capabilities, call) = seen.found();
        assert_eq!((kind.as_str(), seen.taken_by()), ("missing", BY_DROP_ALL), "{:#}", seen.report);
        said.push(format!("{}: {call}", capabilities[0]));
        manifest = seen.mended(&manifest);
    }
    assert_eq!(
        said,
        [
            "CHOWN: chown /var/lib/nginx/body to 33 by nginx: EPERM",
            "DAC_OVERRIDE: open /var/log/nginx/error.log for writing by nginx: EACCES",
            "NET_BIND_SERVICE: bind 0.0.0.0:80 by nginx: EACCES",
            "SETGID: setgid to 33 by nginx: EPERM",
            "SETUID: setuid to 33 by nginx: EPERM",
        ]
    );
    assert!(scenario.works(&manifest), "{manifest}");
}

#[test]
fn a_port_below_1024() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["/tryout", "-e", "bind:80"]).tryout(0o755);
    let call = "bind 0.0.0.0:80 by tryout (main): EACCES";
    let seen = mended_by_its_edit(&scenario, found("missing", &["NET_BIND_SERVICE"], call));
    let sysctl =
        "set the pod's securityContext.sysctls: net.ipv4.ip_unprivileged_port_start = \"80\"";
    assert_eq!(seen.remedies()[0], sysctl);
    // The remedy works as well.
    let remedied = Scenario::new(&DROP_ALL, &["/tryout", "-e", "bind:80"])
        .tryout(0o755)
        .options(&["--sysctl", "net.ipv4.ip_unprivileged_port_start=80"]);
    assert!(remedied.works(&remedied.manifest()));
}

#[test]
fn a_log_that_belongs_to_another_user() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["sh", "-c", "echo line >> /data/app.log"])
        .data("app.log", 1000, 0o644);
    let call = "open /data/app.log for writing by sh (main): EACCES";
    mended_by_its_edit(&scenario, found("missing", &["DAC_OVERRIDE"], call));
}

#[test]
fn ping_where_its_sysctl_is_closed() {
    testkit::needs!(debian, bpf);
    let closed = ["--sysctl", "net.ipv4.ping_group_range=1 0"];
    // Nothing is dropped: podman does not give NET_RAW to begin with.
    let scenario = Scenario::new(&[], &["ping", "-c", "1", "127.0.0.1"]).debian().options(&closed);
    let seen = scenario.why();
    let call = "socket AF_INET SOCK_RAW ICMP by ping (main): EPERM";
    assert_eq!(seen.found(), found("missing", &["NET_RAW"], call), "{:#}", seen.report);
    assert_eq!(seen.taken_by(), NO_DEFAULT);
    assert_eq!(
        seen.remedies(),
        [
            "if all it does is ping: set the pod's securityContext.sysctls: net.ipv4.ping_group_range = \"0 2147483647\""
        ]
    );
    assert!(scenario.works(&seen.mended(&scenario.manifest())));
    let open = ["--sysctl", "net.ipv4.ping_group_range=0 2147483647"];
    let remedied = Scenario::new(&[], &["ping", "-c", "1", "127.0.0.1"]).debian().options(&open);
    assert!(remedied.works(&remedied.manifest()));
}

#[test]
fn a_chroot_that_the_engine_s_seccomp_profile_refuses_first() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["chroot", "/", "true"]);
    let call = "chroot to / by chroot (main): EPERM";
    mended_by_its_edit(&scenario, found("missingForSeccomp", &["SYS_CHROOT"], call));
}

#[test]
fn a_chroot_that_the_kernel_refuses() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["chroot", "/", "true"])
        .options(&["--security-opt", "seccomp=unconfined"]);
    let call = "chroot to / by chroot (main): EPERM";
    let seen = mended_by_its_edit(&scenario, found("missing", &["SYS_CHROOT"], call));
    assert_eq!(seen.remedies().last(), Some(&"switch the program's chroot off"));
}

#[test]
fn memory_locked_beyond_the_limit() {
    testkit::needs!(debian, bpf);
    let script = "$memory = 'x' x 1048576; syscall(149, $memory, 1048576) == 0 or die $!";
    let scenario = Scenario::new(&DROP_ALL, &["perl", "-e", script])
        .debian()
        .options(&["--ulimit", "memlock=65536:65536"]);
    let call = "lock memory by perl (main): ENOMEM";
    let seen = mended(&scenario, found("missing", &["IPC_LOCK"], call), NO_DEFAULT);
    assert_eq!(seen.remedies(), ["raise RLIMIT_MEMLOCK in the container engine's configuration"]);
}

#[test]
fn a_raw_socket() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["/tryout", "-e", "packetsocket"]).tryout(0o755);
    let call = "socket AF_PACKET SOCK_RAW by tryout (main): EPERM";
    mended(&scenario, found("missing", &["NET_RAW"], call), NO_DEFAULT);
}

#[test]
fn a_higher_priority() {
    testkit::needs!(debian, bpf);
    let script = "setpriority(0, 0, -5) or die $!";
    let scenario = Scenario::new(&DROP_ALL, &["perl", "-e", script]).debian();
    let call = "set a priority to -5 by perl (main): EACCES";
    mended(&scenario, found("missing", &["SYS_NICE"], call), NO_DEFAULT);
}

#[test]
fn a_mount() {
    testkit::needs!(podman, bpf);
    let scenario = Scenario::new(&DROP_ALL, &["mount", "-t", "tmpfs", "none", "/tmp"])
        .options(&["--security-opt", "seccomp=unconfined"]);
    let call = "mount /tmp by mount (main): EPERM";
    let seen = mended(&scenario, found("missing", &["SYS_ADMIN"], call), NO_DEFAULT);
    assert_eq!(
        seen.remedies()[0],
        "mount it as a volume (emptyDir with medium: Memory for a tmpfs) at /tmp"
    );
}

#[test]
fn a_set_uid_helper_under_no_new_privs() {
    testkit::needs!(podman, bpf);
    let security = ["runAsUser: 1000", "allowPrivilegeEscalation: false"];
    let scenario = Scenario::new(&security, &["/tryout", "-e", "chown"]).tryout(0o4755);
    let seen = scenario.why();
    let call = "chown file descriptor 3 to 12345 by tryout (main): EPERM";
    assert_eq!(seen.found(), found("noNewPrivileges", &["CHOWN"], call), "{:#}", seen.report);
    assert_eq!(seen.taken_by(), ("allowPrivilegeEscalation: false", Some(11)));
    assert_eq!(seen.status, Some(1));
    let escalation = "take allowPrivilegeEscalation: false out (outside of Kubernetes: --security-opt no-new-privileges)";
    assert_eq!(seen.remedies().last(), Some(&escalation));
    let without = scenario.manifest().replace("      allowPrivilegeEscalation: false\n", "");
    assert!(!scenario.works(&scenario.manifest()));
    assert!(scenario.works(&without));
}

#[test]
fn a_user_that_no_add_can_help() {
    testkit::needs!(podman, bpf);
    let security = ["runAsUser: 1000", "capabilities:", "  drop:", "  - ALL"];
    let scenario = Scenario::new(&security, &["/tryout", "-e", "bind:80"]).tryout(0o755);
    // podman raises what is added in the ambient set; containerd does not, and there no add is offered.
    let seen = scenario.why();
    let call = "bind 0.0.0.0:80 by tryout (main): EACCES";
    assert_eq!(seen.found(), found("nonRoot", &["NET_BIND_SERVICE"], call), "{:#}", seen.report);
    assert!(scenario.works(&seen.mended(&scenario.manifest())));
}

#[test]
fn a_file_with_capabilities_that_the_container_does_not_have() {
    testkit::needs!(podman, bpf, program("setcap"));
    let scenario =
        Scenario::new(&DROP_ALL, &["sh", "-c", "/tryout -e chroot || exit 1"]).tryout(0o755);
    let setcap = std::process::Command::new("setcap")
        .arg("cap_net_raw+ep")
        .arg(scenario.file("tryout"))
        .status();
    assert!(setcap.expect("setcap runs").success());
    let seen = scenario.why();
    let call = "run /tryout by sh (main): EPERM";
    assert_eq!(seen.found(), found("fileCapabilities", &[], call), "{:#}", seen.report);
    assert_eq!(seen.status, Some(1));
}
