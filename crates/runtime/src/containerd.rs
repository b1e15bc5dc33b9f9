//! containerd's CRI plugin.
//!
//! Source: containerd v1.6.0 `pkg/cri/opts/spec_linux.go` and v2.3.4 `internal/cri/opts/spec_opts.go`
//! `WithCapabilities`, the same rule in both.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, Plan, exact};
use crate::name::Runtime;
use crate::odd::{Became, Meaning};
use crate::reason::Reason;
use crate::request::{List, Request, Word};

/// `add: [ALL]` first, then `drop: [ALL]`, then the names under `add`, then those under `drop`:
/// the last word is `drop`'s. `CAP_` is put in front of every name, also where it is there
/// already, and no name is checked.
pub(crate) fn plan(runtime: &Runtime, request: &Request) -> Plan {
    if request.privileged {
        let mut set = Ledger::empty(runtime);
        set.grant(runtime.own, &Reason::Privileged);
        return Plan::plain(set).unread(request);
    }
    let mut set = Ledger::default(runtime);
    if let Some(word) = request.all(List::Add) {
        set.become_all(runtime.own, word, runtime.engine);
    }
    if let Some(word) = request.all(List::Drop) {
        set.take(set.set(), &Reason::DroppedByAll { word });
    }
    // What no list of capabilities can hold: names that are none, as they stand in the spec.
    let mut strangers = BTreeMap::new();
    for word in request.words(List::Add).filter(|word| !word.is_all()) {
        let written = written(&word);
        match exact(&written) {
            Some(capability) => set.grant(capability, &Reason::Added { word }),
            None => {
                if let Some(Meaning::One(capability)) = word.meant() {
                    let (word, becomes, engine) = (word.clone(), written.clone(), runtime.engine);
                    set.explain_absence(capability, Reason::Ignored { word, becomes, engine });
                }
                strangers.entry(written).or_insert(word);
            }
        }
    }
    for word in request.words(List::Drop).filter(|word| !word.is_all()) {
        let written = written(&word);
        match exact(&written) {
            Some(capability) => set.take(capability, &Reason::Dropped { word }),
            None => drop(strangers.remove(&written)),
        }
    }
    let mut plan = Plan::plain(set).with_odd(request, |word| {
        let becomes = written(word);
        if word.is_all() || exact(&becomes).is_some() {
            Became::Read
        } else {
            Became::Ignored { becomes }
        }
    });
    plan.passed_on = strangers.into_iter().map(|(written, word)| (word, written)).collect();
    plan
}

/// What stands in the OCI spec for a word.
fn written(word: &Word) -> String {
    format!("CAP_{}", word.text.to_uppercase())
}
