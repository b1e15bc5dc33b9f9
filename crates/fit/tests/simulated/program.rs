//! A program that is only described: what it works with, what it asks for, when its test lies.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use caps::{CapSet, Capability};
use dropcap_fit::{Answer, Event, Options, Outcome, Ran, Runner, fit};
use observe::Observed;
use record::observation::{Lost, Machine, Recording, Target};
use record::requirement::{self, Requirement, Use, Verdict};

/// Something that the kernel is asked for in each run. Whether the program minds the answer is
/// another matter: [`Program::works_with`] says it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Any one serves.
    pub any_of: CapSet,
    /// What the judge thinks of the place.
    pub verdict: Verdict,
    /// Whether the call fails when it is refused.
    pub fails: bool,
}

/// A program and its test.
#[derive(Debug, Clone)]
pub struct Program {
    /// It works with any set that holds one of these.
    pub works_with: Vec<CapSet>,
    /// What it asks for.
    pub asks: Vec<Ask>,
    /// The test fails each k-th run, at this phase, whatever the program did.
    pub lies: Option<(usize, usize)>,
    /// The test fails in these runs besides, whatever the program did: the first is 0.
    pub lies_in: BTreeSet<usize>,
    /// With the first of these it goes on to ask for the second, and does not work without that.
    pub fails_with: Option<(Capability, Capability)>,
    /// Whether a tracer sees anything.
    pub traceable: bool,
    /// How often it has run.
    pub runs: usize,
}

impl Program {
    pub fn new(works_with: &[CapSet], asks: &[Ask]) -> Self {
        Self {
            works_with: works_with.to_vec(),
            asks: asks.to_vec(),
            lies: None,
            lies_in: BTreeSet::new(),
            fails_with: None,
            traceable: true,
            runs: 0,
        }
    }

    pub fn works(&self, set: CapSet) -> bool {
        let trips = |(one, other)| set.contains(one) && !set.contains(other);
        self.works_with.iter().any(|one| one.is_subset(set)) && !self.fails_with.is_some_and(trips)
    }

    /// Whether the program works with the set and with none of those that lack one of its members.
    pub fn is_minimal(&self, set: CapSet) -> bool {
        self.works(set) && set.iter().all(|c| !self.works(set.without(c)))
    }

    /// Whether something is refused under `set` that is granted under `start`.
    pub fn is_denied(&self, set: CapSet, start: CapSet) -> bool {
        self.asks
            .iter()
            .any(|ask| !(ask.any_of & start).is_empty() && (ask.any_of & set).is_empty())
    }

    /// The answer of a search that nobody stops.
    pub fn fit(&mut self, start: CapSet, options: Options) -> Answer {
        fit(self, start, options, |_: Event<'_>| ControlFlow::Continue(())).unwrap()
    }

    fn observed(&self, set: CapSet) -> Observed {
        let mut judgement = judge::judge(&recording());
        // What comes after the first of them is asked for only then.
        let is_asked = |ask: &Ask| {
            self.fails_with
                .is_none_or(|(one, other)| !ask.any_of.contains(other) || set.contains(one))
        };
        let asks = self.asks.iter().enumerate().filter(|(_, ask)| is_asked(ask));
        let asked = asks.map(|(number, ask)| {
            let granted = !(ask.any_of & set).is_empty();
            let returned = if ask.fails { "EPERM" } else { "ok" };
            Requirement {
                any_of: ask.any_of.iter().collect(),
                stated: None,
                uses: vec![Use {
                    what: format!("do thing {number}"),
                    by: "program (main)".to_owned(),
                    site: format!("site_{number}"),
                    // As the judge does: what was refused is at most doubtful.
                    verdict: if granted { ask.verdict } else { Verdict::Doubtful },
                    why: String::new(),
                    count: 1,
                    refused: u64::from(!granted),
                    returned: (!granted).then(|| returned.to_owned()),
                    first_ms: 0,
                    last_ms: 0,
                    at_start: false,
                    trial: None,
                }],
                remedies: Vec::new(),
            }
        });
        judgement.requirements = requirement::tally(asked);
        Observed { recording: recording(), judgement }
    }
}

impl Runner for Program {
    type Error = Infallible;

    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, Infallible> {
        let lies = self.lies.is_some_and(|(every, phase)| self.runs % every == phase)
            || self.lies_in.contains(&self.runs);
        self.runs += 1;
        let outcome = match (self.works(set), lies) {
            (true, false) => Outcome::Passed,
            (false, _) => Outcome::Failed(format!("does not work with {set}")),
            (true, true) => Outcome::Failed("by chance".to_owned()),
        };
        let observed = (traced && self.traceable).then(|| self.observed(set));
        Ok(Ran { outcome, observed, took: Duration::from_millis(7) })
    }
}

fn recording() -> Recording {
    Recording {
        version: record::observation::RECORDING_VERSION,
        machine: Machine {
            kernel: "6.12.0".to_owned(),
            architecture: "x86_64".to_owned(),
            backend: "tp_btf".to_owned(),
        },
        target: Target::Command { argv: vec!["program".to_owned()] },
        start_seen: true,
        duration_ns: 1,
        exit: None,
        root: 0,
        still_running: 0,
        lost: Lost::default(),
        processes: BTreeMap::new(),
        observations: Vec::new(),
        settled: Vec::new(),
        failures: Vec::new(),
        helpers: Vec::new(),
    }
}

/// A set of the first capabilities, by bits.
pub fn bits(bits: u64) -> CapSet {
    CapSet::from_bits(bits)
}

/// Asked for this one, at a place that needs it.
pub fn needs(capability: Capability) -> Ask {
    Ask { any_of: capability.into(), verdict: Verdict::Needed, fails: true }
}

/// Asked for this one, at a place that may do without.
pub fn doubts(capability: Capability) -> Ask {
    Ask { any_of: capability.into(), verdict: Verdict::Doubtful, fails: true }
}
