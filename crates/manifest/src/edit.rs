//! Edits of a container's `capabilities` as text: only the bytes that must change do.
//!
//! The outcome is read again and compared with what was wanted; an edit that would say anything
//! else, anywhere in the file, is refused, and so is one whose place is shared by an alias or
//! inherited through a merge key: it would change, or cut off, more than the one container.

mod goal;
mod layout;
mod list;
mod patch;
mod plan;
mod render;
mod verify;

use std::collections::{BTreeMap, HashMap};

use crate::manifest::Manifest;
use crate::source::Source;
use crate::tree;
use crate::workload::{Container, Format, Span, Workload};

use goal::Goal;

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

impl List {
    /// The key in the manifest.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Drop => "drop",
        }
    }
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

/// A container that could not be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The container.
    pub container: ContainerId,
    /// Why.
    pub reason: Refusal,
    /// What the container should hold, as YAML to put there by hand; empty where there is no YAML for
    /// it.
    pub snippet: String,
}

/// Why a container could not be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The manifest has no such container.
    #[error("there is no such container")]
    NoSuchContainer,
    /// The place is an alias: what it stands for is written elsewhere and used there too.
    #[error("`{what}` is an alias (`*…`); write it out here, or change the anchor it refers to")]
    Alias {
        /// The field.
        what: &'static str,
        /// The alias.
        at: Span,
    },
    /// The place lies in a value with an anchor that an alias refers to.
    #[error(
        "`{what}` lies in an anchored value (`&…`) that is used elsewhere too; the change would reach there"
    )]
    Anchor {
        /// The field.
        what: &'static str,
        /// The anchored value.
        at: Span,
    },
    /// The field comes through `<<`; one of its own would hide all that is inherited.
    #[error(
        "`{what}` comes through a merge key (`<<`); one of its own would hide the inherited one"
    )]
    Merge {
        /// The field.
        what: &'static str,
        /// Where it is written.
        at: Span,
    },
    /// It is no Kubernetes manifest.
    #[error(
        "only Kubernetes manifests are edited; change {} by hand",
        if *format == Format::Oci { "process.capabilities" } else { "cap_add and cap_drop" }
    )]
    Format {
        /// What it is.
        format: Format,
    },
    /// The text is written so that no edit gave what was wanted.
    #[error("it is written in a way that is not edited automatically; nothing was changed")]
    Unsupported,
}

/// Applies edits to a manifest's text. Several edits of one container work one after another;
/// each container is edited whole or not at all. Doing the same again changes nothing.
#[must_use]
pub fn apply(manifest: &Manifest, edits: &[Edit]) -> Edited {
    let mut edited = Edited {
        source: manifest.source.clone(),
        replacements: Vec::new(),
        changed: Vec::new(),
        refused: Vec::new(),
    };
    let mut goals: BTreeMap<ContainerId, Goal> = BTreeMap::new();
    for Edit { container: id, change } in edits {
        if let Some((_, container)) = find(&manifest.workloads, *id) {
            goals.entry(*id).or_insert_with(|| Goal::of(container)).change(change);
        } else {
            edited.refused.push(Refused {
                container: *id,
                reason: Refusal::NoSuchContainer,
                snippet: String::new(),
            });
        }
    }
    goals.retain(|_, goal| goal.changes_something());
    if goals.is_empty() {
        return edited;
    }

    let mut current = manifest.clone();
    let goals: Vec<_> = goals.iter().collect();
    settle(manifest.source.text(), &mut current, &goals, &mut edited);
    edited.source = current.source;
    edited.changed.sort_unstable();
    edited.refused.sort_by_key(|refused| refused.container);
    edited
}

/// Edits these containers at once; if the outcome is wrong, one half and then the other, so that
/// the one that cannot be edited is found without reading the text again for each. `original` is the
/// text before the first of all.
fn settle(
    original: &str,
    manifest: &mut Manifest,
    goals: &[(&ContainerId, &Goal)],
    edited: &mut Edited,
) {
    let tree = tree::build(manifest.source.text());
    let (mut possible, mut patches, mut habits) = (Vec::new(), Vec::new(), HashMap::new());
    for &(id, goal) in goals {
        match plan::plan(&tree, &manifest.workloads, &mut habits, *id, goal) {
            Ok(planned) => {
                possible.push((id, goal));
                patches.extend(planned);
            }
            Err(reason) => edited.refuse(*id, reason, goal),
        }
    }
    patch::sort(&mut patches);
    let text = patch::apply(tree.text, &patches);
    let text = text.filter(|text| verify::holds(&tree, manifest, text, &possible));
    drop(tree);
    match (text, possible.as_slice()) {
        (_, []) => {}
        (Some(text), _) => {
            // Behind another edit their places are those of a text in between.
            edited.replacements = match edited.changed.is_empty() {
                true => patches.into_iter().map(Replacement::from).collect(),
                false => vec![patch::difference(original, &text).into()],
            };
            edited.changed.extend(possible.iter().map(|(id, _)| **id));
            *manifest = crate::parse_source(manifest.source.with_text(text));
        }
        (None, [(id, goal)]) => edited.refuse(**id, Refusal::Unsupported, goal),
        (None, both) => {
            let (first, second) = both.split_at(both.len() / 2);
            settle(original, manifest, first, edited);
            settle(original, manifest, second, edited);
        }
    }
}

impl Edited {
    fn refuse(&mut self, container: ContainerId, reason: Refusal, goal: &Goal) {
        let snippet = match reason {
            Refusal::Format { format: Format::Oci } => String::new(),
            Refusal::Format { .. } => render::compose_snippet(goal),
            _ => render::snippet(goal),
        };
        self.refused.push(Refused { container, reason, snippet });
    }
}

fn find(workloads: &[Workload], id: ContainerId) -> Option<(&Workload, &Container)> {
    let workload = workloads.get(id.workload)?;
    Some((workload, workload.pod.containers.get(id.container)?))
}
