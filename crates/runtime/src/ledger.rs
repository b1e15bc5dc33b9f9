//! The container's set while an engine works it out: every step leaves its reason behind.

use std::fmt;

use caps::{CapSet, Capability};

use crate::name::{Engine, Runtime};
use crate::odd::{self, Became, Meaning, OddWord};
use crate::reason::Reason;
use crate::request::{List, Request, Word};

/// One set under construction, with the reason for each of the 64 places.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    set: CapSet,
    reasons: Vec<Reason>,
}

impl Ledger {
    /// Nothing in it; the reason for every absentee is that the default does not have it.
    pub(crate) fn empty(runtime: &Runtime) -> Self {
        Self {
            set: CapSet::EMPTY,
            reasons: vec![Reason::NotDefault { engine: runtime.engine }; 64],
        }
    }

    /// Nothing in it; the reason for every absentee is that it is not written.
    pub(crate) fn written() -> Self {
        Self { set: CapSet::EMPTY, reasons: vec![Reason::NotWritten; 64] }
    }

    /// The default set of `runtime`.
    pub(crate) fn default(runtime: &Runtime) -> Self {
        let mut ledger = Self::empty(runtime);
        let configured = runtime.configured_default.is_some();
        ledger
            .grant(runtime.default_set(), &Reason::Default { engine: runtime.engine, configured });
        ledger
    }

    /// Puts `members` in, for `reason`.
    pub(crate) fn grant(&mut self, members: impl Into<CapSet>, reason: &Reason) {
        for capability in members.into() {
            self.set.insert(capability);
            self.reasons[usize::from(capability.number())] = reason.clone();
        }
    }

    /// Takes those of `members` out that are in, for `reason`.
    pub(crate) fn take(&mut self, members: impl Into<CapSet>, reason: &Reason) {
        for capability in members.into() & self.set {
            self.set.remove(capability);
            self.reasons[usize::from(capability.number())] = reason.clone();
        }
    }

    /// Keeps only what is in `limit`; what is lost so is lost for `reason`.
    pub(crate) fn keep(&mut self, limit: CapSet, reason: &Reason) {
        self.take(!limit, reason);
    }

    /// What `ALL` under `add` makes of it: all that the daemon has, and no more of the default.
    pub(crate) fn become_all(&mut self, all: CapSet, word: Word, engine: Engine) {
        self.grant(all, &Reason::AddedByAll { word });
        self.keep(all, &Reason::BeyondDaemon { engine });
    }

    /// Explains an absentee better, if it is one.
    pub(crate) fn explain_absence(&mut self, capability: Capability, reason: Reason) {
        if !self.set.contains(capability) {
            self.reasons[usize::from(capability.number())] = reason;
        }
    }

    /// What is in it.
    pub(crate) fn set(&self) -> CapSet {
        self.set
    }

    /// Why `capability` is in or out.
    pub(crate) fn reason(&self, capability: Capability) -> &Reason {
        &self.reasons[usize::from(capability.number())]
    }
}

/// The set alone: sixty-four reasons hide what one looks for.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.set, f)
    }
}

/// What an engine writes into the OCI spec.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The bounding set, with reasons.
    pub bounding: Ledger,
    /// Permitted.
    pub permitted: CapSet,
    /// Effective; as permitted if `None`, for no engine tells them apart.
    pub effective: Option<CapSet>,
    /// Inheritable.
    pub inheritable: CapSet,
    /// Ambient.
    pub ambient: CapSet,
    /// Names under `add` that the engine passes on without knowing them: the word, and what it wrote.
    pub passed_on: Vec<(Word, String)>,
    /// Odd words and what the engine made of them.
    pub odd: Vec<OddWord>,
}

impl Plan {
    /// The same set as bounding, permitted and effective, and nothing else: what every engine
    /// writes for root since the inheritable set is left empty (CVE-2022-24769).
    pub(crate) fn plain(bounding: Ledger) -> Self {
        Self {
            permitted: bounding.set(),
            effective: None,
            bounding,
            inheritable: CapSet::EMPTY,
            ambient: CapSet::EMPTY,
            passed_on: Vec::new(),
            odd: Vec::new(),
        }
    }

    /// Notes every odd word of `request` with what `became` says.
    pub(crate) fn with_odd(mut self, request: &Request, became: impl Fn(&Word) -> Became) -> Self {
        self.odd = [List::Add, List::Drop]
            .into_iter()
            .flat_map(|list| request.words(list))
            .filter_map(|word| odd::look(&word, became(&word)))
            .collect();
        self
    }

    /// Notes every odd word as not looked at.
    pub(crate) fn unread(self, request: &Request) -> Self {
        self.with_odd(request, |_| Became::NotLookedAt)
    }
}

/// How Docker, Podman, CRI-O and nerdctl read a name: capitals, `CAP_` in front or not.
/// `None` for a name none of them knows.
pub(crate) fn read_leniently(text: &str) -> Option<Meaning> {
    if text.eq_ignore_ascii_case("ALL") {
        return Some(Meaning::All);
    }
    exact(&format!("CAP_{}", odd::without_prefix(text).to_uppercase())).map(Meaning::One)
}

/// The capability of exactly this name, `CAP_` included: how the OCI runtimes read a spec.
pub(crate) fn exact(name: &str) -> Option<Capability> {
    let name = name.strip_prefix("CAP_")?;
    Capability::known().find(|capability| capability.name() == Some(name))
}
