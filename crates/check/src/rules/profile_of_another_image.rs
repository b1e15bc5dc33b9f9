//! `profile-of-another-image`.

use crate::finding::Finding;
use crate::learnt::Objection;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds containers whose profile was learnt from another image, or as another user.
    ///
    /// ## What it does
    /// With `--profile` it compares the image that was watched with the one in the manifest: their
    /// digests where both have one, else repository and tag, with `docker.io/library/` and
    /// `:latest` understood. Engines often say the digest of an image's configuration where a
    /// manifest has the one of the registry; these cannot be compared, and count as different.
    /// A profile that was learnt as a user whom somebody chose (`spec.target.user`) is about
    /// containers with that `runAsUser`; one whose runs started as another user than root is
    /// about none with `runAsUser: 0`, and one whose runs all started as root about none with
    /// another user. Nor is one about containers whose `command` and `args` are others, where
    /// that is known.
    ///
    /// ## Why is this bad?
    /// Another image is another program, or another release of it. `over-granted` and
    /// `missing-capability` say nothing then, and `fix --profile` writes nothing.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: web }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers:
    ///         - name: web
    ///           image: nginx:1.28 # and the profile of Deployment/web is of nginx:1.27
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: web }
    /// spec:
    ///   template:
    ///     spec:
    ///       containers:
    ///         - name: web
    ///           image: nginx:1.27
    ///           securityContext:
    ///             runAsUser: 0
    ///             capabilities:
    ///               drop: [ALL]
    ///               add: [SETGID, SETUID]
    /// ```
    /// Or watch the new image, and compare with `dropcap profile diff`.
    ///
    /// ## Fix
    /// None: somebody has to look at the image that runs. A person who knows that they do not
    /// differ may say `dropcap fix --profile FILE --other-image`.
    "profile-of-another-image",
    Fixes::Never("somebody has to look at the image that runs"),
    check,
    about: Topic::Profile,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(known) = subject.learnt.known() else { return };
    for objection in &known.objections {
        let name = subject.container_name();
        let (span, message) = match objection {
            Objection::OtherImage { learnt, here } => (
                subject.container.image.as_ref().map(|image| image.span),
                format!("{name} runs {here}, and its profile is of {learnt}"),
            ),
            Objection::OtherUser { learnt, here } => (
                subject.context.user_span(),
                format!("{name} runs as {here}, and its profile was learnt as {learnt}"),
            ),
            Objection::OtherCommand { learnt, here } => {
                (None, format!("{name} {here}, and its profile is of one that {learnt}"))
            }
            Objection::Incomplete(_) | Objection::TooOld { .. } | Objection::Namespaces(_) => {
                continue;
            }
        };
        let span = span.unwrap_or(subject.container.name_span);
        findings.push(
            Finding::new(&RULE, subject, Severity::Warning, span, message)
                .note(format!("{}.", known.learnt.described()))
                .help("watch the new one, and see what changed: dropcap profile diff OLD NEW")
                .no_fix("somebody has to look at the image that runs"),
        );
    }
}
