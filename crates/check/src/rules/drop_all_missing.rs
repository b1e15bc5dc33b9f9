//! `drop-all-missing`.

use caps::{CapSet, Capability};
use manifest::Format;
use runtime::{List, Reason};

use crate::absorb::absorbing;
use crate::dialect;
use crate::finding::Finding;
use crate::fix::Change;
use crate::holding::Holding;
use crate::rule::{Fixes, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds containers that keep capabilities nobody asked for, because `drop` lacks `ALL`.
    ///
    /// ## What it does
    /// It looks at the sets the container gets. Every capability in them that comes from the
    /// runtime's default set is one that nobody asked for. How bad that is depends on which ones
    /// they are, on what the pod opens to the node (a writable `hostPath`, `hostPID`), and on
    /// whether the process holds them or something in the image could only bring them back.
    ///
    /// ## Why is this bad?
    /// containerd and Docker give every container 14 capabilities, CRI-O 9, Podman 11. Most
    /// programs use none of them. An attacker inside uses all: NET_RAW forges packets on the pod
    /// network, CHOWN and DAC_OVERRIDE turn a writable `hostPath` into the node, SETUID and
    /// MKNOD help along. A process that is not root holds nothing at first, but a set-uid-root
    /// program in its image brings the whole default set back unless
    /// `allowPrivilegeEscalation` is `false`.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx
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
    ///       image: nginx
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETUID, SETGID]
    /// ```
    /// Which ones to add back is a question to the program: `dropcap trace` answers it.
    ///
    /// ## Fix
    /// `ALL` is put into `drop`; words there that it stands for go, but for those with a comment of
    /// their own. That is safe only where nothing could use what is lost: a
    /// process that is not root, with `allowPrivilegeEscalation: false`, whose entrypoint is
    /// known to carry no file capabilities. An entrypoint that does carry one, such as that of
    /// CoreDNS or caddy, cannot even be executed once it is dropped.
    "drop-all-missing",
    Fixes::Offered("drop ALL; safe where nothing that could take effect is lost"),
    check,
    waivable: true,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_privileged() {
        return;
    }
    let Some(sets) = subject.most() else { return };
    let default = subject.options.runtime.default_set();
    let kept: CapSet = (default & sets.process.bounding)
        .iter()
        .filter(|c| {
            matches!(sets.fate(*c).bounding_reason, Reason::Default { .. } | Reason::PlainRoot)
        })
        .collect();
    let drops_all = subject.words(List::Drop).any(|(word, _)| word.is_all());
    let adds_all = subject.words(List::Add).any(|(word, _)| word.is_all());
    let one_by_one = kept.is_empty() && !default.is_empty() && !drops_all && !adds_all;
    if kept.is_empty() && !one_by_one {
        return;
    }
    let (name, engine) = (subject.container_name(), subject.engine());
    let number = words::capabilities(kept.len());
    let drop = dialect::list(subject.format(), List::Drop);
    let message = match subject.held.strongest(kept) {
        _ if one_by_one => {
            format!("{name} drops capabilities one by one; another runtime's default may have more")
        }
        Holding::Effective | Holding::Permitted => {
            format!("{name} holds {number} that nobody asked for: `{drop}: [ALL]` is missing")
        }
        Holding::Regainable => format!(
            "{name} holds none of {number} in its bounding set now, but a set-uid program brings \
             them back: `{drop}: [ALL]` is missing"
        ),
        Holding::ByEntrypoint => format!(
            "{name} keeps {number} in its bounding set, for its entrypoint's file if that carries \
             them: `{drop}: [ALL]` is missing"
        ),
        Holding::No => format!(
            "{name} keeps {number} in its bounding set that nothing can use: \
             `{drop}: [ALL]` is missing"
        ),
    };
    // What is named under `add` would stay without that word, too.
    let stays = if drops_all { kept } else { default & sets.process.bounding };
    let severity = subject.severity_of_set(stays).unwrap_or(Severity::Note);
    let (span, label) = place(subject);
    let mut finding =
        Finding::new(&RULE, subject, severity, span, message).label(label).about(kept);
    if !kept.is_empty() {
        finding = finding.note(format!("{engine}'s default: {}.", subject.by_danger(kept)));
        finding = subject.explain_danger(finding, kept);
    }
    if one_by_one && subject.format() == Format::Kubernetes {
        finding = finding.note("Pod Security restricted asks for `ALL`, spelt so.");
    }
    if let Some(port) = low_port(subject, kept) {
        finding = finding.help(format!(
            "add NET_BIND_SERVICE back for port {port}: {engine} opens no low ports, and no sysctl of \
             the {} does",
            subject.owner()
        ));
    }
    findings.push(finding.fix(subject, &change(subject)));
}

/// A declared port that NET_BIND_SERVICE of the default set is for, and nothing else opens.
fn low_port(subject: &Subject<'_>, kept: CapSet) -> Option<i64> {
    let bind = Capability::NET_BIND_SERVICE;
    if !kept.contains(bind) || subject.held.by(bind) < Holding::Permitted {
        return None;
    }
    let start = i64::from(subject.resolved().low_ports.start());
    let ports = subject.container.ports.iter().map(|port| port.container_port.value);
    ports.filter(|port| (1..start).contains(port)).min()
}

/// The narrowest place that is wrong: the list without `ALL`, else the container.
pub(super) fn place(subject: &Subject<'_>) -> (manifest::Span, &'static str) {
    let security = &subject.container.security;
    match security.capabilities.as_ref().and_then(|c| c.drop.as_ref()) {
        Some(list) => (list.span, "has no `ALL`"),
        None if subject.format() == Format::Compose => {
            (subject.container.name_span, "has no `cap_drop`")
        }
        None if security.capabilities.is_some() => {
            (subject.container.name_span, "its capabilities have no `drop`")
        }
        None => (subject.container.name_span, "has no `capabilities.drop`"),
    }
}

/// `ALL`, for the words that it stands for, or in place of one that means it and is not read so.
fn change(subject: &Subject<'_>) -> Change {
    let meant = subject
        .words(List::Drop)
        .find(|(word, _)| !word.is_all() && word.meant() == Some(runtime::Meaning::All));
    match meant {
        Some((word, _)) => {
            Change::Respell { list: List::Drop, from: word.text.clone(), to: "ALL".to_owned() }
        }
        None => absorbing(subject, |instead| Change::DropAll { instead }),
    }
}
