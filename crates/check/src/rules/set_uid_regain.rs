//! `set-uid-regain`.

use caps::Capability;
use runtime::{List, User, Word};

use crate::dialect;
use crate::finding::Finding;
use crate::rule::{ALL_FORMATS, Fixes, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

/// So many set-uid programs are named.
const MAX_FILES: usize = 5;

rule! {
    /// Finds containers that are not root and may get capabilities back through a set-uid program.
    ///
    /// ## What it does
    /// It looks at containers that run as another user than root, without
    /// `allowPrivilegeEscalation: false`, and with something in their bounding set. How dangerous
    /// that something is the rules about it say; this one says how to close the door.
    ///
    /// ## Why is this bad?
    /// A set-uid-root program (su, mount, sudo; most images have some) runs as root with the whole
    /// bounding set. `runAsUser` alone takes nothing away for good.
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
    ///         runAsUser: 1000
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETUID]
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
    ///         runAsUser: 1000
    ///         allowPrivilegeEscalation: false
    ///         capabilities:
    ///           drop: [ALL]
    /// ```
    /// An `add` that only a set-uid program uses goes with it.
    ///
    /// ## Fix
    /// None: dropcap edits `capabilities` and no other field. A program that relies on a set-uid
    /// helper, such as sudo, stops working with `allowPrivilegeEscalation: false`.
    "set-uid-regain",
    Fixes::Never("dropcap edits `capabilities` and no other field"),
    check,
    waivable: true,
    formats: ALL_FORMATS,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() || subject.request().user != User::NonRoot {
        return;
    }
    let within = subject.held.regainable;
    if within.is_empty() {
        return;
    }
    // Beside SYS_ADMIN it would be refused or void: sys-admin-without-escalation.
    let admin = |word: &Word| Subject::one(word) == Some(Capability::SYS_ADMIN);
    let first = match subject.words(List::Add).find(|(word, _)| admin(word)) {
        Some((word, _)) => {
            let list = dialect::list(subject.format(), List::Add);
            format!("remove `{}` from `{list}`, then ", word.text)
        }
        None => String::new(),
    };
    let seal = subject.no_new_privs();
    let (span, label) = match subject.context.allow_privilege_escalation {
        Some(allow) => (allow.span, "lets set-uid programs gain".to_owned()),
        None => (subject.container.name_span, format!("has no `{seal}`")),
    };
    let (name, number) = (subject.container_name(), words::capabilities(within.len()));
    let message = format!("{name} is not root, but a set-uid program in it gets {number}");
    let mut finding = Finding::new(&RULE, subject, Severity::Note, span, message)
        .label(label)
        .about(within)
        .help(format!("{first}set {seal}, unless the program relies on a set-uid helper"))
        .no_fix(dialect::no_other_field(subject.format()));
    if let Some(user) = subject.context.user_span() {
        finding = finding.related(user, subject.not_root());
    }
    let image = subject.context.image.as_ref();
    if let Some((image, files)) = image.and_then(|image| Some((image, image.privileged.as_ref()?)))
    {
        finding = finding.note(match files.as_slice() {
            [] => format!(
                "Image {} has no set-uid program and no file with capabilities: only a volume \
                 could bring one.",
                image.name
            ),
            files => format!("Image {} has {}.", image.name, words::some(files, MAX_FILES)),
        });
    }
    findings.push(finding);
}
