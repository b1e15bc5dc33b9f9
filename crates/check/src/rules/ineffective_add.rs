//! `ineffective-add`.

use caps::Capability;
use resolve::{LowPorts, Ping};
use runtime::{List, Reason, User};

use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::rule::{Fixes, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds capabilities that are added for a process that is not root, which does not get them.
    ///
    /// ## What it does
    /// For a container that runs as another user than root it asks which of the added
    /// capabilities are still effective after the entrypoint's `execve`. On containerd, CRI-O,
    /// Docker and nerdctl none is, unless the program's file carries it; Podman raises them in
    /// the ambient set.
    ///
    /// ## Why is this bad?
    /// The program fails as if nothing had been added, and the manifest says otherwise. The
    /// capability stays in the bounding set, where a set-uid program finds it.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx
    ///       securityContext:
    ///         runAsUser: 101
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   securityContext:
    ///     sysctls:
    ///       - { name: net.ipv4.ip_unprivileged_port_start, value: "80" }
    ///   containers:
    ///     - name: web
    ///       image: nginx
    ///       securityContext:
    ///         runAsUser: 101
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    /// For a capability that no sysctl replaces, give it to the program's file in the image
    /// (`setcap cap_sys_time+ep /usr/sbin/chronyd`) and keep the `add`: the file can only
    /// grant what is in the bounding set.
    ///
    /// ## Fix
    /// None as long as nobody has looked into the image: if the program's file carries the
    /// capability, as those of CoreDNS and ingress-nginx do, it takes effect, and without the `add` the
    /// program cannot even be executed. Where the image is known to carry none (`--no-file-caps`),
    /// the word is removed from `add`; unsafe, because Podman would grant it.
    "ineffective-add",
    Fixes::Offered("remove it from add where the image carries no file capabilities; unsafe"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() || subject.request().user != User::NonRoot {
        return;
    }
    let Some(sets) = subject.most() else { return };
    for capability in sets.process.bounding {
        let fate = sets.fate(capability);
        let (Reason::LostNonRoot, Reason::Added { word }) = (fate.reason, fate.bounding_reason)
        else {
            continue;
        };
        let word = subject.whole(&word);
        let Some((_, span)) = subject.words(List::Add).nth(word.index) else { continue };
        let (name, engine) = (subject.container_name(), subject.engine());
        let known = !subject.entrypoint.may_ask_for(capability);
        let message = if known {
            format!("{name} is not root: {capability} is added and not effective on {engine}")
        } else {
            format!(
                "{name} is not root: {capability} is not effective on {engine}, unless the \
                 program's file carries it"
            )
        };
        let mut finding = Finding::new(&RULE, subject, Severity::Note, span, message)
            .label("in the bounding set only")
            .about(capability);
        finding = if known {
            let word = word.text.clone();
            finding.fix(subject, &Change::Remove { list: List::Add, word })
        } else {
            finding.no_fix(format!(
                "nobody has looked whether the image's files carry it; one that does needs the \
                 `{}` to be executed at all",
                dialect::list(subject.format(), List::Add)
            ))
        };
        if let Some(span) = subject.context.user_span() {
            finding = finding.related(span, subject.not_root());
        }
        for help in instead(subject, capability) {
            finding = finding.help(help);
        }
        findings.push(finding);
    }
}

/// What does take effect for a process that is not root, an instruction each.
#[must_use]
pub fn instead(subject: &Subject<'_>, capability: Capability) -> Vec<String> {
    let (engine, owner) = (subject.engine(), subject.owner());
    let mut ways = Vec::new();
    match capability {
        Capability::NET_BIND_SERVICE => ways.push(match subject.resolved().low_ports {
            LowPorts::OpenedByRuntime => {
                format!("nothing is needed for low ports: {engine} opens them to everybody")
            }
            LowPorts::SetByPod { start, .. } => {
                format!("nothing is needed from port {start} on: the {owner}'s sysctl opens them")
            }
            LowPorts::KernelDefault if subject.exposure.host_network.is_some() => {
                "listen on a port above 1023: on the node's network the sysctl is the node's"
                    .to_owned()
            }
            LowPorts::KernelDefault => format!(
                "set the {owner}'s sysctl net.ipv4.ip_unprivileged_port_start, or listen on a port \
                 above 1023"
            ),
        }),
        Capability::NET_RAW => ways.push(match subject.resolved().ping {
            Ping::OpenedByRuntime => {
                format!("nothing is needed for ping: {engine} opens ICMP sockets to everybody")
            }
            Ping::SetByPod { .. } => {
                format!(
                    "nothing is needed for ping if the {owner}'s ping_group_range has the group"
                )
            }
            Ping::KernelDefault => {
                format!("for ping alone, set the {owner}'s sysctl net.ipv4.ping_group_range")
            }
        }),
        _ => {}
    }
    let lower = capability.to_string().to_lowercase();
    let file = format!(
        "give it to the program's file in the image (`setcap cap_{lower}+ep`): together with \
         the `{}` it takes effect",
        dialect::list(subject.format(), List::Add)
    );
    ways.push(if subject.request().no_new_privs {
        format!("{file}, in the entrypoint though not in what that starts (no_new_privs)")
    } else {
        file
    });
    ways
}
