//! Compose's `env_file`: names and values in a file beside the manifest.

use std::fs;
use std::path::Path;

use manifest::EnvFile;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Names with their values.
    pub(super) set: Vec<(String, String)>,
    /// Names of which whoever calls Compose fills in the value, or a part of it.
    pub(super) elsewhere: Vec<String>,
}

/// Reads a file that lies beside the manifest `of`; what is wrong if it cannot be read.
pub(super) fn read(file: &EnvFile, of: Option<&Path>) -> Result<Said, String> {
    let path = &file.path;
    let Some(name) = &file.filled_in else {
        return Err(format!("env_file {path}: a variable is in its name, it is not read here"));
    };
    let folder = of.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    match fs::read_to_string(folder.join(name)) {
        Ok(text) => {
            let said = parse(&text, file.is_raw);
            said.ok_or_else(|| format!("env_file {path}: it cannot be read as names and values"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.is_required => {
            Ok(Said::default())
        }
        Err(error) => Err(format!("env_file {path}: {error}; its variables are not set here")),
    }
}

/// Lines of `NAME=value`, as compose-go reads them (`dotenv/parser.go`): `export` before the name,
/// comments, a value in quotes over several lines. A value that a variable is part of is not known here,
/// nor is that of a name alone. `None` for what is none of that.
fn parse(text: &str, is_raw: bool) -> Option<Said> {
    let mut said = Said::default();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(said);
        }
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.starts_with('#') {
            rest = after;
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once(['=', ':']) else {
            said.put(line.trim(), None)?;
            rest = after;
            continue;
        };
        let value = value.trim();
        let quote = value.chars().next().filter(|c| !is_raw && matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            let plain = if is_raw { value } else { value.split(" #").next().unwrap_or_default() };
            let plain = plain.trim_end();
            let known = is_raw || !plain.contains('$');
            said.put(name.trim(), known.then(|| plain.to_owned()))?;
            rest = after;
            continue;
        };
        // From the quote to the one that ends it, which may be lines further down.
        let start = rest.find(quote)? + 1;
        let (value, length) = quoted(&rest[start..], quote)?;
        said.put(name.trim(), value)?;
        rest = rest[start + length..].split_once('\n').map_or("", |(_, after)| after);
    }
}

/// A value up to the quote that ends it, and how long that is in the text, the quote included. The value
/// is not known if a variable is in it.
fn quoted(text: &str, quote: char) -> Option<(Option<String>, usize)> {
    let (mut value, mut known) = (String::new(), true);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((known.then_some(value), at + 1)),
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            '$' if quote == '"' => known = false,
            c => value.push(c),
        }
    }
    None
}

impl Said {
    /// `None` for what is no name.
    fn put(&mut self, name: &str, value: Option<String>) -> Option<()> {
        let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '=');
        if !is_name {
            return None;
        }
        self.set.retain(|(known, _)| known != name);
        self.elsewhere.retain(|known| known != name);
        match value {
            Some(value) => self.set.push((name.to_owned(), value)),
            None => self.elsewhere.push(name.to_owned()),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read_as_compose_does() {
        let text = "# of the shop\n\nA=a b # a comment\nexport B='x $y # z'\nC=\"1\\n2 \\\"q\\\"\"\n\
                    D=\"two\nlines\" # more\nE=\nF: yes\nG=$OTHER\nH=\"a${OTHER}\"\nI\nA=last#one\n";
        let said = parse(text, false).unwrap();
        let set: Vec<_> = said.set.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            set,
            [
                ("B", "x $y # z"),
                ("C", "1\n2 \"q\""),
                ("D", "two\nlines"),
                ("E", ""),
                ("F", "yes"),
                ("A", "last#one"),
            ]
        );
        assert_eq!(said.elsewhere, ["G", "H", "I"]);
        let raw = parse("A='x' # $y\n", true).unwrap();
        assert_eq!(raw.set, [("A".to_owned(), "'x' # $y".to_owned())]);
        for wrong in ["A=\"x\n", "two words\n", "=x\n"] {
            assert_eq!(parse(wrong, false), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_lies_beside_the_manifest_or_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("web.env"), "A=1\n").unwrap();
        let manifest = folder.path().join("compose.yaml");
        let file = |path: &str, is_required| EnvFile {
            path: path.to_owned(),
            is_raw: false,
            is_required,
            filled_in: (!path.contains('$')).then(|| path.to_owned()),
        };
        let of = |one: &EnvFile| read(one, Some(&manifest));
        assert_eq!(of(&file("./web.env", true)).unwrap().set.len(), 1);
        assert_eq!(of(&file("none.env", false)), Ok(Said::default()));
        assert!(of(&file("none.env", true)).unwrap_err().starts_with("env_file none.env: "));
        assert!(of(&file("$X.env", true)).unwrap_err().contains("a variable is in its name"));
    }
}
