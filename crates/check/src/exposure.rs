//! What around a container makes its capabilities more dangerous, or less.

use manifest::{Container, Pod, Span};

/// What the pod and the container open to the node, each with where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exposure {
    /// A `hostPath` volume that the container mounts writable: the path, and the mount.
    pub writable_host_path: Option<(String, Span)>,
    /// `hostPID: true`.
    pub host_pid: Option<Span>,
    /// `hostNetwork: true`.
    pub host_network: Option<Span>,
    /// `hostIPC: true`.
    pub host_ipc: Option<Span>,
    /// `privileged: true`: the node's devices.
    pub devices: Option<Span>,
    /// `hostUsers: false`: capabilities count within the pod's own user namespace only.
    pub user_namespace: Option<Span>,
}

impl Exposure {
    /// That of `container` in `pod`.
    #[must_use]
    pub fn of(pod: &Pod, container: &Container) -> Self {
        let on = |flag: &Option<manifest::Spanned<bool>>| {
            flag.as_ref().filter(|flag| flag.value).map(|flag| flag.span)
        };
        let writable_host_path = container.writable_mounts.iter().find_map(|mount| {
            let volume = pod.host_paths.iter().find(|volume| volume.volume == mount.value)?;
            Some((volume.path.value.clone(), mount.span))
        });
        Self {
            writable_host_path,
            host_pid: on(&pod.host_pid),
            host_network: on(&pod.host_network),
            host_ipc: on(&pod.host_ipc),
            devices: on(&container.security.privileged),
            user_namespace: pod.host_users.filter(|host| !host.value).map(|host| host.span),
        }
    }
}
