//! What changes make of a container's lists.

use dropcap_manifest::{Change, List, parse};

pub type Lists = (Option<Vec<String>>, Option<Vec<String>>);

/// Both lists of every container, as read.
pub fn lists(text: &str) -> Vec<Lists> {
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, [], "{text}");
    let read = manifest.containers().map(|(_, container)| {
        let capabilities = container.security.capabilities.as_ref();
        let words = |list: Option<&dropcap_manifest::CapList>| {
            list.map(|list| list.items.iter().map(|item| item.value.clone()).collect())
        };
        (
            words(capabilities.and_then(|c| c.add.as_ref())),
            words(capabilities.and_then(|c| c.drop.as_ref())),
        )
    });
    read.collect()
}

/// What the change makes of the lists, said in another way than the editor does.
pub fn expect(lists: &mut Lists, change: &Change) {
    let (add, drop) = lists;
    let pick = |list: &List| match list {
        List::Add => (0, *list),
        List::Drop => (1, *list),
    };
    let mut both = [add, drop];
    match change {
        Change::Include(list, item) => {
            let words = both[pick(list).0].get_or_insert_default();
            if !words.contains(&item.word) {
                words.push(item.word.clone());
            }
        }
        Change::Set(list, items) => {
            let words = &mut both[pick(list).0];
            if items.is_empty() && words.is_none() {
                return;
            }
            let mut missing: Vec<_> = items.iter().map(|item| item.word.clone()).collect();
            let mut result = Vec::new();
            for word in words.iter().flatten() {
                if let Some(at) = missing.iter().position(|other| other == word) {
                    result.push(missing.remove(at));
                }
            }
            result.extend(missing);
            **words = Some(result);
        }
        Change::Remove(list, word) => {
            if let Some(words) = both[pick(list).0] {
                words.retain(|other| other != word);
            }
        }
        Change::Absorb(list, gone) => {
            if let Some(words) = both[pick(list).0] {
                words.retain(|other| !gone.contains(other));
            }
        }
        Change::Replace(list, from, to) => {
            if let Some(words) = both[pick(list).0]
                && from != to
            {
                let mut there = words.contains(to);
                words.retain_mut(|word| {
                    if word != from {
                        return true;
                    }
                    word.clone_from(to);
                    !std::mem::replace(&mut there, true)
                });
            }
        }
        Change::RemoveList(list) => {
            let (index, _) = pick(list);
            let alone = both[1 - index].is_none();
            if both[index].is_some() {
                *both[index] = alone.then(Vec::new);
            }
        }
    }
}
