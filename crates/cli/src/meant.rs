//! What somebody means who calls a command by the word of another tool.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The words, and the command that does that here.
const WORDS: &[(&str, &[&str])] = &[
    ("check", &["audit", "lint", "scan", "analyze", "validate"]),
    ("fix", &["patch", "harden", "autofix"]),
    ("trace", &["record", "watch", "monitor"]),
    ("fit", &["learn", "generate", "minimize", "slim"]),
    ("why", &["debug", "diagnose"]),
    ("run", &["exec"]),
    ("ps", &["top", "list", "ls", "holds"]),
    ("profile export", &["export"]),
    ("profile merge", &["merge"]),
    ("profile diff", &["diff"]),
    ("waiver verify", &["verify"]),
];

/// Puts the command that was meant into clap's words for one that there is not, if it is known.
pub(crate) fn add(error: &mut clap::Error) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let meant = WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
    if let Some((command, _)) = meant {
        let meant = ContextValue::Strings(vec![(*command).to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, meant);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    #[test]
    fn another_tool_s_word_is_answered_with_the_one_here() {
        for (command, words) in WORDS {
            let mut of = Cli::command();
            for word in command.split(' ') {
                of = of.find_subcommand(word).expect("a command").clone();
            }
            for word in *words {
                let mut error = Cli::command().try_get_matches_from(["dropcap", word]).unwrap_err();
                add(&mut error);
                let said = error.to_string();
                assert!(said.contains(&format!("'{word}'")), "{said}");
                assert!(
                    said.contains(&format!("a similar subcommand exists: '{command}'")),
                    "{said}"
                );
            }
        }
    }
}
