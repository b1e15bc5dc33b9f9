//! What it says of containers under the runtime that is assumed.

use snapbox::str;

use crate::{EXAMPLE_POD, MIXED, NGINX_POD, piped};

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
fn a_manifest_cannot_send_escape_sequences_to_a_terminal() {
    let manifest = EXAMPLE_POD.replace("image: nginx", r#"image: "\e[31mred\u202e""#);
    let output = piped(&manifest, &[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r"\u{1b}[31mred\u{202e}") && !text.contains('\u{1b}'), "{text}");
}
