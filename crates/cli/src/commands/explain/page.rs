//! The page of a rule: its doc comment, as Markdown that reads well in a terminal too.

use std::io::{self, Write};

use check::{Fixes, Rule};

use crate::ui::{BOLD, DIM};

/// Prints it.
pub fn write(out: &mut impl Write, rule: &Rule) -> io::Result<()> {
    let fixes = match rule.fixes {
        Fixes::Offered(how) => format!("fix: {how}"),
        Fixes::Never(why) => format!("no fix: {why}"),
    };
    writeln!(out, "{BOLD}{}{BOLD:#}  {DIM}{fixes}{DIM:#}", rule.id)?;
    for line in rule.markdown().lines() {
        match line.strip_prefix("## ") {
            Some(heading) => writeln!(out, "{BOLD}{heading}{BOLD:#}")?,
            // The fences of an example say nothing to a reader of a terminal.
            None if line.starts_with("```") => {}
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}
