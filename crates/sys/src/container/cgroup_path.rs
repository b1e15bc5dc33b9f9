//! Container identifiers in cgroup paths: what each engine and cgroup driver calls its cgroups.

use super::Engine;

/// What a cgroup path says about the container whose cgroup it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The container's full identifier: 64 hexadecimal digits.
    pub id: String,
    /// The engine, where the path names one.
    pub engine: Option<Engine>,
    /// The path of the container's own cgroup: what a container makes below it is cut off.
    pub path: String,
}

/// What stands before the identifier, and whose it is.
const PREFIXES: &[(&str, Option<Engine>)] = &[
    // podman 4.3 `libpod/container_internal_linux.go`: cgroupfs `libpod-ID`, systemd `libpod-ID.scope`;
    // `--cgroups=split` puts the payload below `libpod-payload-ID`.
    ("libpod-payload-", Some(Engine::Podman)),
    ("libpod-", Some(Engine::Podman)),
    // moby `daemon/oci_linux.go`, systemd driver: `docker-ID.scope`.
    ("docker-", Some(Engine::Docker)),
    // containerd `internal/cri/server/helpers_linux.go`, systemd driver: `cri-containerd-ID.scope`.
    ("cri-containerd-", Some(Engine::Containerd)),
    // cri-o `internal/config/cgmgr/cgroupmanager.go`: `crio-ID` and `crio-ID.scope`.
    ("crio-", Some(Engine::Crio)),
    // nerdctl `pkg/cmd/container/run_cgroup_linux.go`, systemd driver: `nerdctl-ID.scope`.
    ("nerdctl-", Some(Engine::Containerd)),
    // Kubernetes with the cgroupfs driver, docker and nerdctl with theirs: the bare identifier.
    ("", None),
];

/// The innermost container that a cgroup path names.
///
/// An engine's own helper cgroups (`libpod-conmon-ID.scope`, `crio-conmon-ID.scope`) name none.
#[must_use]
pub fn identify(path: &str) -> Option<Named> {
    let parts: Vec<&str> = path.split('/').collect();
    parts.iter().enumerate().rev().find_map(|(index, part)| {
        let named =
            |id: &str, engine| Named { id: id.to_owned(), engine, path: parts[..=index].join("/") };
        // containerd's systemd name, given to a runtime that takes it for a path: `SLICE:cri-containerd:ID`.
        if let Some((driver, id)) = part.rsplit_once(':') {
            let engine = match driver.rsplit(':').next().unwrap_or_default() {
                "cri-containerd" | "nerdctl" => Some(Engine::Containerd),
                "docker" => Some(Engine::Docker),
                "crio" => Some(Engine::Crio),
                "libpod" => Some(Engine::Podman),
                _ => None,
            };
            return engine.filter(|_| is_id(id)).map(|engine| named(id, Some(engine)));
        }
        let name = part.strip_suffix(".scope").unwrap_or(part);
        let (id, engine) = PREFIXES.iter().find_map(|(prefix, engine)| {
            name.strip_prefix(prefix).filter(|id| is_id(id)).map(|id| (id, *engine))
        })?;
        // A podman pod's cgroup has a bare identifier too; nothing but conmon lives in it directly.
        if engine.is_none() && parts.get(index + 1) == Some(&"conmon") {
            return None;
        }
        let parent = index.checked_sub(1).map(|above| parts[above]);
        let engine = engine.or_else(|| (parent == Some("docker")).then_some(Engine::Docker));
        Some(named(id, engine))
    })
}

/// Whether it is a full identifier as podman, docker, containerd's CRI, CRI-O and nerdctl make them.
#[must_use]
pub fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

    fn named(path: &str) -> Option<(String, Option<Engine>)> {
        identify(&path.replace("{A}", A).replace("{B}", B)).map(|n| (n.id, n.engine))
    }

    #[test]
    fn every_engine_and_driver_is_recognised() {
        use Engine::{Containerd, Crio, Docker, Podman};
        for (path, engine) in [
            ("/libpod_parent/libpod-{A}", Some(Podman)),
            ("/machine.slice/libpod-{A}.scope", Some(Podman)),
            ("/libpod_parent/{B}/libpod-{A}", Some(Podman)),
            ("/libpod_parent/libpod-{A}/libpod_parent/conmon", Some(Podman)),
            ("/machine.slice/libpod-{A}.scope/container", Some(Podman)),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope",
                Some(Podman),
            ),
            ("/system.slice/web.service/libpod-payload-{A}", Some(Podman)),
            ("/docker/{A}", Some(Docker)),
            ("/docker/{A}/init.scope", Some(Docker)),
            ("/system.slice/docker-{A}.scope", Some(Docker)),
            ("/some/parent/{A}", None),
            ("/k8s.io/{A}", None),
            ("/kubepods/burstable/pod1c9f/{A}", None),
            ("/kubepods/pod1c9f/{A}", None),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1c.slice/cri-containerd-{A}.scope",
                Some(Containerd),
            ),
            ("/system.slice/kubepods-besteffort-pod1c.slice:cri-containerd:{A}", Some(Containerd)),
            ("/kubepods.slice/kubepods-pod1c.slice/crio-{A}.scope", Some(Crio)),
            ("/kubepods/pod1c/crio-{A}", Some(Crio)),
            ("/system.slice/nerdctl-{A}.scope", Some(Containerd)),
            ("/../../docker/{A}", Some(Docker)),
        ] {
            assert_eq!(named(path), Some((A.to_owned(), engine)), "{path}");
        }
    }

    #[test]
    fn a_cgroup_inside_the_container_is_cut_off() {
        let named = identify(&format!("/docker/{A}/system.slice/x.service")).expect("named");
        assert_eq!(named.path, format!("/docker/{A}"));
    }

    #[test]
    fn the_innermost_of_nested_containers_counts() {
        let path =
            "/docker/{A}/kubelet.slice/kubelet-kubepods-pod1c.slice/cri-containerd-{B}.scope";
        assert_eq!(named(path), Some((B.to_owned(), Some(Engine::Containerd))));
    }

    #[test]
    fn a_host_process_and_an_engine_s_helper_are_in_no_container() {
        for path in [
            "/",
            "/init.scope",
            "/system.slice/sshd.service",
            "/machine.slice/libpod-conmon-{A}.scope",
            "/libpod_parent/conmon",
            "/libpod_parent/{A}/conmon",
            "/kubepods.slice/kubepods-pod1c.slice/crio-conmon-{A}.scope",
            "/docker/0123456789ab",
            "/x-{A}",
            "/{A}0",
            "/default/web",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
        assert_eq!(identify(&format!("/docker/{}", A.to_uppercase())), None);
    }
}
