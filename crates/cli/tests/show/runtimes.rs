//! What it says of other runtimes, and of a daemon and an entrypoint that are told.

use snapbox::str;

use crate::{MIXED, NGINX_POD, piped};

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

/// A user that is not root is to have as inheritable what is not in the bounding set; root is not.
#[test]
fn podman_starts_as_root_what_it_refuses_to_others() {
    let compose = "services: {web: {image: x, cap_add: [ALL], cap_drop: [NET_RAW]}}\n";
    piped(compose, &["--runtime", "podman"]).assert().success().stdout_eq(str![[r#"
For Podman.

<stdin>:1:12  ComposeService web, container web (x)
  user          root or not, as the image's USER says
  holds         11 by default -> 40 if root
  escape class  SYS_MODULE SYS_ADMIN DAC_READ_SEARCH SYS_RAWIO and 2 more as
                things stand
  if root
    effective, permitted, bounding: SYS_MODULE SYS_ADMIN DAC_READ_SEARCH
      SYS_RAWIO CHOWN DAC_OVERRIDE PERFMON FOWNER FSETID SETGID SETUID NET_ADMIN
      SYS_CHROOT SYS_PTRACE SYS_BOOT MKNOD SETFCAP BPF SYS_TTY_CONFIG SYS_NICE
      SYS_RESOURCE SYS_TIME SYSLOG KILL IPC_OWNER LINUX_IMMUTABLE
      NET_BIND_SERVICE SYS_PACCT LEASE AUDIT_CONTROL MAC_ADMIN AUDIT_READ
      CHECKPOINT_RESTORE SETPCAP NET_BROADCAST IPC_LOCK AUDIT_WRITE MAC_OVERRIDE
      WAKE_ALARM BLOCK_SUSPEND
    inheritable, ambient: none
    why all 40: added by ALL (line 1)
  if not root
    nothing, it does not start: Podman cannot start the container: the kernel
      refuses NET_RAW as inheritable when it is not in the bounding set
  can if root   bind ports below 1024, change the owner of files, mount file
                systems, load kernel modules, set the clock
  cannot        open raw sockets

"#]]);
    piped(compose, &["--runtime", "all"]).assert().success().stdout_eq(str![[r#"
For containerd, CRI-O, Docker, Podman, nerdctl and Linux.

<stdin>:1:12  ComposeService web, container web (x)
  user          root or not, as the image's USER says
  if root
    all alike   SYS_MODULE SYS_ADMIN DAC_READ_SEARCH SYS_RAWIO CHOWN
                DAC_OVERRIDE PERFMON FOWNER FSETID SETGID SETUID NET_ADMIN
                SYS_CHROOT SYS_PTRACE SYS_BOOT MKNOD SETFCAP BPF SYS_TTY_CONFIG
                SYS_NICE SYS_RESOURCE SYS_TIME SYSLOG KILL IPC_OWNER
                LINUX_IMMUTABLE NET_BIND_SERVICE SYS_PACCT LEASE AUDIT_CONTROL
                MAC_ADMIN AUDIT_READ CHECKPOINT_RESTORE SETPCAP NET_BROADCAST
                IPC_LOCK AUDIT_WRITE MAC_OVERRIDE WAKE_ALARM BLOCK_SUSPEND
    Linux       40 (a process without a container)
  if not root
    in common   none
    containerd  0
    CRI-O       0
    Docker      0
    Podman      does not start: Podman cannot start the container: the kernel
                refuses NET_RAW as inheritable when it is not in the bounding
                set
    nerdctl     0
    Linux       0 (a process without a container)

"#]]);
    piped(compose, &["--runtime", "podman", "--holds", "SYS_ADMIN"]).assert().success().stdout_eq(
        str![[r#"
For Podman.

<stdin>:1:12  ComposeService web, container web (x)
    held if root: added by ALL (line 1)

SYS_ADMIN is held, or within reach, in 1 of 1 container

"#]],
    );
}
