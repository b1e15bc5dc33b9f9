//! The least edit of a manifest that gives a process a capability, tried before it is offered.

use caps::Capability;
use manifest::{Change, ContainerId, Item, List, Manifest};
use resolve::Outcome;
use runtime::{Reason, Request, Resolution, Runtime, User};

use super::Edit;

/// At most this many characters of what a program did stand in a comment.
const MAX_COMMENT: usize = 60;

/// What is asked of an edit.
pub(super) struct Wanted<'a> {
    pub(super) capability: Capability,
    /// As whom the process that wants it runs.
    pub(super) user: User,
    /// Why it does not have it now.
    pub(super) reason: &'a Reason,
    /// What for: a comment behind the new word.
    pub(super) purpose: Option<&'a str>,
}

/// The first of the possible edits after which the process has the capability.
pub(super) fn least(
    manifest: &Manifest,
    id: ContainerId,
    runtime: &Runtime,
    wanted: &Wanted<'_>,
) -> Option<Edit> {
    candidates(wanted).into_iter().find_map(|(title, change)| {
        let edits = [manifest::Edit { container: id, change }];
        let edited = manifest::apply(manifest, &edits);
        if edited.changed.is_empty() {
            return None;
        }
        gives(&edited.manifest, id, runtime, wanted).then(|| {
            let (line, removed, added) = difference(manifest.source.text(), edited.source.text());
            let text = edited.source.text().to_owned();
            Edit { title, gives: wanted.capability, line, removed, added, text }
        })
    })
}

/// The gentlest first: a word that takes it away, a word written wrongly, then a new word.
fn candidates(wanted: &Wanted<'_>) -> Vec<(String, Change)> {
    let name = wanted.capability.to_string();
    let mut all = Vec::new();
    match wanted.reason {
        Reason::Dropped { word } => {
            let title = format!("take {} out of drop", word.text);
            all.push((title, Change::Remove(List::Drop, word.text.clone())));
        }
        Reason::Ignored { word, .. } => {
            let title = format!("add {name} instead of {}", word.text);
            all.push((title, Change::Replace(List::Add, word.text.clone(), name.clone())));
        }
        _ => {}
    }
    let item = Item::new(name.clone());
    let item = match wanted.purpose {
        Some(purpose) => item.comment(comment(purpose)),
        None => item,
    };
    all.push((format!("add {name}"), Change::Include(List::Add, item)));
    all
}

/// Whether the process then has it, on this runtime.
fn gives(manifest: &Manifest, id: ContainerId, runtime: &Runtime, wanted: &Wanted<'_>) -> bool {
    let Some(workload) = manifest.workloads.get(id.workload) else { return false };
    let Some(container) = workload.pod.containers.get(id.container) else { return false };
    let resolved = resolve::container(&workload.pod, container, runtime);
    let starts = matches!(resolved.outcome, Outcome::Starts(_)) && resolved.objections.is_empty();
    let request = Request { user: wanted.user, ..resolved.request };
    let effective = runtime::resolve(runtime, &request).is_ok_and(|resolution: Resolution| {
        resolution.surely_effective().contains(wanted.capability)
    });
    starts && effective
}

/// The first line that differs, the lines that go and those that come.
fn difference(before: &str, after: &str) -> (usize, Vec<String>, Vec<String>) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - same;
    let behind = before.iter().rev().zip(after.iter().rev()).take(rest);
    let behind = behind.take_while(|(a, b)| a == b).count();
    let lines = |all: &[&str]| {
        all[same..all.len() - behind].iter().map(|line| (*line).to_owned()).collect()
    };
    (same + 1, lines(&before), lines(&after))
}

/// A path may hold anything: what is not fit for a comment is left out.
fn comment(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= MAX_COMMENT {
        return clean.trim().to_owned();
    }
    clean.chars().take(MAX_COMMENT - 1).collect::<String>().trim().to_owned() + "…"
}
