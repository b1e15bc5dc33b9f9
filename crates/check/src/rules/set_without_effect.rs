//! `set-without-effect`.

use runtime::{List, NameReading, OciRuntime, Void, VoidReason};

use crate::finding::Finding;
use crate::fix::Change;
use crate::rule::{Fixes, OCI, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds capabilities that an OCI configuration names and no process gets.
    ///
    /// ## What it does
    /// It asks what becomes of each name in the five sets of `process.capabilities`: whether the
    /// OCI runtime reads it, whether anything of it is left after `execve`, and whether the kernel
    /// raises it in the ambient set.
    ///
    /// ## Why is this bad?
    /// The configuration says more than the process gets, and nobody says so: runc leaves a name
    /// out that it does not know, with a warning in its log, where crun from 1.29 on, gVisor and youki
    /// refuse the container. What is permitted or effective and not in the bounding set is gone with
    /// the entrypoint's `execve`. What is ambient and not permitted and inheritable, too, is never
    /// raised, and a process that is not root lacks it.
    ///
    /// ## Example
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 1000, gid: 1000 }
    ///   args: [web]
    ///   cwd: /
    ///   noNewPrivileges: true
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE]
    ///     ambient: [CAP_NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 1000, gid: 1000 }
    ///   args: [web]
    ///   cwd: /
    ///   noNewPrivileges: true
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE]
    ///     inheritable: [CAP_NET_BIND_SERVICE]
    ///     ambient: [CAP_NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Fix
    /// What is not in the bounding set is removed from the other sets, which is safe: no process
    /// got it. A name that is not read has none, nor has what is not raised: to write it so that it
    /// has an effect would grant it, and a person decides that.
    "set-without-effect",
    Fixes::Offered("remove what is not in the bounding set; to make the rest work would grant it"),
    check,
    formats: OCI,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(sets) = subject.most() else { return };
    for void in &sets.void {
        let mut places = void.places.iter().filter_map(|(set, index)| {
            let span = resolve::set_span(*set, *index, subject.container)?;
            Some((*set, span))
        });
        let Some((_, span)) = places.next() else { continue };
        // What nobody reads is a mistake; what is taken away does no harm.
        let severity = match void.why {
            VoidReason::Unread { .. } => Severity::Warning,
            VoidReason::BeyondBounding | VoidReason::NotRaised { .. } => Severity::Note,
        };
        let (name, said) = (subject.container_name(), void.sentence(subject.options.runtime.oci));
        let mut finding = Finding::new(&RULE, subject, severity, span, format!("{name}: {said}"))
            .sure(Confidence::High);
        for (set, span) in places {
            finding = finding.related(span, format!("{set}, too"));
        }
        findings.push(remedied(subject, void, finding));
    }
}

fn remedied(subject: &Subject<'_>, void: &Void, finding: Finding) -> Finding {
    let name = &void.name;
    match &void.why {
        VoidReason::Unread { suggestion } => {
            let finding = finding.note(readings(name));
            match suggestion {
                Some(near) => finding
                    .label(format!("did you mean CAP_{near}?"))
                    .no_fix(format!("spelt CAP_{near} it would grant that: a person decides")),
                None => finding
                    .label("no capability is called so")
                    .no_fix(format!("nothing tells what `{name}` was meant to be")),
            }
        }
        VoidReason::BeyondBounding => {
            let change = Change::Remove { list: List::Add, word: name.clone() };
            finding.label("not in the bounding set").fix(subject, &change)
        }
        VoidReason::NotRaised { .. } => {
            finding.label("not raised").no_fix("to raise it would grant it: a person decides")
        }
    }
}

/// What the others make of a name: `crun, gvisor and youki refuse the container.`
fn readings(name: &str) -> String {
    let all =
        [OciRuntime::Runc(None), OciRuntime::Crun(None), OciRuntime::Gvisor, OciRuntime::Youki];
    let who = |wanted: fn(&NameReading) -> bool| {
        let some = all.iter().filter(|oci| wanted(&NameReading::of(**oci, name)));
        some.map(ToString::to_string).collect::<Vec<_>>()
    };
    let ways = [
        (who(|reading| matches!(reading, NameReading::LeftOut)), "leaves it out", "leave it out"),
        (who(|reading| matches!(reading, NameReading::Read(_))), "reads it", "read it"),
        (
            who(|reading| matches!(reading, NameReading::Refused)),
            "refuses the container",
            "refuse the container",
        ),
    ];
    let said = ways.into_iter().filter(|(who, ..)| !who.is_empty()).map(|(who, one, many)| {
        format!("{} {}", words::list(&who), if who.len() == 1 { one } else { many })
    });
    format!("In their newest releases {}.", said.collect::<Vec<_>>().join("; "))
}
