//! A rule: its name, its page, its decision about fixes, and the function that looks.

use std::fmt;

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
}

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
    /// The rule of this name.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Rule> {
        RULES.iter().copied().find(|rule| rule.id == id)
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
/// text for rustdoc, `dropcap explain` and the website.
macro_rules! rule {
    ($(#[doc = $line:literal])* $id:literal, $fixes:expr, $check:path) => {
        $(#[doc = $line])*
        pub static RULE: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            page: concat!($($line, "\n"),*),
            fixes: $fixes,
            check: $check,
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

    /// Without these.
    #[must_use]
    pub fn without(mut self, rules: &[&'static Rule]) -> Self {
        self.ignore.extend(rules.iter().map(|rule| rule.id));
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
