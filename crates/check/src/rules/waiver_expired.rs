//! `waiver-expired`.

use crate::finding::Finding;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::waiver::file::Waiver;
use crate::waiver::judge::State;

rule! {
    /// Finds waivers whose last day is over.
    ///
    /// ## What it does
    /// It compares `expires` of every waiver with today's date (UTC). A waiver counts on its last
    /// day; from the next on, what it waived is found again.
    ///
    /// ## Why is this bad?
    /// A capability that was to be held for a quarter is held for good, because nobody looks at it
    /// again.
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
    /// approvers = ["alice@example.com", "bob@example.com"]
    /// expires = 2020-12-31
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
    /// None: whether it is needed any longer is for its approvers to say. A new day is a new waiver,
    /// which they approve anew.
    "waiver-expired",
    Fixes::Never("its approvers decide whether it is needed any longer"),
    check,
    about: Topic::Answer,
}

/// Waivers are judged where findings are: [`crate::waiver::judge`].
fn check(_: &Subject<'_>, _: &mut Vec<Finding>) {}

/// What is to be said of a waiver.
pub(crate) fn find(waiver: &Waiver, state: &State) -> Option<Finding> {
    if !state.is_expired() {
        return None;
    }
    let message = format!("the waiver for {} of {} has expired", waiver.held(), waiver.scope());
    let finding = Finding::aside(&RULE, Severity::Warning, waiver.expires_span, message)
        .label("was its last day")
        .help("remove it, or have it approved with another day")
        .no_fix("its approvers decide whether it is needed any longer");
    Some(finding)
}
