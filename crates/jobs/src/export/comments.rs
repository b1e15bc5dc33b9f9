//! Comments and scalars of the forms that have them.

/// How wide a line may be.
const WIDTH: usize = 80;

/// The least that is kept for words, however deep a comment stands.
const LEAST: usize = 40;

/// `text` as lines of comment, each behind `indent` blanks and a `#`.
pub(super) fn comment(indent: usize, text: &str) -> String {
    let options = textwrap::Options::new((WIDTH - 2).saturating_sub(indent).max(LEAST))
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let blank = " ".repeat(indent);
    let text = clean(text);
    textwrap::wrap(&text, options).iter().map(|line| format!("{blank}# {line}\n")).collect()
}

/// Several of them, none deeper than the first.
pub(super) fn comments(indent: usize, texts: &[String]) -> String {
    texts.iter().map(|text| comment(indent, text)).collect()
}

/// A path or a name may hold anything. What could end the comment is left out: control characters, and
/// what YAML 1.1 takes for a line break or forbids.
fn clean(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// A text as a YAML scalar: as it is where no reader can take it for anything else, or in quotes.
pub(super) fn scalar(text: &str) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(letter)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if plain { text.to_owned() } else { quoted(text, '"') }
}

/// What YAML 1.1 does not read as text (yaml.org/type/bool.html, null.html).
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// In these quotes, whatever is in it: YAML's double quotes and both of CEL's read the same escapes.
pub(super) fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            _ if c == quote || c == '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stays_a_comment_and_loses_no_word() {
        let text = "open /a\nadd: [ALL]\u{2028}x \u{85} for writing by a program with a long name, at start";
        let written = comment(12, text);
        assert!(written.lines().count() > 1);
        for line in written.lines() {
            assert!(line.starts_with("            # ") && line.chars().count() <= 80, "{line}");
        }
        let words: Vec<&str> = written.split_whitespace().filter(|word| *word != "#").collect();
        assert_eq!(
            words.join(" "),
            "open /a add: [ALL] x for writing by a program with a long name, at start"
        );
    }

    #[test]
    fn a_scalar_is_read_back_as_the_text_that_it_was() {
        for (text, written) in [
            ("web", "web"),
            ("web-1.2", "web-1.2"),
            ("no", "\"no\""),
            ("Off", "\"Off\""),
            ("1e3", "\"1e3\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a\"\\\n", "\"a\\\"\\\\\\U0000000a\""),
            ("ü", "\"\\U000000fc\""),
        ] {
            assert_eq!(scalar(text), written);
            let manifest = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {written} }}\n\
                spec: {{ containers: [{{ name: a }}] }}\n"
            );
            let read = manifest::parse("pod.yaml", manifest);
            assert_eq!(read.workloads[0].name, text, "{written}");
        }
    }
}
