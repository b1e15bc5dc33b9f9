//! Go templates (Helm): text with `{{ … }}` that is no YAML until it is rendered.

use crate::tree;

/// Offset of the action (`{{ … }}`) that makes a document that is no YAML a template: without the
/// actions it is YAML, or one of them has a line of its own. Text with braces in quotes, comments
/// or block scalars and another fault is none.
pub(crate) fn action(text: &str) -> Option<usize> {
    let first = first_action(text)?;
    let own_line = || text.lines().any(|line| line.trim_start().starts_with("{{"));
    (is_yaml(&without_actions(text)) || own_line()).then_some(first)
}

fn is_yaml(text: &str) -> bool {
    tree::build(text).documents.iter().all(|document| document.root.is_ok())
}

/// White space within a line.
const BLANK: [char; 3] = [' ', '\t', '\r'];

/// The text with a word in the place of each action, or with nothing where a line has nothing else.
fn without_actions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut alone) = (text, true);
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let before = &rest[..start];
        out.push_str(before);
        rest = &rest[start + length + 2..];
        // Each line is gone through once, however many actions it has.
        let (line, is_new) = before.rsplit_once('\n').map_or((before, false), |(_, l)| (l, true));
        alone = (alone || is_new) && line.trim_matches(BLANK).is_empty();
        let after = rest.trim_start_matches(BLANK);
        if !(alone && (after.is_empty() || after.starts_with('\n') || after.starts_with("{{"))) {
            out.push('x');
            alone = false;
        }
    }
    out + rest
}

/// The first `{{` that is neither in a comment nor in quotes on its line.
fn first_action(text: &str) -> Option<usize> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let (mut quote, mut before) = (None, ' ');
        for (at, c) in line.char_indices() {
            match (quote, c) {
                (None, '#') if before.is_whitespace() => break,
                (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
                (None, '{') if line[at..].starts_with("{{") => return Some(offset + at),
                (Some(open), _) if c == open => quote = None,
                _ => {}
            }
            before = c;
        }
        offset += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_told_from_text_with_braces() {
        for text in [
            "a: {{ .x }}\n",
            "a: {{ .x }}-{{ .y }} # c\nb: {{- .z -}}\n",
            "{{- if .x }}\na: b\n{{- end }}\n",
            "a:\n  {{- toYaml .x | nindent 2 }}\n  {{ .y }}: 1\n",
            "a: [1\n{{ end }}\n",
            "{{ define \"x\" }}{{ end }}\n",
        ] {
            assert!(action(text).is_some(), "{text}");
        }
        for text in [
            "a: \"{{ .x }}\"\nb: [\n",
            "# {{ x }}\na: [\n",
            "a: [\nb: |\n  c: {{ x }}\n",
            "a: [\n",
            "a: {{ \nb: [\n",
        ] {
            assert_eq!(action(text), None, "{text}");
        }
    }
}
