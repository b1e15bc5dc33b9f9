//! `dropcap show`, the real binary, as a person sees it.

use snapbox::cmd::Command;
use snapbox::{IntoData, str};

/// The two manifests this project started from.
const EXAMPLE_POD: &str = "\
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

const NGINX_POD: &str = "\
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

/// What one meets in the wild, one container each.
const MIXED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      volumes:
      - name: logs
        hostPath: {path: /var/log}
      initContainers:
      - name: setup
        image: busybox
        securityContext:
          runAsUser: 0
          capabilities:
            add: [CAP_SYS_ADMIN, SYS_MODULEE]
            drop: [NET_RAW]
      containers:
      - name: web
        image: nginx:1.27
        volumeMounts:
        - {name: logs, mountPath: /logs}
      - name: side
        image: envoy
        securityContext:
          runAsUser: 1000
          allowPrivilegeEscalation: false
          capabilities:
            add: [NET_BIND_SERVICE]
      - name: agent
        image: agent
        securityContext:
          privileged: true
";

fn show(arguments: &[&str]) -> Command {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("dropcap")).arg("show");
    for argument in arguments {
        command = command.arg(argument);
    }
    command.env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1")
}

/// With this manifest on standard input.
fn piped(manifest: &str, arguments: &[&str]) -> Command {
    show(arguments).arg("-").stdin(manifest.to_owned().into_data().raw())
}

#[test]
fn drop_all() {
    piped(EXAMPLE_POD, &[])
        .assert()
        .success()
        .stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:7:11  Pod example-pod, container example-container (nginx)
  user          root or not, as the image's USER says
  holds         14 by default -> 0
  escape class  none
    all five sets: none
  can           bind ports below 1024 (any user can here)
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

"#]])
        .stderr_eq(str![]);
}

#[test]
fn drop_all_add_net_bind_service() {
    piped(NGINX_POD, &[])
        .assert()
        .success()
        .stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:7:11  Pod nginx-pod, container nginx-container (nginx)
  user          root or not, as the image's USER says
  holds         14 by default -> 1 if root, 0 if not
  escape class  none
  if root
    effective, permitted, bounding: NET_BIND_SERVICE
    inheritable, ambient: none
    why NET_BIND_SERVICE: added (line 14)
  if not root
    the same bounding set; the other four: none (lost: non-root, no ambient)
    within reach of a set-uid program or a file with capabilities: all of the
      bounding set
  note          NET_BIND_SERVICE is not needed: containerd 2.0 sets
                net.ipv4.ip_unprivileged_port_start=0, so every port is open to
                every user
  can           bind ports below 1024 (any user can here)
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

"#]])
        .stderr_eq(str![]);
}

#[test]
fn on_a_runtime_that_was_named_the_port_needs_the_capability() {
    piped(NGINX_POD, &["--runtime", "crio@1.28"]).assert().success().stdout_eq(str![[r#"
For CRI-O 1.28.

<stdin>:7:11  Pod nginx-pod, container nginx-container (nginx)
  user          root or not, as the image's USER says
  holds         9 by default -> 1 if root, 0 if not
  escape class  none
  if root
    effective, permitted, bounding: NET_BIND_SERVICE
    inheritable, ambient: none
    why NET_BIND_SERVICE: added (line 14)
  if not root
    the same bounding set; the other four: none (lost: non-root, no ambient)
    within reach of a set-uid program or a file with capabilities: all of the
      bounding set
  can if root   bind ports below 1024
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

"#]]);
}

#[test]
fn podman_raises_what_is_added_for_a_user_that_is_not_root() {
    piped(NGINX_POD, &["--runtime", "podman@4.3"]).assert().success().stdout_eq(str![[r#"
For Podman 4.3.

<stdin>:7:11  Pod nginx-pod, container nginx-container (nginx)
  user          root or not, as the image's USER says
  holds         14 by default -> 1
  escape class  none
  if root
    effective, permitted, bounding: NET_BIND_SERVICE
    inheritable, ambient: none
    why NET_BIND_SERVICE: added (line 14)
  if not root
    all five sets: NET_BIND_SERVICE
    why NET_BIND_SERVICE: ambient (Podman, non-root)
  can           bind ports below 1024
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

"#]]);
}

#[test]
fn all_runtimes_side_by_side() {
    piped(MIXED, &["--runtime", "all"]).assert().success().stdout_eq(str![[r#"
For containerd, CRI-O, Docker, Podman, nerdctl and Linux.

<stdin>:12:15  Deployment web, init container setup (busybox)
  user          0, root (line 15)
    in common   CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID SYS_CHROOT MKNOD
                SETFCAP KILL NET_BIND_SERVICE SETPCAP AUDIT_WRITE
    containerd  13
    CRI-O       does not start: CRI-O refuses to create the container: unknown
                capability "SYS_MODULEE" in add; did you mean SYS_MODULE?
    Docker      does not start: Docker refuses to create the container: unknown
                capability "SYS_MODULEE" in add; did you mean SYS_MODULE?
    Podman      does not start: Podman refuses to create the container: unknown
                capability "SYS_MODULEE" in add; did you mean SYS_MODULE?
    nerdctl     14 + SYS_ADMIN
    Linux       does not start: unknown capability "SYS_MODULEE" in add; did you
                mean SYS_MODULE? (a process without a container)

<stdin>:20:15  Deployment web, container web (nginx:1.27)
  user          root or not, as the image's USER says
  if root
    in common   CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID KILL
                NET_BIND_SERVICE SETPCAP
    containerd  14 + NET_RAW SYS_CHROOT MKNOD SETFCAP AUDIT_WRITE
    CRI-O       9
    Docker      14 + NET_RAW SYS_CHROOT MKNOD SETFCAP AUDIT_WRITE
    Podman      11 + SYS_CHROOT SETFCAP
    nerdctl     14 + NET_RAW SYS_CHROOT MKNOD SETFCAP AUDIT_WRITE
    Linux       41 + all the others (a process without a container)
  if not root
    all alike   none
    Linux       0 (a process without a container)

<stdin>:24:15  Deployment web, container side (envoy)
  user          1000 (line 27), no_new_privs (line 28)
    in common   none
    containerd  0
    CRI-O       0
    Docker      0
    Podman      1 + NET_BIND_SERVICE
    nerdctl     0
    Linux       0 (a process without a container)

<stdin>:31:15  Deployment web, container agent (agent)
  user          root or not, as the image's USER says
  if root
    all alike   all 41
    Linux       41 (a process without a container)
  if not root
    in common   none
    containerd  0
    CRI-O       41 + all the others
    Docker      0
    Podman      0
    nerdctl     0
    Linux       0 (a process without a container)

"#]]);
}

#[test]
fn what_one_meets_in_the_wild() {
    piped(MIXED, &[]).assert().success().stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:12:15  Deployment web, init container setup (busybox)
  user          0, root (line 15)
  holds         14 by default -> 13
  escape class  none
    effective, permitted, bounding: CHOWN DAC_OVERRIDE FOWNER FSETID SETGID
      SETUID SYS_CHROOT MKNOD SETFCAP KILL NET_BIND_SERVICE SETPCAP AUDIT_WRITE
    inheritable, ambient: none
    why all 13: default of containerd
  note          line 17: add `CAP_SYS_ADMIN` has no effect: containerd makes it
                CAP_CAP_SYS_ADMIN; the name is SYS_ADMIN
  note          line 17: add `SYS_MODULEE` has no effect: containerd makes it
                CAP_SYS_MODULEE; did you mean SYS_MODULE?
  can           bind ports below 1024 (any user can here), change the owner of
                files
  cannot        open raw sockets, mount file systems, load kernel modules, set
                the clock

<stdin>:20:15  Deployment web, container web (nginx:1.27)
  user          root or not, as the image's USER says
  holds         14 by default -> 14 if root, 0 if not
  escape class  CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID SYS_CHROOT MKNOD
                SETFCAP (with a writable hostPath)
  if root
    effective, permitted, bounding: CHOWN DAC_OVERRIDE FOWNER FSETID SETGID
      SETUID NET_RAW SYS_CHROOT MKNOD SETFCAP KILL NET_BIND_SERVICE SETPCAP
      AUDIT_WRITE
    inheritable, ambient: none
    why all 14: default of containerd
  if not root
    the same bounding set; the other four: none (lost: non-root, no ambient)
    within reach of a set-uid program or a file with capabilities: all of the
      bounding set
  can           bind ports below 1024 (any user can here)
  can if root   change the owner of files, open raw sockets
  cannot        mount file systems, load kernel modules, set the clock

<stdin>:24:15  Deployment web, container side (envoy)
  user          1000 (line 27), no_new_privs (line 28)
  holds         14 by default -> 0
  escape class  none
    effective, permitted, inheritable, ambient: none
    bounding: CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID NET_RAW SYS_CHROOT
      MKNOD SETFCAP KILL NET_BIND_SERVICE SETPCAP AUDIT_WRITE
    why NET_BIND_SERVICE: added (line 30); the other 13: default of containerd
    why all 14: lost: non-root, no ambient (line 27)
  note          NET_BIND_SERVICE is not needed: containerd 2.0 sets
                net.ipv4.ip_unprivileged_port_start=0, so every port is open to
                every user
  can           bind ports below 1024 (any user can here)
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

<stdin>:31:15  Deployment web, container agent (agent)
  user          root or not, as the image's USER says
  holds         14 by default -> 41 if root, 0 if not
  escape class  SYS_MODULE SYS_ADMIN DAC_READ_SEARCH SYS_RAWIO and 5 more as
                things stand
  if root
    effective, permitted, bounding: all 41
    inheritable, ambient: none
    why all 41: privileged (line 34)
  if not root
    the same bounding set; the other four: none (lost: non-root, no ambient)
    within reach of a set-uid program or a file with capabilities: all of the
      bounding set
  can           bind ports below 1024 (any user can here)
  can if root   change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

4 containers: 1 with nothing, 2 in the escape class

"#]]);
}

#[test]
fn verbose_says_why_the_rest_is_not_held() {
    piped(EXAMPLE_POD, &["-v"]).assert().success().stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:7:11  Pod example-pod, container example-container (nginx)
  user          root or not, as the image's USER says
  holds         14 by default -> 0
  escape class  none
    all five sets: none
  not held      not in the default of containerd: DAC_READ_SEARCH
                LINUX_IMMUTABLE NET_BROADCAST NET_ADMIN IPC_LOCK IPC_OWNER
                SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
                SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG LEASE
                AUDIT_CONTROL MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
                BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
  not held      removed by drop ALL (line 12): CHOWN DAC_OVERRIDE FOWNER FSETID
                KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT
                MKNOD AUDIT_WRITE SETFCAP
  can           bind ports below 1024 (any user can here)
  cannot        change the owner of files, open raw sockets, mount file systems,
                load kernel modules, set the clock

"#]]);
}

#[test]
fn who_holds_it() {
    piped(MIXED, &["--holds", "sys_admin"]).assert().success().stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:31:15  Deployment web, container agent (agent)
    held if root, within reach of a set-uid program if not: privileged (line 34)

SYS_ADMIN is held, or within reach, in 1 of 4 containers

"#]]);
    piped(EXAMPLE_POD, &["--holds", "13"]).assert().success().stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

NET_RAW is held, or within reach, in 0 of 1 container

"#]]);
}

#[test]
fn a_runtime_that_refuses_says_why_and_on_which_line() {
    piped(MIXED, &["--runtime", "crio", "--quiet"]).assert().success().stdout_eq(str![[r#"
For CRI-O.

<stdin>:12:15  Deployment web, init container setup (busybox)
  holds         nothing, it does not start: CRI-O refuses to create the
                container: unknown capability "SYS_MODULEE" in add; did you mean
                SYS_MODULE? (line 17)

<stdin>:20:15  Deployment web, container web (nginx:1.27)
  user          root or not, as the image's USER says
  holds         9 by default -> 9 if root, 0 if not
  escape class  CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID (with a writable
                hostPath)
  if root
    effective, permitted, bounding: CHOWN DAC_OVERRIDE FOWNER FSETID SETGID
      SETUID KILL NET_BIND_SERVICE SETPCAP
    inheritable, ambient: none
    why all 9: default of CRI-O
  if not root
    the same bounding set; the other four: none (lost: non-root, no ambient)
    within reach of a set-uid program or a file with capabilities: all of the
      bounding set
  can if root   bind ports below 1024, change the owner of files
  cannot        open raw sockets, mount file systems, load kernel modules, set
                the clock

<stdin>:24:15  Deployment web, container side (envoy)
  user          1000 (line 27), no_new_privs (line 28)
  holds         9 by default -> 0
  escape class  none
    effective, permitted, inheritable, ambient: none
    bounding: CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID KILL
      NET_BIND_SERVICE SETPCAP
    why NET_BIND_SERVICE: added (line 30); the other 8: default of CRI-O
    why all 9: lost: non-root, no ambient (line 27)
  cannot        bind ports below 1024, change the owner of files, open raw
                sockets, mount file systems, load kernel modules, set the clock

<stdin>:31:15  Deployment web, container agent (agent)
  user          root or not, as the image's USER says
  holds         9 by default -> 41
  escape class  SYS_MODULE SYS_ADMIN DAC_READ_SEARCH SYS_RAWIO and 5 more as
                things stand
    all five sets: all 41
    why all 41: privileged (line 34)
  can           bind ports below 1024, change the owner of files, open raw
                sockets, mount file systems, load kernel modules, set the clock

4 containers: 2 with nothing, 2 in the escape class

"#]]);
}

#[test]
fn a_user_namespace_and_the_objections_of_kubernetes() {
    let manifest = "\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  hostUsers: false
  securityContext:
    runAsNonRoot: true
    sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: \"443\"}]
    capabilities: {drop: [ALL]}
  containers:
  - name: c
    securityContext:
      runAsUser: 0
      allowPrivilegeEscalation: false
      privileged: true
";
    piped(manifest, &[]).assert().success().stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

<stdin>:11:11  Pod p, container c
  user          0, root (line 13), no_new_privs (line 14), in a user namespace
                of the pod (line 5)
  holds         14 by default -> 41
  escape class  SYS_MODULE SYS_ADMIN DAC_READ_SEARCH SYS_RAWIO and 5 more as
                things stand (but within the pod's own user namespace only)
    effective, permitted, bounding: all 41
    inheritable, ambient: none
    why all 41: privileged (line 15)
  can           bind ports below 1024, change the owner of files, open raw
                sockets, mount file systems
  cannot        load kernel modules, set the clock
  but           line 9: capabilities in the pod's securityContext has no effect:
                the field exists on containers only, and the API server refuses
                or drops it
  but           line 15: the API server refuses the pod: privileged with
                allowPrivilegeEscalation: false
  but           line 7: the kubelet does not start the container: runAsNonRoot
                is true and runAsUser is 0

"#]]);
}

#[test]
fn lost_indentation_is_an_error_that_says_so() {
    for manifest in [EXAMPLE_POD, NGINX_POD] {
        let flat: String =
            manifest.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        let output = piped(&flat, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error: <stdin>:4:1: the indentation seems lost"), "{said}");
        let help = said.split_once("help: this may be what was meant:\n").unwrap().1;
        let suggestion: String = help
            .lines()
            .map_while(|line| Some(format!("{}\n", line.strip_prefix("    ")?)))
            .collect();
        assert_eq!(suggestion, manifest);
    }
}

#[test]
fn nothing_to_look_at_is_an_error() {
    piped("kind: Service\napiVersion: v1\nmetadata: {name: a}\n", &[])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: found no containers: 1 file read, 1 document without a pod spec
  help: expected Kubernetes objects with a pod spec: Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, …; a Compose file; or an OCI config.json. For kinds of your own there is --kinds

"#]]);
    piped("", &[]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: found no containers: 1 file read
  help: expected Kubernetes objects with a pod spec: Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, …; a Compose file; or an OCI config.json. For kinds of your own there is --kinds

"#]]);
    piped("kind: Pod\n{{ if x }}\n", &[]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
warning: <stdin>:2:1: a Go template (`{{ … }}`), not a manifest yet: render it first (helm template … | dropcap … -)
error: found no containers: 1 file read, 1 document not rendered (Go templates)

"#]]);
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), b"\x7fELF\0\0").unwrap();
    std::fs::write(folder.path().join("b.yaml"), EXAMPLE_POD).unwrap();
    show(&["--holds", "CHOWN", "a.yaml", "b.yaml", "c.yaml"])
        .current_dir(folder.path())
        .assert()
        .code(2)
        .stdout_eq(str![[r#"
For containerd 2.0, which is assumed: --runtime names another.

CHOWN is held, or within reach, in 0 of 1 container

"#]])
        .stderr_eq(str![[r#"
error: a.yaml: a binary file (NUL byte at offset 4), not a manifest
error: c.yaml: cannot read it: No such file or directory (os error 2)

"#]]);
}

#[test]
fn words_that_mean_nothing_are_errors() {
    piped(EXAMPLE_POD, &["--runtime", "contained"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'contained' for '--runtime <RUNTIME>': unknown runtime "contained"; expected containerd, crio, docker, podman, nerdctl or linux, with a version if it matters: containerd@2.0

For more information, try '--help'.

"#]]);
    piped(EXAMPLE_POD, &["--holds", "NET_RAWW"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'NET_RAWW' for '--holds <CAP>': unknown capability "NET_RAWW", did you mean NET_RAW?

For more information, try '--help'.

"#]]);
}

#[test]
fn json_says_the_same() {
    let output = piped(NGINX_POD, &["--json"]).output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["runtimes"], serde_json::json!(["containerd@2.0"]));
    assert_eq!(report["runtimeAssumed"], true);
    let container = &report["containers"][0];
    assert_eq!(container["container"], "nginx-container");
    assert_eq!(container["position"], serde_json::json!({ "line": 7, "column": 11 }));
    assert_eq!(container["user"], "unknown");
    let answers = container["runtimes"][0]["answers"].as_array().unwrap();
    let effective: Vec<_> = answers.iter().map(|a| a["process"]["effective"].clone()).collect();
    assert_eq!(effective, [serde_json::json!(["NET_BIND_SERVICE"]), serde_json::json!([])]);
    let fates = answers[0]["capabilities"].as_array().unwrap();
    assert_eq!(fates.len(), 41);
    let bind = fates.iter().find(|fate| fate["name"] == "NET_BIND_SERVICE").unwrap();
    assert_eq!(bind["effective"], true);
    assert_eq!(bind["reason"]["kind"], "added");
    assert_eq!(bind["reason"]["position"], serde_json::json!({ "line": 14, "column": 11 }));
    let raw = fates.iter().find(|fate| fate["name"] == "NET_RAW").unwrap();
    assert_eq!(raw["reason"]["phrase"], "removed by drop ALL");
    assert_eq!(answers[0]["cannot"].as_array().unwrap().len(), 5);
}

#[test]
fn json_keeps_to_its_schema() {
    let schema = serde_json::from_str(include_str!("../../../docs/schema/show-v1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for manifest in [EXAMPLE_POD, NGINX_POD, MIXED] {
        for runtime in ["containerd@1.7", "all", "containerd+youki", "containerd+crun@1.28"] {
            let output = piped(manifest, &["--json", "--runtime", runtime]).output().unwrap();
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let wrong: Vec<String> = schema
                .iter_errors(&report)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(wrong, [""; 0], "{runtime}");
        }
    }
}

#[test]
fn a_manifest_cannot_send_escape_sequences_to_a_terminal() {
    let manifest = EXAMPLE_POD.replace("image: nginx", r#"image: "\e[31mred\u202e""#);
    let output = piped(&manifest, &[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r"\u{1b}[31mred\u{202e}") && !text.contains('\u{1b}'), "{text}");
}

/// For root of a daemon that lacks SYS_RESOURCE, and for an entrypoint with file capabilities.
#[test]
fn what_the_daemon_and_the_file_hold_is_counted_if_it_is_said() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    \
               securityContext: {runAsUser: 1000, capabilities: {add: [ALL]}}\n";
    let sets = |arguments: &[&str]| {
        let output = piped(pod, &[&["--json", "--runtime", "containerd"], arguments].concat());
        let output = output.assert().success().get_output().stdout.clone();
        let document: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let process = &document["containers"][0]["runtimes"][0]["answers"][0]["process"];
        let process: caps::CapState = serde_json::from_value(process.clone()).unwrap();
        (process.bounding, process.effective)
    };
    let all = caps::CapSet::all_known();
    let time = caps::CapSet::from(caps::Capability::SYS_TIME);
    assert_eq!(sets(&[]), (all, caps::CapSet::EMPTY));
    assert_eq!(sets(&["--file-caps", "cap_sys_time=ep"]), (all, time));
    let less = caps::CapSet::from(caps::Capability::NET_RAW) | time;
    assert_eq!(
        sets(&["--daemon-set", "NET_RAW,SYS_TIME", "--file-caps", "cap_sys_time=ep"]),
        (less, time)
    );
    piped(pod, &["--file-caps", "sys_time"]).assert().code(2);
}
