//! `dangerous-capability`.

use manifest::Format;
use runtime::{List, Reason};

use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::holding::Holding;
use crate::rule::{ALL_FORMATS, Fixes, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds capabilities that are added and dangerous where they are.
    ///
    /// ## What it does
    /// For every word under `add` it asks whether the runtime really grants that capability, in
    /// whatever spelling, whether the process holds it, and what it can do there. One that is a
    /// way out of the container as things stand is an error: SYS_ADMIN, SYS_MODULE,
    /// DAC_READ_SEARCH, SYS_RAWIO everywhere; others with a writable `hostPath`, `hostPID`,
    /// `hostIPC`, or with each other (BPF with PERFMON). One that reaches the node otherwise, or is of
    /// the Big Four (SYS_ADMIN, SYS_MODULE, CHOWN, DAC_OVERRIDE), is a warning. A process that
    /// is not root and could only get it back through a set-uid program is judged one step
    /// milder, and so is a pod in its own user namespace.
    ///
    /// ## Why is this bad?
    /// A capability is a part of root. Several are as good as the whole: with SYS_ADMIN a
    /// container mounts the node's cgroup and runs a program outside, with DAC_READ_SEARCH it
    /// opens the node's files by handle. `dropcap explain SYS_ADMIN` tells the rest.
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
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SYS_ADMIN]
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
    /// ```
    /// Often something smaller does: SYSLOG for reading the kernel log, BPF and PERFMON apart
    /// for tracing, nothing at all where a call is only tried.
    ///
    /// ## Fix
    /// The word is removed from `add`. That is unsafe: only a trace knows whether it is needed.
    "dangerous-capability",
    Fixes::Offered("remove it from add; unsafe, only a trace knows whether it is needed"),
    check,
    waivable: true,
    formats: ALL_FORMATS,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() {
        return;
    }
    let Some(sets) = subject.most() else { return };
    for capability in sets.process.bounding {
        let Reason::Added { word } = sets.fate(capability).bounding_reason else { continue };
        let Some(severity) = subject.severity_of(capability) else { continue };
        if severity < Severity::Warning {
            continue;
        }
        let word = subject.whole(&word);
        let change = Change::Remove { list: List::Add, word: word.text.clone() };
        let without = runtime::resolve(&subject.options.runtime, &change.apply(subject.request()));
        let left = without.ok().map(|left| left.most().fate(capability));
        let stays = left.as_ref().is_some_and(|left| left.bounding);
        if stays && subject.words(List::Add).any(|(word, _)| word.is_all()) {
            // add-all speaks of everything that `ALL` grants.
            continue;
        }
        let Some((_, span)) = subject.words(List::Add).nth(word.index) else { continue };
        let danger = subject.danger(capability);
        let (name, mark) = (subject.container_name(), danger.mark());
        // An OCI configuration adds nothing to anything: it says all there is.
        let verb = if subject.format() == Format::Oci { "is given" } else { "adds" };
        let message = format!("{name} {verb} {capability}{mark}, {}", danger.what);
        let mut finding = Finding::new(&RULE, subject, severity, span, message)
            .about(capability)
            .note(danger.why);
        // Somebody declared this need; an edit that leaves the default in its place mends nothing.
        finding = if let Some(Reason::Added { word: other }) = left.map(|left| left.bounding_reason)
        {
            finding.no_fix(format!(
                "`{}` in `{}` grants it too; once that is gone, to remove this one is an unsafe edit",
                other.text,
                dialect::list(subject.format(), List::Add),
            ))
        } else if stays {
            finding.no_fix(format!(
                "the default holds it too; once `{}: [ALL]` is there, to remove it from `{}` is an \
                 unsafe edit",
                dialect::list(subject.format(), List::Drop),
                dialect::list(subject.format(), List::Add),
            ))
        } else {
            finding.fix(subject, &change)
        };
        if subject.held.by(capability) < Holding::Permitted {
            finding = finding.note(
                "The process is not root and does not hold it, but a set-uid program brings it back.",
            );
        }
        for (span, text) in danger.because {
            finding = finding.related(span, text);
        }
        findings.push(finding);
    }
}
