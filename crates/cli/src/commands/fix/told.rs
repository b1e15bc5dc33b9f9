//! What `fix` says of the edits of a manifest, and of what the text does not allow.

use std::io::Write as _;

use check::fix::Class;
use check::render::text;
use check::{Applied, PatchError, Repaired};
use jobs::by_profile::{Outcome, Treated};
use manifest::ContainerId;

use super::place::Places;
use crate::failure::Failure;
use crate::ui::{DIM, GREEN, Ui, wrapped, wrapped_behind};

/// Says what was done and what not, but for what is said with a profile that could not be written.
pub(super) fn say(
    places: &Places<'_>,
    repaired: &Repaired,
    treated: &[Treated<'_>],
    ui: &Ui,
) -> Result<(), Failure> {
    let refusal = |id: ContainerId| {
        let of = treated.iter().find(|treated| treated.id == id);
        of.and_then(|treated| match &treated.outcome {
            Outcome::Refused { error, .. } => Some(error),
            _ => None,
        })
    };
    if !ui.quiet() {
        let told = |applied: &&Applied| refusal(applied.container).is_some();
        for applied in repaired.applied.iter().filter(|applied| !told(applied)) {
            did(places, applied, ui)?;
        }
    }
    for refused in &repaired.refused {
        let id = refused.container;
        if matches!(refusal(id), Some(PatchError::Text { .. })) {
            continue;
        }
        let rest = if in_part(id, repaired, treated) { "the rest cannot be edited: " } else { "" };
        let message = format!("{}: {rest}{}", places.called(id), places.why(refused));
        let help = format!("put this there by hand:\n{}", indented(&refused.snippet));
        ui.error(
            &wrapped_behind("error:", &message, 4),
            (!refused.snippet.is_empty()).then_some(help.as_str()),
        );
    }
    Ok(())
}

/// Whether something of this container was edited.
pub(super) fn in_part(id: ContainerId, repaired: &Repaired, treated: &[Treated<'_>]) -> bool {
    let is_written = |treated: &Treated<'_>| {
        treated.id == id
            && matches!(&treated.outcome, Outcome::Written { patched, .. } if patched.changed)
    };
    repaired.applied.iter().any(|applied| applied.container == id) || treated.iter().any(is_written)
}

fn indented(snippet: &str) -> String {
    snippet.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>()
}

/// One edit that was made, on standard error: standard output may be the manifest.
fn did(places: &Places<'_>, applied: &Applied, ui: &Ui) -> Result<(), Failure> {
    let verb = if places.writes { "fixed" } else { "would fix" };
    let place = places.called(applied.container);
    let line = format!("{GREEN}{verb}{GREEN:#} {place}: {}", described(applied));
    writeln!(ui.err(), "{}", wrapped(&line, 4))?;
    Ok(())
}

/// What was done, what that takes away, and which rule asked for it.
pub(super) fn described(applied: &Applied) -> String {
    let cost = match applied.class {
        Class::Safe => String::new(),
        Class::Unsafe if applied.lost.is_empty() => " (unsafe)".to_owned(),
        Class::Unsafe => format!(" (unsafe: takes away {})", applied.lost),
    };
    format!("{}{cost} {DIM}[{}]{DIM:#}", text::clean(&applied.title), applied.rule)
}
