//! Why a run could not be made at all.

use std::io;

use launch::{LaunchError, SandboxError};

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The program could not be started as asked.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// It could not be traced.
    #[error(transparent)]
    Trace(#[from] trace::TraceError),
    /// A test could not be asked, or what the program prints not be read.
    #[error("cannot test the program: {0}")]
    Test(#[from] io::Error),
    /// What is to be done before each run failed.
    #[error("the run was not made: {said}")]
    Setup {
        /// What it said.
        said: String,
    },
    /// What is to be done after each run failed.
    #[error("after the run: {said}; the next run would start from what it has left")]
    Teardown {
        /// What it said.
        said: String,
    },
    /// The sandbox took no more writes.
    #[error("what the program writes does not fit into the sandbox: it is full")]
    Full,
    /// The tests pass though the program does not run.
    #[error("the test passes without the program, so it tells nothing of it: {tests}")]
    PassesWithout {
        /// The tests.
        tests: String,
    },
    /// The tests pass before the program runs, though they did not before the first run.
    #[error(
        "the test passes before the program is run, by what an earlier run has left, so it tells \
         nothing of this one: {tests}"
    )]
    PassesBefore {
        /// The tests.
        tests: String,
    },
    /// A thread of a run panicked.
    #[error("a run came to no end, by a mistake of this program")]
    Panicked,
}
