//! What the pod's network namespace makes unnecessary: low ports and ping.

use manifest::{Format, Pod, Span};
use runtime::Runtime;

use crate::context::Context;

/// From which port on nobody needs `NET_BIND_SERVICE`, ip_unprivileged_port_start in
/// Documentation/networking/ip-sysctl.rst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum LowPorts {
    /// From 1024 on: the kernel's default, or the host's value with `hostNetwork`.
    KernelDefault,
    /// From 0 on: the runtime sets the sysctl to 0.
    OpenedByRuntime,
    /// From the port that the pod's own sysctl says.
    SetByPod {
        /// The value.
        start: u16,
        /// Where it is written.
        span: Span,
    },
}

impl LowPorts {
    /// The first port that needs no capability.
    #[must_use]
    pub fn start(self) -> u16 {
        match self {
            LowPorts::KernelDefault => 1024,
            LowPorts::OpenedByRuntime => 0,
            LowPorts::SetByPod { start, .. } => start,
        }
    }

    pub(crate) fn of(pod: &Pod, context: &Context, runtime: &Runtime) -> Self {
        // The pod's own sysctl is applied after the runtime's.
        if let Some((value, span)) = sysctl(pod, "net.ipv4.ip_unprivileged_port_start")
            && let Ok(start) = value.trim().parse()
        {
            return LowPorts::SetByPod { start, span };
        }
        // An OCI configuration is past the engine: what it opened is written there.
        let by_engine = pod.format != Format::Oci;
        if by_engine && runtime.opens_low_ports(context.host_network.is_some()) {
            return LowPorts::OpenedByRuntime;
        }
        LowPorts::KernelDefault
    }
}

/// Whether ICMP datagram sockets, which ping(8) tries first, are open to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ping {
    /// Closed, or the host's value with `hostNetwork`.
    KernelDefault,
    /// Open to every group: the runtime sets `ping_group_range`.
    OpenedByRuntime,
    /// As the pod's own sysctl says.
    SetByPod {
        /// Where it is written.
        span: Span,
    },
}

impl Ping {
    pub(crate) fn of(pod: &Pod, context: &Context, runtime: &Runtime) -> Self {
        if let Some((_, span)) = sysctl(pod, "net.ipv4.ping_group_range") {
            return Ping::SetByPod { span };
        }
        let (host_network, own_users) =
            (context.host_network.is_some(), context.user_namespace.is_some());
        if pod.format != Format::Oci && runtime.opens_ping(host_network, own_users) {
            return Ping::OpenedByRuntime;
        }
        Ping::KernelDefault
    }
}

/// The pod's own value of a sysctl; `/` separates as well as `.`, and the last one written wins.
fn sysctl<'a>(pod: &'a Pod, name: &str) -> Option<(&'a str, Span)> {
    pod.sysctls
        .iter()
        .rfind(|sysctl| sysctl.value.0.replace('/', ".") == name)
        .map(|sysctl| (sysctl.value.1.as_str(), sysctl.span))
}
