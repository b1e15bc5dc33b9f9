//! Docker (moby), 19.03 and newer.
//!
//! Source: moby `daemon/pkg/oci/caps/utils.go` `TweakCapabilities`, `NormalizeLegacyCapabilities`;
//! `daemon/container.go` `validateCapabilities`; before 23.0 the same in `oci/caps/utils.go`.

use caps::{CapSet, Capability};

use crate::ledger::{Ledger, Plan, read_leniently};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request, Word};

/// `add: [ALL]` beats `drop: [ALL]`; with `drop: [ALL]` the result is `add` and nothing else,
/// whatever names are under `drop`; else what is under `add` beats what is under `drop`.
///
/// For a process that is not root only the bounding set is written (`oci.SetCapabilities`).
pub(crate) fn plan(runtime: &Runtime, request: &Request, root: bool) -> Result<Plan, Refusal> {
    let mut plan = container(runtime, request)?;
    if !root {
        plan.permitted = CapSet::EMPTY;
    }
    Ok(plan)
}

/// The plan for root.
fn container(runtime: &Runtime, request: &Request) -> Result<Plan, Refusal> {
    // Names are checked when the container is created, of a privileged one too.
    let add = read(runtime, request, List::Add)?;
    let drop = read(runtime, request, List::Drop)?;
    let everything = everything(runtime);
    let mut set = Ledger::default(runtime);
    if request.privileged {
        set = Ledger::empty(runtime);
        set.grant(everything, &Reason::Privileged);
        return Ok(Plan::plain(set).unread(request));
    }
    if let Some(word) = request.all(List::Add) {
        set.become_all(everything, word, runtime.engine);
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

/// What `ALL` and `privileged` mean: since 23.0 what the daemon holds itself (moby pull request
/// 42933). Before, every name it knows, and it knew none above `AUDIT_READ` on any kernel (pull
/// request 41563, reverted in 23.0 by 42011).
fn everything(runtime: &Runtime) -> CapSet {
    if is_new(runtime) { runtime.own } else { CapSet::up_to(Capability::AUDIT_READ) }
}

fn is_new(runtime: &Runtime) -> bool {
    runtime.at_least(23, 0)
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
            Some(Meaning::One(capability)) if !everything(runtime).contains(capability) => {
                Err(if is_new(runtime) {
                    Refusal::BeyondDaemon { engine, missing: CapSet::from(capability) }
                } else {
                    Refusal::UnknownName { engine, word, suggestion: None }
                })
            }
            Some(meaning) => Ok((word, meaning)),
            None => {
                let suggestion = word.suggestion();
                Err(Refusal::UnknownName { engine, word, suggestion })
            }
        })
        .collect()
}
