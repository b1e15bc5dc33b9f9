//! `profile-too-old`.

use crate::finding::Finding;
use crate::learnt::Objection;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds containers whose profile is too old to be believed.
    ///
    /// ## What it does
    /// With `--profile` it tells of each container whose profile was last watched longer ago than
    /// 180 days, or than `profile-days` of `dropcap.toml` or `--profile-days` allow. The newest run
    /// counts, and for a profile that trials proved the newest trial.
    ///
    /// ## Why is this bad?
    /// Programs change. A profile from before the last three releases says what those needed, and
    /// an edit by it may take away what the program needs by now. `over-granted` says nothing, and
    /// `fix --profile` writes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx:1.27 # its profile is from last year
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
    ///       image: nginx:1.27 # and a profile from this month
    ///       securityContext:
    ///         runAsUser: 0
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETGID, SETUID]
    /// ```
    /// Watch it again, as it was watched before, and compare with `dropcap profile diff`.
    ///
    /// ## Fix
    /// None: somebody has to look again.
    "profile-too-old",
    Fixes::Never("somebody has to look again"),
    check,
    about: Topic::Profile,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(known) = subject.learnt.known() else { return };
    for objection in &known.objections {
        let Objection::TooOld { days, limit } = objection else { continue };
        let name = subject.container_name();
        let message = format!("{name} has a profile that is {days} days old; {limit} are allowed");
        let span = subject.container.name_span;
        findings.push(
            Finding::new(&RULE, subject, Severity::Warning, span, message)
                .note(format!("{}.", known.learnt.described()))
                .help("watch it again, and see what changed: dropcap profile diff OLD NEW")
                .no_fix("somebody has to look again"),
        );
    }
}
