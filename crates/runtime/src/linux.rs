//! No container: a process that a root process starts, capabilities(7).
//!
//! Linux itself has no `add` and `drop`. They are read here as a service manager would read
//! them: all that the parent holds, or with `drop: [ALL]` nothing; then what is under `add`; then
//! less what is under `drop`. There is no ambient set unless somebody raises it, so a process that
//! is not root holds nothing.

use crate::ledger::{Ledger, Plan, read_leniently};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::request::{List, Request};

/// See the module.
pub(crate) fn plan(runtime: &Runtime, request: &Request) -> Result<Plan, Refusal> {
    let mut set = Ledger::empty(runtime);
    set.grant(runtime.default_set(), &Reason::PlainRoot);
    if request.privileged {
        set.grant(runtime.own, &Reason::Privileged);
        return Ok(Plan::plain(set).unread(request));
    }
    if let Some(word) = request.all(List::Add) {
        set.grant(runtime.own, &Reason::AddedByAll { word });
    }
    if let Some(word) = request.all(List::Drop) {
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
