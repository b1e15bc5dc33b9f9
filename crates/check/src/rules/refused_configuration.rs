//! `refused-configuration`.

use caps::{CapSet, Capability};
use manifest::{Format, Span};
use runtime::{Refusal, SpecSet};

use crate::finding::Finding;
use crate::rule::{Fixes, OCI, rule};
use crate::severity::{Confidence, Severity};
use crate::subject::Subject;

rule! {
    /// Finds OCI configurations that no container is made of.
    ///
    /// ## What it does
    /// It asks what the OCI runtime and the kernel make of `process.capabilities` in a
    /// `config.json`, and reports those that they refuse: a name that crun does not know, an
    /// effective capability that is not permitted, an inheritable one beyond the bounding set.
    ///
    /// ## Why is this bad?
    /// The container does not start. What it would hold cannot be judged either, so that nothing
    /// else is said of it.
    ///
    /// ## Example
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 0, gid: 0 }
    ///   args: [web]
    ///   cwd: /
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE, CAP_KILL]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// ociVersion: 1.2.0
    /// process:
    ///   user: { uid: 0, gid: 0 }
    ///   args: [web]
    ///   cwd: /
    ///   capabilities:
    ///     bounding: [CAP_NET_BIND_SERVICE]
    ///     permitted: [CAP_NET_BIND_SERVICE]
    ///     effective: [CAP_NET_BIND_SERVICE]
    /// ```
    ///
    /// ## Fix
    /// None: an OCI configuration is written by another program, and that has to be told.
    "refused-configuration",
    Fixes::Never("an OCI configuration is written by another program"),
    check,
    formats: OCI,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.workload.pod.format != Format::Oci {
        return;
    }
    let refusal = match subject.refusal() {
        // `file-capabilities-outside-bounding` speaks of that.
        None | Some(Refusal::Entrypoint { .. }) => return,
        Some(refusal) => refusal,
    };
    let message = format!("{} does not start: {refusal}", subject.container_name());
    let span = place(subject, refusal).unwrap_or(subject.container.name_span);
    findings.push(
        Finding::new(&RULE, subject, Severity::Warning, span, message)
            .sure(Confidence::High)
            .note("What it would hold cannot be judged: nothing else is said of it.")
            .no_fix("an OCI configuration is written by another program"),
    );
}

/// Where the name is written that it is about.
fn place(subject: &Subject<'_>, refusal: &Refusal) -> Option<Span> {
    let find = |sets: &[SpecSet], wanted: &dyn Fn(&str) -> bool| {
        let each = sets.iter().flat_map(|set| {
            let names = set.names(subject.request()).iter().enumerate();
            names.map(move |(index, name)| (*set, index, name))
        });
        let (set, index, _) = each.into_iter().find(|(.., name)| wanted(name))?;
        resolve::set_span(set, index, subject.container)
    };
    let any_of = |missing: CapSet| {
        move |name: &str| name.parse::<Capability>().is_ok_and(|one| missing.contains(one))
    };
    match refusal {
        Refusal::UnknownInSpec { name, .. } => find(&SpecSet::ALL, &|there| there == name),
        Refusal::EffectiveBeyondPermitted { missing } => {
            find(&[SpecSet::Effective], &any_of(*missing))
        }
        Refusal::InheritableBeyondBounding { missing, .. } => {
            find(&[SpecSet::Inheritable], &any_of(*missing))
        }
        Refusal::BeyondDaemon { missing, .. } => find(&[SpecSet::Permitted], &any_of(*missing)),
        _ => None,
    }
}
