//! Manifests resolved: which field counts, where it stands, what Kubernetes itself objects to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use caps::Capability;
use dropcap_resolve::{By, Level, LowPorts, ObjectionKind, Outcome, Ping, Resolved, container};
use manifest::{Manifest, Span};
use runtime::{Reason, Refusal, Runtime, User};

/// A pod of one container, from the body of its spec and of the container.
fn pod(spec: &str, body: &str) -> Manifest {
    // Several fields of the spec: as a mapping, whose braces go.
    let spec = spec
        .strip_prefix('{')
        .and_then(|spec| spec.strip_suffix('}'))
        .map_or_else(|| spec.to_owned(), |fields| fields.replacen(", ", "\n  ", 1));
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  {spec}\n  containers:\n  - name: c\n    image: i\n    {body}\n"
    );
    let manifest = manifest::parse("pod.yaml", text);
    assert_eq!(manifest.problems, [], "{}", manifest.source.text());
    manifest
}

fn resolved(manifest: &Manifest, runtime: &str) -> Resolved {
    let (workload, found) = manifest.containers().next().unwrap();
    container(&workload.pod, found, &runtime.parse::<Runtime>().unwrap())
}

fn user(spec: &str, body: &str) -> User {
    resolved(&pod(spec, body), "containerd").context.user()
}

#[test]
fn the_container_overrides_the_pod_field_by_field() {
    let manifest = pod(
        "securityContext: {runAsUser: 1000, runAsGroup: 2000, runAsNonRoot: true}",
        "securityContext: {runAsUser: 0}",
    );
    let context = resolved(&manifest, "containerd").context;
    let uid = context.run_as_user.unwrap();
    assert_eq!((uid.value, uid.level), (0, Level::Container));
    let gid = context.run_as_group.unwrap();
    assert_eq!((gid.value, gid.level), (2000, Level::Pod));
    assert_eq!(context.run_as_non_root.unwrap().level, Level::Pod);
    assert_eq!(context.user(), User::Root);
}

#[test]
fn without_run_as_user_the_image_decides() {
    assert_eq!(user("", ""), User::Unknown);
    assert_eq!(user("", "securityContext: {runAsNonRoot: false}"), User::Unknown);
    assert_eq!(user("", "securityContext: {runAsNonRoot: true}"), User::NonRoot);
    assert_eq!(user("securityContext: {runAsUser: 0}", ""), User::Root);
    assert_eq!(user("securityContext: {runAsUser: 101}", ""), User::NonRoot);
    assert_eq!(user("", "securityContext: {runAsUser: -1}"), User::Unknown);
}

#[test]
fn no_new_privs_is_set_by_an_explicit_false_only() {
    for (body, expected) in [
        ("", false),
        ("securityContext: {allowPrivilegeEscalation: true}", false),
        ("securityContext: {allowPrivilegeEscalation: false}", true),
    ] {
        let answer = resolved(&pod("", body), "containerd");
        assert_eq!(answer.context.no_new_privs(), expected, "{body}");
        assert_eq!(answer.request.no_new_privs, expected);
    }
}

#[test]
fn a_reason_leads_back_to_the_word_that_decided() {
    let manifest = pod(
        "securityContext: {runAsUser: 1000}",
        "securityContext: {capabilities: {drop: [ALL], add: [CHOWN, NET_BIND_SERVICE]}}",
    );
    let answer = resolved(&manifest, "containerd");
    let (_, found) = manifest.containers().next().unwrap();
    let Outcome::Starts(resolution) = &answer.outcome else { panic!("{:?}", answer.outcome) };
    let text = |reason: &Reason| -> &str {
        answer.span(reason, found).map_or("", |span| manifest.source.slice(span))
    };
    let fate = |capability| resolution.most().fate(capability);
    assert_eq!(text(&fate(Capability::NET_BIND_SERVICE).bounding_reason), "NET_BIND_SERVICE");
    assert_eq!(text(&fate(Capability::NET_BIND_SERVICE).reason), "1000");
    assert_eq!(text(&fate(Capability::NET_RAW).reason), "ALL");
    assert_eq!(text(&fate(Capability::SYS_ADMIN).reason), "");
}

#[test]
fn what_a_runtime_refuses_is_refused_for_one_runtime_only() {
    let manifest = pod("", "securityContext: {capabilities: {add: [CHOWN], drop: [CHOWN]}}");
    assert!(resolved(&manifest, "docker").outcome.resolution().is_some());
    let Outcome::Refused(refusal) = resolved(&manifest, "podman").outcome else { panic!() };
    assert!(matches!(refusal, Refusal::AddedAndDropped { capability: Capability::CHOWN, .. }));
}

#[test]
fn the_sysctl_of_the_pod_wins_over_that_of_the_runtime() {
    let ports = |spec: &str, runtime: &str| resolved(&pod(spec, ""), runtime).low_ports;
    let sysctl = |value: &str| {
        format!(
            "securityContext: {{sysctls: [{{name: net.ipv4.ip_unprivileged_port_start, value: {value:?}}}]}}"
        )
    };
    assert_eq!(ports("", "containerd@2.0"), LowPorts::OpenedByRuntime);
    assert_eq!(ports("", "containerd@1.7"), LowPorts::KernelDefault);
    assert_eq!(ports("hostNetwork: true", "containerd@2.0"), LowPorts::KernelDefault);
    assert_eq!(ports(&sysctl("80"), "crio").start(), 80);
    assert_eq!(ports(&sysctl("1024"), "containerd@2.0").start(), 1024);
    let ping = |spec: &str| resolved(&pod(spec, ""), "containerd@2.0").ping;
    assert_eq!(ping(""), Ping::OpenedByRuntime);
    assert_eq!(ping("hostUsers: false"), Ping::KernelDefault);
}

#[test]
fn kubernetes_objects_before_any_runtime_is_asked() {
    let objections = |spec: &str, body: &str| -> Vec<(ObjectionKind, By)> {
        let answer = resolved(&pod(spec, body), "containerd");
        answer.objections.iter().map(|objection| (objection.kind, objection.by)).collect()
    };
    use ObjectionKind::*;
    for (spec, body, expected) in [
        ("", "", vec![]),
        (
            "securityContext: {capabilities: {drop: [ALL]}}",
            "",
            vec![(PodCapabilities, By::ApiServer)],
        ),
        (
            "",
            "securityContext: {privileged: true, allowPrivilegeEscalation: false}",
            vec![(PrivilegedWithoutEscalation, By::ApiServer)],
        ),
        (
            "",
            "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
            vec![(SysAdminWithoutEscalation, By::ApiServer)],
        ),
        (
            "",
            "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [SYS_ADMIN]}}",
            vec![],
        ),
        (
            "securityContext: {runAsNonRoot: true}",
            "securityContext: {runAsUser: 0}",
            vec![(RootThoughNonRoot, By::Kubelet)],
        ),
        ("", "securityContext: {runAsUser: -5}", vec![(UserOutOfRange, By::ApiServer)]),
        (
            "os: {name: windows}",
            "securityContext: {capabilities: {drop: [ALL]}}",
            vec![(Windows, By::ApiServer)],
        ),
        ("os: {name: windows}", "", vec![]),
        ("hostUsers: false", "", vec![]),
        ("hostPID: true", "", vec![]),
        ("{hostUsers: false, hostPID: true}", "", vec![(NodeNamespaceWithOwnUsers, By::ApiServer)]),
        ("{hostUsers: false, hostIPC: true}", "", vec![(NodeNamespaceWithOwnUsers, By::ApiServer)]),
        (
            "{hostNetwork: true, securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: '0'}]}}",
            "",
            vec![(SysctlOfNode, By::Kubelet)],
        ),
        (
            "{hostIPC: true, securityContext: {sysctls: [{name: kernel/shmmax, value: '1'}]}}",
            "",
            vec![(SysctlOfNode, By::Kubelet)],
        ),
        (
            "{hostIPC: true, securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}}",
            "",
            vec![],
        ),
    ] {
        assert_eq!(objections(spec, body), expected, "{spec} {body}");
    }
    assert_eq!(resolved(&pod("os: {name: windows}", ""), "containerd").outcome, Outcome::Windows);
}

#[test]
fn every_objection_says_where() {
    let manifest = pod("", "securityContext: {privileged: true, allowPrivilegeEscalation: false}");
    let answer = resolved(&manifest, "containerd");
    let Span { start, end } = answer.objections[0].span;
    assert_eq!(&manifest.source.text()[start..end], "true");
}

#[test]
fn what_only_kubernetes_objects_to_is_no_matter_elsewhere() {
    let manifest = manifest::parse(
        "compose.yaml",
        "services:\n  a: {image: i, privileged: true, security_opt: [no-new-privileges]}\n",
    );
    let resolved = resolved(&manifest, "docker");
    assert_eq!(resolved.objections, []);
    assert!(resolved.context.no_new_privs() && resolved.request.privileged);
    assert_eq!(resolved.low_ports, LowPorts::OpenedByRuntime);
}

/// An OCI configuration with these sets, for this user.
fn oci(uid: u32, sets: &str) -> Manifest {
    let text = format!(
        r#"{{"ociVersion":"1.2.0","process":{{"user":{{"uid":{uid}}},"args":["x"],"capabilities":{{{sets}}}}}}}"#
    );
    manifest::parse("config.json", text)
}

#[test]
fn an_oci_configuration_has_its_sets_as_written_then_execve() {
    let process = |uid, sets: &str| {
        let resolved = resolved(&oci(uid, sets), "containerd");
        assert_eq!(resolved.low_ports, LowPorts::KernelDefault);
        let Outcome::Starts(resolution) = resolved.outcome else { panic!("{sets}") };
        let state = resolution.most().process;
        [state.bounding, state.permitted, state.effective, state.inheritable, state.ambient]
            .map(|set| set.to_string())
    };
    let kill = "\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"permitted\":[\"CAP_KILL\"]";
    // For root execve(2) gives the bounding set, whatever was permitted.
    let both = "CHOWN KILL";
    assert_eq!(process(0, kill), [both, both, both, "", ""].map(str::to_owned).map(none));
    assert_eq!(process(1000, kill), [both, "", "", "", ""].map(str::to_owned).map(none));
    assert_eq!(process(0, ""), [""; 5].map(str::to_owned).map(none));
    // Names are read exactly: without the prefix runc knows none.
    assert_eq!(
        process(0, "\"bounding\":[\"KILL\",\"cap_kill\"]"),
        [""; 5].map(str::to_owned).map(none)
    );
}

/// An empty set as it is written.
fn none(set: String) -> String {
    if set.is_empty() { caps::CapSet::EMPTY.to_string() } else { set }
}

#[test]
fn what_the_kernel_refuses_of_an_oci_configuration_is_said() {
    let refusal = |sets: &str| match resolved(&oci(0, sets), "containerd").outcome {
        Outcome::Refused(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal("\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"]"),
        "the container cannot be started: the kernel refuses KILL as effective when it is not permitted"
    );
    let inheritable = refusal("\"inheritable\":[\"CAP_KILL\"]");
    assert!(inheritable.contains("as inheritable"), "{inheritable}");
}
