//! What a waiver is about: patterns for a workload and its container, and when they are too wide.

use crate::checked::CheckedContainer;
use crate::waiver::file::Waiver;

/// With fewer letters than this beside its `*`, a pattern for a name says nothing.
const LEAST_LETTERS: usize = 3;

/// Whether `pattern` stands for `text`: `*` is any number of characters, everything else itself.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pattern.contains('*').then(|| parts.next_back()).flatten() else {
        return rest.is_empty();
    };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whether it stands for more than one text.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    pattern.contains('*')
}

impl Waiver {
    /// Whether the container is one that it is about. A waiver without a namespace is about
    /// workloads that write none.
    #[must_use]
    pub fn is_about(&self, container: &CheckedContainer) -> bool {
        let namespace = match (&self.namespace, &container.namespace) {
            (None, written) => written.is_none(),
            (Some(pattern), written) => matches(pattern, written.as_deref().unwrap_or_default()),
        };
        namespace
            && matches(&self.kind, &container.kind)
            && matches(&self.name, &container.workload_name)
            && matches(&self.container, &container.name)
    }

    /// Why it is too wide; `None` if it is not. What is most dangerous takes a scope without `*`;
    /// any other a name that says something, and a container unless the name is one.
    #[must_use]
    pub fn too_wide(&self) -> Option<String> {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let fields = [
            ("kind", self.kind.as_str()),
            ("namespace", namespace),
            ("name", self.name.as_str()),
            ("container", self.container.as_str()),
        ];
        if self.demands() {
            let (field, pattern) = fields.into_iter().find(|(_, pattern)| is_pattern(pattern))?;
            let what = self.what_demands();
            return Some(format!("`{field}` is `{pattern}`, and {what} is waived one by one"));
        }
        if is_pattern(&self.name) && self.name.chars().filter(|c| *c != '*').count() < LEAST_LETTERS
        {
            return Some(format!("`name` is `{}`, which names nothing", self.name));
        }
        if is_pattern(&self.name) && is_pattern(&self.container) {
            return Some(format!(
                "`name` is `{}` and `container` is `{}`: one of them has to be without `*`",
                self.name, self.container
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_nothing_else_is() {
        for (pattern, text, expected) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web", "Web", false),
            ("web-*", "web-1", true),
            ("web-*", "web-", true),
            ("web-*", "web", false),
            ("*", "", true),
            ("*-a-*", "x-a-y", true),
            ("*-a-*", "-a-", true),
            ("*-a-*", "-a", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "aXcbXbc", true),
            ("a*b*c", "acc", false),
            ("w?b", "web", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
