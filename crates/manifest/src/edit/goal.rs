//! What a container's lists are to be, told as what happens to each item.

use super::{Change, Item, List};
use crate::workload::Container;

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

/// Both lists of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) add: ListGoal,
    pub(super) drop: ListGoal,
}

impl Goal {
    /// As it is.
    pub(super) fn of(container: &Container) -> Self {
        let capabilities = container.security.capabilities.as_ref();
        let words = |list: Option<&crate::workload::CapList>| {
            list.map(|list| list.items.iter().map(|item| item.value.clone()).collect())
        };
        Self {
            add: ListGoal::new(words(capabilities.and_then(|c| c.add.as_ref()))),
            drop: ListGoal::new(words(capabilities.and_then(|c| c.drop.as_ref()))),
        }
    }

    pub(super) fn list(&self, list: List) -> &ListGoal {
        match list {
            List::Add => &self.add,
            List::Drop => &self.drop,
        }
    }

    fn list_mut(&mut self, list: List) -> &mut ListGoal {
        match list {
            List::Add => &mut self.add,
            List::Drop => &mut self.drop,
        }
    }

    /// With one more change.
    pub(super) fn change(&mut self, change: &Change) {
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
            Change::RemoveList(list) => {
                let other = if *list == List::Add { &self.drop } else { &self.add };
                let alone = other.slots.is_none();
                let goal = self.list_mut(*list);
                goal.slots = goal.slots.take().and_then(|_| alone.then(Vec::new));
            }
        }
    }

    pub(super) fn changes_something(&self) -> bool {
        self.add.changes_something() || self.drop.changes_something()
    }
}
