//! What is read from manifests, and how each thing that can be wrong with one is told apart.

use dropcap_manifest::{Content, Manifest, ProblemKind, Span, parse};

/// `line:column message` of all problems.
fn problems(text: &str) -> Vec<String> {
    let manifest = parse("t", text);
    let show = |p: &dropcap_manifest::Problem| {
        format!("{} {}", manifest.source.position(p.span.start), p.kind)
    };
    manifest.problems.iter().map(show).collect()
}

/// `kind/name: list/container…` of all workloads.
fn workloads(manifest: &Manifest) -> Vec<String> {
    let show = |w: &dropcap_manifest::Workload| {
        let names = w.pod.containers.iter().map(|c| format!("{}/{}", c.list.key(), c.name));
        format!("{}/{}: {}", w.kind, w.name, names.into_iter().collect::<Vec<_>>().join(" "))
    };
    manifest.workloads.iter().map(show).collect()
}

fn pod(container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n{container}"
    )
}

#[test]
fn every_kind_with_a_pod_spec_is_read() {
    let spec = "containers: [{name: c, image: i}]";
    let template = format!("spec: {{template: {{spec: {{{spec}}}}}}}");
    let cron = format!("spec: {{jobTemplate: {{{template}}}}}");
    for (api, kind, body) in [
        ("v1", "Pod", &format!("spec: {{{spec}}}")),
        ("v1", "PodTemplate", &format!("template: {{spec: {{{spec}}}}}")),
        ("v1", "ReplicationController", &template),
        ("apps/v1", "ReplicaSet", &template),
        ("apps/v1", "Deployment", &template),
        ("extensions/v1beta1", "Deployment", &template),
        ("apps/v1", "DaemonSet", &template),
        ("apps/v1", "StatefulSet", &template),
        ("batch/v1", "Job", &template),
        ("batch/v1", "CronJob", &cron),
    ] {
        let text =
            format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{generateName: n-}}\n{body}");
        let manifest = parse("t", text);
        assert_eq!(manifest.problems, []);
        assert_eq!(workloads(&manifest), [format!("{kind}/n-*: containers/c")]);
    }
    // Another project's Job, and kinds without a pod spec.
    for text in [
        "apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nspec: {tasks: []}",
        "apiVersion: v1\nkind: Service\nspec: {ports: []}",
    ] {
        let manifest = parse("t", text);
        assert_eq!((&manifest.workloads[..], &manifest.problems[..]), (&[][..], &[][..]));
        assert_eq!(manifest.documents[0].content, Content::Other);
    }
}

/// As written in the projects' types; the table in `data/kinds.toml` says in which release.
#[test]
fn kinds_of_other_projects_are_read_where_their_types_have_the_pod() {
    let pod = "spec: {containers: [{name: c, image: i}]}";
    let job = format!("spec: {{template: {{{pod}}}}}");
    let template = format!("template: {{{pod}}}");
    for (api, kind, body, pods) in [
        ("argoproj.io/v1alpha1", "Rollout", template.clone(), 1),
        (
            "argoproj.io/v1alpha1",
            "AnalysisTemplate",
            format!("metrics: [{{provider: {{web: {{}}}}}}, {{provider: {{job: {{{job}}}}}}}]"),
            1,
        ),
        (
            "apps.kruise.io/v1alpha1",
            "AdvancedCronJob",
            format!("template: {{jobTemplate: {{{job}}}, broadcastJobTemplate: {{{job}}}}}"),
            2,
        ),
        (
            "apps.kruise.io/v1beta1",
            "UnitedDeployment",
            format!("template: {{cloneSetTemplate: {{{job}}}, deploymentTemplate: {{{job}}}}}"),
            2,
        ),
        (
            "batch.volcano.sh/v1alpha1",
            "CronJob",
            format!("jobTemplate: {{spec: {{tasks: [{{{template}}}, {{{template}}}]}}}}"),
            2,
        ),
        ("flow.volcano.sh/v1alpha1", "JobTemplate", format!("tasks: [{{{template}}}]"), 1),
        (
            "training.volcano.sh/v1alpha1",
            "HyperJob",
            format!("replicatedJobs: [{{templateSpec: {{tasks: [{{{template}}}]}}}}]"),
            1,
        ),
        (
            "kubeflow.org/v1",
            "PyTorchJob",
            format!("pytorchReplicaSpecs: {{Master: {{{template}}}, Worker: {{{template}}}}}"),
            2,
        ),
        (
            "kubeflow.org/v2beta1",
            "MPIJob",
            format!("mpiReplicaSpecs: {{Worker: {{{template}}}}}"),
            1,
        ),
        (
            "trainer.kubeflow.org/v1alpha1",
            "TrainingRuntime",
            format!("template: {{spec: {{replicatedJobs: [{{template: {{{job}}}}}]}}}}"),
            1,
        ),
        (
            "ray.io/v1",
            "RayCluster",
            format!("headGroupSpec: {{{template}}}, workerGroupSpecs: [{{{template}}}]"),
            2,
        ),
        (
            "ray.io/v1",
            "RayService",
            format!("rayClusterConfig: {{headGroupSpec: {{{template}}}}}"),
            1,
        ),
        ("ray.io/v1", "RayJob", format!("submitterPodTemplate: {{{pod}}}"), 1),
        (
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            format!("replicatedJobs: [{{template: {{{job}}}}}]"),
            1,
        ),
    ] {
        let text = format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: owner}}\nspec: {{{body}}}\n"
        );
        let manifest = parse("t", text);
        assert_eq!(manifest.problems, [], "{kind}");
        let read = workloads(&manifest);
        // Where there may be several, what tells them apart is behind the name.
        let whole = |one: &&String| {
            one.starts_with(&format!("{kind}/owner")) && one.ends_with(": containers/c")
        };
        assert_eq!(
            (read.len(), read.iter().filter(whole).count()),
            (pods, pods),
            "{kind} {read:?}"
        );
    }
}

#[test]
fn lists_and_documents_are_opened() {
    let text = "\u{feff}# head\r\n---\r\napiVersion: v1\r\nkind: List\r\nitems:\r\n\
        - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {initContainers: [{name: i}], containers: [{name: c}], ephemeralContainers: [{name: e}]}}\r\n\
        - {apiVersion: v1, kind: ConfigMap}\r\n\
        - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: d}]}}]}\r\n\
        ---\r\n# nothing\r\n---\r\nfoo: bar\r\n---\r\n\
        {\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":{\"containers\":[{\"name\":\"y\"}]}}]}\r\n";
    let manifest = parse("t", text);
    assert_eq!(problems(text), [] as [&str; 0]);
    assert_eq!(
        workloads(&manifest),
        [
            "Pod/a: initContainers/i containers/c ephemeralContainers/e",
            "Pod/b: containers/d",
            "Pod/x: containers/y"
        ]
    );
    let contents: Vec<_> = manifest.documents.iter().map(|d| d.content).collect();
    assert_eq!(
        contents,
        [Content::Workloads(2), Content::Empty, Content::NotKubernetes, Content::Workloads(1)]
    );
}

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

#[test]
fn wrong_types_are_named_with_their_place() {
    for (container, expected) in [
        (
            "    command: sh\n",
            "7:14 spec.containers[0].command is the text \"sh\", expected a list",
        ),
        (
            "    securityContext: {runAsUser: '0'}\n",
            "7:34 spec.containers[0].securityContext.runAsUser is the text \"0\", expected a whole number",
        ),
        (
            "    securityContext: {runAsUser: 1.5}\n",
            "7:34 spec.containers[0].securityContext.runAsUser is the number 1.5, expected a whole number",
        ),
        (
            "    securityContext: {privileged: 'yes'}\n",
            "7:35 spec.containers[0].securityContext.privileged is the text \"yes\", expected true or false",
        ),
        (
            "    securityContext:\n      capabilities:\n        add: NET_RAW\n",
            "9:14 spec.containers[0].securityContext.capabilities.add is the text \"NET_RAW\", expected a list",
        ),
        (
            "    securityContext:\n      capabilities:\n        add:\n        - KILL\n        - 13\n",
            "11:11 spec.containers[0].securityContext.capabilities.add[1] is the number 13, expected text",
        ),
        (
            "    securityContext: {capabilities: {add: [{a: b}]}}\n",
            "7:44 spec.containers[0].securityContext.capabilities.add[0] is a mapping, expected text",
        ),
        (
            "    securityContext: {capabilities: {drop: [~]}}\n",
            "7:45 spec.containers[0].securityContext.capabilities.drop[0] is empty, expected text",
        ),
        (
            "    securityContext: [ALL]\n",
            "7:22 spec.containers[0].securityContext is a list, expected a mapping",
        ),
    ] {
        let text = pod(container);
        assert_eq!(problems(&text), [expected], "{container}");
        // A command of the wrong type says nothing about capabilities: the rest is still read.
        let kept = usize::from(expected.contains("command"));
        assert_eq!(parse("t", text).workloads.len(), kept, "{container}");
    }
    let text = pod("    env: [{name: A, value: true}]\n    securityContext: {privileged: true}\n");
    assert_eq!(
        problems(&text),
        ["7:28 spec.containers[0].env[0].value is the boolean true, expected text"]
    );
    let manifest = parse("t", text);
    assert_eq!(manifest.errors().count(), 1);
    let privileged = manifest.containers().next().and_then(|(_, c)| c.security.privileged);
    assert_eq!(privileged.map(|flag| flag.value), Some(true));
    assert_eq!(
        problems("apiVersion: v1\nkind: Pod\nspec: {containers: {name: c}}"),
        ["3:20 spec.containers is a mapping, expected a list"]
    );
}

#[test]
fn other_faults_are_told_apart() {
    for (text, expected) in [
        ("kind: Pod\n  spec: x\n", "2:7 not YAML: mapping values are not allowed in this context"),
        ("a: [1\nb\n", "1:4 not YAML: unclosed bracket '['"),
        (
            "kind: Pod\nkind: Service\n",
            "2:1 the key \"kind\" is here twice; which one counts differs from tool to tool, remove one",
        ),
        (
            &pod("    image: a\n    image: b\n"),
            "8:5 the key \"image\" is here twice; which one counts differs from tool to tool, remove one",
        ),
        ("a: *b\n", "1:4 not YAML: while parsing node, found unknown anchor"),
        ("a: &a [*a]\n", "1:8 the alias stands inside the value it refers to"),
        ("[a, b]: c\n", "1:1 a mapping or a list as a key, which no manifest has"),
        ("apiVersion: v1\nkind: Pod\n", "1:1 Pod without a pod spec: spec is missing"),
        ("apiVersion: v1\nkind: Pod\nspec:\n", "3:1 Pod without a pod spec: spec is empty"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {metadata: {}}}\n",
            "3:18 Deployment without a pod spec: spec.template.spec is missing",
        ),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: []}\n", "3:8 spec has no containers"),
        (
            "kind: Pod\nspec: {containers: [{name: c}]}\n",
            "1:1 `apiVersion` is missing; for kind Pod it is v1",
        ),
        (
            "apiVersion: v1\nspec: {containers: [{name: c}]}\n",
            "1:1 `kind` is missing, so Kubernetes cannot tell what this is",
        ),
        (
            "apiVersion: apps/v1\nkind: deployment\n",
            "2:7 unknown kind \"deployment\", it is written \"Deployment\"",
        ),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn a_field_hidden_behind_an_odd_line_break_is_found() {
    let other = pod("    image: i\n");
    for odd in ["\u{2028}", "\u{2029}", "\u{85}"] {
        let text = pod(&format!(
            "    image: i # a comment{odd}    securityContext: {{privileged: true}}\n"
        ));
        let text = format!("{other}---\n{text}---\n{other}");
        let [problem] = &problems(&text)[..] else { panic!("{:?}", problems(&text)) };
        assert!(problem.starts_with("15:25 U+") && problem.contains("ends a line"), "{problem}");
        let manifest = parse("t", text);
        assert_eq!(manifest.workloads.len(), 2);
        assert_eq!(manifest.documents[1].content, Content::Broken);
        // Where it changes nothing it is nobody's business.
        let text = pod("    image: i\n")
            .replace("name: p", &format!("name: p, annotations: {{a: 'b{odd}c'}}"));
        assert_eq!(problems(&text), [] as [&str; 0]);
    }
    // A lone carriage return ends a line for all of them.
    let text = pod("    image: i # a comment\r    securityContext: {privileged: true}\n");
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, []);
    let privileged = manifest.workloads[0].pod.containers[0].security.privileged;
    assert_eq!(privileged.map(|flag| flag.value), Some(true));
}

#[test]
fn a_broken_document_hides_no_other() {
    let good = pod("    image: i\n");
    let text = format!("{good}---\na: [\n---\n{good}---\n  {{{{ include \"x\" . }}}}\n---\n{good}");
    let manifest = parse("t", text);
    assert_eq!(manifest.workloads.len(), 3);
    let contents: Vec<_> = manifest.documents.iter().map(|d| d.content).collect();
    let one = Content::Workloads(1);
    assert_eq!(contents, [one, Content::Broken, one, Content::Template, one]);
}

#[test]
fn go_templates_are_no_syntax_errors() {
    for text in [
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  containers: []\n",
        "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    {{- with .x }}\n    b: c\n    {{- end }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  {{- toYaml .Values.containers | nindent 2 }}\n",
    ] {
        let manifest = parse("t", text);
        assert_eq!(manifest.documents[0].content, Content::Template, "{text}");
        assert!(manifest.problems.len() == 1 && manifest.problems[0].kind.is_template(), "{text}");
        let at = manifest.problems[0].span;
        assert_eq!(manifest.source.slice(at), "{{");
    }
    // Braces in quotes and comments are text.
    let text = "# {{ x }}\na: \"{{ $labels.pod }}\"\nb: [\n";
    assert_eq!(problems(text), ["3:4 not YAML: unclosed bracket '['"]);
    assert_eq!(problems(&pod("    image: \"{{ x }}\"\n")), [] as [&str; 0]);
}

fn misplaced(text: &str) -> (Vec<(String, String)>, Option<String>) {
    let manifest = parse("t", text);
    assert_eq!(manifest.workloads, [], "{text}");
    let [problem] = &manifest.problems[..] else { panic!("{:?}", manifest.problems) };
    let ProblemKind::Misplaced { keys, indentation_lost, suggestion } = &problem.kind else {
        panic!("{problem:?}");
    };
    assert!(indentation_lost);
    assert!(problem.kind.to_string().starts_with("the indentation seems lost in copying: `"));
    for key in keys {
        assert_eq!(manifest.source.slice(key.span), key.key);
    }
    let keys = keys.iter().map(|key| (key.key.clone(), key.under.clone())).collect();
    (keys, suggestion.clone())
}

#[test]
fn lost_indentation_is_said_and_mended_in_the_message() {
    let first = "\
apiVersion: v1
kind: Pod
metadata:
  name: example-pod
spec:
  containers:
  - name: example-container
    image: nginx
    securityContext:
      capabilities:
        drop:
        - ALL
";
    let second = "\
apiVersion: v1
kind: Pod
metadata:
  name: nginx-pod
spec:
  containers:
  - name: nginx-container
    image: nginx
    securityContext:
      capabilities:
        drop:
        - ALL
        add:
        - NET_BIND_SERVICE
    ports:
    - containerPort: 443
";
    let cron_job = "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: tidy
  labels:
    app: tidy
spec:
  schedule: '* * * * *'
  jobTemplate:
    spec:
      template:
        metadata:
          labels:
            app: tidy
        spec:
          restartPolicy: Never
          initContainers:
          - name: first
            image: a
          containers:
          - name: second
            image: b
            env:
            - name: A
              value: x
          - name: third
            image: c
            resources:
              limits:
                cpu: 1
            securityContext:
              privileged: true
";
    let strip = |text: &str| -> String {
        text.lines().map(|line| format!("{}\n", line.trim_start())).collect()
    };
    for whole in [first, second, cron_job] {
        assert_eq!(problems(whole), [] as [&str; 0]);
        for (flat, note) in [
            (strip(whole), "stripped"),
            (strip(whole).replace('\n', "\r\n"), "with CR LF"),
            (format!("\u{feff}# a comment\n\n---\n{}", strip(whole)), "with a head"),
            (strip(whole).trim_end().to_owned(), "without a last line feed"),
        ] {
            let (keys, suggestion) = misplaced(&flat);
            assert!(keys.len() > 5, "{note}");
            assert_eq!(suggestion.as_deref(), Some(whole), "{note}");
        }
    }
    let (keys, _) = misplaced(&strip(first));
    let keys: Vec<_> = keys.iter().map(|(key, under)| (key.as_str(), under.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("name", "metadata"),
            ("containers", "spec"),
            ("image", "spec.containers[0]"),
            ("securityContext", "spec.containers[0]"),
            ("capabilities", "spec.containers[0].securityContext"),
            ("drop", "spec.containers[0].securityContext.capabilities"),
        ]
    );
    // The good document behind it is read all the same.
    let manifest = parse("t", format!("{}---\n{first}", strip(second)));
    assert_eq!(workloads(&manifest), ["Pod/example-pod: containers/example-container"]);
    assert_eq!(manifest.problems.len(), 1);
}

#[test]
fn partly_lost_indentation_is_said_too() {
    // `containers` beside an empty `spec`, all else in its place.
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\ncontainers:\n- name: c\n  image: i\n";
    assert_eq!(
        problems(text),
        ["5:1 the indentation seems lost in copying: `containers` belongs under `spec`"]
    );
    // The pod spec beside an empty `spec` of the template.
    let text = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n    containers:\n    - name: c\n";
    assert_eq!(
        problems(text),
        [
            "5:5 the indentation seems lost in copying: `containers` belongs under `spec.template.spec`"
        ]
    );
    // A container's keys beside the list.
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n  image: i\n";
    assert_eq!(
        problems(text),
        ["6:3 the indentation seems lost in copying: `image` belongs under `spec.containers[]`"]
    );
    // A slip, not a loss.
    assert_eq!(
        problems(&pod("    capabilities: {drop: [ALL]}\n")),
        ["7:5 `capabilities` belongs under `spec.containers[0].securityContext`"]
    );
    assert_eq!(
        problems(&pod("    securityContext:\n      drop: [ALL]\n")),
        ["8:7 `drop` belongs under `spec.containers[0].securityContext.capabilities`"]
    );
}

#[test]
fn bombs_are_refused_in_bounded_time_and_memory() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = level - 1;
        let row = vec![format!("*a{below}"); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{row}]\n");
    }
    assert_eq!(
        problems(&bomb),
        ["6:25 its aliases expand to more than 400000 values, as in an alias bomb"]
    );
    // The same through nested lists of objects and through merge keys.
    let lists: String = (1..30)
        .map(|n| {
            format!(
                "- &l{n} {{kind: List, items: [{0}, {0}, {0}, {0}]}}\n",
                format_args!("*l{}", n - 1)
            )
        })
        .collect();
    let text = format!("kind: List\nitems:\n- &l0 {{kind: Pod}}\n{lists}");
    assert_eq!(problems(&text).len(), 1);
    for deep in ["[", "{a: ", "- ", "? ", "a: {b: ["] {
        let kinds: Vec<_> = parse("t", deep.repeat(100_000)).problems.into_iter().collect();
        assert_eq!(kinds.len(), 1, "{deep}");
    }
    assert_eq!(problems(&"[".repeat(100_000)), ["1:256 nested too deeply (more than 255 levels)"]);
    assert_eq!(
        problems(&"-\n".repeat(2_100_000)),
        ["2000000:2 too many values (more than 2000000); split the document"]
    );
}
