//! What `fix --diff` prints.

use std::io::Write as _;

use manifest::Manifest;

use crate::failure::Failure;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui};

/// A unified diff of a manifest and what it would become, as `git apply` takes it.
pub(crate) fn diff(manifest: &Manifest, after: &str, ui: &Ui) -> Result<(), Failure> {
    let name = manifest.source.name();
    let [from, to] = ["a", "b"].map(|side| quoted(&format!("{side}/{name}")));
    let lines = similar::TextDiff::from_lines(manifest.source.text(), after);
    let mut unified = lines.unified_diff();
    unified.context_radius(3).header(&from, &to);
    let mut out = ui.long_out();
    for line in unified.to_string().split_inclusive('\n') {
        let style = match line.as_bytes() {
            [b'+', b'+', ..] | [b'-', b'-', ..] => BOLD,
            [b'+', ..] => GREEN,
            [b'-', ..] => RED,
            [b'@', ..] => DIM,
            _ => anstyle::Style::new(),
        };
        write!(out, "{style}{line}{style:#}")?;
    }
    out.flush()?;
    Ok(())
}

/// A file's name as git has it in a diff: one with a line break or a quote in it stands in quotes (git
/// `quote.c` `quote_c_style`).
fn quoted(name: &str) -> String {
    let is_odd = |c: char| c.is_control() || c == '"' || c == '\\';
    if !name.contains(is_odd) {
        return name.to_owned();
    }
    let each = name.bytes().map(|byte| match byte {
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    });
    format!("\"{}\"", each.collect::<String>())
}
