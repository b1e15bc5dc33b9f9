//! `over-granted`.

use runtime::List;

use crate::dialect;
use crate::exactly::{Exactly, exactly};
use crate::finding::Finding;
use crate::fix::plan_on;
use crate::holding::Holding;
use crate::patch::Widen;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds containers that hold more than their profile says they need.
    ///
    /// ## What it does
    /// With `--profile` it compares what a container holds, or could get back, with what the
    /// profile about it needs; what the profile calls doubtful counts as needed. How bad it is
    /// depends on which capabilities are too many, as for other rules. It says nothing where the
    /// profile is incomplete, too old, of another image, or one of several: nothing seen is not
    /// nothing needed.
    ///
    /// ## Why is this bad?
    /// Nobody uses it but an attacker. Somebody has looked at what the program does, so that there
    /// is no reason left to keep the rest.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx:1.27
    ///       securityContext:
    ///         runAsUser: 0
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
    ///       image: nginx:1.27
    ///       securityContext:
    ///         runAsUser: 0
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETGID, SETUID]
    /// ```
    ///
    /// ## Fix
    /// `dropcap fix --profile` drops `ALL` and adds exactly what the profile needs. That is safe
    /// if trials proved the profile; if it was traced only, naming it asks for the edit, and the
    /// edit says so.
    "over-granted",
    Fixes::Offered("drop ALL, add what the profile needs; safe if that is proven"),
    check,
    waivable: true,
    about: Topic::Profile,
}

/// So many are told by name.
const NAMED: usize = 5;

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(known) = subject.learnt.known() else { return };
    let Some(learnt) = subject.learnt.usable() else { return };
    let Exactly { change, serving, left_out, .. } =
        exactly(subject, &learnt.needs, &[], Widen::LeaveOut);
    let extra = subject.held.reach() - serving;
    if extra.is_empty() {
        return;
    }
    let name = subject.container_name();
    let which = if extra.len() <= NAMED {
        subject.by_danger(extra)
    } else {
        words::capabilities(extra.len())
    };
    let message = match subject.held.strongest(extra) {
        Holding::Effective | Holding::Permitted => {
            format!("{name} holds {which}, which its profile does not need")
        }
        Holding::Regainable => format!(
            "{name} can get {which} back by a set-uid program, which its profile does not need"
        ),
        Holding::ByEntrypoint | Holding::No => format!(
            "{name} keeps {which} for its entrypoint's file, which its profile does not need"
        ),
    };
    let severity = subject.severity_of_set(extra).unwrap_or(Severity::Note);
    let (span, label) = place(subject);
    let mut finding = Finding::new(&RULE, subject, severity, span, message)
        .label(label)
        .about(extra)
        .note(format!("{}.", learnt.described()));
    if extra.len() > NAMED {
        finding = finding.note(format!("Not needed: {}.", subject.by_danger(extra)));
    }
    if let Some(way) = &known.way {
        finding = finding.note(way);
    }
    if subject.is_privileged() {
        findings
            .push(finding.no_fix("no edit of the lists has an effect while `privileged` is true"));
        return;
    }
    for left_out in left_out {
        let (capability, ways) = (left_out.capability, left_out.instead.join("; or "));
        finding = finding.help(format!(
            "{capability} is needed, but an add of it would not take effect here; instead: {ways}"
        ));
    }
    finding.remedy = plan_on(subject, subject.own, &change);
    findings.push(finding);
}

/// The list that adds, else where `ALL` is missing.
fn place(subject: &Subject<'_>) -> (manifest::Span, String) {
    let lists = subject.container.security.capabilities.as_ref();
    match lists.and_then(|lists| lists.add.as_ref()) {
        Some(list) if subject.words(List::Drop).any(|(word, _)| word.is_all()) => {
            let add = dialect::list(subject.format(), List::Add);
            (list.span, format!("`{add}` has more than the profile needs"))
        }
        _ if subject.is_privileged() => {
            (subject.container.name_span, "privileged: holds every capability".to_owned())
        }
        _ => {
            let (span, label) = super::drop_all_missing::place(subject);
            let drops = subject.words(List::Drop).any(|(word, _)| word.is_all());
            let drop = dialect::list(subject.format(), List::Drop);
            (span, if drops { format!("`{drop}` leaves more") } else { label.to_owned() })
        }
    }
}
