//! What a person may not think of when a program never passes, or cannot be run.

use std::path::Path;

use caps::CapSet;
use fit::{Answer, Outcome, Proof, RunError};
use jobs::fitted::Made;
use launch::{LaunchError, SandboxError};
use record::search::Place;

use super::Args;
use crate::failure::Failure;
use crate::ui::Ui;

/// Says it.
pub(super) fn give(answer: &Answer, made: &Made<'_>, ui: &Ui) {
    if answer.proof != Proof::NeverPasses {
        return;
    }
    for hint in last_words(answer).map(|said| hints(said, made.place)).unwrap_or_default() {
        ui.note(hint);
    }
}

/// The same of a container that is root: it was given what a container gets, and what refused calls showed.
pub(super) fn give_more(answer: &Answer, made: &Made<'_>, ui: &Ui) {
    let all = CapSet::up_to(sys::credentials::last_capability());
    if answer.proof != Proof::NeverPasses || made.start == all {
        return;
    }
    let given = if made.start.is_empty() { "nothing".to_owned() } else { made.start.to_string() };
    ui.note(&format!(
        "it was given {given}, and no call that failed asked for more: if it looks at what it holds before \
         it asks, --grant CAP lets it hold that in trials (`all` on a disposable machine)"
    ));
}

/// What the last run said that failed.
fn last_words(answer: &Answer) -> Option<&str> {
    answer.trials.iter().rev().find_map(|trial| match &trial.outcome {
        Outcome::Failed(said) => Some(said.as_str()),
        Outcome::Passed => None,
    })
}

/// Whether it failed for something in `/tmp`, as far as it says.
pub(super) fn misses_tmp(answer: &Answer) -> bool {
    last_words(answer).is_some_and(finds_nothing_in_tmp)
}

/// ENOENT, strerror(3), or a shell's words, in a line that names something in `/tmp`. What is refused there is
/// there.
fn finds_nothing_in_tmp(said: &str) -> bool {
    let lines = said.split(" | ").flat_map(|part| part.split(" / "));
    let is_missing = |line: &str| line.contains("No such file") || line.contains("not found");
    lines.filter(|line| line.contains("/tmp/")).any(is_missing)
}

/// What is said of a sandbox's `/tmp`.
pub(super) const EMPTY_TMP: &str = "the sandbox's /tmp is empty at first, for whoever makes it: have what is \
                                    looked for there elsewhere, or made by --setup";

fn hints(said: &str, place: Place) -> Vec<&'static str> {
    let mut hints = Vec::new();
    if place == Place::Sandbox && finds_nothing_in_tmp(said) {
        hints.push(EMPTY_TMP);
    }
    // ENOSPC, strerror(3).
    if said.contains("No space left on device") {
        hints.push(match place {
            Place::Container => {
                "it found no room: give its volume or its tmpfs more (--engine-args), or the engine's disk"
            }
            Place::Sandbox => "it found no room: in what it mounts itself, or in /dev/shm",
            Place::Here => "it found no room: make some, or run it where there is",
        });
    }
    hints
}

/// A run could not be made: why, and what to do.
pub(super) fn cannot_run(args: &Args, error: RunError) -> Failure {
    let help = match &error {
        RunError::Launch(LaunchError::NotFound { program, .. })
            if args.sandbox && Path::new(program).starts_with("/tmp") =>
        {
            EMPTY_TMP
        }
        RunError::Full => "give it a folder on a disk: --upper /var/tmp",
        RunError::PassesWithout { .. } if args.sandbox => {
            "ask for something that only the program does"
        }
        RunError::PassesWithout { .. } => {
            "ask for something that only the program does; if another one serves there, end it, \
             or use --sandbox"
        }
        RunError::PassesBefore { .. } => {
            "take it away before each run (--setup 'rm -f out'), or use --sandbox"
        }
        RunError::Launch(LaunchError::Lacks { .. }) => "run it as root",
        RunError::Sandbox(SandboxError::Step { .. }) => {
            "if that comes and goes just now (something is mounted, a folder is removed), run it again; \
             else without --sandbox, or as root"
        }
        _ => return Failure::new(error),
    };
    Failure::new(error).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_tmp_and_a_full_disk_are_told() {
        let said = "ended with status 1 | sh: cannot open /tmp/x: No such file";
        assert_eq!(hints(said, Place::Sandbox), [EMPTY_TMP]);
        assert!(hints(said, Place::Here).is_empty());
        for refused in [
            "ended with status 1 | chown: changing ownership of '/tmp/x': Invalid argument",
            "ended with status 1 | sh: cannot open /srv/x: No such file / cannot give /tmp/x away",
        ] {
            assert!(hints(refused, Place::Sandbox).is_empty(), "{refused}");
        }
        let full = "ended with status 1 | write error: No space left on device";
        for place in [Place::Here, Place::Sandbox, Place::Container] {
            assert_eq!(hints(full, place).len(), 1);
        }
    }
}
