//! What `fix --profile` says of each container.

use std::io::{self, Write as _};

use check::learnt::{Learnt, Objection};
use check::render::text;
use check::{Applied, PatchError, Patched, Sum, words};
use jobs::by_profile::{Outcome, Treated};

use super::place::Places;
use super::told::described;
use crate::ui::{BOLD, DIM, GREEN, Ui, YELLOW, next_step, wrapped};

/// What came of the containers that a profile is about.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// Containers that were written, or would be.
    pub(super) written: usize,
    /// Containers that hold what their profile needs already.
    pub(super) same: usize,
    /// Containers with a profile that was not written.
    pub(super) not_written: usize,
    /// Containers whose edit waits for consent.
    pub(super) held_back: usize,
}

impl Count {
    /// Counts and says what came of the containers of one manifest, on standard error. `applied` are the
    /// edits that were made besides.
    pub(super) fn say(
        &mut self,
        places: &Places<'_>,
        (treated, applied): (&[Treated<'_>], &[Applied]),
        ui: &Ui,
    ) -> io::Result<()> {
        for Treated { id, outcome } in treated {
            let done: Vec<_> = applied.iter().filter(|edit| edit.container == *id).collect();
            let place = places.called(*id);
            match outcome {
                Outcome::Written { patched, .. } if patched.changed => self.written += 1,
                Outcome::Written { .. } | Outcome::Kept { .. } => self.same += 1,
                Outcome::HeldBack { .. } => self.held_back += 1,
                Outcome::Doubted { .. } | Outcome::Ambiguous(_) | Outcome::Refused { .. } => {
                    self.not_written += 1;
                }
            }
            if !ui.quiet() {
                one(&place, outcome, (&done, places), ui)?;
            } else if let Outcome::Refused { error, .. } = outcome {
                ui.error(&format!("{place}: {}", why(error, places)), None);
            }
        }
        Ok(())
    }

    /// For the last line: `2 by profile, 1 so already, 1 not written`; `None` without any.
    pub(super) fn words(&self) -> Option<String> {
        let Self { written, same, not_written, held_back: _ } = *self;
        let parts = [
            (written, format!("{written} by profile")),
            (same, format!("{same} so already")),
            (not_written, format!("{not_written} not written")),
        ];
        let said: Vec<String> =
            parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, words)| words).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// One container, of which these edits were made besides.
fn one(
    place: &str,
    outcome: &Outcome<'_>,
    (done, places): (&[&Applied], &Places<'_>),
    ui: &Ui,
) -> io::Result<()> {
    let (mut err, writes) = (ui.err(), places.writes);
    // Whoever reads that it is not fixed is not to read behind it that it is.
    let not_fixed = match (done, outcome) {
        ([], _) => "not fixed",
        (_, Outcome::Refused { .. }) if writes => "fixed in part",
        (_, Outcome::Refused { .. }) => "would fix in part",
        _ => "profile not used",
    };
    match outcome {
        Outcome::Written { learnt, by, accepted, way, patched } => {
            let mut lines = remarks(learnt, patched);
            lines.extend(way.clone());
            if patched.changed {
                let verb = if writes { "fixed" } else { "would fix" };
                writeln!(err, "{}", wrapped(&format!("{GREEN}{verb}{GREEN:#} {place}"), 4))?;
                indented(&mut err, &title(patched))?;
                let (before, after) = (Sum::of(&patched.before), Sum::of(&patched.after));
                let (name, state) = (learnt.title(), learnt.state_and_age());
                lines.insert(0, format!("{name}, {}: {state}", by.words()));
                let held = format!(
                    "held {} -> {}",
                    text::held(&patched.before),
                    text::held(&patched.after)
                );
                lines.insert(1, format!("{held}; escape class: {}", escape(&before, &after)));
                lines.extend(accepted.iter().map(|objection| format!("although {objection}")));
            } else if !lines.is_empty() || ui.verbosity() > 0 {
                writeln!(err, "{}", wrapped(&format!("{DIM}so already{DIM:#} {place}"), 4))?;
                lines.insert(0, learnt.described());
            }
            for line in lines {
                indented(&mut err, &line)?;
            }
        }
        Outcome::Doubted { learnt, objections } => {
            writeln!(err, "{}", wrapped(&format!("{YELLOW}{not_fixed}{YELLOW:#} {place}"), 4))?;
            indented(&mut err, &learnt.described())?;
            for objection in objections {
                indented(&mut err, &objection.to_string())?;
                writeln!(err, "  {BOLD}next:{BOLD:#} {}", next(objection))?;
            }
        }
        Outcome::Ambiguous(all) => {
            let files: Vec<&str> = all.iter().map(|learnt| learnt.file.as_str()).collect();
            let number = words::count(all.len(), "profile");
            let line = format!("{YELLOW}{not_fixed}{YELLOW:#} {place}: {number} are about it");
            writeln!(err, "{}", wrapped(&line, 4))?;
            let merge = format!("dropcap profile merge {} -o FILE", files.join(" "));
            next_line(&mut err, "", &merge)?;
        }
        Outcome::Refused { learnt, error } => {
            writeln!(err, "{}", wrapped(&format!("{YELLOW}{not_fixed}{YELLOW:#} {place}"), 4))?;
            indented(&mut err, &learnt.described())?;
            for applied in done {
                let label = if writes { "done" } else { "to do" };
                let line = format!("  {GREEN}{label}:{GREEN:#} {}", described(applied));
                writeln!(err, "{}", wrapped(&line, 4))?;
            }
            let not = if done.is_empty() { "" } else { "the profile could not be written: " };
            indented(&mut err, &format!("{not}{}", why(error, places)))?;
            match error {
                PatchError::Text { snippet, .. } if !snippet.is_empty() => {
                    writeln!(err, "  {BOLD}next:{BOLD:#} put this there by hand:")?;
                    for line in snippet.trim_end().lines() {
                        writeln!(err, "    {line}")?;
                    }
                }
                PatchError::Widens { unless_root: true, .. } => {
                    let line = format!(
                        "  {BOLD}next:{BOLD:#} say that it is (user: 0), or let --images look; if it is to \
                         have that: --allow-widen"
                    );
                    writeln!(err, "{}", wrapped(&line, 4))?;
                }
                PatchError::Widens { .. } => {
                    writeln!(err, "  {BOLD}next:{BOLD:#} if it is to have that: --allow-widen")?;
                }
                _ => {}
            }
        }
        Outcome::HeldBack { learnt, lost, accepted } => {
            let taken = match lost.len() {
                0..=5 => lost.to_string(),
                number => words::capabilities(number),
            };
            let line = format!("{YELLOW}held back{YELLOW:#} {place}: takes away {taken}");
            writeln!(err, "{}", wrapped(&line, 4))?;
            indented(&mut err, &learnt.described())?;
            let command = match learnt.needs.is_empty() {
                false => format!("dropcap fix{} --profile {} PATH", flags(accepted), learnt.file),
                true => {
                    indented(&mut err, "nothing seen is not nothing needed: an unsafe edit")?;
                    // Not what else is unsafe: nobody knows anything of that.
                    let select = "--unsafe-fixes --select over-granted";
                    let flags = flags(accepted);
                    format!("dropcap fix {select}{flags} --profile {} PATH", learnt.file)
                }
            };
            next_line(&mut err, "if you trust it:", &command)?;
        }
        Outcome::Kept { why, .. } => {
            let label = if done.is_empty() { "left as it is" } else { "profile set aside" };
            let line = format!("{DIM}{label}{DIM:#} {place}: {}", text::clean(why));
            writeln!(err, "{}", wrapped(&line, 4))?;
        }
    }
    Ok(())
}

/// The options by which a person takes what speaks against a profile.
fn flags(accepted: &[Objection]) -> String {
    let is_incomplete = |one: &Objection| matches!(one, Objection::Incomplete(_));
    let mut flags = String::new();
    if accepted.iter().any(is_incomplete) {
        flags.push_str(" --incomplete");
    }
    if !accepted.iter().all(is_incomplete) {
        flags.push_str(" --other-image");
    }
    flags
}

/// Why it could not be written.
fn why(error: &PatchError, places: &Places<'_>) -> String {
    match error {
        PatchError::Text { refused: Some(refused), .. } => places.why(refused),
        other => other.to_string(),
    }
}

/// What was done, as an instruction.
fn title(patched: &Patched) -> String {
    match (patched.add, patched.kept.is_empty()) {
        (none, true) if none.is_empty() => "drop `ALL`, add nothing".to_owned(),
        (none, false) if none.is_empty() => "drop `ALL`, keep what is named below".to_owned(),
        (add, true) => format!("drop `ALL`, add {add}"),
        (add, false) => format!("drop `ALL`, add {add}, keep what is named below"),
    }
}

/// What is not as simple as that.
fn remarks(learnt: &Learnt, patched: &Patched) -> Vec<String> {
    let mut lines = Vec::new();
    let doubtful = learnt.needs.iter().filter(|need| need.doubtful).map(|need| need.capability);
    let doubtful = doubtful.collect::<caps::CapSet>() & patched.add;
    if !doubtful.is_empty() {
        lines.push(format!("doubtful: {doubtful}; only a trial tells whether it can go"));
    }
    for (gained, on) in &patched.gained_on {
        lines.push(format!("widened: {gained}, which it did not have on {on}"));
    }
    for kept in &patched.kept {
        lines.push(format!("kept: `{}`: {}", kept.word, kept.why));
    }
    if patched.changed && patched.unexplained {
        lines.push(format!(
            "not explained: its list is in brackets, where no comment fits; `dropcap profile show {}` \
             has what each is for",
            learnt.file
        ));
    }
    if !patched.withheld.is_empty() {
        lines.push(format!(
            "not added: {}: needed, and not held now; --allow-widen grants it",
            patched.withheld
        ));
    }
    for left_out in &patched.left_out {
        lines.push(format!(
            "left out: {}: needed, and an add of it would not take effect here; instead: {}",
            left_out.capability,
            left_out.instead.join("; or ")
        ));
    }
    lines
}

/// `none`, or what it was and is.
fn escape(before: &Sum, after: &Sum) -> String {
    if before.escape == after.escape {
        before.escape.to_string()
    } else {
        format!("{} -> {}", before.escape, after.escape)
    }
}

/// What a person does about an objection.
pub(in crate::commands) fn next(objection: &Objection) -> &'static str {
    match objection {
        Objection::Incomplete(_) => "watch it from its start on, or take it as it is: --incomplete",
        Objection::TooOld { .. } => "watch it again, or say how old it may be: --profile-days",
        Objection::OtherImage { .. } => {
            "watch the image that runs, or take it as it is: --other-image"
        }
        Objection::OtherCommand { .. } => {
            "watch what it runs now, or take it as it is: --other-image"
        }
        Objection::Namespaces(_) => "write `namespace: NAME` into its spec.target",
        Objection::OtherUser { .. } => "watch it as that user, or give the container the other one",
    }
}

/// In lines of the terminal's width, two spaces in.
fn indented(err: &mut impl io::Write, line: &str) -> io::Result<()> {
    writeln!(err, "{}", wrapped(&format!("  {}", text::clean(line)), 4))
}

/// What a person does next.
fn next_line(err: &mut impl io::Write, what: &str, command: &str) -> io::Result<()> {
    let label = format!("  {BOLD}next:{BOLD:#}");
    writeln!(err, "{}", next_step(&label, what, &text::clean(command)))
}
