//! Patches that are read back.

use caps::Capability;
use record::zero::{Held, LOW_PORTS};

use super::*;

fn tried(change: Change, result: Held) -> Tried {
    Tried { change, removes: CapSet::EMPTY, why: "why\nadd: [ALL]".to_owned(), result, said: None }
}

fn zero(changes: Vec<Tried>, remains: CapSet) -> Zero {
    Zero {
        test: "GET /".to_owned(),
        reached: remains.is_empty(),
        changes,
        remains,
        in_the_way: Vec::new(),
        doubts: Vec::new(),
        remarks: Vec::new(),
        recorded: None,
        runs: Vec::new(),
    }
}

fn folder(path: &str) -> Change {
    Change::EmptyDir { path: path.to_owned(), fs_group: Some(33) }
}

fn port() -> Change {
    Change::Sysctl { name: LOW_PORTS.to_owned(), value: "80".to_owned() }
}

fn place(yaml: &str, container: usize) -> ZeroPlace {
    let manifest = manifest::parse("web.yaml", yaml.to_owned());
    let workload = &manifest.workloads[0];
    ZeroPlace::of_container(workload, &workload.pod.containers[container])
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec:\n  \
    securityContext: {sysctls: [{name: kernel.shm_rmid_forced, value: '1'}, {name: \
    net/ipv4/ip_unprivileged_port_start, value: '1024'}]}\n  volumes: [{name: empty-run, configMap: {}}]\n  \
    containers: [{name: a, image: a}, {name: b, image: b}]\n";

fn read(text: &str) -> manifest::Manifest {
    manifest::parse("patch.yaml", text.to_owned())
}

#[test]
fn a_patch_is_read_as_what_it_is_to_change() {
    let changes = vec![
        tried(Change::User { user: 33, group: Some(34) }, Held::Holds),
        tried(port(), Held::Holds),
        tried(folder("/run"), Held::Holds),
        tried(folder("/var/lib/x y"), Held::Holds),
        tried(folder("/tmp"), Held::NotNeeded),
    ];
    let text = zero_patch(&place(POD, 1), &zero(changes, CapSet::EMPTY), &[]).unwrap();
    let patch = read(&text);
    assert_eq!(patch.errors().count(), 0, "{text}");
    let workload = &patch.workloads[0];
    assert_eq!((workload.name.as_str(), workload.namespace.as_deref()), ("web", Some("shop")));
    let pod = &workload.pod;
    let value = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let sysctls: Vec<_> = pod.sysctls.iter().map(|sysctl| sysctl.value.clone()).collect();
    assert_eq!(sysctls, [value("kernel.shm_rmid_forced", "1"), value(LOW_PORTS, "80")], "{text}");
    assert_eq!(pod.fs_group.map(|group| group.value), Some(33));
    let container = &pod.containers[0];
    let security = &container.security;
    assert_eq!((pod.containers.len(), container.name.as_str()), (1, "b"));
    assert_eq!(security.run_as_user.map(|user| user.value), Some(33));
    assert_eq!(security.run_as_group.map(|group| group.value), Some(34));
    assert_eq!(security.run_as_non_root.map(|flag| flag.value), Some(true));
    let mounts: Vec<_> =
        container.mounts.iter().map(|m| (m.volume.as_str(), m.path.value.as_str())).collect();
    assert_eq!(mounts, [("empty-run-2", "/run"), ("empty-var-lib-x-y", "/var/lib/x y")]);
    let volumes: Vec<_> = pod.volumes.iter().map(|v| (v.name.as_str(), v.kind.as_str())).collect();
    assert_eq!(volumes, [("empty-run-2", "emptyDir"), ("empty-var-lib-x-y", "emptyDir")]);
    assert!(text.contains("add: []") && !text.contains("\nadd: [ALL]"), "{text}");
    assert!(text.contains("of all containers of the pod"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_volume_claim_gets_its_group_and_no_volume() {
    let changes = vec![tried(Change::FsGroup { group: 33 }, Held::Holds)];
    let text = zero_patch(&place(POD, 0), &zero(changes, CapSet::EMPTY), &[]).unwrap();
    let patch = read(&text);
    assert_eq!(patch.errors().count(), 0, "{text}");
    let pod = &patch.workloads[0].pod;
    assert_eq!(pod.fs_group.map(|group| group.value), Some(33), "{text}");
    assert!(pod.volumes.is_empty() && pod.containers[0].mounts.is_empty(), "{text}");
}

#[test]
fn what_remains_stays_in_the_list() {
    let changes = vec![tried(port(), Held::Holds)];
    let left = CapSet::of(&[Capability::SETGID, Capability::SETUID]);
    let text = zero_patch(&ZeroPlace::of_image("sshd"), &zero(changes, left), &[]).unwrap();
    assert!(text.contains("add: [SETGID, SETUID]") && text.contains("needs SETGID SETUID only"));
    assert!(!text.contains("runAs") && !text.contains("volume"), "{text}");
    let none = zero(vec![tried(port(), Held::Fails)], left);
    assert_eq!(zero_patch(&ZeroPlace::of_image("sshd"), &none, &[]), None);
}

#[test]
fn an_image_and_other_kinds_get_a_pod_spec_and_compose_a_service() {
    let changes = || vec![tried(folder("/run"), Held::Holds), tried(port(), Held::Holds)];
    let flags = ["--cap-drop=ALL".to_owned(), "--sysctl=a=0 1".to_owned()];
    let of =
        |place: &ZeroPlace| zero_patch(place, &zero(changes(), CapSet::EMPTY), &flags).unwrap();
    let text = of(&ZeroPlace::of_image("web"));
    assert!(text.contains("\ncontainers:\n- name: web\n"), "{text}");
    assert!(text.ends_with("--cap-drop=ALL '--sysctl=a=0 1'\n"), "{text}");
    let many = POD.replace("name: web,", "generateName: web-,");
    assert!(of(&place(&many, 0)).contains("\ncontainers:\n- name: a\n"));
    let compose = of(&place("services:\n  web: {image: a}\n", 0));
    assert!(compose.contains("services:\n  web:\n"), "{compose}");
    assert!(compose.contains("\"/run:mode=2777,gid=33\"") && compose.contains("!override []"));
}

#[test]
fn another_port_is_followed_by_what_names_it() {
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostNetwork: true\n  \
        containers:\n  - name: a\n    image: a\n    args: [-p, '80']\n    ports: [{name: http, \
        containerPort: 80}, {containerPort: 81}]\n    readinessProbe: {httpGet: {port: http}}\n    \
        livenessProbe: {tcpSocket: {port: 81}}\n";
    let args = ["-p".to_owned(), "8080".to_owned()].to_vec();
    let env = [("PORT".to_owned(), "8080".to_owned())].into();
    let change = Change::Port { from: 80, to: 8080, command: Vec::new(), args, env };
    let zero = zero(vec![tried(change, Held::Holds)], CapSet::EMPTY);
    let text = zero_patch(&place(yaml, 0), &zero, &[]).unwrap();
    let patch = read(&text);
    assert_eq!(patch.errors().count(), 0, "{text}");
    let container = &patch.workloads[0].pod.containers[0];
    assert_eq!(container.args, ["-p", "8080"], "{text}");
    assert_eq!(container.env, [("PORT".to_owned(), "8080".to_owned())]);
    let ports: Vec<i64> = container.ports.iter().map(|port| port.container_port.value).collect();
    assert_eq!(ports, [80, 8080]);
    assert!(text.contains("$patch: delete") && text.contains("name: http"), "{text}");
    assert_eq!(container.probes.len(), 1);
    assert!(text.contains("readinessProbe:\n      httpGet:\n        port: 8080\n"), "{text}");
    assert!(!text.contains("81"), "{text}");
    let compose = place("services:\n  web: {image: a}\n", 0);
    let compose = zero_patch(&compose, &zero, &[]).unwrap();
    assert!(compose.contains("command: [\"-p\", \"8080\"]"), "{compose}");
    assert!(compose.contains("PORT: \"8080\""), "{compose}");
}
