//! `refused-configuration`.

use manifest::Format;
use runtime::Refusal;

use crate::finding::Finding;
use crate::rule::{Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds OCI configurations that no container is made of.
    ///
    /// ## What it does
    /// It asks what the OCI runtime and the kernel make of `process.capabilities` in a
    /// `config.json`, and reports those that they refuse: a name that crun does not know, an
    /// effective capability that is not permitted, an inheritable one beyond the bounding set.
    ///
    /// ## Why is this bad?
    /// The container does not start. What it would hold cannot be judged either, so that nothing
    /// else is said of it.
    ///
    /// ## Example
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 0, gid: 0 }
    ///   args: [web]
    ///   cwd: /
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE, CAP_KILL]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 0, gid: 0 }
    ///   args: [web]
    ///   cwd: /
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Fix
    /// None: an OCI configuration is written by another program, and that has to be told.
    "refused-configuration",
    Fixes::Never("an OCI configuration is written by another program"),
    check
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.workload.pod.format != Format::Oci {
        return;
    }
    let refusal = match subject.refusal() {
        // `file-capabilities-outside-bounding` speaks of that.
        None | Some(Refusal::Entrypoint { .. }) => return,
        Some(refusal) => refusal,
    };
    let message = format!("{} does not start: {refusal}", subject.container_name());
    findings.push(
        Finding::new(&RULE, subject, Severity::Warning, subject.container.name_span, message)
            .sure(Confidence::High)
            .note("What it would hold cannot be judged: nothing else is said of it.")
            .no_fix("an OCI configuration is written by another program"),
    );
}
