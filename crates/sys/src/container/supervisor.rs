//! The processes that engines leave beside a container, conmon(8) and containerd's shims: their
//! command lines say which container they serve and where its bundle is, whatever folders the
//! engine was told to use.

use std::path::PathBuf;

use crate::procfs::Process;

/// Which helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// conmon of podman or CRI-O: one a container, and one for each `exec` session.
    Conmon,
    /// A shim of containerd, which Docker uses too: one a container or one a pod.
    Shim,
}

/// A helper and what its command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    /// Its process ID.
    pub pid: u32,
    /// Which helper.
    pub kind: Kind,
    /// The container it serves; for a shim of a pod, the pod's sandbox.
    pub id: String,
    /// The container's name (conmon `-n`).
    pub name: Option<String>,
    /// containerd's namespace (shim `-namespace`): `moby`, `k8s.io`, `default`, …
    pub namespace: Option<String>,
    /// The bundle, as the helper sees it (conmon `-b`; a shim works in it, which only its `cwd` tells).
    pub bundle: Option<PathBuf>,
    /// The file with the process ID of the container's first process (conmon `-p`).
    pub pid_file: Option<PathBuf>,
    /// Whether it serves an `exec` session only (conmon `-e`).
    pub exec_session: bool,
}

impl Supervisor {
    /// What this process is, if it is a helper.
    ///
    /// Anybody may call a program so. Believe a supervisor about its own children only.
    #[must_use]
    pub fn of(process: &Process) -> Option<Self> {
        let program = process.cmdline.first()?.rsplit('/').next()?;
        let arguments = &process.cmdline[1..];
        let kind = match program {
            "conmon" => Kind::Conmon,
            _ if program.starts_with("containerd-shim") => Kind::Shim,
            _ => return None,
        };
        let value = |names: &[&str]| option(arguments, names);
        let id = match kind {
            // conmon 2.1 `src/cli.c`.
            Kind::Conmon => value(&["-c", "--cid"])?,
            // containerd 1.6 `runtime/v2/shim/shim.go`; version 1 shims know `-workdir …/ID` only.
            Kind::Shim => match value(&["-id", "--id"]) {
                Some(id) => id,
                None => value(&["-workdir"])?.rsplit('/').next().unwrap_or_default().to_owned(),
            },
        };
        let conmon = kind == Kind::Conmon;
        Some(Self {
            pid: process.pid,
            kind,
            id,
            name: value(&["-n", "--name"]).filter(|_| conmon),
            namespace: value(&["-namespace", "--namespace"]).filter(|_| !conmon),
            bundle: value(&["-b", "--bundle"]).filter(|_| conmon).map(PathBuf::from),
            pid_file: value(&["-p", "--container-pidfile"]).filter(|_| conmon).map(PathBuf::from),
            exec_session: conmon && arguments.iter().any(|a| a == "-e" || a == "--exec"),
        })
    }
}

/// The value of an option given as `NAME VALUE` or `NAME=VALUE`.
fn option(arguments: &[String], names: &[&str]) -> Option<String> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        names.iter().find_map(|name| match argument.strip_prefix(name)? {
            "" => arguments.get(index + 1).cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A process with this command line and nothing else of interest.
    pub fn process(pid: u32, parent: u32, cmdline: &str) -> Process {
        Process {
            pid,
            parent,
            ns_pids: vec![pid],
            comm: "x".to_owned(),
            state: 'S',
            kernel_thread: false,
            exe: None,
            cmdline: cmdline.split(' ').map(str::to_owned).collect(),
            uids: caps::Ids::default(),
            gids: caps::Ids::default(),
            groups: Vec::new(),
            threads: 1,
            caps: caps::CapState::default(),
            no_new_privs: false,
            seccomp: crate::procfs::Seccomp::Disabled,
            namespaces: crate::namespace::Namespaces::default(),
            cgroups: crate::cgroup::Cgroups::default(),
            start_time: u64::from(pid),
        }
    }

    #[test]
    fn conmon_names_container_bundle_and_pid_file() {
        let conmon = process(
            7,
            1,
            "/usr/bin/conmon --api-version 1 -c abc -u abc -r /usr/sbin/runc \
             -b /s/overlay-containers/abc/userdata -p /r/abc/userdata/pidfile -n web \
             --exit-dir /run/libpod/exits --runtime-arg --log-format=json",
        );
        assert_eq!(
            Supervisor::of(&conmon),
            Some(Supervisor {
                pid: 7,
                kind: Kind::Conmon,
                id: "abc".to_owned(),
                name: Some("web".to_owned()),
                namespace: None,
                bundle: Some(PathBuf::from("/s/overlay-containers/abc/userdata")),
                pid_file: Some(PathBuf::from("/r/abc/userdata/pidfile")),
                exec_session: false,
            })
        );
        let exec = process(8, 1, "conmon -c abc -e --exec-attach --exec-process-spec /x");
        assert!(Supervisor::of(&exec).is_some_and(|s| s.exec_session && s.id == "abc"));
    }

    #[test]
    fn a_shim_names_its_task_and_containerd_s_namespace() {
        let shim = process(
            9,
            1,
            "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /run/c.sock",
        );
        let shim = Supervisor::of(&shim).expect("a shim");
        assert_eq!((shim.kind, shim.id.as_str()), (Kind::Shim, "abc"));
        assert_eq!(shim.namespace.as_deref(), Some("k8s.io"));
        let old = process(
            9,
            1,
            "containerd-shim -namespace moby -workdir /var/lib/x/moby/abc -address a",
        );
        assert_eq!(Supervisor::of(&old).map(|s| s.id), Some("abc".to_owned()));
    }

    #[test]
    fn other_programs_are_none() {
        for cmdline in ["", "conmon", "sleep -c abc", "sh -c conmon", "containerd-shim-runc-v2 -v"]
        {
            assert_eq!(Supervisor::of(&process(1, 0, cmdline)), None, "{cmdline:?}");
        }
    }
}
