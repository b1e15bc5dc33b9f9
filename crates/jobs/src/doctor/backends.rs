//! The ways of seeing capability checks, each tried.

use std::io::ErrorKind;

use caps::CapSet;
use trace::{Attempt, Backend, TraceError, Unavailable};

use super::privilege::Privilege;
use super::{BackendState, Status};
use crate::needs::{self, Machine};

/// Of each backend, and each command; what to do is said once, beside the kernel's other facts.
const LOCKED_DOWN: &str = "BPF may not read kernel memory here";

/// What came of trying.
#[derive(Debug)]
pub(super) enum Tracing {
    /// Each was tried.
    Tried(Vec<Attempt>),
    /// None could be.
    Cannot(TraceError),
}

impl Tracing {
    /// Tries every backend for real.
    pub(super) fn probe() -> Self {
        match trace::probe() {
            Ok(attempts) => Self::Tried(attempts),
            Err(error) => Self::Cannot(error),
        }
    }

    /// Those that work, the one that is used first.
    pub(super) fn works(&self) -> Vec<Backend> {
        match self {
            Self::Tried(attempts) => {
                attempts.iter().filter(|a| a.outcome.is_ok()).map(|a| a.backend).collect()
            }
            Self::Cannot(_) => Vec::new(),
        }
    }

    /// The one whose needs count: the one that works, else the preferred.
    pub(super) fn backend(&self) -> Backend {
        self.works().first().copied().unwrap_or(Backend::ALL[0])
    }

    /// Why nothing works, unless a capability is what is missing.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::Tried(_) if !self.works().is_empty() => None,
            Self::Tried(_) => Some("no way to see capability checks works here".to_owned()),
            Self::Cannot(TraceError::NoPrivilege { .. }) => None,
            Self::Cannot(TraceError::LockedDown { .. }) => Some(LOCKED_DOWN.to_owned()),
            Self::Cannot(error) => Some(error.to_string()),
        }
    }

    /// All of them, with why one does not work.
    pub(super) fn states(&self, machine: &Machine, privilege: &Privilege) -> Vec<BackendState> {
        let state = |backend: Backend| {
            let required = needs::of_backend(backend).map(|needs| needs.required.iter());
            let wants: Vec<_> = required.into_iter().flatten().collect();
            let lacks = needs::lacking(&wants, machine);
            let (status, says) = self.outcome(backend, lacks, privilege);
            let needs = needs::taken(&wants, machine);
            BackendState { name: backend.name(), status, says, needs, lacks }
        };
        let order = match self {
            Self::Tried(attempts) => attempts.iter().map(|a| a.backend).collect(),
            Self::Cannot(_) => Backend::ALL.to_vec(),
        };
        order.into_iter().map(state).collect()
    }

    /// That it works; what it loses; of the first, why it is preferred to what loses something.
    fn works_how(&self, attempt: Option<&Attempt>) -> String {
        let mut says = "works".to_owned();
        let (Self::Tried(attempts), Some(attempt)) = (self, attempt) else { return says };
        let others_lose = attempts.iter().any(|a| a.outcome.is_ok() && a.loses.is_some());
        match &attempt.loses {
            Some(loses) => says = format!("{says}; {loses}"),
            None if others_lose && self.works().first() == Some(&attempt.backend) => {
                says += "; preferred, because this kernel does not preempt its program";
            }
            None => {}
        }
        says
    }

    fn outcome(&self, backend: Backend, lacks: CapSet, privilege: &Privilege) -> (Status, String) {
        let attempts = match self {
            Self::Tried(attempts) => attempts,
            Self::Cannot(TraceError::NoPrivilege { .. }) => {
                return (Status::Missing, format!("not tried without {lacks}"));
            }
            Self::Cannot(TraceError::LockedDown { .. }) => {
                return (Status::Missing, format!("not tried: {LOCKED_DOWN}"));
            }
            Self::Cannot(error) => return (Status::Missing, format!("not tried: {error}")),
        };
        let attempt = attempts.iter().find(|a| a.backend == backend);
        match attempt.map(|attempt| &attempt.outcome) {
            Some(Ok(())) => (Status::Works, self.works_how(attempt)),
            // Nothing is wrong with a machine on which another one works.
            Some(Err(why)) => {
                let status = if self.works().is_empty() { Status::Missing } else { Status::Absent };
                let mut says = why.to_string();
                if is_refusal(why) {
                    if !lacks.is_empty() {
                        says = format!("{says}; it takes {lacks}");
                    }
                    for reason in privilege.reasons() {
                        says = format!("{says}; {reason}");
                    }
                }
                (status, says)
            }
            None => (Status::Missing, "not tried".to_owned()),
        }
    }
}

fn is_refusal(why: &Unavailable) -> bool {
    let Unavailable::Refused { source, .. } = why else { return false };
    source.kind() == ErrorKind::PermissionDenied
}
