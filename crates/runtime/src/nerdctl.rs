//! nerdctl, which writes containerd's specs without CRI.
//!
//! Source: nerdctl v2 `pkg/cmd/container/run_security_linux.go` `generateCapOpts`,
//! `canonicalizeCapName`.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, Plan, exact};
use crate::name::Runtime;
use crate::odd::{self, Became};
use crate::reason::Reason;
use crate::request::{List, Request, Word};

/// `drop: [ALL]` empties the set, then `add: [ALL]` fills it or the names under `add` are added,
/// and the names under `drop` count only where `ALL` is not among them. An unknown name is warned
/// of and passed on.
pub(crate) fn plan(runtime: &Runtime, request: &Request) -> Plan {
    if request.privileged {
        let mut set = Ledger::empty(runtime);
        set.grant(runtime.own, &Reason::Privileged);
        return Plan::plain(set).unread(request);
    }
    let add_all = request.all(List::Add);
    let drop_all = request.all(List::Drop);
    let mut set = Ledger::default(runtime);
    let mut strangers = BTreeMap::new();
    if let Some(word) = &drop_all {
        set.take(set.set(), &Reason::DroppedByAll { word: word.clone() });
    }
    match add_all {
        Some(word) => set.become_all(runtime.own, word, runtime.engine),
        None => {
            for word in request.words(List::Add) {
                let written = written(&word);
                match exact(&written) {
                    Some(capability) => set.grant(capability, &Reason::Added { word }),
                    None => drop(strangers.entry(written).or_insert(word)),
                }
            }
        }
    }
    if drop_all.is_none() {
        for word in request.words(List::Drop) {
            let written = written(&word);
            match exact(&written) {
                Some(capability) => set.take(capability, &Reason::Dropped { word }),
                None => drop(strangers.remove(&written)),
            }
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

/// What stands in the OCI spec for a word; nothing stays nothing.
fn written(word: &Word) -> String {
    if word.text.is_empty() {
        return String::new();
    }
    format!("CAP_{}", odd::without_prefix(&word.text).to_uppercase())
}
