//! The rules for call sites, one by one, on recordings written by hand. The stacks are those of a
//! 6.18 kernel.

mod alternatives;
mod arguments;
#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod places;
mod runs;

use caps::{CapSet, Capability as C};
use common::judged;
use dropcap_judge::{Dismissal, Verdict};
use record::observation::Observation;

const NONE: CapSet = CapSet::EMPTY;

fn only(capability: C) -> CapSet {
    CapSet::from(capability)
}

/// What a single observation comes to: needed, doubtful, or dismissed and why.
fn alone(observation: Observation) -> Result<Verdict, Dismissal> {
    let judgement = judged(vec![observation]);
    match (judgement.needs.as_slice(), judgement.dismissed.as_slice()) {
        ([need], []) => Ok(need.verdict),
        ([], [dismissed]) => Err(dismissed.reason),
        other => panic!("neither one need nor one dismissal: {other:?}"),
    }
}
