//! How much of what was seen, or could be seen, the table of call sites knows.

use std::collections::BTreeMap;

use caps::Capability;
use record::observation::Recording;

use crate::judgement::UnknownSite;
use crate::site::Site;
use crate::table::{Release, SiteTable, is_call, matches};

/// The checks of recordings, and how many of them stood at a call site that a row of the table fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// All checks.
    pub checks: u64,
    /// Those that a row fits, and those only counted because a row had settled their need.
    pub classified: u64,
    /// Different places: capability, system call and stack.
    pub places: usize,
    /// Those of them that no row fits, the most frequent first.
    pub unknown: Vec<UnknownSite>,
}

/// A place: what tells one line of a report from the next.
type Key = (Capability, Option<String>, Vec<String>);

impl Coverage {
    /// Of these recordings by this table.
    #[must_use]
    pub fn of<'r>(recordings: impl IntoIterator<Item = &'r Recording>, table: &SiteTable) -> Self {
        let mut places: BTreeMap<Key, (bool, u64)> = BTreeMap::new();
        let mut coverage = Self::default();
        for recording in recordings {
            let kernel = Release::of(&recording.machine.kernel);
            for seen in &recording.observations {
                let site = Site::of(seen, &table.frames);
                let row = table.find(&site, seen.capability, seen.syscall.as_ref(), kernel);
                let known = row.is_some();
                let syscall = seen.syscall.as_ref().and_then(|s| s.name.clone());
                let key = (seen.capability, syscall, site.frames().to_vec());
                let place = places.entry(key).or_insert((known, 0));
                // A row with an argument may fit one check of a place and not the next.
                place.0 &= known;
                place.1 += seen.count;
                coverage.checks += seen.count;
                coverage.classified += if known { seen.count } else { 0 };
            }
            let settled: u64 = recording.settled.iter().map(|s| s.count).sum();
            coverage.checks += settled;
            coverage.classified += settled;
        }
        coverage.places = places.len();
        coverage.unknown = places
            .into_iter()
            .filter(|(_, (known, _))| !known)
            .map(|((capability, syscall, stack), (_, count))| UnknownSite {
                capability,
                syscall,
                stack,
                count,
            })
            .collect();
        coverage.unknown.sort_by_key(|site| std::cmp::Reverse(site.count));
        coverage
    }

    /// The classified share in percent; `None` where nothing was seen.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.checks > 0).then(|| 100.0 * self.classified as f64 / self.checks as f64)
    }
}

/// What a row of the table says of its place, for tools that look for it in a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'t> {
    /// Kernel functions that may be the innermost one; `*` at an end stands for anything.
    pub at: &'t [String],
    /// The capabilities it is about.
    pub capabilities: &'t [Capability],
    /// The system calls it is about; all if empty.
    pub syscalls: &'t [String],
    /// Kernels it was seen on or read in.
    pub kernels: &'t [String],
}

impl Place<'_> {
    /// Whether a check that this function makes can be here. A row without functions goes by the
    /// system call, so that its entry is here. Without a capability, any will do.
    #[must_use]
    pub fn fits(&self, function: &str, capability: Option<Capability>) -> bool {
        let named = if self.at.is_empty() {
            let call = function.trim_start_matches("__").strip_prefix("sys_");
            call.is_some_and(|call| self.syscalls.iter().any(|s| is_call(call, s)))
        } else {
            self.names(function)
        };
        named && capability.is_none_or(|capability| self.capabilities.contains(&capability))
    }

    /// Whether one of its functions is this one.
    #[must_use]
    pub fn names(&self, function: &str) -> bool {
        self.at.iter().any(|pattern| matches(pattern, function))
    }
}

impl SiteTable {
    /// The places of the table, in its order.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.rows.iter().map(|row| Place {
            at: &row.at,
            capabilities: &row.capability,
            syscalls: &row.syscall,
            kernels: &row.kernels,
        })
    }

    /// Whether a function of this name only stands between `cap_capable` and the one who asked.
    #[must_use]
    pub fn is_helper(&self, function: &str) -> bool {
        self.frames.is_helper(function)
    }
}
