//! `inline-ignore`.

use caps::CapSet;
use manifest::Span;

use crate::finding::Finding;
use crate::rule::{Fixes, Topic, rule};
use crate::severity::Severity;
use crate::subject::Subject;

rule! {
    /// Finds comments that are to ignore a finding and do not, or have no reason.
    ///
    /// ## What it does
    /// It reads comments such as `# dropcap: ignore[set-uid-regain] why` at the end of a line or alone
    /// above it, and reports those that cannot be read, name no rule that there is, give no reason,
    /// ignore nothing, or are about one of the Big Four (SYS_ADMIN, SYS_MODULE, CHOWN, DAC_OVERRIDE)
    /// or a capability that escapes by itself: those take a waiver.
    ///
    /// ## Why is this bad?
    /// Without a reason nobody dares to remove it. One that ignores nothing today ignores tomorrow's
    /// mistake.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: clock }
    /// spec:
    ///   containers:
    ///     - name: clock
    ///       image: clock
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           # dropcap: ignore[dangerous-capability]
    ///           add: [SYS_TIME]
    /// ```
    ///
    /// ## Use instead
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: clock }
    /// spec:
    ///   containers:
    ///     - name: clock
    ///       image: clock
    ///       securityContext:
    ///         capabilities:
    ///           drop: [ALL]
    ///           # dropcap: ignore[dangerous-capability] it sets the node's clock, that is its work
    ///           add: [SYS_TIME]
    /// ```
    ///
    /// ## Fix
    /// None: dropcap edits `capabilities` and no comment.
    "inline-ignore",
    Fixes::Never("dropcap edits `capabilities` and no comment"),
    check,
    about: Topic::Answer,
}

/// Comments are read where findings are set aside: [`crate::inline`].
fn check(_: &Subject<'_>, _: &mut Vec<Finding>) {}

/// What is wrong with a comment.
pub(crate) enum Fault {
    /// It is none that can be read.
    Unread,
    /// No rule is called so.
    UnknownRule { id: String },
    /// It does not say why.
    NoReason,
    /// It ignores nothing.
    Unused { rule: &'static str },
    /// What it is about takes a waiver.
    NotAccepted { rule: &'static str, demanding: CapSet },
}

/// What is to be said of a comment. That something is ignored which is found no longer is no offence.
pub(crate) fn found(span: Span, fault: &Fault) -> Finding {
    let (severity, message, help) = match fault {
        Fault::Unread => (
            Severity::Warning,
            "this comment cannot be read".to_owned(),
            "write # dropcap: ignore[RULE] and why".to_owned(),
        ),
        Fault::UnknownRule { id } => (
            Severity::Warning,
            format!("no rule is called `{id}`"),
            "the rules are in docs/rules; findings have theirs in brackets".to_owned(),
        ),
        Fault::NoReason => (
            Severity::Warning,
            "this comment gives no reason, and ignores nothing without one".to_owned(),
            "write why behind the brackets".to_owned(),
        ),
        Fault::Unused { rule } => (
            Severity::Note,
            format!("this comment ignores nothing: {rule} finds nothing there"),
            "remove it".to_owned(),
        ),
        Fault::NotAccepted { rule, demanding } => (
            Severity::Warning,
            format!("{rule} is not ignored by a comment where it is about {demanding}"),
            "write a waiver: `dropcap waiver new`".to_owned(),
        ),
    };
    Finding::aside(&RULE, severity, span, message)
        .help(help)
        .no_fix("dropcap edits `capabilities` and no comment")
}
