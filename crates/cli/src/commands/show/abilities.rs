//! What a process with such sets can and cannot do, in the words of a person: six things that
//! people ask for.

use caps::{CapSet, Capability};
use resolve::{LowPorts, Resolved};
use runtime::Sets;

/// Something to try, and the capability it takes, capabilities(7).
const TRIALS: [(&str, Capability); 6] = [
    ("bind ports below 1024", Capability::NET_BIND_SERVICE),
    ("change the owner of files", Capability::CHOWN),
    ("open raw sockets", Capability::NET_RAW),
    ("mount file systems", Capability::SYS_ADMIN),
    ("load kernel modules", Capability::SYS_MODULE),
    ("set the clock", Capability::SYS_TIME),
];

/// The first, where nobody needs the capability.
const OPEN_PORTS: &str = "bind ports below 1024 (any user can here)";

/// Those of the six that the process can do, and those it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// It can, as far as capabilities go.
    pub can: Vec<&'static str>,
    /// It cannot: the kernel answers EPERM.
    pub cannot: Vec<&'static str>,
}

impl Abilities {
    /// Of a process with `sets`.
    pub fn of(answer: &Resolved, sets: &Sets) -> Self {
        let mut held = sets.process.effective;
        if answer.context.user_namespace.is_some() {
            // The clock and modules belong to the initial user namespace alone.
            held = held - CapSet::of(&[Capability::SYS_MODULE, Capability::SYS_TIME]);
        }
        let (can, cannot): (Vec<_>, Vec<_>) =
            TRIALS.iter().partition(|(_, capability)| held.contains(*capability));
        let words = |trials: Vec<&(&'static str, Capability)>| {
            trials.into_iter().map(|(words, _)| *words).collect()
        };
        let mut abilities = Self { can: words(can), cannot: words(cannot) };
        if answer.low_ports.start() == 0 {
            let (ports, _) = TRIALS[0];
            abilities.can.retain(|words| *words != ports);
            abilities.cannot.retain(|words| *words != ports);
            abilities.can.insert(0, OPEN_PORTS);
        }
        abilities
    }
}

/// Why ports below 1024 need no capability here, if they do not.
pub fn low_ports(answer: &Resolved) -> Option<String> {
    let runtime = &answer.runtime;
    match answer.low_ports {
        LowPorts::KernelDefault => None,
        LowPorts::OpenedByRuntime => Some(format!(
            "{} sets net.ipv4.ip_unprivileged_port_start=0, so every port is open to every user",
            super::phrases::runtime(runtime)
        )),
        LowPorts::SetByPod { start, .. } if start < 1024 => Some(format!(
            "the pod sets net.ipv4.ip_unprivileged_port_start={start}, so ports from {start} on \
             are open to every user"
        )),
        LowPorts::SetByPod { .. } => None,
    }
}
