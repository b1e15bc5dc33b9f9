//! `over-granted`.

use caps::{CapSet, Capability};
use manifest::Span;
use runtime::{List, Word};

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
    let whole = exactly(subject, &learnt.needs, &[], Widen::LeaveOut);
    let extra = subject.held.reach() - whole.serving;
    if extra.is_empty() {
        return;
    }
    let about = |set: CapSet, span: Span, label: String| {
        let severity = subject.severity_of_set(set).unwrap_or(Severity::Note);
        Finding::new(&RULE, subject, severity, span, message(subject, set))
            .label(label)
            .about(set)
            .note(format!("{}.", learnt.described()))
    };
    if subject.is_privileged() {
        let (span, label) = place(subject, None);
        let finding = more(about(extra, span, label), subject, extra, known.way.as_deref());
        findings
            .push(finding.no_fix("no edit of the lists has an effect while `privileged` is true"));
        return;
    }
    // A word beside which a comment says why it stays is a finding of its own.
    let (mut of_words, mut kept, mut own) = (Vec::new(), Vec::new(), CapSet::EMPTY);
    for (word, span) in subject.words(List::Add) {
        let Some(answered) = subject.answered.iter().find(|one| one.span == span) else { continue };
        let new = |one: &Capability| extra.contains(*one) && !own.contains(*one);
        let Some(capability) = Subject::one(&word).filter(new) else { continue };
        own.insert(capability);
        let finding = about(capability.into(), span, "more than the profile needs".to_owned());
        if finding.demands_waiver().is_empty() {
            kept.push(answered.clone());
        }
        of_words.push(finding);
    }
    let Exactly { change, left_out, .. } = match kept.as_slice() {
        [] => whole,
        kept => exactly(subject, &learnt.needs, kept, Widen::LeaveOut),
    };
    let remedy = plan_on(subject, subject.own, &change);
    let rest = extra - own;
    if !rest.is_empty() {
        let (span, label) = place(subject, (!of_words.is_empty()).then_some(rest));
        let mut finding = more(about(rest, span, label), subject, rest, known.way.as_deref());
        for left_out in left_out {
            let (capability, ways) = (left_out.capability, left_out.instead.join("; or "));
            finding = finding.help(format!(
                "{capability} is needed, but an add of it would not take effect here; instead: {ways}"
            ));
        }
        finding.remedy = remedy.clone();
        findings.push(finding);
    }
    findings
        .extend(of_words.into_iter().map(|finding| Finding { remedy: remedy.clone(), ..finding }));
}

/// How it is held, and which it is: by name, if they are few.
fn message(subject: &Subject<'_>, extra: CapSet) -> String {
    let name = subject.container_name();
    let which = if extra.len() <= NAMED {
        subject.by_danger(extra)
    } else {
        words::capabilities(extra.len())
    };
    match subject.held.strongest(extra) {
        Holding::Effective | Holding::Permitted => {
            format!("{name} holds {which}, which its profile does not need")
        }
        Holding::Regainable => format!(
            "{name} can get {which} back by a set-uid program, which its profile does not need"
        ),
        Holding::ByEntrypoint | Holding::No => format!(
            "{name} keeps {which} for its entrypoint's file, which its profile does not need"
        ),
    }
}

/// With what the message has no room for, and with which changes it would need less.
fn more(finding: Finding, subject: &Subject<'_>, extra: CapSet, way: Option<&str>) -> Finding {
    let finding = match extra.len() > NAMED {
        true => finding.note(format!("Not needed: {}.", subject.by_danger(extra))),
        false => finding,
    };
    match way {
        Some(way) => finding.note(way),
        None => finding,
    }
}

/// The list that adds, else where `ALL` is missing. `rest` is what it is about where other words of the
/// list are findings of their own: then it is beside none of those.
fn place(subject: &Subject<'_>, rest: Option<CapSet>) -> (Span, String) {
    let lists = subject.container.security.capabilities.as_ref();
    match lists.and_then(|lists| lists.add.as_ref()) {
        Some(list) if subject.words(List::Drop).any(|(word, _)| word.is_all()) => {
            let add = dialect::list(subject.format(), List::Add);
            let is_of = |word: &Word, rest: CapSet| {
                Subject::one(word).is_some_and(|one| rest.contains(one))
            };
            let rest = rest.filter(|_| !subject.is_in_brackets(List::Add));
            let word =
                rest.and_then(|rest| subject.words(List::Add).find(|(word, _)| is_of(word, rest)));
            let span = word.map_or(list.span, |(_, span)| span);
            (span, format!("`{add}` has more than the profile needs"))
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
