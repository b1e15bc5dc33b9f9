//! `waiver-unused`.

use crate::finding::Finding;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::waiver::file::Waiver;
use crate::waiver::judge::State;

rule! {
    /// Finds waivers, or capabilities of one, that nothing needs.
    ///
    /// ## What it does
    /// It remembers which waivers a finding was waived by, capability by capability. It speaks only of
    /// waivers in order, and only if everything below the folder of their file was looked at and could
    /// be read.
    ///
    /// ## Why is this bad?
    /// What is not needed today waives tomorrow's mistake.
    ///
    /// ## Example
    /// ```toml
    /// version = 1
    ///
    /// [[waiver]]
    /// kind = "DaemonSet"
    /// name = "gone"
    /// container = "agent"
    /// capabilities = ["SYS_ADMIN"]
    /// reason = "mounts the debugfs of the node"
    /// approvers = ["alice@example.com", "bob@example.com"]
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
    /// None: remove it, or the capability from its list.
    "waiver-unused",
    Fixes::Never("remove it by hand; another change of it takes its approvals away"),
    check,
    about: Topic::Answer,
}

/// Waivers are judged where findings are: [`crate::waiver::judge`].
fn check(_: &Subject<'_>, _: &mut Vec<Finding>) {}

/// What is to be said of a waiver. A note: that something is held no longer is no offence.
pub(crate) fn find(waiver: &Waiver, state: &State) -> Option<Finding> {
    let unused = waiver.capabilities - state.used;
    if unused.is_empty() || (waiver.all && !state.used.is_empty()) {
        return None;
    }
    let scope = waiver.scope();
    let message = if state.used.is_empty() {
        format!("the waiver for {} of {scope} covers nothing that is found", waiver.held())
    } else {
        format!("nothing is found that the waiver of {scope} has to cover {unused} for")
    };
    let finding = Finding::aside(&RULE, Severity::Note, waiver.span, message)
        .no_fix("remove it by hand; another change of it takes its approvals away");
    Some(finding)
}
