//! What the process outside tells the one inside, and what comes back: one JSON text each way. If
//! it is traced there are more lines: `held PID` before `execve`, answered when the tracer is
//! attached, and after the report an answer that lets the service be ended, and [`ENDED`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use caps::CapSet;
use serde::{Deserialize, Serialize};

/// The side that is process 1 of its namespaces.
pub const INIT: &str = "inside-init";
/// The side that drives the run.
pub const DRIVER: &str = "inside-driver";

/// Said when a traced service was asked to end, and has, or has had its time.
pub const ENDED: &str = "ended";

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The program's folder.
    pub folder: PathBuf,
    /// What the root is made of.
    pub root: Root,
    /// An empty folder to put it together in.
    pub stage: PathBuf,
    /// Bounding, permitted and effective set.
    pub set: CapSet,
    /// How long it may take.
    pub seconds: u32,
    /// Whether it goes on until it is ended.
    pub service: bool,
    /// How it is ended.
    pub signal: i32,
    /// Environment variables beside `PATH` and `HOME`.
    pub environment: BTreeMap<String, String>,
    /// Whether to wait before `execve`, and to end a service by its signal after the report.
    pub traced: bool,
}

/// What the root file system is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Root {
    /// Overlayfs over a tree.
    Overlay {
        /// The tree.
        lower: PathBuf,
        /// An empty folder.
        upper: PathBuf,
        /// Another, on the same file system.
        work: PathBuf,
    },
    /// The tree itself.
    Plain {
        /// The tree.
        tree: PathBuf,
    },
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the test passed.
    pub passed: bool,
    /// How the program ended, or that it was running still.
    pub end: String,
    /// The last lines of the program.
    pub said: String,
    /// The last lines of the test.
    pub test: String,
    /// How long it took, from `execve` to the test's answer, milliseconds.
    pub milliseconds: u64,
}

impl Outcome {
    /// Why it failed, on one line.
    pub fn why(&self) -> String {
        let parts = [&self.end, &self.said, &self.test];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
    }
}
