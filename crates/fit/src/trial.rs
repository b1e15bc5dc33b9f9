//! One run of the program under one set, and who makes it.

use std::time::Duration;

use caps::CapSet;
use serde::{Deserialize, Serialize};

/// What one run under one set showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The test passed.
    Passed,
    /// The test failed, with what it said.
    Failed(String),
}

impl Outcome {
    /// Whether the test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        *self == Self::Passed
    }
}

/// One run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Whether the test passed, or what it said.
    pub outcome: Outcome,
    /// What the tracer saw until the test had its answer; `None` where nothing was traced.
    pub observed: Option<observe::Observed>,
    /// How long it took.
    pub took: Duration,
}

/// Who can run the program under a set: exactly `set` as bounding, permitted and effective for root;
/// for others as ambient too.
///
/// Each run starts from the same state: what one run leaves behind must not serve the next, or a
/// pass would say nothing of its set.
pub trait Runner {
    /// Why a run could not be made at all. A test that fails is no error but [`Outcome::Failed`].
    type Error;

    /// Runs it once under `set`, traced if `traced` and possible.
    ///
    /// # Errors
    /// [`Runner::Error`].
    fn run(&mut self, set: CapSet, traced: bool) -> Result<Ran, Self::Error>;
}
