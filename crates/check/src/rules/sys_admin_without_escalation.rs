//! `sys-admin-without-escalation`.

use caps::Capability;
use runtime::List;

use crate::finding::Finding;
use crate::fix::Change;
use crate::holding::Holding;
use crate::rule::{Fixes, KUBERNETES, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds SYS_ADMIN in a container that is to gain no privileges.
    ///
    /// ## What it does
    /// It looks for `allowPrivilegeEscalation: false` beside SYS_ADMIN under `add`. Spelt
    /// `CAP_SYS_ADMIN` the API server refuses the pod; spelt `SYS_ADMIN`, which is the name that
    /// works, it does not.
    ///
    /// ## Why is this bad?
    /// `allowPrivilegeEscalation: false` keeps a program from gaining by `execve`, prctl(2)
    /// `PR_SET_NO_NEW_PRIVS`. A process with SYS_ADMIN needs no `execve` for that: it mounts,
    /// enters namespaces and leaves the container. The two say the opposite of each other, and the
    /// API server notices only the spelling that containerd does not read.
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
    ///         allowPrivilegeEscalation: false
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SYS_ADMIN]
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
    ///         allowPrivilegeEscalation: false
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    /// Which smaller capability does, if any, is a question to the program: `dropcap trace` answers
    /// it.
    ///
    /// ## Fix
    /// The word is removed from `add`. That is unsafe: only a trace knows whether it is needed. Where the
    /// runtime does not read the word there is no edit: whoever wrote it decides.
    "sys-admin-without-escalation",
    Fixes::Offered("remove it from add; unsafe, only a trace knows whether it is needed"),
    check,
    formats: KUBERNETES,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(setting) = subject.context.allow_privilege_escalation.filter(|allow| !allow.value)
    else {
        return;
    };
    if subject.is_privileged() || subject.is_windows() {
        return;
    }
    let held = subject.held.by(Capability::SYS_ADMIN) >= Holding::Permitted;
    for (word, span) in subject.words(List::Add) {
        // pkg/apis/core/validation `ValidateSecurityContext` compares with this one string.
        let refused = word.text == "CAP_SYS_ADMIN";
        if Subject::one(&word) != Some(Capability::SYS_ADMIN) || !(refused || held) {
            continue;
        }
        let (name, text) = (subject.container_name(), &word.text);
        let (severity, message) = if refused {
            let message = format!(
                "{name}: the API server refuses the pod: it adds `{text}` with \
                 allowPrivilegeEscalation: false"
            );
            (Severity::Warning, message)
        } else {
            let message = format!(
                "{name}: allowPrivilegeEscalation: false stops nobody who has SYS_ADMIN (Big Four)"
            );
            (Severity::Note, message)
        };
        let finding = Finding::new(&RULE, subject, severity, span, message)
            .label("needs no escalation")
            .related(setting.span, "no new privileges")
            .sure(Confidence::High)
            .about(Capability::SYS_ADMIN);
        findings.push(if held {
            finding.fix(subject, &Change::Remove { list: List::Add, word: word.text.clone() })
        } else {
            finding
                .help("remove the word: the two exclude each other")
                .no_fix("whoever wrote it decides whether it is needed")
        });
    }
}
