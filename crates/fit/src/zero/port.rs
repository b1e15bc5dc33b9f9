//! Another port, where what the program is started with names the one it has.

use record::zero::Change;

/// How far a free port is above the one it stands for: 80 becomes 8080.
const ABOVE: u16 = 8000;

/// What a container is started with, as a pod's spec has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// `command`, or the image's ENTRYPOINT.
    pub command: Vec<String>,
    /// `args`, or the image's CMD.
    pub args: Vec<String>,
    /// The environment, name and value.
    pub env: Vec<(String, String)>,
}

/// The change to a free port; `None` if nothing names `port`.
pub(super) fn moved(words: &Words, port: u16) -> Option<Change> {
    let to = port.checked_add(ABOVE)?;
    let new = |text: &String| renamed(text, port, to);
    let list = |texts: &[String]| {
        let named = texts.iter().any(|text| new(text).is_some());
        (
            named,
            texts.iter().map(|text| new(text).unwrap_or_else(|| text.clone())).collect::<Vec<_>>(),
        )
    };
    let (in_command, mut command) = list(&words.command);
    let (in_args, mut args) = list(&words.args);
    if !in_command {
        command.clear();
        if !in_args {
            args.clear();
        }
    }
    let env = words.env.iter().filter_map(|(name, value)| Some((name.clone(), new(value)?)));
    let env: std::collections::BTreeMap<_, _> = env.collect();
    let named = in_command || in_args || !env.is_empty();
    named.then_some(Change::Port { from: port, to, command, args, env })
}

/// The text with another port in it; `None` if it does not name the port: as a number by itself, and not as
/// a part of an address, a version or a name.
#[must_use]
pub fn renamed(text: &str, from: u16, to: u16) -> Option<String> {
    let number = from.to_string();
    let bars = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_');
    let mut new = String::new();
    let mut rest = 0;
    for (at, _) in text.match_indices(&number) {
        let end = at + number.len();
        let before = text[..at].chars().next_back();
        let after = text[end..].chars().next();
        if before.is_some_and(bars) || after.is_some_and(bars) {
            continue;
        }
        new.push_str(&text[rest..at]);
        new.push_str(&to.to_string());
        rest = end;
    }
    if rest == 0 {
        return None;
    }
    new.push_str(&text[rest..]);
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_by_itself() {
        for (text, new) in [
            ("80", "8080"),
            ("0.0.0.0:80", "0.0.0.0:8080"),
            ("--listen=[::]:80", "--listen=[::]:8080"),
            ("listen 80; x 80;", "listen 8080; x 8080;"),
            ("http://localhost:80/80", "http://localhost:8080/8080"),
        ] {
            assert_eq!(renamed(text, 80, 8080).as_deref(), Some(new));
        }
        for text in ["8080", "180", "1.80", "80.1", "v80", "80x", "80_", "", "eighty"] {
            assert_eq!(renamed(text, 80, 8080), None, "{text}");
        }
    }

    #[test]
    fn what_names_the_port_is_written_anew_and_the_rest_is_not() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let env = [("PORT", "80"), ("LEVEL", "8")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let words = |command: &str, args: &str| Words {
            command: list(command),
            args: list(args),
            env: Vec::new(),
        };
        let Some(Change::Port { to: 443, .. } | Change::Port { to: 8443, .. }) =
            moved(&words("a --port 443", ""), 443)
        else {
            panic!("no port")
        };
        let of = |words: &Words| match moved(words, 80) {
            Some(Change::Port { command, args, env, .. }) => {
                (command, args, env.into_iter().collect())
            }
            _ => (Vec::new(), Vec::new(), Vec::<(String, String)>::new()),
        };
        // Who sets `command` takes the image's CMD away: it is written, too.
        let (command, args, _) = of(&words("httpd -p 80", "-f"));
        assert_eq!((command, args), (list("httpd -p 8080"), list("-f")));
        let (command, args, _) = of(&words("httpd", "-p 80 -f"));
        assert_eq!((command, args), (Vec::new(), list("-p 8080 -f")));
        let (command, args, new) = of(&Words { env, ..words("httpd", "-f") });
        assert_eq!((command, args), (Vec::new(), Vec::new()));
        assert_eq!(new, [("PORT".to_owned(), "8080".to_owned())]);
        assert_eq!(moved(&words("httpd", "-f"), 80), None);
    }
}
