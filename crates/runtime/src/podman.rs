//! Podman.
//!
//! Source: container-libs `common/pkg/capabilities/capabilities.go` `MergeCapabilities`; podman
//! `pkg/specgen/generate/security_linux.go` `securityConfigureGenerator`.

use caps::CapSet;

use crate::ledger::{Ledger, Plan, read_leniently};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request, Word};

/// A capability in both lists is an error, and so is `ALL` in both. With `drop: [ALL]` the result
/// is `add` and nothing else. Whatever Podman itself does not hold is left out without a word.
///
/// A process that is not root gets the set as its bounding set, and what is under `add` (not the
/// default) as permitted, effective, inheritable and ambient.
pub(crate) fn plan(runtime: &Runtime, request: &Request, root: bool) -> Result<Plan, Refusal> {
    let own = runtime.own;
    let mut set = if request.privileged {
        let mut set = Ledger::empty(runtime);
        set.grant(own, &Reason::Privileged);
        set
    } else {
        merge(runtime, request)?
    };
    set.keep(own, &Reason::BeyondDaemon { engine: runtime.engine });
    let mut plan = Plan::plain(set);
    if !root {
        // Read whether privileged or not.
        let mut asked = CapSet::EMPTY;
        for (_, meaning) in read(runtime, request, List::Add)? {
            match meaning {
                Meaning::All => asked = own,
                Meaning::One(capability) => asked.insert(capability),
            }
        }
        plan.permitted = asked & own;
        plan.inheritable = plan.permitted;
        plan.ambient = plan.permitted;
    }
    Ok(if request.privileged {
        plan.unread(request)
    } else {
        plan.with_odd(request, |_| Became::Read)
    })
}

/// `MergeCapabilities`.
fn merge(runtime: &Runtime, request: &Request) -> Result<Ledger, Refusal> {
    let engine = runtime.engine;
    let add = &read(runtime, request, List::Add)?;
    let drop = &read(runtime, request, List::Drop)?;
    let mut set = Ledger::default(runtime);
    let add_all = request.all(List::Add);
    if let Some(word) = request.all(List::Drop) {
        if let Some(add) = add_all {
            return Err(Refusal::AddedAndDroppedAll { engine, add, drop: word });
        }
        set.take(set.set(), &Reason::DroppedByAll { word });
    } else {
        if let Some(word) = &add_all {
            set.grant(runtime.own, &Reason::AddedByAll { word: word.clone() });
        } else if let Some(refusal) = contradiction(runtime, add, drop) {
            return Err(refusal);
        }
        for (word, capability) in names(drop) {
            set.take(capability, &Reason::Dropped { word: word.clone() });
        }
    }
    if add_all.is_none() {
        for (word, capability) in names(add) {
            set.grant(capability, &Reason::Added { word: word.clone() });
        }
    }
    Ok(set)
}

/// The first capability that is in both lists.
fn contradiction(
    runtime: &Runtime,
    add: &[(Word, Meaning)],
    drop: &[(Word, Meaning)],
) -> Option<Refusal> {
    names(add).find_map(|(added, capability)| {
        let (dropped, _) = names(drop).find(|(_, other)| *other == capability)?;
        let (engine, add, drop) = (runtime.engine, added.clone(), dropped.clone());
        Some(Refusal::AddedAndDropped { engine, capability, add, drop })
    })
}

/// Without `ALL`.
fn names(words: &[(Word, Meaning)]) -> impl Iterator<Item = (&Word, caps::Capability)> {
    words.iter().filter_map(|(word, meaning)| match meaning {
        Meaning::All => None,
        Meaning::One(capability) => Some((word, *capability)),
    })
}

/// The words of one list with their meaning.
fn read(runtime: &Runtime, request: &Request, list: List) -> Result<Vec<(Word, Meaning)>, Refusal> {
    request
        .words(list)
        .map(|word| match read_leniently(&word.text) {
            Some(meaning) => Ok((word, meaning)),
            None => {
                let (engine, suggestion) = (runtime.engine, word.suggestion());
                Err(Refusal::UnknownName { engine, word, suggestion })
            }
        })
        .collect()
}
