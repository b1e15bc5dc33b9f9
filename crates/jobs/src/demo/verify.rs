//! The proof on running processes: what they hold, and what they can really do.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use caps::{CapSet, CapState};
use launch::Spec;

use super::harness::{Harness, HarnessError, serve};
use super::probe::OPERATIONS;

/// What the service and a probe under the same sets showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The sets of the service once it serves, read from `/proc`.
    pub serving: CapState,
    /// Its effective user then.
    pub user: u32,
    /// Each operation: in words, whether the sets let it, whether the kernel did.
    pub operations: Vec<Tried>,
}

/// An operation tried by a process with exactly the sets in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// In a person's words.
    pub what: &'static str,
    /// Whether the sets hold the capability it takes.
    pub expected: bool,
    /// Whether the kernel allowed it; `None` if it cannot be tried here.
    pub allowed: Option<bool>,
}

impl Tried {
    /// Whether the kernel did not contradict the sets.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        self.allowed.is_none_or(|allowed| allowed == self.expected)
    }
}

impl Verified {
    /// Whether all is as the set says: nothing more can be gained, and every operation is allowed
    /// or refused as expected.
    #[must_use]
    pub fn holds(&self, set: CapSet) -> bool {
        let within = self.serving.bounding == set && self.serving.permitted.is_subset(set);
        within
            && self.operations.len() == OPERATIONS.len()
            && self.operations.iter().all(|o| o.as_expected())
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The service or the probe could not be run.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// The service does not work under the set.
    #[error("the service fails under {set}: {why}")]
    Fails {
        /// The set.
        set: CapSet,
        /// What it said.
        why: String,
    },
    /// The service's `/proc` entry could not be read.
    #[error("cannot read the sets of the running service: {0}")]
    Status(String),
    /// The probe said something else than was asked.
    #[error("the probe gave no answer: {0}")]
    Probe(String),
}

/// Runs the service and the probe under exactly `set`.
///
/// # Errors
/// [`VerifyError`]; an operation that is allowed and should not be is no error but an answer.
pub fn verify(harness: &mut Harness, set: CapSet) -> Result<Verified, VerifyError> {
    let (service, held, folder) = harness.hold(set)?;
    let child = held.release().map_err(HarnessError::from)?;
    let serving = serve(&service, child)?.map_err(|why| VerifyError::Fails { set, why })?;
    let process = sys::procfs::Procfs::new()
        .process(serving.pid())
        .map_err(|e| VerifyError::Status(e.to_string()))?;
    let status = process.ok_or_else(|| VerifyError::Status("it ended".to_owned()))?;
    let probed = probe(harness, set, &folder);
    serving.stop()?;
    Ok(Verified { serving: status.caps, user: status.uids.effective, operations: probed? })
}

fn probe(harness: &Harness, set: CapSet, folder: &Path) -> Result<Vec<Tried>, VerifyError> {
    let args: [OsString; 2] = ["demo-probe".into(), folder.into()];
    let state = CapState { bounding: set, permitted: set, effective: set, ..CapState::default() };
    let spec = Spec::new(harness.program(), state).args(args).captured();
    let output = launch::output(spec, Some(Duration::from_secs(10))).map_err(HarnessError::from)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.exit.success() {
        return Err(VerifyError::Probe(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let answer = |line| match line {
        "allowed" => Some(Some(true)),
        "refused" => Some(Some(false)),
        "untried" => Some(None),
        _ => None,
    };
    let answers: Vec<Option<bool>> = said.lines().filter_map(answer).collect();
    if answers.len() != OPERATIONS.len() {
        return Err(VerifyError::Probe(said.into_owned()));
    }
    let tried = OPERATIONS.iter().zip(answers);
    Ok(tried
        .map(|(o, allowed)| Tried { what: o.what, expected: set.contains(o.capability), allowed })
        .collect())
}
