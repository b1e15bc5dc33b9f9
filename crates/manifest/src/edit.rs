//! Edits of a container's `capabilities` as text: only the bytes that must change do.
//!
//! Each container has a goal (`goal`); a plan says what is to be done where in the text (`plan`,
//! with what the format calls its lists: `kubernetes`, `compose`, `oci`). A place that several
//! containers read, through aliases, merge keys or Compose's `extends`, is changed if all of them
//! want the same (`share`) and nothing else reads it (`references`). Steps become patches (`write`)
//! in the file's own style (`layout`). The outcome is read again and compared with what was wanted
//! (`verify`); an edit that would say anything else, anywhere in the file, is refused.

mod by_hand;
mod compose;
mod form;
mod goal;
mod kept;
mod kubernetes;
mod layout;
mod list;
mod lookup;
mod oci;
mod patch;
mod plain;
mod plan;
mod references;
mod refusal;
mod render;
mod settle;
mod share;
mod verify;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::Manifest;
use crate::source::Source;
use crate::tree::MAX_VALUES;
use crate::workload::{Container, Span, Workload};

use goal::Goal;

pub(crate) use plain::is_plain;
pub use refusal::{Refusal, Refused, SharedWith, Sharing};

/// A container of a manifest, by its place in [`Manifest::workloads`] and [`Pod::containers`].
///
/// [`Pod::containers`]: crate::Pod::containers
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ContainerId {
    /// Index in [`Manifest::workloads`].
    pub workload: usize,
    /// Index in [`Pod::containers`](crate::Pod::containers).
    pub container: usize,
}

/// One of the two lists of `capabilities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum List {
    /// `add`.
    Add,
    /// `drop`.
    Drop,
}

/// An item to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The word, verbatim: `NET_BIND_SERVICE`, `ALL`.
    pub word: String,
    /// A comment behind it, without `#`, where the file's format has comments. Only a new item gets
    /// one; an item that is there stays as it is.
    pub comment: Option<String>,
}

impl Item {
    /// An item without a comment.
    #[must_use]
    pub fn new(word: impl Into<String>) -> Self {
        Self { word: word.into(), comment: None }
    }

    /// With a comment behind it.
    #[must_use]
    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: Some(comment.into()), ..self }
    }
}

/// What is to be changed. Words are compared exactly, as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The list holds this word: it is put behind the others if it is not there. For
    /// `drop: [ALL]` beside what is dropped already.
    Include(List, Item),
    /// The list holds exactly these words. Those that are there stay where they are, the others are
    /// put behind them in the order given. Without words a list that is there becomes `[]`.
    Set(List, Vec<Item>),
    /// The list does not hold this word.
    Remove(List, String),
    /// The word is another word, such as its right spelling; removed if that is there already.
    Replace(List, String, String),
    /// The list does not hold these words, because another one in it says what they say: `ALL`. They
    /// stay where the container could not be edited otherwise, such as in a list that others read.
    Absorb(List, Vec<String>),
    /// The list is not there, or `[]` where it would leave `capabilities` with nothing.
    RemoveList(List),
}

/// A change of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The container.
    pub container: ContainerId,
    /// The change.
    pub change: Change,
}

/// What came of a set of edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The text with all edits that were possible; the same text if there were none.
    pub source: Source,
    /// What that text says.
    pub manifest: Manifest,
    /// What makes that text of the old one: places of the old text, in order and none within
    /// another, and what stands there now.
    pub replacements: Vec<Replacement>,
    /// The containers whose text changed, in order.
    pub changed: Vec<ContainerId>,
    /// The containers that could not be edited; nothing of them changed.
    pub refused: Vec<Refused>,
}

/// A piece of the old text and what stands there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The piece; empty where something is put in.
    pub span: Span,
    /// What stands there now; empty where something is taken out.
    pub text: String,
}

impl From<patch::Patch> for Replacement {
    fn from(patch: patch::Patch) -> Self {
        let span = Span { start: patch.range.start, end: patch.range.end };
        Self { span, text: patch.text }
    }
}

/// Applies edits to a manifest's text. Several edits of one container work one after another;
/// each container is edited whole or not at all. Doing the same again changes nothing.
#[must_use]
pub fn apply(manifest: &Manifest, edits: &[Edit]) -> Edited {
    let mut edited = Edited {
        source: manifest.source.clone(),
        manifest: manifest.clone(),
        replacements: Vec::new(),
        changed: Vec::new(),
        refused: Vec::new(),
    };
    for Edit { container, .. } in edits {
        if find(&manifest.workloads, *container).is_none() {
            let (reason, snippet) = (Refusal::NoSuchContainer, String::new());
            edited.refused.push(Refused { container: *container, reason, snippet });
        }
    }
    let all = goals(manifest, edits.iter());
    if all.is_empty() {
        return edited;
    }
    if !fit(manifest, &all) {
        edited.refused.extend(all.into_keys().map(|container| Refused {
            container,
            reason: Refusal::TooLarge,
            snippet: String::new(),
        }));
        edited.refused.sort_by_key(|refused| refused.container);
        return edited;
    }

    let mut current = manifest.clone();
    settle::settle(manifest.source.text(), &mut current, all, &mut edited);
    // Where words could not be absorbed they stay; who shares them was refused for that, too.
    let absorbs = |edit: &Edit| matches!(edit.change, Change::Absorb(..));
    let refused: BTreeSet<_> = edited.refused.iter().map(|refused| refused.container).collect();
    let is_refused = |edit: &&Edit| refused.contains(&edit.container);
    if !edits.iter().filter(is_refused).any(absorbs) {
        return done(edited, current);
    }
    let others = edits.iter().filter(is_refused).filter(|edit| !absorbs(edit));
    let without = goals(manifest, others);
    if !without.is_empty() {
        let first: Vec<_> = edited
            .refused
            .extract_if(.., |refused| without.contains_key(&refused.container))
            .collect();
        settle::settle(manifest.source.text(), &mut current, without, &mut edited);
        // Whoever writes it by hand leaves nothing that `ALL` stands for.
        for refused in &mut edited.refused {
            if let Some(whole) = first.iter().find(|one| one.container == refused.container) {
                refused.snippet.clone_from(&whole.snippet);
            }
        }
    }
    done(edited, current)
}

fn done(mut edited: Edited, current: Manifest) -> Edited {
    (edited.source, edited.manifest) = (current.source.clone(), current);
    edited.changed.sort_unstable();
    edited.refused.sort_by_key(|refused| refused.container);
    edited
}

/// An edit adds fewer values to one container: keys, mappings, two lists, each capability.
const MOST_NEW: u64 = 50;
/// The keys, mappings and lists among them.
const FRAME: usize = 10;

/// Whether a text has room for these edits: it is edited in one piece, of which not more values are kept
/// than of one document.
#[must_use]
pub fn has_room(manifest: &Manifest, edits: &[Edit]) -> bool {
    let containers: usize = manifest.workloads.iter().map(|one| one.pod.containers.len()).sum();
    manifest.values + MOST_NEW * (containers as u64) < MAX_VALUES as u64
        || fit(manifest, &goals(manifest, edits.iter()))
}

fn fit(manifest: &Manifest, goals: &BTreeMap<ContainerId, Goal>) -> bool {
    let new: usize = goals.values().map(|goal| FRAME + goal.words()).sum();
    manifest.values + (new as u64) < MAX_VALUES as u64
}

/// What each container is to have that is to change.
fn goals<'e>(
    manifest: &Manifest,
    edits: impl Iterator<Item = &'e Edit>,
) -> BTreeMap<ContainerId, Goal> {
    let mut goals: BTreeMap<ContainerId, Goal> = BTreeMap::new();
    for Edit { container: id, change } in edits {
        let Some((workload, container)) = find(&manifest.workloads, *id) else { continue };
        let format = workload.pod.format;
        goals.entry(*id).or_insert_with(|| Goal::of(format, container)).change(change);
    }
    goals.retain(|_, goal| goal.changes_something());
    goals
}

fn find(workloads: &[Workload], id: ContainerId) -> Option<(&Workload, &Container)> {
    let workload = workloads.get(id.workload)?;
    Some((workload, workload.pod.containers.get(id.container)?))
}
