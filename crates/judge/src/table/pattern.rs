//! Names of functions and system calls, as the table writes them.

/// Whether a system call is `known`, or its 32-bit twin with wide ids (`chown32`).
pub(crate) fn is_call(name: &str, known: &str) -> bool {
    name == known || name.strip_suffix("32") == Some(known)
}

/// `*` at the start or the end of a pattern stands for anything.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(suffix), None) => name.ends_with(suffix),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_at_its_end() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("abc*", "abc", true),
            ("abc*", "abcd", true),
            ("*bcd", "abcd", true),
            ("*bcd", "abcde", false),
            ("*bc*", "abcd", true),
            ("*bc*", "abd", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
