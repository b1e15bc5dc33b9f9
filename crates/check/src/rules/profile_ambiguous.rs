//! `profile-ambiguous`.

use crate::finding::Finding;
use crate::learnt::{Match, Objection};
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

rule! {
    /// Finds containers with several profiles, none of which fits better than the others.
    ///
    /// ## What it does
    /// With `--profile` it tells of each container that several profiles are about in the same way:
    /// all by its workload, or all by its image. One by the workload goes before one by the image,
    /// and then there is nothing to tell. The other way round, too: a profile that names a workload
    /// and no namespace, where manifests have that workload in several.
    ///
    /// ## Why is this bad?
    /// Profiles of several runs or replicas each say what one of them did, and the container needs
    /// all of it. dropcap does not choose: no other rule looks at them, and `fix --profile` writes
    /// nothing.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: web }
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx:1.27 # web-1.yaml and web-2.yaml are about it
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
    ///       image: nginx:1.27 # web.yaml, merged of both
    ///       securityContext:
    ///         runAsUser: 0
    ///         capabilities:
    ///           drop: [ALL]
    ///           add: [SETGID, SETUID]
    /// ```
    /// `dropcap profile merge web-1.yaml web-2.yaml -o web.yaml`
    ///
    /// ## Fix
    /// None: merge them, or remove the one that is no longer true; write the namespace into it.
    "profile-ambiguous",
    Fixes::Never("merge the profiles, or remove the one that is no longer true"),
    check,
    about: Topic::Profile,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for objection in subject.learnt.known().into_iter().flat_map(|known| &known.objections) {
        let Objection::Namespaces(all) = objection else { continue };
        let (name, learnt) = (subject.container_name(), &subject.learnt);
        let profile = learnt.known().map(|known| known.learnt.title()).unwrap_or_default();
        let message = format!(
            "{name} is in one of {}, and its profile names none",
            words::count(all.len(), "namespace")
        );
        findings.push(
            Finding::new(&RULE, subject, Severity::Warning, subject.container.name_span, message)
                .note(format!("{profile}: its workload is in {}.", words::list(all)))
                .help("write `namespace: NAME` into its spec.target; one profile for each")
                .no_fix("write the namespace into the profile"),
        );
    }
    let Match::Several(all) = &subject.learnt else { return };
    let files: Vec<&str> = all.iter().map(|learnt| learnt.file.as_str()).collect();
    let (name, number) = (subject.container_name(), words::count(all.len(), "profile"));
    let message = format!("{name} has {number}, and none of them counts");
    findings.push(
        Finding::new(&RULE, subject, Severity::Warning, subject.container.name_span, message)
            .note(format!("{}.", words::list(&files)))
            .help(format!("join them: dropcap profile merge {} -o FILE", files.join(" ")))
            .no_fix("merge the profiles, or remove the one that is no longer true"),
    );
}
