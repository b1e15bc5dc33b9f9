//! A rule: its name, its page, its decision about fixes, and the function that looks.

use std::fmt;

use manifest::Format;

use crate::finding::Finding;
use crate::rules::RULES;
use crate::subject::Subject;

/// A rule. One file in `rules/` holds one `RULE`, whose doc comment is its page; `rules.rs`
/// registers it; `tests/rules/<id>.md` at the root of the repository specifies it.
pub struct Rule {
    /// Its name, in kebab case: what `--select` and `--ignore` take.
    pub id: &'static str,
    /// Its page, in Markdown: what it does, why that is bad, an example, what to use instead.
    pub page: &'static str,
    /// Whether it proposes edits, and why or why not.
    pub fixes: Fixes,
    /// Looks at one container.
    pub check: fn(&Subject<'_>, &mut Vec<Finding>),
    /// What it looks at beside the container.
    pub about: Topic,
    /// Whether it is about a capability being held: that is what a waiver waives and a baseline
    /// keeps, capability by capability. Others are about words that do not do what they say, or about
    /// what another program refuses, and neither becomes right by a signature.
    pub waivable: bool,
    /// What it is about is written in these.
    pub formats: &'static [Format],
}

/// What a rule looks at beside the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Nothing.
    Container,
    /// What was learnt of the container. Where nothing was, it says nothing.
    Profile,
    /// What is written about findings: waivers and comments.
    Answer,
}

/// What only Kubernetes has: its admission, fields of its pods, and ports that are declared for
/// information. On Compose a port is published by Docker, and what is listened on is the image's matter.
pub(crate) const KUBERNETES: &[Format] = &[Format::Kubernetes];

/// What is written in an OCI configuration only: five sets.
pub(crate) const OCI: &[Format] = &[Format::Oci];

/// What is held, whoever asked for it. An OCI configuration has no `add` and `drop`, so that other
/// rules have nothing to say of it.
pub(crate) const ALL_FORMATS: &[Format] = &[Format::Kubernetes, Format::Compose, Format::Oci];

/// The decision of a rule about edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixes {
    /// It proposes an edit where one exists; each is classed by what it does to the sets.
    Offered(&'static str),
    /// It never does, and why.
    Never(&'static str),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

impl Rule {
    /// What most rules are.
    pub(crate) const COMMON: Self = Self {
        id: "",
        page: "",
        fixes: Fixes::Never(""),
        check: |_, _| {},
        about: Topic::Container,
        waivable: false,
        formats: &[Format::Kubernetes, Format::Compose],
    };

    /// The rule of this name.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Rule> {
        RULES.iter().copied().find(|rule| rule.id == id)
    }

    /// Whether its edits write what was learnt: they are made by `fix --profile`, before the others.
    #[must_use]
    pub fn writes_profile(&self) -> bool {
        self.about == Topic::Profile && matches!(self.fixes, Fixes::Offered(_))
    }

    /// Its page as Markdown: a doc comment's lines begin with one space.
    #[must_use]
    pub fn markdown(&self) -> String {
        let lines = self.page.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The first sentence of its page.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let paragraphs = self.page.split("\n\n").map(str::trim);
        paragraphs.into_iter().find(|text| !text.starts_with('#')).unwrap_or_default()
    }
}

/// Makes the `RULE` of a file in `rules/`: the doc comment becomes the page, so that there is one
/// text for rustdoc, `dropcap explain` and the website. Behind the function stands in what it is unlike
/// [`Rule::COMMON`].
macro_rules! rule {
    ($(#[doc = $line:literal])* $id:literal, $fixes:expr, $check:path $(, $field:ident: $value:expr)* $(,)?) => {
        $(#[doc = $line])*
        pub static RULE: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            page: concat!($($line, "\n"),*),
            fixes: $fixes,
            check: $check,
            $($field: $value,)*
            ..$crate::rule::Rule::COMMON
        };
    };
}
pub(crate) use rule;

/// Which rules run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only these; all if empty.
    select: Vec<&'static str>,
    /// Not these.
    ignore: Vec<&'static str>,
}

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown rule {id:?}; expected one of {}", ids())]
pub struct UnknownRule {
    /// The name.
    pub id: String,
}

fn ids() -> String {
    let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.join(", ")
}

impl Selection {
    /// Those of `select` (all if it is empty) without those of `ignore`.
    ///
    /// # Errors
    /// [`UnknownRule`] for a name that no rule has.
    pub fn new<S: AsRef<str>>(select: &[S], ignore: &[S]) -> Result<Self, UnknownRule> {
        let known = |ids: &[S]| {
            let find = |id: &S| {
                let id = id.as_ref();
                Rule::find(id).map(|rule| rule.id).ok_or_else(|| UnknownRule { id: id.to_owned() })
            };
            ids.iter().map(find).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { select: known(select)?, ignore: known(ignore)? })
    }

    /// Without those about this.
    #[must_use]
    pub fn without(mut self, about: Topic) -> Self {
        let rules = RULES.iter().filter(|rule| rule.about == about);
        self.ignore.extend(rules.map(|rule| rule.id));
        self
    }

    /// Whether `rule` runs.
    #[must_use]
    pub fn contains(&self, rule: &Rule) -> bool {
        (self.select.is_empty() || self.select.contains(&rule.id))
            && !self.ignore.contains(&rule.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_takes_names_and_refuses_others() {
        let rule = Rule::find("add-all").unwrap();
        let other = Rule::find("privileged").unwrap();
        let all = Selection::default();
        assert!(all.contains(rule) && all.contains(other));
        let one = Selection::new(&["add-all"], &[]).unwrap();
        assert!(one.contains(rule) && !one.contains(other));
        let but = Selection::new(&[], &["add-all"]).unwrap();
        assert!(!but.contains(rule) && but.contains(other));
        let error = Selection::new(&["add-al"], &[]).unwrap_err();
        assert!(
            error.to_string().starts_with("unknown rule \"add-al\"; expected one of add-all, ")
        );
    }
}
