//! `$(NAME)` in a container's command, arguments and environment, as the kubelet replaces it.

use manifest::Format;

/// A word of a container, with `$(NAME)` replaced where somebody does that: the kubelet.
pub(crate) fn expand_in(format: Format, text: &str, env: &[(String, String)]) -> String {
    match format {
        Format::Kubernetes => expand(text, env),
        Format::Compose | Format::Oci => text.to_owned(),
    }
}

/// Replaces `$(NAME)` by the variable's value; `$$` is a dollar sign, and a name that is not there
/// stays as it is written (Kubernetes, `third_party/forked/golang/expansion/expand.go`).
fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) =
            rest.strip_prefix('(').and_then(|inner| inner.split_once(')'))
        {
            match env.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => expanded.push_str(value),
                None => {
                    expanded.push_str("$(");
                    expanded.push_str(name);
                    expanded.push(')');
                }
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_replaces_as_the_kubelet_does() {
        let env = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expected) in [
            ("", ""),
            ("$(A)", "1"),
            ("x$(A)$(A)y", "x11y"),
            ("$(B)", "$(A)"),
            ("$(C)", "$(C)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$A ${A}", "$A ${A}"),
            ("$(A", "$(A"),
            ("$()", "$()"),
            ("100$", "100$"),
            ("$$", "$"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text:?}");
        }
    }
}
