//! What a runtime makes unnecessary: sysctls of the network namespace that it sets by itself.

use crate::name::{Engine, Runtime};

impl Runtime {
    /// Whether the runtime sets `net.ipv4.ip_unprivileged_port_start=0` in a container's own
    /// network namespace, so that ports below 1024 need no `NET_BIND_SERVICE`.
    ///
    /// Docker since 20.10 (moby `daemon/oci_linux.go` `WithSysctls`), containerd's CRI since 2.0
    /// (`enable_unprivileged_ports`), nerdctl since 2.2.1 (`pkg/cmd/container/create.go`; counted
    /// from 2.3 here, where every release has it). Not with the host's network, and a sysctl that the pod sets
    /// itself wins.
    #[must_use]
    pub fn opens_low_ports(&self, host_network: bool) -> bool {
        !host_network
            && match self.engine {
                Engine::Docker => self.at_least(20, 10),
                Engine::Containerd => self.at_least(2, 0),
                Engine::Nerdctl => self.at_least(2, 3),
                _ => false,
            }
    }

    /// Whether the runtime opens ICMP datagram sockets to everybody
    /// (`net.ipv4.ping_group_range`), so that a ping that uses them needs no `NET_RAW`. Raw
    /// sockets stay closed.
    ///
    /// Docker and containerd, the same releases as [`Runtime::opens_low_ports`]
    /// (`enable_unprivileged_icmp`), but not in a user namespace.
    #[must_use]
    pub fn opens_ping(&self, host_network: bool, user_namespace: bool) -> bool {
        !user_namespace
            && matches!(self.engine, Engine::Docker | Engine::Containerd)
            && self.opens_low_ports(host_network)
    }
}

#[cfg(test)]
mod tests {
    use crate::Runtime;

    #[test]
    fn low_ports_are_open_where_the_runtime_opens_them() {
        let opens = |name: &str| name.parse::<Runtime>().unwrap().opens_low_ports(false);
        let open: Vec<&str> = [
            "containerd",
            "containerd@2.0",
            "containerd@1.7",
            "docker",
            "docker@19.3",
            "crio",
            "podman",
            "nerdctl",
            "nerdctl@2.2",
            "linux",
        ]
        .into_iter()
        .filter(|name| opens(name))
        .collect();
        assert_eq!(open, ["containerd", "containerd@2.0", "docker", "nerdctl"]);
        let containerd: Runtime = "containerd".parse().unwrap();
        assert!(!containerd.opens_low_ports(true));
        assert!(containerd.opens_ping(false, false) && !containerd.opens_ping(false, true));
    }
}
