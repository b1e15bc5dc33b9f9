//! `needless-net-bind-service`.

use caps::Capability;
use resolve::LowPorts;
use runtime::{List, Reason};

use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds NET_BIND_SERVICE added where low ports are open anyway, or none is used.
    ///
    /// ## What it does
    /// It looks at NET_BIND_SERVICE that is added and effective, at the ports that the container
    /// declares, and at who opens low ports to everybody: the pod's own sysctl
    /// `net.ipv4.ip_unprivileged_port_start` can, and containerd from 2.0 on and Docker from 20.10
    /// on do, which counts where the runtime was named (`--runtime`). Declared ports are
    /// information, not a limit, so a finding that rests on them alone is less sure.
    ///
    /// ## Why is this bad?
    /// It is the mildest capability, and one too many all the same: without it the list is empty,
    /// the container passes every check, and no program in it can take a port that another one
    /// expects to own.
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
    ///       ports: [{ containerPort: 8080 }]
    ///       securityContext:
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
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       ports: [{ containerPort: 8080 }]
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    ///
    /// ## Fix
    /// The word is removed from `add`, where the image's entrypoint is known to carry no file
    /// capabilities (`--no-file-caps`); unsafe, because a port may be used that is not declared. As
    /// long as nobody has looked there is no edit: a file that carries NET_BIND_SERVICE, as that of
    /// CoreDNS, cannot be executed without it.
    "needless-net-bind-service",
    Fixes::Offered("remove it from add where the image carries no file capabilities; unsafe"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    const THIS: Capability = Capability::NET_BIND_SERVICE;
    if subject.is_privileged() {
        return;
    }
    let Some(fate) = subject.most().map(|sets| sets.fate(THIS)) else { return };
    let Reason::Added { word } = fate.bounding_reason else { return };
    let known = !subject.entrypoint.may_ask_for(THIS);
    if !fate.effective || (!known && subject.entrypoint.carried().is_some()) {
        return;
    }
    let word = subject.whole(&word);
    let Some((_, span)) = subject.words(List::Add).nth(word.index) else { return };
    let ports = &subject.container.ports;
    let low: Vec<i64> =
        ports.iter().map(|port| port.container_port.value).filter(|port| *port < 1024).collect();
    let open = subject.resolved().low_ports;
    let start = i64::from(open.start());
    let (name, engine) = (subject.container_name(), subject.engine());
    let what = format!("{name} adds NET_BIND_SERVICE");
    let (message, place, sure) = match open {
        LowPorts::OpenedByRuntime if !subject.options.assumed => (
            format!("{what}, and {engine} opens low ports to everybody"),
            None,
            subject.confidence(),
        ),
        LowPorts::SetByPod { span, .. }
            if start == 0 || (!low.is_empty() && low.iter().all(|port| *port >= start)) =>
        {
            let owner = subject.owner();
            let message = format!("{what}, and the {owner}'s sysctl opens the ports it is for");
            (message, Some(span), subject.confidence())
        }
        _ if !ports.is_empty() && low.is_empty() => {
            let message = format!("{what}, and declares no port below 1024");
            (message, None, Confidence::Medium)
        }
        _ => return,
    };
    let mut finding = Finding::new(&RULE, subject, Severity::Note, span, message)
        .label("needless")
        .sure(sure)
        .about(THIS);
    if let Some(place) = place {
        finding = finding.related(place, format!("open from {start} on"));
    }
    findings.push(if known {
        finding.fix(subject, &Change::Remove { list: List::Add, word: word.text })
    } else {
        finding.no_fix(format!(
            "nobody has looked whether the image's files carry it; one that does needs the `{}` \
             to be executed at all",
            dialect::list(subject.format(), List::Add)
        ))
    });
}
