//! A finding: what is wrong, where, how bad, and what to do about it.

use caps::CapSet;
use manifest::Span;

use crate::danger::demands_waiver;
use crate::fix::{Change, Remedy};
use crate::holding::Held;
use crate::rule::Rule;
use crate::severity::{Confidence, Severity};
use crate::standing::Standing;
use crate::subject::Subject;

/// What a rule found at one container, or in what is written about findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What, in one sentence that names the container.
    pub message: String,
    /// Where, and what about it.
    pub primary: Label,
    /// Other places that matter.
    pub related: Vec<Label>,
    /// More about it, a sentence each.
    pub notes: Vec<String>,
    /// What to do about it, where an edit is not the answer or not the only one.
    pub help: Vec<String>,
    /// The container, by its place in [`crate::Checked::containers`]; none if it is about a waiver,
    /// or about a comment that belongs to no container.
    pub container: Option<usize>,
    /// The capabilities that it is about; none if it is about words or fields.
    pub capabilities: CapSet,
    /// What the container holds.
    pub before: Held,
    /// The edit, or why there is none.
    pub remedy: Remedy,
    /// What becomes of it.
    pub standing: Standing,
}

/// A place in the text, with a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
}

impl Finding {
    /// A finding of `rule` at `span`; the rest is added by the methods below.
    #[must_use]
    pub fn new(
        rule: &'static Rule,
        subject: &Subject<'_>,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            confidence: subject.confidence(),
            before: subject.held,
            ..Self::aside(rule, severity, span, message)
        }
    }

    /// A finding about no container: what is wrong with a waiver or a comment.
    #[must_use]
    pub fn aside(
        rule: &'static Rule,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            confidence: Confidence::High,
            message: message.into(),
            primary: Label { span, text: String::new() },
            related: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            container: None,
            capabilities: CapSet::EMPTY,
            before: Held::default(),
            remedy: Remedy::None { why: String::new() },
            standing: Standing::Open,
        }
    }

    /// With a remark at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// With another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// About these capabilities.
    #[must_use]
    pub fn about(mut self, capabilities: impl Into<CapSet>) -> Self {
        self.capabilities = capabilities.into();
        self
    }

    /// Those of its capabilities that nobody keeps on a word alone: of the Big Four, or a way out of
    /// the container by themselves. An inline ignore does not count for them. Empty for a note.
    #[must_use]
    pub fn demands_waiver(&self) -> CapSet {
        if self.severity == Severity::Note {
            return CapSet::EMPTY;
        }
        let held = self.capabilities & self.before.reach();
        held.iter().filter(|capability| demands_waiver(*capability)).collect()
    }

    /// With more about it.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// With this confidence.
    #[must_use]
    pub fn sure(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// With an edit, if it may be offered: [`crate::fix::plan`] decides.
    #[must_use]
    pub fn fix(mut self, subject: &Subject<'_>, change: &Change) -> Self {
        self.remedy = crate::fix::plan(subject, change);
        self
    }

    /// Without an edit, and why.
    #[must_use]
    pub fn no_fix(mut self, why: impl Into<String>) -> Self {
        self.remedy = Remedy::None { why: why.into() };
        self
    }
}
