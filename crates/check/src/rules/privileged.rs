//! `privileged`.

use crate::dialect;
use crate::finding::Finding;
use crate::holding::Holding;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;
use crate::words;
use manifest::Format;

rule! {
    /// Finds privileged containers: they hold every capability, whatever their lists say.
    ///
    /// ## What it does
    /// It looks at `privileged` and at what the container then holds. Every runtime ignores
    /// `capabilities` of a privileged container, `drop: [ALL]` included.
    ///
    /// ## Why is this bad?
    /// A privileged container has every capability, the node's devices, and neither seccomp nor
    /// AppArmor: it is the node. `drop: [ALL]` beside it only looks safe.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: agent }
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: agent
    ///       securityContext:
    ///         privileged: true
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: agent }
    /// spec:
    ///   containers:
    ///     - name: agent
    ///       image: agent
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETUID]
    /// ```
    /// `dropcap trace` says which capabilities it uses; devices come by `hostPath` or a device
    /// plugin.
    ///
    /// ## Fix
    /// None: dropcap edits `capabilities` and nothing else.
    "privileged",
    Fixes::Never("dropcap edits `capabilities` and no other field"),
    check,
    waivable: true,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(setting) = subject.context.privileged.filter(|setting| setting.value) else {
        return;
    };
    let Some(sets) = subject.most() else { return };
    let all = sets.process.bounding;
    let name = subject.container_name();
    let number = words::capabilities(all.len());
    let message = match subject.held.strongest(all) {
        Holding::Effective | Holding::Permitted => format!("{name} is privileged: {number}"),
        _ => format!(
            "{name} is privileged: not root, it holds nothing at first, but can get {number}"
        ),
    };
    let severity = subject.severity_of_set(all).unwrap_or(Severity::Note);
    let mut finding = Finding::new(&RULE, subject, severity, setting.span, message)
        .label("every capability, whatever the lists say")
        .about(all)
        .sure(Confidence::High)
        .help("find out what it needs with `dropcap trace`, then drop ALL and add that back")
        .no_fix(dialect::no_other_field(subject.format()));
    let sealed = subject.context.allow_privilege_escalation.filter(|allow| !allow.value);
    if let Some(allow) = sealed.filter(|_| subject.format() == Format::Kubernetes) {
        finding = finding
            .related(allow.span, "the API server refuses the pod: privileged is an escalation");
    }
    if let Some(lists) = &subject.container.security.capabilities {
        finding = finding.related(lists.span, "no runtime reads this");
    }
    findings.push(finding);
}
