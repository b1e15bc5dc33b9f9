//! `profile-incomplete`.

use crate::finding::Finding;
use crate::learnt::Objection;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds containers whose profile does not say everything.
    ///
    /// ## What it does
    /// With `--profile` it tells of each container whose profile is incomplete: nobody saw the
    /// program start, something was lost, it asked another process to do its work, or no run was
    /// watched at all because a person wrote the profile by hand.
    ///
    /// ## Why is this bad?
    /// Nothing seen is not nothing needed. What such a profile does not name may be needed all the
    /// same, so that `over-granted` says nothing, and `fix --profile` writes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx:1.27 # its profile says `complete: false`
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
    ///       image: nginx:1.27 # and a profile from its start on
    ///       securityContext:
    ///         runAsUser: 0
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETGID, SETUID]
    /// ```
    /// `dropcap trace ctr/NAME --wait -o FILE` waits for the container and sees its start; `dropcap
    /// profile merge` joins it with what was seen before.
    ///
    /// ## Fix
    /// None: the profile has to be completed. A person who knows that nothing is missing may say
    /// `dropcap fix --profile FILE --incomplete`.
    "profile-incomplete",
    Fixes::Never("the profile is to be completed, and the manifest may be right"),
    check,
    about: Topic::Profile,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(known) = subject.learnt.known() else { return };
    for objection in &known.objections {
        let Objection::Incomplete(why) = objection else { continue };
        let name = subject.container_name();
        let message = format!("{name} has a profile that does not say everything");
        let span = subject.container.name_span;
        let mut finding = Finding::new(&RULE, subject, Severity::Warning, span, message)
            .note(format!("{}.", known.learnt.described()))
            .help("watch it from its start on: dropcap trace ctr/NAME --wait -o FILE")
            .no_fix("the profile is to be completed, and the manifest may be right");
        for why in why {
            finding = finding.note(format!("Incomplete: {why}."));
        }
        findings.push(finding);
    }
}
