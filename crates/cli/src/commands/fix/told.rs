//! What `fix` says of the edits of a manifest, and of what the text does not allow.

use std::io::Write as _;

use check::fix::Class;
use check::render::text;
use check::{Applied, PatchError, Repaired};
use jobs::by_profile::{Outcome, Treated};
use manifest::{ContainerId, Manifest};

use crate::failure::Failure;
use crate::ui::{DIM, GREEN, Ui, wrapped, wrapped_behind};

/// Says what was done and what not, but for what is said with a profile that could not be written.
pub(super) fn say(
    manifest: &Manifest,
    repaired: &Repaired,
    treated: &[Treated<'_>],
    writes: bool,
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
            did(manifest, applied, writes, ui)?;
        }
    }
    for refused in &repaired.refused {
        let id = refused.container;
        if matches!(refusal(id), Some(PatchError::Text { .. })) {
            continue;
        }
        let container = &manifest.workloads[id.workload].pod.containers[id.container];
        let at = manifest.source.locate(container.name_span);
        let called = called(&container.name, container.index);
        let is_written = |treated: &Treated<'_>| {
            treated.id == id
                && matches!(&treated.outcome, Outcome::Written { patched, .. } if patched.changed)
        };
        let in_part = repaired.applied.iter().any(|applied| applied.container == id)
            || treated.iter().any(is_written);
        let rest = if in_part { "the rest cannot be edited: " } else { "" };
        let message = format!("{at}: {called}: {rest}{}", refused.message(manifest));
        let help = format!("put this there by hand:\n{}", indented(&refused.snippet));
        ui.error(
            &wrapped_behind("error:", &message, 4),
            (!refused.snippet.is_empty()).then_some(help.as_str()),
        );
    }
    Ok(())
}

/// A container as a person calls it: one of an OCI bundle has no name.
pub(super) fn called(name: &str, index: usize) -> String {
    match name {
        "" => format!("container {index}"),
        name => format!("container `{}`", text::clean(name)),
    }
}

fn indented(snippet: &str) -> String {
    snippet.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>()
}

/// One edit that was made, on standard error: standard output may be the manifest.
fn did(manifest: &Manifest, applied: &Applied, writes: bool, ui: &Ui) -> Result<(), Failure> {
    let id = applied.container;
    let container = &manifest.workloads[id.workload].pod.containers[id.container];
    let at = manifest.source.locate(container.name_span);
    let verb = if writes { "fixed" } else { "would fix" };
    let line = format!(
        "{GREEN}{verb}{GREEN:#} {at}: {}: {}",
        called(&container.name, container.index),
        described(applied)
    );
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
