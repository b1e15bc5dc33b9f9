//! `pod-level-capabilities`.

use crate::finding::Finding;
use crate::rule::{Fixes, KUBERNETES, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds `capabilities` in the securityContext of the pod, where no such field exists.
    ///
    /// ## What it does
    /// It looks for `capabilities` in `spec.securityContext`. Only the securityContext of a
    /// container has that field.
    ///
    /// ## Why is this bad?
    /// Strict validation, which kubectl asks for, refuses the pod; otherwise the API server drops
    /// the field without a word, and every container keeps the runtime's default set.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   securityContext:
    ///     capabilities:
    ///       drop: [ALL]
    ///   containers:
    ///     - name: web
    ///       image: web
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
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    ///
    /// ## Fix
    /// None: what was meant for the whole pod may not be right for each of its containers.
    "pod-level-capabilities",
    Fixes::Never("what was meant for the whole pod may not be right for each of its containers"),
    check,
    formats: KUBERNETES,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    // It is said once for a pod.
    let Some(span) = subject.workload.pod.misplaced_capabilities.filter(|_| subject.place() == 0)
    else {
        return;
    };
    let message = "capabilities in the pod's securityContext has no effect: only containers have \
                   that field";
    findings.push(
        Finding::new(&RULE, subject, Severity::Warning, span, message)
            .label("refused by strict validation, else dropped without a word")
            .sure(Confidence::High)
            .help("write it into the securityContext of each container")
            .no_fix("what was meant for the whole pod may not be right for each of its containers"),
    );
}
