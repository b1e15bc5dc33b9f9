//! `waiver-unapproved`.

use crate::finding::Finding;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::waiver::file::Waiver;
use crate::waiver::judge::State;
use crate::words;

rule! {
    /// Finds waivers that not enough people have approved.
    ///
    /// ## What it does
    /// It reads the git history of the waiver file. An approver of a waiver's list counts if a commit
    /// that brought the waiver into its present form is of that address, or bears a sign-off of it
    /// (`Signed-off-by`, `Reviewed-by`, `Acked-by`, `Approved-by`); where signatures are demanded,
    /// if that address signed such a commit. A change of anything but the list of approvers takes all
    /// approvals away. The Big Four (SYS_ADMIN, SYS_MODULE, CHOWN, DAC_OVERRIDE) and what escapes by
    /// itself take two approvers, the rest one, unless `dropcap.toml` says otherwise. Outside of git,
    /// in a shallow clone or before it is committed nothing is approved.
    ///
    /// ## Why is this bad?
    /// A waiver that its author approves alone is no check at all.
    ///
    /// ## Example
    /// ```toml
    /// version = 1
    ///
    /// [[waiver]]
    /// kind = "DaemonSet"
    /// name = "agent"
    /// container = "agent"
    /// capabilities = ["SYS_ADMIN"]
    /// reason = "mounts the debugfs of the node"
    /// approvers = ["alice@example.com"]
    /// expires = 2099-12-31
    /// ```
    ///
    /// ## Use instead
    /// ```toml
    /// version = 1
    ///
    /// [[waiver]]
    /// kind = "DaemonSet"
    /// name = "agent"
    /// container = "agent"
    /// capabilities = ["SYS_ADMIN"]
    /// reason = "mounts the debugfs of the node"
    /// approvers = ["alice@example.com", "bob@example.com"]
    /// expires = 2099-12-31
    /// ```
    ///
    /// ## Fix
    /// None: an approval is a person's commit, or a sign-off in one.
    "waiver-unapproved",
    Fixes::Never("an approval is a person's commit, or a sign-off in one"),
    check,
    about: Topic::Answer,
}

/// Waivers are judged where findings are: [`crate::waiver::judge`].
fn check(_: &Subject<'_>, _: &mut Vec<Finding>) {}

/// What is to be said of a waiver.
pub(crate) fn find(waiver: &Waiver, state: &State) -> Option<Finding> {
    if state.is_approved() {
        return None;
    }
    let approvals = &state.approvals;
    let (count, required) = (approvals.confirmed.len(), state.required);
    let message = format!(
        "the waiver for {} of {} has {count} of {}",
        waiver.held(),
        waiver.scope(),
        words::count(required, "approval")
    );
    let mut finding = Finding::aside(&RULE, Severity::Warning, waiver.span, message)
        .no_fix("an approval is a person's commit, or a sign-off in one");
    if !approvals.confirmed.is_empty() {
        finding = finding.note(format!("Approved by {}.", words::list(&approvals.confirmed)));
    }
    if !approvals.missing.is_empty() {
        finding =
            finding.note(format!("The history shows none of {}.", words::list(&approvals.missing)));
    }
    for remark in &approvals.remarks {
        finding = finding.note(format!("No approval is taken for granted: {remark}."));
    }
    if waiver.approvers.len() < required {
        finding =
            finding.help(format!("name those who answer for it under `approvers`: {required}"));
    }
    Some(finding)
}
