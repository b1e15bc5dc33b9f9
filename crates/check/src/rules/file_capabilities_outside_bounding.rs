//! `file-capabilities-outside-bounding`.

use manifest::Span;
use runtime::{List, Refusal};

use crate::danger;
use crate::finding::Finding;
use crate::rule::{ALL_FORMATS, Fixes, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds entrypoints that cannot be executed because their file asks for more than is left.
    ///
    /// ## What it does
    /// Where it is known what capabilities the entrypoint's file carries (`--file-caps`), it
    /// compares them with the bounding set that the container gets.
    ///
    /// ## Why is this bad?
    /// A file with the effective bit set (`cap_net_bind_service=ep`) wants all it carries. What the
    /// bounding set lacks it cannot have, and the kernel then fails the `execve` with EPERM, for
    /// root too: the container does not start, and says `operation not permitted`.
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
    ///   containers:
    ///     - name: web
    ///       image: web
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [NET_BIND_SERVICE]
    /// ```
    /// Or take the capability away from the file when the image is built (`setcap -r`), if the
    /// runtime or a sysctl opens low ports.
    ///
    /// ## Fix
    /// None: an edit that adds grants something, and that is for a person to decide.
    "file-capabilities-outside-bounding",
    Fixes::Never("to add it would grant it: a person decides that"),
    check,
    formats: ALL_FORMATS,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(Refusal::Entrypoint { missing }) = subject.refusal() else { return };
    let (name, engine) = (subject.container_name(), subject.engine());
    let message = format!(
        "{name} does not start on {engine}: its entrypoint's file carries {missing}, which is not \
         in the bounding set"
    );
    let (span, label) = place(subject);
    let milder = missing.iter().all(|capability| {
        danger::of(capability, *missing, &subject.exposure).severity == Severity::Note
    });
    let finding = Finding::new(&RULE, subject, Severity::Warning, span, message)
        .label(label)
        .sure(Confidence::High)
        .note("execve(2) fails with EPERM, for root too.")
        .help("take the capability away from the file when the image is built: setcap -r")
        .no_fix("to add it would grant it: a person decides that");
    findings.push(if milder { finding.help(format!("or add {missing}")) } else { finding });
}

/// What took it away.
fn place(subject: &Subject<'_>) -> (Span, &'static str) {
    let list = |list| subject.words(list).next().map(|(_, span)| span);
    let security = &subject.container.security;
    match security.capabilities.as_ref().and_then(|lists| lists.drop.as_ref()) {
        Some(dropped) if list(List::Drop).is_some() => (dropped.span, "takes it away"),
        _ => (subject.container.name_span, "does not have it"),
    }
}
