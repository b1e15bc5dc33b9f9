//! `net-raw-for-ping`.

use caps::Capability;
use resolve::Ping;
use runtime::{List, Reason};

use crate::dialect;
use crate::finding::Finding;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds NET_RAW added for ping alone, which works without it.
    ///
    /// ## What it does
    /// It looks at NET_RAW that is added and effective in a container whose command runs ping and
    /// nothing else that is known to want raw sockets. ping tries an ICMP datagram socket first,
    /// and those are open to every group of `net.ipv4.ping_group_range`: containerd from 2.0 on and
    /// Docker from 20.10 on open it to all, and elsewhere the pod's sysctl does.
    ///
    /// ## Why is this bad?
    /// NET_RAW forges packets of every kind on the pod's network and opens kernel code with a
    /// history of ways out of the container; ping needs none of that.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       command: [ping, -c1, db]
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [NET_RAW]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       command: [ping, -c1, db]
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    /// Where the runtime does not open it: `securityContext: { sysctls: [{ name:
    /// net.ipv4.ping_group_range, value: "0 2147483647" }] }` of the pod.
    ///
    /// ## Fix
    /// None: the ping of some images carries NET_RAW as a file capability (Debian's does) and
    /// cannot be executed once it is out of the bounding set.
    "net-raw-for-ping",
    Fixes::Never("the ping of some images carries NET_RAW as a file capability and needs the add"),
    check
}

/// Programs that ask for an ICMP datagram socket first.
const PINGS: [&str; 4] = ["ping", "ping4", "ping6", "fping"];

/// Programs that want raw or packet sockets whatever a sysctl says.
const RAW: [&str; 13] = [
    "arping",
    "dhclient",
    "dhcpcd",
    "hping3",
    "keepalived",
    "mtr",
    "nmap",
    "nping",
    "tcpdump",
    "traceroute",
    "traceroute6",
    "tshark",
    "udhcpc",
];

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    const THIS: Capability = Capability::NET_RAW;
    if subject.is_privileged() || !runs_ping_alone(subject) {
        return;
    }
    let Some(fate) = subject.most().map(|sets| sets.fate(THIS)) else { return };
    let (true, Reason::Added { word }) = (fate.effective, fate.bounding_reason) else { return };
    let word = subject.whole(&word);
    let Some((_, span)) = subject.words(List::Add).nth(word.index) else { return };
    let (name, engine) = (subject.container_name(), subject.engine());
    let owner = subject.owner();
    let finding = |how: String| {
        Finding::new(
            &RULE,
            subject,
            Severity::Note,
            span,
            format!("{name} adds NET_RAW and runs ping, {how}"),
        )
        .label("needless for ping")
        .sure(Confidence::Medium)
        .about(THIS)
        .note("A ping whose file carries NET_RAW (getcap prints it) does need it to be executed.")
        .no_fix(format!(
            "the ping of some images carries NET_RAW as a file capability and needs the `{}`",
            dialect::list(subject.format(), List::Add)
        ))
    };
    findings.push(match subject.resolved().ping {
        Ping::OpenedByRuntime if !subject.options.assumed => {
            finding(format!("which works without: {engine} opens ICMP sockets to everybody"))
        }
        Ping::SetByPod { span } => {
            finding(format!("which works without: the {owner}'s sysctl opens ICMP sockets"))
                .related(span, "for these groups")
        }
        // The range of the node, or of a user namespace, is not the pod's to set.
        Ping::KernelDefault
            if subject.exposure.host_network.is_some()
                || subject.exposure.user_namespace.is_some() =>
        {
            return;
        }
        Ping::KernelDefault | Ping::OpenedByRuntime => {
            finding(format!("which a sysctl of the {owner} does as well")).help(format!(
                "set net.ipv4.ping_group_range to \"0 2147483647\" in the {owner}'s sysctls"
            ))
        }
    });
}

/// Whether the command names ping and no other program that wants raw sockets.
fn runs_ping_alone(subject: &Subject<'_>) -> bool {
    let text = || subject.container.command.iter().chain(&subject.container.args);
    let names = |known: &[&str]| {
        let apart = |c: char| c.is_whitespace() || ";&|()`$\"'".contains(c);
        text()
            .flat_map(|words| words.split(apart))
            .any(|word| known.contains(&word.rsplit('/').next().unwrap_or(word)))
    };
    names(&PINGS) && !names(&RAW)
}
