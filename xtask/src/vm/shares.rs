//! What is run in which guest. A kernel has several guests, so that two of them are busy until the end, and each
//! has as much of the kernel's tests as leaves none alone with a long rest.

use super::packages::Kernel;
use super::plan::{KernelPlan, Plan};
use super::table::Choice;

/// Backends that share a guest: what is true of the kernel is proved with the first of them (`testkit::proofs`).
const BACKENDS: usize = 2;

/// A guest: a kernel, and what of the plan it runs.
#[derive(Debug)]
pub struct Share<'a> {
    /// The kernel in the plan.
    pub kernel: &'a KernelPlan,
    /// Its files.
    pub files: &'a Kernel,
    /// The backends that tests are run with; any that works if it names none.
    pub backends: Vec<&'a str>,
    /// The tests that are run with each of the backends.
    pub tests: Vec<&'a str>,
    /// The tests that are run with the first backend that works.
    pub once: Vec<&'a str>,
    /// Whether it is the kernel's first guest.
    pub first: bool,
}

impl Share<'_> {
    /// A name for it among the kernel's, which may be a folder's.
    pub fn name(&self) -> String {
        let words = if self.tests.is_empty() { &self.once } else { &self.backends };
        words.join("-")
    }

    /// How many runs of a test program it has: the longest guests come first, so that none is left over at the end.
    pub fn runs(&self) -> usize {
        self.backends.len() * self.tests.len() + self.once.len()
    }
}

/// The guests of all kernels, those of one kernel one after the other.
pub fn shares<'a>(
    plan: &'a Plan,
    booted: &'a [(&'a KernelPlan, Kernel)],
    choice: &'a Choice,
) -> Vec<Share<'a>> {
    let names = |once: bool| -> Vec<&'a str> {
        let tests = plan.tests.iter().filter(|test| test.once == once);
        tests.map(|test| test.name.as_str()).collect()
    };
    let (tests, once) = (names(false), names(true));
    let mut shares: Vec<Share<'a>> = Vec::new();
    for (kernel, files) in booted {
        let before = shares.len();
        let backends: Vec<&str> = match &choice.backend {
            Some(only) => vec![only],
            None => kernel.backends.iter().map(String::as_str).collect(),
        };
        let share = |backends: &[&'a str], tests: &[&'a str], once: &[&'a str]| Share {
            kernel,
            files,
            backends: backends.to_vec(),
            tests: tests.to_vec(),
            once: once.to_vec(),
            first: false,
        };
        if !tests.is_empty() {
            shares.extend(backends.chunks(BACKENDS).map(|some| share(some, &tests, &[])));
        }
        if !once.is_empty() {
            let any: &[&str] = if choice.backend.is_some() { &backends } else { &[] };
            shares.push(share(any, &[], &once));
        }
        if let Some(first) = shares.get_mut(before) {
            first.first = true;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::super::architecture::X86_64;
    use super::*;

    fn guests(choice: &Choice, only: &str) -> Vec<String> {
        let mut plan = Plan::read(&X86_64).unwrap();
        plan.tests.retain(|test| only.is_empty() || test.name == only);
        let files = |kernel| {
            let place = std::path::PathBuf::new();
            (
                kernel,
                Kernel {
                    architecture: &X86_64,
                    release: String::new(),
                    image: place.clone(),
                    modules: place,
                },
            )
        };
        let booted: Vec<_> = plan.kernels.iter().map(files).collect();
        let shares = shares(&plan, &booted, choice);
        let show = |share: &Share| {
            let first = if share.first { ", first" } else { "" };
            format!("{} {}: {}{first}", share.kernel.series, share.name(), share.runs())
        };
        shares.iter().map(show).filter(|share| !share.starts_with("6.")).collect()
    }

    #[test]
    fn every_backend_and_every_test_is_in_one_guest() {
        assert_eq!(
            guests(&Choice::default(), ""),
            [
                "5.10 fexit-kprobe: 6, first",
                "5.10 faults: 1",
                "7. fexit-tp_btf: 6, first",
                "7. raw_tp-kprobe: 6",
                "7. faults: 1",
            ]
        );
        assert_eq!(
            guests(&Choice::default(), "faults"),
            ["5.10 faults: 1, first", "7. faults: 1, first"]
        );
        let kprobe = Choice { backend: Some("kprobe".to_owned()), ..Choice::default() };
        assert_eq!(guests(&kprobe, "traps"), ["5.10 kprobe: 1, first", "7. kprobe: 1, first"]);
    }
}
