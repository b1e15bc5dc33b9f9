//! One run of the program under one set, and who makes it.

use std::fmt;
use std::time::Duration;

use caps::{CapSet, Capability};
use serde::{Deserialize, Serialize};

use crate::sight::Sight;

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

    /// Which runs will be asked for: the first of these at once, the others after it in this order, if
    /// the runs before them come out as is likely. Whoever can make several side by side may begin
    /// them; nothing is promised.
    fn ahead(&mut self, next: &[Next], traced: bool) {
        let _ = (next, traced);
    }

    /// The last run once more, alone, if its time was up while others went on beside it: what shares the
    /// machine may only have been slow. `None` if it was not so.
    ///
    /// # Errors
    /// [`Runner::Error`].
    fn alone(&mut self) -> Result<Option<Ran>, Self::Error> {
        Ok(None)
    }

    /// How long one that waits for what does not come takes, as far as that is known.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// What a run takes beside [`Ran::took`], by those made so far.
    fn overhead(&self) -> Duration {
        Duration::ZERO
    }

    /// How many runs are made side by side, at most.
    fn jobs(&self) -> usize {
        1
    }
}

/// A run that will most likely be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Under which set.
    pub set: CapSet,
    /// Whether it repeats the one before it: then no other run is to be begun between them.
    pub again: bool,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// Whether it works with everything it may be given.
    Start,
    /// Whether what the trace calls needed is enough.
    Needed,
    /// Whether the needed and the doubtful are.
    Doubtful,
    /// What no trace showed: half of the rest at a time.
    Narrow,
    /// Whether it works without this one.
    Without(Capability),
    /// Whether anything is still refused that used to be granted.
    NoDenials,
    /// Whether it still works with what was found.
    Confirm,
    /// Whether this one serves in the place of another.
    Alternative(Capability),
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("with everything it may have"),
            Self::Needed => f.write_str("with what the trace calls needed"),
            Self::Doubtful => f.write_str("with the doubtful, too"),
            Self::Narrow => f.write_str("with a part of the rest"),
            Self::Without(capability) => write!(f, "without {capability}"),
            Self::NoDenials => f.write_str("without new denials"),
            Self::Confirm => f.write_str("again with what was found"),
            Self::Alternative(capability) => write!(f, "with {capability} instead"),
        }
    }
}

/// One run, as it goes into the report: plain data, to be stored and given back to a search that goes
/// on where another was stopped ([`crate::Options::earlier`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trial {
    /// The set it ran under.
    pub set: CapSet,
    /// What it was for.
    pub purpose: Purpose,
    /// Whether it only repeats the run before it, which failed under the same set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What it showed.
    pub outcome: Outcome,
    /// Whether its own trace says why it failed: [`Sight::explains`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explained: bool,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What was refused; `None` where nothing was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sight: Option<Sight>,
}
