//! Docker (moby), 19.03 and newer.
//!
//! Source: moby `daemon/pkg/oci/caps/utils.go` `TweakCapabilities`, `NormalizeLegacyCapabilities`;
//! `daemon/container.go` `validateCapabilities`.

use caps::CapSet;

use crate::ledger::{Ledger, Plan, read_leniently};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request, Word};

/// `add: [ALL]` beats `drop: [ALL]`; with `drop: [ALL]` the result is `add` and nothing else,
/// whatever names are under `drop`; else what is under `add` beats what is under `drop`.
pub(crate) fn plan(runtime: &Runtime, request: &Request) -> Result<Plan, Refusal> {
    // Names are checked when the container is created, of a privileged one too.
    let add = read(runtime, request, List::Add)?;
    let drop = read(runtime, request, List::Drop)?;
    let mut set = Ledger::default(runtime);
    if request.privileged {
        set = Ledger::empty(runtime);
        set.grant(runtime.own, &Reason::Privileged);
        return Ok(Plan::plain(set).unread(request));
    }
    if let Some(word) = request.all(List::Add) {
        set.grant(runtime.own, &Reason::AddedByAll { word });
        remove(&mut set, drop);
    } else {
        match request.all(List::Drop) {
            Some(word) => set.take(set.set(), &Reason::DroppedByAll { word }),
            None => remove(&mut set, drop),
        }
        for (word, meaning) in add {
            if let Meaning::One(capability) = meaning {
                set.grant(capability, &Reason::Added { word });
            }
        }
    }
    Ok(Plan::plain(set).with_odd(request, |_| Became::Read))
}

fn remove(set: &mut Ledger, drop: Vec<(Word, Meaning)>) {
    for (word, meaning) in drop {
        if let Meaning::One(capability) = meaning {
            set.take(capability, &Reason::Dropped { word });
        }
    }
}

/// The words of one list with their meaning. A name nobody knows is refused, and so is one that
/// the daemon cannot grant.
fn read(runtime: &Runtime, request: &Request, list: List) -> Result<Vec<(Word, Meaning)>, Refusal> {
    let engine = runtime.engine;
    request
        .words(list)
        .map(|word| match read_leniently(&word.text) {
            None => {
                let suggestion = word.suggestion();
                Err(Refusal::UnknownName { engine, word, suggestion })
            }
            Some(Meaning::One(capability)) if !runtime.own.contains(capability) => {
                Err(Refusal::BeyondDaemon { engine, missing: CapSet::from(capability) })
            }
            Some(meaning) => Ok((word, meaning)),
        })
        .collect()
}
