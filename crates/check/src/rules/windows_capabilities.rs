//! `windows-capabilities`.

use crate::finding::Finding;
use crate::rule::{Fixes, KUBERNETES, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds `capabilities` in a pod for Windows, which has none.
    ///
    /// ## What it does
    /// It looks for `capabilities` in containers of a pod with `os.name: windows`. Nothing else is
    /// asked of such a pod: a missing `drop: [ALL]` is right there.
    ///
    /// ## Why is this bad?
    /// The API server refuses the pod: Windows knows no capabilities, and their field may not be
    /// set.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   os: { name: windows }
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       securityContext:
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
    ///   os: { name: windows }
    ///   containers:
    ///     - name: web
    ///       image: web
    /// ```
    /// `windowsOptions.runAsUserName: ContainerUser` is the way to less privilege there.
    ///
    /// ## Fix
    /// None: the whole field has to go, and dropcap edits the two lists in it only.
    "windows-capabilities",
    Fixes::Never("the whole field has to go, and dropcap edits the two lists in it only"),
    check,
    formats: KUBERNETES,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(os), Some(lists)) =
        (subject.context.windows, &subject.container.security.capabilities)
    else {
        return;
    };
    let name = subject.container_name();
    let message = format!("{name}: the API server refuses the pod: Windows has no capabilities");
    findings.push(
        Finding::new(&RULE, subject, Severity::Warning, lists.span, message)
            .label("may not be set")
            .related(os, "a pod for Windows")
            .sure(Confidence::High)
            .help("remove `capabilities`; the container has none to lose")
            .no_fix("the whole field has to go, and dropcap edits the two lists in it only"),
    );
}
