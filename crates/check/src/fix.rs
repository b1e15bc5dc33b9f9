//! Edits of `capabilities`: what they change in the request, and whether they may be offered.

use std::fmt;

use caps::{CapSet, Capability};
use manifest::{Format, Item};
use runtime::{List, Request, Runtime, SpecSets};

use crate::assess::{Assessment, Effect, Verdict};
use crate::dialect;
use crate::holding::{Entrypoint, Held};
use crate::learnt::Learnt;
use crate::panel::Panel;
use crate::subject::Subject;
use crate::words;

pub use crate::absorb::Single;

/// A change of the two lists. Nothing else of a manifest is ever edited. Words are compared
/// exactly, as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `ALL` into `drop`, beside what is there.
    DropAll {
        /// Words there that it stands for, which go.
        instead: Vec<Single>,
    },
    /// Another spelling of a word; one word less if that is there already.
    Respell {
        /// The list.
        list: List,
        /// The word.
        from: String,
        /// The new word.
        to: String,
    },
    /// Without a word, wherever it is in the list.
    Remove {
        /// The list.
        list: List,
        /// The word.
        word: String,
    },
    /// `ALL` out of `add` and into `drop`: what it would leave of the default set goes with it.
    DropAllInstead {
        /// The words under `add` that are `ALL`, each spelling once.
        words: Vec<String>,
        /// Words under `drop` that it stands for, which go.
        instead: Vec<Single>,
    },
    /// `drop: [ALL]` and exactly these under `add`.
    Exactly {
        /// What is added back, each with a comment to put behind it.
        add: Vec<(Capability, Option<String>)>,
        /// What stays as it is written.
        kept: KeptWords,
    },
}

/// Words that stay in the lists as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptWords {
    /// Under `add`, in front of what is added back.
    pub add: Vec<String>,
    /// Under `drop`, in place of `ALL` and with all that is to be there; empty for `ALL` alone.
    pub drop: Vec<String>,
}

impl KeptWords {
    /// The whole of `drop`.
    fn dropped(&self) -> Vec<String> {
        if self.drop.is_empty() { vec!["ALL".to_owned()] } else { self.drop.clone() }
    }
}

impl Change {
    /// The same in terms of the text.
    #[must_use]
    pub fn edits(&self) -> Vec<manifest::Change> {
        match self {
            Change::DropAll { instead } => drop_all_edits(instead).collect(),
            Change::Respell { list, from, to } => {
                vec![manifest::Change::Replace(key(*list), from.clone(), to.clone())]
            }
            Change::Remove { list, word } => {
                vec![manifest::Change::Remove(key(*list), word.clone())]
            }
            Change::DropAllInstead { words, instead } => {
                let remove =
                    |word: &String| manifest::Change::Remove(manifest::List::Add, word.clone());
                words.iter().map(remove).chain(drop_all_edits(instead)).collect()
            }
            Change::Exactly { add, kept } => {
                let item = |(capability, comment): &(Capability, Option<String>)| Item {
                    word: capability.to_string(),
                    comment: comment.clone(),
                };
                let drop = kept.dropped().iter().map(Item::new).collect();
                let drop = manifest::Change::Set(manifest::List::Drop, drop);
                let stay = kept.add.iter().map(Item::new);
                let items: Vec<Item> = stay.chain(add.iter().map(item)).collect();
                let add = match items.is_empty() {
                    true => manifest::Change::RemoveList(manifest::List::Add),
                    false => manifest::Change::Set(manifest::List::Add, items),
                };
                vec![drop, add]
            }
        }
    }

    /// The same with every word left where it is that `ALL` stands for.
    pub(crate) fn beside(&self) -> Self {
        match self.clone() {
            Change::DropAll { .. } => Change::DropAll { instead: Vec::new() },
            Change::DropAllInstead { words, .. } => {
                Change::DropAllInstead { words, instead: Vec::new() }
            }
            other => other,
        }
    }

    /// What of it does some good by itself: where `ALL` cannot come into `drop`, it can go from `add`.
    pub(crate) fn parts(&self) -> Vec<Self> {
        let Change::DropAllInstead { words, .. } = self else { return Vec::new() };
        let remove = |word: &String| Change::Remove { list: List::Add, word: word.clone() };
        words.iter().map(remove).collect()
    }

    /// What is added back, if it is that kind of change.
    pub(crate) fn added(&self) -> CapSet {
        match self {
            Change::Exactly { add, .. } => add.iter().map(|(capability, _)| *capability).collect(),
            _ => CapSet::EMPTY,
        }
    }

    /// Whether it is to say behind a word what that is for.
    pub(crate) fn explains(&self) -> bool {
        match self {
            Change::Exactly { add, .. } => add.iter().any(|(_, comment)| comment.is_some()),
            _ => false,
        }
    }

    /// The request after it.
    #[must_use]
    pub fn apply(&self, request: &Request) -> Request {
        let mut after = request.clone();
        match self {
            Change::DropAll { instead } => drop_all(&mut after, instead),
            Change::DropAllInstead { words, instead } => {
                after.add.retain(|there| !words.contains(there));
                drop_all(&mut after, instead);
            }
            Change::Respell { list, from, to } => {
                for words in lists_of(&mut after, *list) {
                    respell(words, from, to);
                }
            }
            Change::Remove { list, word } => {
                for words in lists_of(&mut after, *list) {
                    words.retain(|there| there != word);
                }
            }
            Change::Exactly { add, kept } => {
                after.drop = kept.dropped();
                let added = add.iter().map(|(capability, _)| capability.to_string());
                after.add = kept.add.iter().cloned().chain(added).collect();
            }
        }
        after
    }

    /// What it does, as an instruction in the words of that kind of file.
    #[must_use]
    pub fn title(&self, format: Format) -> String {
        let name = |list| dialect::list(format, list);
        if format != Format::Kubernetes {
            let (add, drop) = (name(List::Add), name(List::Drop));
            match self {
                Change::DropAll { .. } => return format!("put `ALL` into `{drop}`"),
                Change::DropAllInstead { .. } => {
                    return format!("put `ALL` into `{drop}` instead of `{add}`");
                }
                Change::Respell { list, from, to } => {
                    return format!("write `{to}` instead of `{from}` in `{}`", name(*list));
                }
                Change::Remove { .. } | Change::Exactly { .. } => {}
            }
        }
        match self {
            Change::DropAll { .. } => "drop `ALL`".to_owned(),
            Change::Respell { list, from, to } => format!("{list} `{to}` instead of `{from}`"),
            Change::Remove { list, word } => format!("remove `{word}` from `{}`", name(*list)),
            Change::DropAllInstead { .. } => "drop `ALL` instead of adding it".to_owned(),
            Change::Exactly { add, kept } => {
                let add: CapSet = add.iter().map(|(capability, _)| *capability).collect();
                let kept: Vec<String> = kept.add.iter().map(|word| format!("`{word}`")).collect();
                match (add.is_empty(), kept.is_empty()) {
                    (true, true) => "drop `ALL`, add nothing".to_owned(),
                    (false, true) => format!("drop `ALL`, add {add}"),
                    (true, false) => format!("drop `ALL`, keep {}", words::list(&kept)),
                    (false, false) => {
                        format!("drop `ALL`, keep {}, add {add}", words::list(&kept))
                    }
                }
            }
        }
    }
}

/// The edits of the text that drop ALL instead of these.
fn drop_all_edits(instead: &[Single]) -> impl Iterator<Item = manifest::Change> {
    let include = manifest::Change::Include(manifest::List::Drop, Item::new("ALL"));
    let spellings: Vec<String> = instead.iter().flat_map(Single::spellings).collect();
    let absorb = manifest::Change::Absorb(manifest::List::Drop, spellings);
    std::iter::once(include).chain((!instead.is_empty()).then_some(absorb))
}

fn drop_all(request: &mut Request, instead: &[Single]) {
    request.drop.retain(|there| !instead.iter().any(|single| single.is(there)));
    if !request.drop.iter().any(|word| word == "ALL") {
        request.drop.push("ALL".to_owned());
    }
}

/// As `manifest`'s edit does it, so that what is assessed is what is written.
fn respell(words: &mut Vec<String>, from: &str, to: &str) {
    if from == to {
        return;
    }
    let mut there = words.iter().any(|word| word == to);
    words.retain_mut(|word| {
        if word != from {
            return true;
        }
        to.clone_into(word);
        !std::mem::replace(&mut there, true)
    });
}

const fn key(list: List) -> manifest::List {
    match list {
        List::Add => manifest::List::Add,
        List::Drop => manifest::List::Drop,
    }
}

/// The list, and the other four where an OCI configuration has what is added in several.
fn lists_of(request: &mut Request, list: List) -> Vec<&mut Vec<String>> {
    let mut lists = vec![match list {
        List::Add => &mut request.add,
        List::Drop => &mut request.drop,
    }];
    if let Some(SpecSets { effective, permitted, inheritable, ambient }) = request.spec.as_mut() {
        lists.extend([effective, permitted, inheritable, ambient]);
    }
    lists
}

/// Whether an edit needs a person's consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// On every runtime nothing that could take effect is lost, or trials proved that it is not
    /// needed; and nothing is gained.
    Safe,
    /// Nothing is gained, but something is lost that the program may need, or a container starts
    /// that did not start before.
    Unsafe,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Safe => "safe",
            Class::Unsafe => "unsafe",
        })
    }
}

/// An edit that may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What changes.
    pub change: Change,
    /// That, as an instruction.
    pub title: String,
    /// Whether it needs consent.
    pub class: Class,
    /// What an unsafe edit costs, a sentence each.
    pub costs: Vec<String>,
    /// What could take effect somewhere and no longer can.
    pub lost: CapSet,
    /// Whether it would be safe if the image's entrypoint were known to carry no file capability.
    pub safe_if_plain: bool,
    /// What the container holds afterwards.
    pub after: Held,
}

/// What is to be done about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// An edit.
    Edit(Box<Fix>),
    /// No edit, and why.
    None {
        /// Why.
        why: String,
    },
}

impl Remedy {
    /// The edit, if there is one.
    #[must_use]
    pub fn fix(&self) -> Option<&Fix> {
        match self {
            Remedy::Edit(fix) => Some(fix),
            Remedy::None { .. } => None,
        }
    }
}

/// Tries `change` on every runtime and says what is to be made of it. What is known to be needed is
/// never taken away.
#[must_use]
pub fn plan(subject: &Subject<'_>, change: &Change) -> Remedy {
    plan_on(subject, subject.panel, change)
}

/// As [`plan`], on the runtimes of `panel`.
pub(crate) fn plan_on(subject: &Subject<'_>, panel: &Panel, change: &Change) -> Remedy {
    let none = |why: String| Remedy::None { why };
    let before = subject.request();
    let title = change.title(subject.format());
    if before.privileged {
        return none("no edit of the lists has an effect while `privileged` is true".to_owned());
    }
    let after = change.apply(before);
    let (runtime, entrypoint) = (&subject.options.runtime, subject.entrypoint);
    let assessment = Assessment::new(panel, before, &after, entrypoint);
    let learnt = subject.learnt.usable();
    let answer = subject.panel.ask_one(runtime, &after);
    let resolution = answer.resolution.as_ref();
    let held = resolution.map(|sets| Held::of(sets, after.no_new_privs, entrypoint));
    let held = held.unwrap_or_default();
    if let Some(learnt) = learnt {
        let taken = assessment.taken(&learnt.needs);
        if !taken.is_none() {
            let (words, name) = (taken.words(), &learnt.name);
            let on = match taken.on.contains(runtime) {
                true => String::new(),
                false => format!(" on {}", names(&taken.on)),
            };
            let that = if (taken.needs - taken.held).is_empty() { ", which" } else { " that" };
            return none(format!("to {title} would take {words}{that} profile {name} needs{on}"));
        }
    }
    let class = match assessment.verdict_with(learnt) {
        Verdict::Safe => Class::Safe,
        Verdict::Unsafe => Class::Unsafe,
        Verdict::Widens => {
            let on = engines(&assessment, |effect| !effect.gained.is_empty());
            let gained = described(assessment.gained());
            return none(format!("to {title} would grant {gained} on {on}: a person decides that"));
        }
        Verdict::Breaks => {
            let on = engines(&assessment, |effect| effect.stops.is_some());
            return none(format!("to {title} would keep the container from starting on {on}"));
        }
        Verdict::Takes => return none(format!("to {title} would take what is needed")),
    };
    let plain = || Assessment::new(panel, before, &after, Entrypoint::Plain);
    let safe_if_plain = class == Class::Safe || plain().verdict_with(learnt) == Verdict::Safe;
    Remedy::Edit(Box::new(Fix {
        change: change.clone(),
        title,
        class,
        costs: costs(&assessment, class, learnt),
        lost: assessment.lost(),
        safe_if_plain,
        after: held,
    }))
}

/// What an edit costs, a sentence each.
pub(crate) fn costs(assessment: &Assessment, class: Class, learnt: Option<&Learnt>) -> Vec<String> {
    let mut costs = Vec::new();
    let lost = assessment.lost();
    if !lost.is_empty() && class == Class::Unsafe {
        costs.push(format!("takes away {}, {}", described(lost), unsure(learnt, lost)));
    }
    if assessment.effects.iter().any(|effect| effect.starts) {
        let on = engines(assessment, |effect| effect.starts);
        costs.push(format!("lets the container start on {on}"));
    }
    costs
}

/// What is to be said of what is lost.
fn unsure(learnt: Option<&Learnt>, lost: CapSet) -> String {
    match learnt {
        None => "which may be needed".to_owned(),
        Some(learnt) if !(learnt.needs() & lost).is_empty() => {
            format!("of which profile {} used {}", learnt.name, learnt.needs() & lost)
        }
        Some(learnt) => format!("not used in profile {} ({})", learnt.name, learnt.state()),
    }
}

/// At most five names, else how many.
fn described(set: CapSet) -> String {
    if set.len() <= 5 { set.to_string() } else { words::capabilities(set.len()) }
}

/// Where an effect shows: by the engine's name if its newest release has it, else by release.
pub(crate) fn engines(assessment: &Assessment, has: impl Fn(&Effect) -> bool) -> String {
    names(assessment.effects.iter().filter(|effect| has(effect)).map(|effect| &effect.runtime))
}

/// Runtimes as [`engines`] names them, those of the panel in its order.
pub(crate) fn names<'r>(runtimes: impl IntoIterator<Item = &'r Runtime>) -> String {
    let mut names: Vec<String> = Vec::new();
    for runtime in runtimes {
        let engine = runtime.engine;
        if *runtime == Runtime::new(engine) {
            names.push(engine.title().to_owned());
        } else if !names.iter().any(|name| name == engine.title()) {
            names.push(runtime.to_string());
        }
    }
    words::list(&names)
}
