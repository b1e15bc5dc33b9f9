//! `missing-capability`.

use caps::{CapSet, Capability, knowledge};
use manifest::Span;
use resolve::Ping;
use runtime::{List, User};

use super::instead;
use crate::dialect;
use crate::finding::Finding;
use crate::holding::Holding;
use crate::learnt::{Known, Learnt, Match, Need, Objection};
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds containers that lack what their profile says they need: they will break.
    ///
    /// ## What it does
    /// With `--profile` it asks of each capability that the profile about a container needs whether
    /// the container holds it, or something that the kernel takes in its place, or whether the
    /// runtime makes it needless (low ports are open on containerd 2 and Docker). If not, it says
    /// which call will fail. It is an error, unless that is not certain: a warning where the process
    /// is not root and was watched elsewhere, perhaps as root, or where a file in the image may
    /// carry it; a note for what the profile calls doubtful. A profile that is incomplete or old
    /// counts here, too: what was needed is needed. One of another image or user does not.
    /// Where trials have shown changes with which less is needed (`fit --try-zero`: a user, sysctls,
    /// emptyDirs) and the container is started with all of them on this runtime, that is what it is asked
    /// for; where it lacks some, these are named.
    /// What the kernel asks for in the initial user namespace (SYS_TIME, SYS_MODULE) no list gives to
    /// a pod with `hostUsers: false`.
    ///
    /// ## Why is this bad?
    /// The program fails with "Operation not permitted", perhaps only on the day on which it first
    /// comes to that call.
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
    ///       image: nginx:1.27
    ///       securityContext:
    ///         runAsUser: 0
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETGID, SETUID]
    /// ```
    /// Or change what the program does: `dropcap profile show` tells how to do without.
    ///
    /// ## Fix
    /// None by itself: to add a capability grants it, and a person decides that with
    /// `dropcap fix --profile FILE --allow-widen`.
    "missing-capability",
    Fixes::Never("to add it would grant it: fix --profile --allow-widen, if you mean it"),
    check,
    about: Topic::Profile,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    // What is written goes by what is needed on every runtime, which serves on this one, too.
    let everywhere = &subject.learnt;
    let has_way = everywhere.known().is_some_and(|known| known.way.is_some());
    let here = if has_way { subject.learnt_here() } else { Match::None };
    let unmet = |known: &&Known<'_>| {
        known.learnt.needs.iter().filter(|need| !is_met(subject, need)).count()
    };
    let both = [here.known(), everywhere.known()].into_iter().flatten();
    let Some(known) = both.min_by_key(unmet) else { return };
    if subject.is_windows() || known.objections.iter().any(Objection::is_of_another) {
        return;
    }
    let mut way = known.way.as_ref();
    for need in known.learnt.needs.iter().filter(|need| !is_met(subject, need)) {
        let finding = missing(subject, known.learnt, need);
        // Once for the container.
        findings.push(match way.take() {
            Some(way) => finding.note(way),
            None => finding,
        });
    }
}

/// Whether the program will not fail for want of it.
fn is_met(subject: &Subject<'_>, need: &Need) -> bool {
    let strongest = subject.held.strongest(serving(subject, need));
    let by_file = need.seen_granted && strongest > Holding::No;
    strongest >= Holding::Permitted || by_file || is_open(subject, need)
}

/// All that serve it here: not what the kernel asks for in the initial user namespace, where the pod
/// has its own.
fn serving(subject: &Subject<'_>, need: &Need) -> CapSet {
    let served_by = need.served_by();
    if subject.context.user_namespace.is_none() {
        return served_by;
    }
    let is_void =
        |one: &Capability| knowledge(*one).is_some_and(|known| known.is_void_in_user_namespace());
    served_by - served_by.iter().filter(is_void).collect::<CapSet>()
}

/// Whether the ports that it is for are open to everybody.
fn is_open(subject: &Subject<'_>, need: &Need) -> bool {
    if need.capability != Capability::NET_BIND_SERVICE {
        return false;
    }
    let start = subject.resolved().low_ports.start();
    start == 0 || need.port.is_some_and(|port| port >= start)
}

fn missing(subject: &Subject<'_>, learnt: &Learnt, need: &Need) -> Finding {
    let capability = need.capability;
    let name = subject.container_name();
    let (severity, why) = severity(subject, learnt, need);
    if let Some(span) = subject.context.user_namespace
        && serving(subject, need).is_empty()
    {
        return void(subject, learnt, need, severity, span);
    }
    let message = match (&need.what, severity) {
        (None, _) if need.doubtful => format!("{name} lacks {capability}, which it may need"),
        (None, _) => format!("{name} lacks {capability}, which its profile needs"),
        (Some(what), Severity::Error) => {
            format!("{name} lacks {capability} and will break at {what}")
        }
        (Some(what), _) => format!("{name} lacks {capability} and may break at {what}"),
    };
    let (span, label) = place(subject, capability);
    let mut finding = Finding::new(&RULE, subject, severity, span, message)
        .label(label)
        .about(capability)
        .note(format!("{}.", learnt.described()));
    if let Some(why) = why {
        finding = finding.note(why);
    }
    for remedy in &need.remedies {
        finding = finding.help(format!("without it: {remedy}"));
    }
    // As the same user it had it: a file of the image carries it.
    let by_file = need.seen_granted && learnt.about.user.is_some_and(|user| user != 0);
    if subject.request().user == User::NonRoot && !by_file {
        for way in instead(subject, capability) {
            finding = finding.help(way);
        }
        return finding.no_fix("the process is not root: an add alone would not take effect");
    }
    finding
        .help("if it is to have it: dropcap fix --profile FILE --allow-widen")
        .no_fix("to add it would grant it: a person decides that")
}

/// Of one that no list can give: the pod has a user namespace of its own.
fn void(
    subject: &Subject<'_>,
    learnt: &Learnt,
    need: &Need,
    severity: Severity,
    span: Span,
) -> Finding {
    let capability = need.capability;
    let name = subject.container_name();
    let message = match &need.what {
        Some(what) if severity == Severity::Error => {
            format!("{capability} takes no effect in {name}, which will break at {what}")
        }
        _ if need.doubtful => {
            format!("{capability} takes no effect in {name}, whose profile may need it")
        }
        _ => format!("{capability} takes no effect in {name}, whose profile needs it"),
    };
    let mut finding = Finding::new(&RULE, subject, severity, span, message)
        .label("a user namespace of its own")
        .about(capability)
        .note(format!("{}.", learnt.described()))
        .note(format!("The kernel asks for {capability} in the initial user namespace."));
    for remedy in &need.remedies {
        finding = finding.help(format!("without it: {remedy}"));
    }
    finding
        .help("if it is to have it: take the user namespace out, and accept what that opens")
        .no_fix("no list of capabilities can give it in a user namespace")
}

/// How bad, and why no worse.
fn severity(
    subject: &Subject<'_>,
    learnt: &Learnt,
    need: &Need,
) -> (Severity, Option<&'static str>) {
    if need.doubtful {
        let why = match need.passed_without {
            true => "It is doubtful: a run without it passed its test, and was refused this.",
            false => "It is doubtful: a trace cannot tell whether it is needed.",
        };
        return (Severity::Note, Some(why));
    }
    if subject.held.strongest(serving(subject, need)) > Holding::No {
        let why = "It has it if a file in its image carries it, which nobody has seen.";
        return (Severity::Warning, Some(why));
    }
    let unknown = !learnt.in_container && learnt.about.user.is_none();
    if subject.request().user == User::NonRoot && unknown {
        let why = "It is not root here; where it was watched, it may have been.";
        return (Severity::Warning, Some(why));
    }
    let pings = need.what.as_ref().is_some_and(|what| what.contains("ICMP"));
    if need.capability == Capability::NET_RAW
        && pings
        && subject.resolved().ping != Ping::KernelDefault
    {
        let why = "For ping alone it is not needed here: ICMP sockets are open to everybody.";
        return (Severity::Warning, Some(why));
    }
    (Severity::Error, None)
}

/// Where it would be added.
fn place(subject: &Subject<'_>, capability: Capability) -> (Span, String) {
    let lists = subject.container.security.capabilities.as_ref();
    let list = |which| dialect::list(subject.format(), which);
    match lists.map(|lists| (&lists.add, &lists.drop)) {
        Some((Some(add), _)) => (add.span, format!("has no {capability}")),
        Some((None, Some(drop))) => {
            (drop.span, format!("and no `{}` of {capability}", list(List::Add)))
        }
        _ => (subject.container.name_span, format!("adds no {capability}")),
    }
}
