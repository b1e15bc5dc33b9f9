//! `low-port`.

use caps::Capability;
use resolve::LowPorts;
use runtime::{Engine, User};

use crate::finding::Finding;
use crate::holding::Holding;
use crate::rule::{Fixes, KUBERNETES, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds containers with a port below 1024 and nothing that lets them listen there.
    ///
    /// ## What it does
    /// It looks at `containerPort`s below 1024 where the process does not hold NET_BIND_SERVICE,
    /// the runtime opens no low ports, and no sysctl of the pod does. A declared port is
    /// information only, and the program's file may carry the capability, so this is a note. An
    /// `add` that has no effect changes nothing here; it is a matter of `ineffective-add`, too.
    ///
    /// ## Why is this bad?
    /// bind(2) fails with `Permission denied`, on this runtime and not on the next: Docker and
    /// containerd from 2.0 on open low ports, CRI-O, Podman and containerd 1.7 do not.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   hostNetwork: true
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       ports: [{ containerPort: 80 }]
    ///       securityContext:
    ///         runAsUser: 1000
    ///         allowPrivilegeEscalation: false
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   hostNetwork: true
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       ports: [{ containerPort: 8080 }]
    ///       securityContext:
    ///         runAsUser: 1000
    ///         allowPrivilegeEscalation: false
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    /// With a network of its own a pod may keep its port: `net.ipv4.ip_unprivileged_port_start`
    /// among its sysctls opens it.
    ///
    /// ## Fix
    /// None: to add a capability would grant it, and dropcap edits no other field.
    "low-port",
    Fixes::Never("to add a capability would grant it, and dropcap edits no other field"),
    check,
    formats: KUBERNETES,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    const NEEDED: Capability = Capability::NET_BIND_SERVICE;
    let holding = subject.held.by(NEEDED);
    if subject.most().is_none()
        || subject.options.runtime.engine == Engine::Linux
        || holding >= Holding::Permitted
    {
        return;
    }
    let open = subject.resolved().low_ports;
    let start = i64::from(open.start());
    for port in &subject.container.ports {
        let number = port.container_port.value;
        if !(1..start).contains(&number) {
            continue;
        }
        let (name, engine) = (subject.container_name(), subject.options.runtime_name());
        let unless = match holding {
            Holding::No => "",
            _ => ", unless the program's file carries it",
        };
        let message = format!(
            "{name} declares port {number} and cannot listen there on {engine}: neither \
             NET_BIND_SERVICE nor a sysctl{unless}"
        );
        let mut finding =
            Finding::new(&RULE, subject, Severity::Note, port.container_port.span, message)
                .label(format!("needs a capability below {start}"))
                .sure(Confidence::Medium)
                .no_fix("to add a capability would grant it, and dropcap edits no other field");
        if let LowPorts::SetByPod { span, .. } = open {
            finding = finding.related(span, format!("opens ports from {start} on"));
        }
        for help in ways(subject, number, start) {
            finding = finding.help(help);
        }
        findings.push(finding);
    }
}

/// What lets it listen, and brings nothing dangerous along.
fn ways(subject: &Subject<'_>, port: i64, start: i64) -> Vec<String> {
    let mut ways = vec![format!("listen on a port from {start} on")];
    if subject.exposure.host_network.is_none() {
        ways.push(format!(
            "or set the {}'s sysctl net.ipv4.ip_unprivileged_port_start to {port}",
            subject.owner()
        ));
        if subject.request().user == User::Root {
            ways.push("or add NET_BIND_SERVICE: it is root, and would hold it".to_owned());
        }
    }
    ways
}
