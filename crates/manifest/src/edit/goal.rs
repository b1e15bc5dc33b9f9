//! What a container's lists are to be, told as what happens to each item.

use super::form::Form;
use super::{Change, Item, List};
use crate::workload::{CapList, Container, Format, Spanned};

/// One place of a list that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The item of this index stays as it is.
    Keep(usize),
    /// The item of this index becomes another word.
    Rewrite(usize, String),
    /// A new item.
    New(Item),
}

/// What becomes of an item that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// It becomes another word.
    Becomes(String),
    Goes,
}

/// One list: as it is, and as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListGoal {
    /// The words that are there; `None` without a list.
    pub(super) now: Option<Vec<String>>,
    /// What is to be there; `None` for no list.
    pub(super) slots: Option<Vec<Slot>>,
}

impl ListGoal {
    fn new(now: Option<Vec<String>>) -> Self {
        let slots = now.as_ref().map(|words| (0..words.len()).map(Slot::Keep).collect());
        Self { now, slots }
    }

    fn word<'a>(&'a self, slot: &'a Slot) -> &'a str {
        match slot {
            Slot::Keep(index) => {
                self.now.as_ref().and_then(|words| words.get(*index)).map_or("", String::as_str)
            }
            Slot::Rewrite(_, word) => word,
            Slot::New(item) => &item.word,
        }
    }

    /// The words that are to be there; `None` for no list.
    pub(super) fn words(&self) -> Option<Vec<&str>> {
        Some(self.slots.as_ref()?.iter().map(|slot| self.word(slot)).collect())
    }

    /// What becomes of each item that is there, and what is put behind them.
    pub(super) fn fates(&self) -> (Vec<Fate>, Vec<Item>) {
        let count = self.now.as_ref().map_or(0, Vec::len);
        let (mut fates, mut new) = (vec![Fate::Goes; count], Vec::new());
        for slot in self.slots.iter().flatten() {
            let (index, fate) = match slot {
                Slot::Keep(index) => (*index, Fate::Stays),
                Slot::Rewrite(index, word) => (*index, Fate::Becomes(word.clone())),
                Slot::New(item) => {
                    new.push(item.clone());
                    continue;
                }
            };
            if let Some(place) = fates.get_mut(index) {
                *place = fate;
            }
        }
        (fates, new)
    }

    /// The items as new ones, for a list that is written anew.
    pub(super) fn items(&self) -> Vec<Item> {
        let slots = self.slots.iter().flatten();
        let items = slots.map(|slot| match slot {
            Slot::New(item) => item.clone(),
            _ => Item::new(self.word(slot)),
        });
        items.collect()
    }

    pub(super) fn changes_something(&self) -> bool {
        let now = self.now.as_ref().map(|now| now.iter().map(String::as_str).collect::<Vec<_>>());
        self.words() != now
    }

    /// How many words it has, before and after together.
    fn count(&self) -> usize {
        let len = |list: Option<usize>| list.unwrap_or_default();
        len(self.now.as_ref().map(Vec::len)) + len(self.slots.as_ref().map(Vec::len))
    }

    fn has(&self, word: &str) -> bool {
        self.slots.iter().flatten().any(|slot| self.word(slot) == word)
    }

    fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let Some(slots) = self.slots.take() else { return };
        self.slots = Some(slots.into_iter().filter(|slot| keep(self.word(slot))).collect());
    }

    fn set(&mut self, items: &[Item]) {
        // No list and an empty one are the same to every runtime.
        if items.is_empty() && self.slots.is_none() {
            return;
        }
        // Each word that is wanted keeps as many of its items as it is wanted times.
        let mut wanted: Vec<&Item> = items.iter().collect();
        let slots = self.slots.take().unwrap_or_default();
        let mut kept = Vec::with_capacity(items.len());
        for slot in slots {
            if let Some(at) = wanted.iter().position(|item| item.word == self.word(&slot)) {
                wanted.remove(at);
                kept.push(slot);
            }
        }
        kept.extend(wanted.into_iter().cloned().map(Slot::New));
        self.slots = Some(kept);
    }

    fn replace(&mut self, from: &str, to: &str) {
        if from == to {
            return;
        }
        let mut there = self.has(to);
        let Some(slots) = self.slots.take() else { return };
        let mut kept = Vec::with_capacity(slots.len());
        for slot in slots {
            if self.word(&slot) != from {
                kept.push(slot);
                continue;
            }
            if std::mem::replace(&mut there, true) {
                continue;
            }
            kept.push(match slot {
                Slot::Keep(index) | Slot::Rewrite(index, _) => Slot::Rewrite(index, to.to_owned()),
                Slot::New(item) => Slot::New(Item { word: to.to_owned(), ..item }),
            });
        }
        self.slots = Some(kept);
    }
}

/// All lists of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) format: Format,
    /// In the order of [`Form::lists`].
    pub(super) lists: Vec<ListGoal>,
    /// Whether something is asked for that the format has no words for.
    pub(super) foreign: bool,
}

impl Goal {
    /// As it is.
    pub(super) fn of(format: Format, container: &Container) -> Self {
        fn words(items: &[Spanned<String>]) -> Vec<String> {
            items.iter().map(|item| item.value.clone()).collect()
        }
        let capabilities = container.security.capabilities.as_ref();
        let add = capabilities.and_then(|c| c.add.as_ref());
        let drop = capabilities.and_then(|c| c.drop.as_ref());
        let of = |list: Option<&CapList>| list.map(|list| words(&list.items));
        let lists = match (format, &container.sets) {
            (Format::Oci, Some(sets)) => {
                let all = [&sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient];
                let others = all.into_iter().map(|list| Some(words(list)));
                // Whether such a list is missing or empty is the same and not kept.
                std::iter::once(Some(of(add).unwrap_or_default())).chain(others).collect()
            }
            _ => vec![of(drop), of(add)],
        };
        Self { format, lists: lists.into_iter().map(ListGoal::new).collect(), foreign: false }
    }

    /// What its format calls them.
    pub(super) fn form(&self) -> &'static Form {
        Form::of(self.format)
    }

    fn list_mut(&mut self, list: List) -> &mut ListGoal {
        let index = match list {
            List::Drop => 0,
            List::Add => 1,
        };
        &mut self.lists[index]
    }

    /// With one more change.
    pub(super) fn change(&mut self, change: &Change) {
        if self.format == Format::Oci {
            return self.change_sets(change);
        }
        match change {
            Change::Include(list, item) => {
                let goal = self.list_mut(*list);
                if !goal.has(&item.word) {
                    goal.slots.get_or_insert_default().push(Slot::New(item.clone()));
                }
            }
            Change::Set(list, items) => self.list_mut(*list).set(items),
            Change::Remove(list, word) => self.list_mut(*list).retain(|there| there != word),
            Change::Replace(list, from, to) => self.list_mut(*list).replace(from, to),
            Change::Absorb(list, words) => {
                self.list_mut(*list).retain(|there| !words.iter().any(|word| word == there));
            }
            Change::RemoveList(list) => {
                let other = if *list == List::Add { List::Drop } else { List::Add };
                // `capabilities` with nothing in it would be null; a service has other keys.
                let alone =
                    self.format == Format::Kubernetes && self.list_mut(other).slots.is_none();
                let goal = self.list_mut(*list);
                goal.slots = goal.slots.take().and_then(|_| alone.then(Vec::new));
            }
        }
    }

    /// In the sets of an OCI configuration words can go or be spelt another way, in all of them.
    fn change_sets(&mut self, change: &Change) {
        match change {
            Change::Remove(List::Add, word) => {
                self.lists.iter_mut().for_each(|list| list.retain(|there| there != word));
            }
            Change::Replace(List::Add, from, to) => {
                self.lists.iter_mut().for_each(|list| list.replace(from, to));
            }
            // An empty list is as good as none.
            Change::RemoveList(_) => {}
            _ => self.foreign = true,
        }
    }

    /// How many words it has, before and after together: an edit adds no more.
    pub(super) fn words(&self) -> usize {
        self.lists.iter().map(ListGoal::count).sum()
    }

    pub(super) fn changes_something(&self) -> bool {
        self.foreign || self.lists.iter().any(ListGoal::changes_something)
    }

    /// Whether the other one has the words that are wanted here. No list and an empty one are the same
    /// to every runtime; so is the order of one that is put together from several, which whoever extends
    /// a service has no say in.
    pub(super) fn is_reached_by(&self, read: &Self) -> bool {
        let words = |list: &ListGoal| {
            let mut words: Vec<String> =
                list.words().unwrap_or_default().into_iter().map(str::to_owned).collect();
            if self.form().layered {
                words.sort_unstable();
            }
            words
        };
        let mut pairs = self.lists.iter().zip(&read.lists);
        self.lists.len() == read.lists.len() && pairs.all(|(a, b)| words(a) == words(b))
    }
}
