//! `waiver-too-wide`.

use crate::finding::Finding;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::waiver::file::Waiver;
use crate::waiver::judge::State;

rule! {
    /// Finds waivers that are about more than anybody can answer for.
    ///
    /// ## What it does
    /// It looks for `*` in the scope of a waiver. For the Big Four, what escapes by itself, and `ALL`,
    /// kind, namespace, name and container stand without one. For any other capability `kind` and
    /// `namespace` may be `*`, a `name` has three letters at least, and of `name` and `container` one
    /// is without `*`. A waiver that is too wide waives nothing.
    ///
    /// ## Why is this bad?
    /// It holds for workloads that nobody has thought of yet.
    ///
    /// ## Example
    /// ```toml
    /// version = 1
    ///
    /// [[waiver]]
    /// kind = "DaemonSet"
    /// name = "*"
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
    /// None: what it is meant for nobody but its author knows.
    "waiver-too-wide",
    Fixes::Never("what it is meant for nobody but its author knows"),
    check,
    about: Topic::Answer,
}

/// Waivers are judged where findings are: [`crate::waiver::judge`].
fn check(_: &Subject<'_>, _: &mut Vec<Finding>) {}

/// What is to be said of a waiver.
pub(crate) fn find(waiver: &Waiver, state: &State) -> Option<Finding> {
    let why = state.too_wide.as_ref()?;
    let message = format!("the waiver for {} is too wide: {why}", waiver.held());
    let finding = Finding::aside(&RULE, Severity::Warning, waiver.span, message)
        .help("a waiver for each workload that needs it")
        .no_fix("what it is meant for nobody but its author knows");
    Some(finding)
}
