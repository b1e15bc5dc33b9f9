//! What a container's fields say, and where it stands.

use dropcap_manifest::{ProblemKind, Span, parse};

use crate::{pod, problems};

#[test]
fn fields_have_their_values_and_spans() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns}
spec:
  hostNetwork: yes
  hostPID: off
  os: {name: windows}
  securityContext:
    runAsUser: 0777
    runAsNonRoot: No
    supplementalGroups: [1, 2]
    sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: \"0\"}]
    capabilities: {drop: [ALL]}
  volumes:
  - {name: root, hostPath: {path: /}}
  - {name: tmp, emptyDir: {}}
  containers:
  - name: c
    image: nginx
    command: [sh, -c]
    args: [\"true\"]
    env: [{name: A, value: b}, {name: C, valueFrom: {}}, {name: D}]
    ports: [{containerPort: 443}, {containerPort: 53, protocol: UDP}]
    volumeMounts: [{name: root, mountPath: /r, readOnly: true}, {name: tmp, mountPath: /t}]
    securityContext:
      privileged: on
      allowPrivilegeEscalation: n
      runAsUser: 1e3
      capabilities:
        drop: [\"ALL\"]
        add:
        - 'NET_BIND_SERVICE'
";
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, []);
    let workload = &manifest.workloads[0];
    assert_eq!(workload.namespace.as_deref(), Some("ns"));
    let pod = &workload.pod;
    assert_eq!(pod.host_network.map(|f| f.value), Some(true));
    assert_eq!(pod.host_pid.map(|f| f.value), Some(false));
    assert_eq!(pod.os.as_ref().map(|f| f.value.as_str()), Some("windows"));
    assert_eq!(pod.run_as_user.map(|f| f.value), Some(0o777));
    assert_eq!(pod.run_as_non_root.map(|f| f.value), Some(false));
    assert_eq!(pod.supplemental_groups.iter().map(|g| g.value).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(pod.sysctls[0].value.0, "net.ipv4.ip_unprivileged_port_start");
    assert!(pod.misplaced_capabilities.is_some());
    assert_eq!(pod.host_paths.len(), 1);
    assert_eq!(pod.host_paths[0].path.value, "/");
    let container = &pod.containers[0];
    assert_eq!(container.command, ["sh", "-c"]);
    assert_eq!(container.args, ["true"]);
    assert_eq!(container.env, [("A".into(), "b".into()), ("D".into(), String::new())]);
    let ports: Vec<_> =
        container.ports.iter().map(|p| (p.container_port.value, p.protocol.as_str())).collect();
    assert_eq!(ports, [(443, "TCP"), (53, "UDP")]);
    let mounts: Vec<_> = container.writable_mounts.iter().map(|m| m.value.as_str()).collect();
    assert_eq!(mounts, ["tmp"]);
    let mounts: Vec<_> =
        container.mounts.iter().map(|m| (&*m.path.value, m.read_only.map(|r| r.value))).collect();
    assert_eq!(mounts, [("/r", Some(true)), ("/t", None)]);
    let security = &container.security;
    assert_eq!(security.privileged.map(|f| f.value), Some(true));
    assert_eq!(security.allow_privilege_escalation.map(|f| f.value), Some(false));
    assert_eq!(security.run_as_user.map(|f| f.value), Some(1000));
    let add = security.add().next().unwrap();
    assert_eq!(manifest.source.slice(add.span), "'NET_BIND_SERVICE'");
    assert_eq!(manifest.source.locate(add.span), "t:32:11");
    let drop = security.drop().next().unwrap();
    assert_eq!(manifest.source.locate(drop.span), "t:30:16");
    assert_eq!(manifest.source.slice(container.name_span), "c");
}

#[test]
fn what_refuses_beside_capabilities_is_read_too() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  securityContext:
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: c
    securityContext:
      readOnlyRootFilesystem: true
      seccompProfile:
        type: Localhost
        localhostProfile: x.json
  - name: d
";
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, []);
    let pod = &manifest.workloads[0].pod;
    let located = |span: Option<Span>| span.map(|span| manifest.source.locate(span));
    assert_eq!(located(pod.seccomp.as_ref().map(|s| s.span)).as_deref(), Some("t:6:28"));
    let [c, d] = [&pod.containers[0].security, &pod.containers[1].security];
    assert_eq!(c.seccomp.as_ref().map(|s| s.value.as_str()), Some("Localhost"));
    assert_eq!(located(c.read_only_root.map(|r| r.span)).as_deref(), Some("t:10:31"));
    assert_eq!((d.seccomp.as_ref(), d.read_only_root), (None, None));
}

#[test]
fn aliases_and_merge_keys_are_followed_as_kubernetes_does() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - &base
    name: a
    image: one
    securityContext: {capabilities: {drop: &all [ALL]}}
  - <<: *base
    name: b
  - <<: [{image: two}, *base]
    name: c
    securityContext: {capabilities: {drop: [KILL], add: *all}}
  - *base
";
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, []);
    let rows = manifest.containers().map(|(_, c)| {
        let words = |list: Vec<&str>| list.join(",");
        (
            c.name.as_str(),
            c.image.as_ref().map(|i| i.value.as_str()),
            words(c.security.drop().map(|w| w.value.as_str()).collect()),
            words(c.security.add().map(|w| w.value.as_str()).collect()),
        )
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        [
            ("a", Some("one"), "ALL".into(), String::new()),
            ("b", Some("one"), "ALL".into(), String::new()),
            ("c", Some("two"), "KILL".into(), "ALL".into()),
            ("a", Some("one"), "ALL".into(), String::new()),
        ]
    );
    // goyaml.v2 sets the keys in order, so a merge key behind a key overrides it.
    let text = pod("    image: mine\n    <<: {image: theirs}\n");
    let manifest = parse("t", text.as_str());
    let image = manifest.workloads[0].pod.containers[0].image.as_ref();
    assert_eq!(image.map(|image| image.value.as_str()), Some("theirs"));
    assert_eq!(problems(&text).len(), 1);
    assert!(matches!(manifest.problems[0].kind, ProblemKind::MergeOverrides { .. }));
    assert_eq!(problems(&pod("    <<: 5\n")), ["7:9 `<<` wants a mapping or a list of mappings"]);
}

/// What a service extends is asked for its keys, however far away: in lists, by a merge key, and taken away.
#[test]
fn a_long_chain_of_extends_is_read_to_its_end() {
    let mut text =
        "x-base: &base\n  privileged: true\nservices:\n  s0:\n    <<: *base\n    image: i\n    \
                    cap_add: [KILL]\n"
            .to_owned();
    for number in 1..=400 {
        let own = match number {
            200 => "    user: \"7\"\n    cap_add: [CHOWN]\n",
            300 => "    privileged: !reset\n",
            _ => "",
        };
        text.push_str(&format!("  s{number}:\n    extends: s{}\n{own}", number - 1));
    }
    let manifest = parse("compose.yaml", text);
    assert_eq!(manifest.problems, []);
    let read = |number: usize| {
        let security = &manifest.workloads[number].pod.containers[0].security;
        let words: Vec<&str> = security.add().map(|word| word.value.as_str()).collect();
        let privileged = security.privileged.as_ref().map(|privileged| privileged.value);
        (words, security.run_as_user.as_ref().map(|user| user.value), privileged)
    };
    assert_eq!(read(199), (vec!["KILL"], None, Some(true)));
    assert_eq!(read(299), (vec!["KILL", "CHOWN"], Some(7), Some(true)));
    assert_eq!(read(400), (vec!["KILL", "CHOWN"], Some(7), None));
}
