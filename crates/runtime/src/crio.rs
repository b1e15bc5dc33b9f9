//! CRI-O.
//!
//! Source: cri-o v1.36.3 `internal/factory/container/container.go` `SpecSetupCapabilities` and
//! `SpecSetPrivileges`; runtime-tools `generate.SetupPrivileged`.

use caps::CapSet;

use crate::ledger::{Ledger, Plan, read_leniently};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request};

/// `ALL` in either list replaces the default; `drop: [ALL]` comes after `add: [ALL]`, the names
/// under `add` after that, those under `drop` last. An unknown name in either list is an error.
///
/// A privileged container gets all five sets full, the ambient one too, so that a non-root
/// process keeps everything.
pub(crate) fn plan(runtime: &Runtime, request: &Request) -> Result<Plan, Refusal> {
    // "ALL" is what the kernel knows, not what the daemon holds (`validate.LastCap`).
    let everything = CapSet::all_known() | runtime.own;
    if request.privileged {
        let mut set = Ledger::empty(runtime);
        set.grant(everything, &Reason::Privileged);
        let mut plan = Plan::plain(set).unread(request);
        plan.inheritable = everything;
        plan.ambient = everything;
        return Ok(plan);
    }
    let add_all = request.all(List::Add);
    let drop_all = request.all(List::Drop);
    let mut set = Ledger::default(runtime);
    if let Some(word) = add_all {
        set.grant(everything, &Reason::AddedByAll { word });
    }
    if let Some(word) = drop_all {
        set.take(set.set(), &Reason::DroppedByAll { word });
    }
    for list in [List::Add, List::Drop] {
        for word in request.words(list) {
            match (read_leniently(&word.text), list) {
                (Some(Meaning::All), _) => {}
                (Some(Meaning::One(capability)), List::Add) => {
                    set.grant(capability, &Reason::Added { word });
                }
                (Some(Meaning::One(capability)), List::Drop) => {
                    set.take(capability, &Reason::Dropped { word });
                }
                (None, _) => {
                    let (engine, suggestion) = (runtime.engine, word.suggestion());
                    return Err(Refusal::UnknownName { engine, word, suggestion });
                }
            }
        }
    }
    Ok(Plan::plain(set).with_odd(request, |_| Became::Read))
}
