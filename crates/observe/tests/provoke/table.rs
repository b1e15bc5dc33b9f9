//! `tests/provoke/provoke.toml`.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use caps::{CapSet, Capability};
use record::observation::Observation;
use record::requirement::Verdict;
use serde::Deserialize;

/// A row: a program, and what is to be seen of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provoke {
    pub capability: Capability,
    /// What the program does.
    pub does: String,
    /// What it is told to act on.
    pub on: Option<On>,
    pub syscall: String,
    /// The kernel functions that ask.
    pub at: Vec<String>,
    #[serde(default = "needed")]
    pub verdict: Verdict,
    pub without: Without,
    pub instead: Option<Instead>,
    #[serde(default)]
    pub cannot: Vec<Cannot>,
}

fn needed() -> Verdict {
    Verdict::Needed
}

/// What a program is told to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum On {
    #[serde(rename = "a file of another user")]
    FileOfUser,
    #[serde(rename = "a file of another group")]
    FileOfGroup,
    #[serde(rename = "a process of another user")]
    Process,
}

/// What shows the want of the capability.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Without {
    /// The call fails with this.
    Error(Errno),
    /// The call succeeds, and what is read later says this.
    Answer(Errno),
    /// The call succeeds, and does less.
    Effect(String),
}

/// How a refusal is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Errno {
    Eperm,
    Eacces,
}

impl Errno {
    /// As a system call returns it, `include/uapi/asm-generic/errno-base.h`.
    pub fn result(self) -> i64 {
        match self {
            Self::Eperm => -1,
            Self::Eacces => -13,
        }
    }
}

/// A capability that serves as well.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instead {
    pub capability: Capability,
    /// On kernels before this version only.
    pub before: Option<String>,
    /// Whether it is said where the first one is granted.
    #[serde(default = "yes")]
    pub told: bool,
}

fn yes() -> bool {
    true
}

/// Where a program cannot try.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cannot {
    #[serde(flatten)]
    pub where_: Where,
    pub why: String,
}

/// A place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// On kernels before this version.
    Before(String),
    /// Where this file is not there.
    Without(String),
    /// Where a sysctl is above a value.
    Above { sysctl: String, value: i64 },
}

impl Provoke {
    /// The program's name.
    pub fn program(&self) -> String {
        self.capability.name().expect("a known one").to_lowercase()
    }

    /// Why it cannot be tried on this machine, if so.
    pub fn cannot_here(&self) -> Option<&str> {
        self.cannot.iter().find(|cannot| cannot.where_.is_here()).map(|cannot| cannot.why.as_str())
    }

    /// What serves as well on this kernel.
    pub fn instead(&self) -> Option<&Instead> {
        let here = |instead: &&Instead| instead.before.as_deref().is_none_or(is_before);
        self.instead.as_ref().filter(here)
    }

    /// What is left of these without it and without what serves as well here.
    pub fn rest(&self, all: CapSet) -> CapSet {
        let instead: CapSet =
            self.instead().map(|instead| instead.capability).into_iter().collect();
        all.without(self.capability) - instead
    }

    /// Whether it is of the call that is to be seen.
    pub fn is_its_call(&self, observation: &Observation) -> bool {
        let call = observation.syscall.as_ref().and_then(|call| call.name.as_deref());
        call == Some(self.syscall.as_str())
    }
}

impl Where {
    fn is_here(&self) -> bool {
        match self {
            Self::Before(version) => is_before(version),
            Self::Without(path) => !Path::new(path).exists(),
            Self::Above { sysctl, value } => {
                let now = fs::read_to_string(sysctl).expect("a sysctl");
                now.trim().parse::<i64>().expect("a number") > *value
            }
        }
    }
}

/// Whether the running kernel is before this version.
fn is_before(version: &str) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc");
    parts(&release) < parts(version)
}

/// Of `6.12.117+deb13-cloud-amd64`, the first two numbers.
fn parts(release: &str) -> (u32, u32) {
    let number = |part: Option<&str>| {
        let digits: String =
            part.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("a version: {release}"))
    };
    let mut split = release.split('.');
    (number(split.next()), number(split.next()))
}

/// The rows, by number of the capability.
pub fn rows() -> &'static [Provoke] {
    #[derive(Deserialize)]
    struct Table {
        provoke: Vec<Provoke>,
    }
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let text = include_str!("../../../../tests/provoke/provoke.toml");
        toml::from_str(text).unwrap_or_else(|error| panic!("tests/provoke/provoke.toml: {error}"))
    });
    &TABLE.provoke
}

/// The row of a capability.
pub fn row(capability: Capability) -> &'static Provoke {
    rows().iter().find(|row| row.capability == capability).expect("a row for each")
}
