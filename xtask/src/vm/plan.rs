//! What is run where, and what is expected of it: `data/vm.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::architecture::{ARM64, Architecture};
use crate::Result;

const DATA: &str = include_str!("../../data/vm.toml");

/// The whole of `data/vm.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The kernels, oldest first.
    #[serde(rename = "kernel")]
    pub kernels: Vec<KernelPlan>,
    /// The test programs.
    #[serde(rename = "test")]
    pub tests: Vec<TestProgram>,
    /// What the guests are made of.
    pub guest: GuestPlan,
    /// The programs of groundtruth/ that are traced for their call sites.
    pub groundtruth: GroundtruthPlan,
    /// What may be skipped.
    #[serde(rename = "skip", default)]
    pub skips: Vec<Skip>,
}

/// A kernel to boot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelPlan {
    /// What its release starts with: `5.10`, `7.`.
    pub series: String,
    /// The Debian suite that it is taken from.
    pub suite: String,
    /// The backends that must work on it.
    pub backends: Vec<String>,
    /// The backends that must work on its arm64.
    arm64: Vec<String>,
    /// How it is locked down in the end (kernel_lockdown(7)): `integrity`, then `confidentiality`.
    #[serde(default)]
    pub lockdown: Vec<String>,
}

/// A test program of the workspace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestProgram {
    /// The package that it belongs to.
    pub package: String,
    /// The integration test's name.
    pub name: String,
    /// Whether it takes too long for every change.
    #[serde(default)]
    pub by_hand: bool,
    /// Whether it is run once for each kernel, with the first backend that works, and not with each.
    #[serde(default)]
    pub once: bool,
    /// What of it is run again where the kernel is locked down: the tests with this in their name.
    pub locked: Option<String>,
}

/// What the guests are made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestPlan {
    /// Programs of this machine that are taken along.
    pub programs: Vec<String>,
    /// Programs of busybox that are left out.
    pub without: Vec<String>,
    /// Folders of this machine that are taken along.
    pub folders: Vec<String>,
    /// Debian's packages that have these programs and their libraries, for another architecture than this machine's.
    pub packages: Vec<String>,
    /// Modules loaded at boot.
    pub modules: Vec<String>,
    /// Lines of sysctl.conf(5).
    pub sysctls: Vec<String>,
}

/// Programs of `groundtruth/programs` that run in a guest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroundtruthPlan {
    /// Their folders' names.
    pub names: Vec<String>,
    /// Programs of this machine that these, and their tests, are made of.
    pub programs: Vec<String>,
    /// Folders of this machine that they read.
    pub folders: Vec<String>,
    /// Lines of passwd(5) and group(5) beside root's and nobody's.
    pub users: Vec<String>,
    /// Likewise.
    pub groups: Vec<String>,
}

/// Tests that are skipped for a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// How the reason starts that the tests give.
    pub why: String,
    /// On these kernels (series); on all without.
    kernels: Option<Vec<String>>,
    /// With these backends; with all without.
    backends: Option<Vec<String>>,
    /// Test program and test: `traps rings::a_test`.
    tests: Vec<String>,
}

impl Plan {
    /// The test that is run where a kernel is locked down, and which of its tests.
    pub fn locked(&self) -> Option<(&str, &str)> {
        self.tests.iter().find_map(|test| Some((test.name.as_str(), test.locked.as_deref()?)))
    }

    /// Reads it, for guests of an architecture.
    ///
    /// # Errors
    /// If `data/vm.toml` is not well formed.
    pub fn read(architecture: &Architecture) -> Result<Self> {
        let mut plan: Self =
            toml::from_str(DATA).map_err(|e| format!("xtask/data/vm.toml: {e}"))?;
        if *architecture == ARM64 {
            for kernel in &mut plan.kernels {
                kernel.backends = std::mem::take(&mut kernel.arm64);
            }
        }
        Ok(plan)
    }

    /// The tests of a program that are skipped on this kernel with this backend, each with how its reason
    /// starts.
    pub fn skipped(&self, series: &str, backend: &str, program: &str) -> BTreeMap<&str, &str> {
        let here = |only: &Option<Vec<String>>, this: &str| {
            only.as_ref().is_none_or(|only| only.iter().any(|one| one == this))
        };
        let skips = self.skips.iter();
        let skips = skips.filter(|s| here(&s.kernels, series) && here(&s.backends, backend));
        skips
            .flat_map(|skip| skip.tests.iter().map(|test| (test.as_str(), skip.why.as_str())))
            .filter_map(|(test, why)| Some((test.strip_prefix(program)?.strip_prefix(' ')?, why)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::architecture::X86_64;
    use super::*;

    #[test]
    fn an_architecture_has_its_own_backends() {
        let backends = |architecture| {
            let plan = Plan::read(architecture).unwrap();
            plan.kernels.into_iter().map(|kernel| kernel.backends.len()).collect::<Vec<_>>()
        };
        assert_eq!(backends(&X86_64), [2, 2, 2, 4]);
        assert_eq!(backends(&ARM64), [1, 1, 2, 4]);
    }

    #[test]
    fn what_is_skipped_depends_on_kernel_and_backend() {
        let mut plan = Plan::read(&X86_64).unwrap();
        assert_eq!(plan.kernels.len(), 4);
        let skip = |text: &str| toml::from_str::<Skip>(text).unwrap();
        plan.skips = vec![
            skip("why = 'needs podman'\ntests = ['traps a::b', 'kernel c']"),
            skip("why = 'old'\nkernels = ['5.10']\nbackends = ['kprobe']\ntests = ['traps d']"),
        ];
        let pairs = |series, backend, program| {
            plan.skipped(series, backend, program).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(pairs("5.10", "kprobe", "traps"), [("a::b", "needs podman"), ("d", "old")]);
        assert_eq!(pairs("5.10", "fexit", "traps"), [("a::b", "needs podman")]);
        assert_eq!(pairs("6.1", "kprobe", "kernel"), [("c", "needs podman")]);
        assert_eq!(pairs("6.1", "kprobe", "trap"), []);
    }
}
