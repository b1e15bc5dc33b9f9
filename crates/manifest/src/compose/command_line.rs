//! A command written as one text.

/// The words of a command line, as Compose splits it (mattn/go-shellwords, without variables and
/// commands in it): a backslash counts in double quotes too, and an operator ends it all.
#[must_use]
pub fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut escaped) = (Vec::new(), None, None, false);
    for c in text.chars() {
        let is_open = quote.is_none();
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != Some('\'') {
            escaped = true;
            continue;
        } else if is_open && c.is_whitespace() {
            words.extend(word.take());
            continue;
        } else if quote == Some(c) {
            quote = None;
            continue;
        } else if is_open && matches!(c, '"' | '\'') {
            quote = Some(c);
            word.get_or_insert_with(String::new);
            continue;
        } else if is_open && matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '`') {
            return None;
        }
        word.get_or_insert_with(String::new).push(c);
    }
    words.extend(word);
    (quote.is_none() && !escaped).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_as_compose_does() {
        let split = |text| words(text).map(|words| words.join("|"));
        for (text, expected) in [
            ("nginx -g 'daemon off;'", "nginx|-g|daemon off;"),
            (r#"sh -c "echo \"a b\"""#, r#"sh|-c|echo "a b""#),
            (r"a\ b 'c\d' ''", r"a b|c\d|"),
            ("  a\t b\n", "a|b"),
            (r#"x"y"'z'"#, "xyz"),
            ("", ""),
        ] {
            assert_eq!(split(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["a 'b", "a \"b", "a \\", "a | b", "a && b", "a > b", "(a)", "a `b`"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
