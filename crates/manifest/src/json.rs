//! Whether kubectl can read what it takes for JSON.
//!
//! A file whose first character but white space is `{` is to kubectl a stream of JSON objects, whatever
//! its name (k8s.io/apimachinery `pkg/util/yaml/decoder.go`, `GuessJSONStream`): comments, keys without
//! quotes, a comma behind the last entry and `---` between documents, which YAML has, are errors there.
//! What stands before the error counts nevertheless. Held against kubectl 1.32.

use serde::de::IgnoredAny;

use crate::workload::Span;

/// Where kubectl stops reading a text that it takes for JSON, if it does, and why.
pub(crate) fn fault(text: &str) -> Option<(Span, String)> {
    let start = text.strip_prefix('\u{feff}').unwrap_or(text);
    // `{{` begins a template.
    if !start.trim_start().starts_with('{') || start.trim_start().starts_with("{{") {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(start).into_iter::<IgnoredAny>();
    let error = stream.find_map(Result::err)?;
    let reason = error.to_string();
    // Go reads deeper than this reader, and text that is deeper still is refused elsewhere.
    if reason.starts_with("recursion limit") {
        return None;
    }
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    let line = start
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let at = text.len() - start.len() + line + error.column().saturating_sub(1);
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at))?;
    Some((Span { start: at, end: at }, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_as_json_is_json() {
        for text in [
            "{\"a\": 1}",
            "\u{feff} \n{\"a\": [1, {}]}\n{\"b\": \"\\ud800\"}\n",
            "# x\n{a: 1,}",
            "---\n{a: 1,}",
            "a: {b: 1,}",
            "{{ if .Values.x }}",
            "[1,]",
            "",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
        for (text, at) in [
            ("{\"a\": 1,}", 8),
            ("\u{feff}{\"a\": 1,}", 11),
            ("{a: 1}", 1),
            ("{'a': 1}", 1),
            ("{\"a\": 1} # é", 9),
            ("{\n  # x\n  \"a\": 1}", 4),
            ("{\"a\": 1}\n---\n{\"a\": 1}", 10),
            ("{\"a\": é}", 6),
            ("{\"a\": 1", 6),
        ] {
            let found = fault(text).map(|(span, _)| span.start);
            assert_eq!(found, Some(at), "{text}");
        }
    }
}
