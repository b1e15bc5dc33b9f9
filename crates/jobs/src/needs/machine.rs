//! What decides which capabilities are wanted: this process, and the kernel it runs on.

use std::fs;

use caps::{CapSet, Capability};
use rustix::process::{Resource, getrlimit};

use super::When;

/// Room for the maps of a trace, bytes: a limit above that is none.
const ENOUGH_LOCKED: u64 = 256 << 20;

/// This process and its kernel, as far as [`super::Want`]s depend on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The effective user ID.
    pub uid: u32,
    /// The effective capabilities.
    pub held: CapSet,
    /// The bounding set.
    pub bounding: CapSet,
    /// The kernel's last capability.
    pub last_capability: Capability,
    /// The kernel's version, major and minor.
    pub kernel: (u32, u32),
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: i32,
    /// `kernel.kptr_restrict`.
    pub kptr_restrict: i32,
    /// Whether BPF programs can have the kernel name its functions.
    pub names_functions: bool,
    /// Whether the kernel preempts itself, or may.
    pub preempts: bool,
    /// The hard `RLIMIT_MEMLOCK`, bytes; `None` for no limit.
    pub locked_memory: Option<u64>,
}

impl Machine {
    /// What is so now. What cannot be read counts as the stricter.
    #[must_use]
    pub fn read() -> Self {
        let own = sys::credentials::own_state().unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            uid: sys::credentials::own_user().0,
            held: own.effective,
            bounding: own.bounding,
            last_capability: sys::credentials::last_capability(),
            kernel: version(&release).unwrap_or_default(),
            perf_event_paranoid: sysctl("perf_event_paranoid").unwrap_or(4),
            kptr_restrict: sysctl("kptr_restrict").unwrap_or(2),
            names_functions: names_functions(),
            preempts: trace::preemption::may_preempt(),
            locked_memory: getrlimit(Resource::Memlock).maximum,
        }
    }

    /// Whether it is so here.
    #[must_use]
    pub fn is(&self, when: When) -> bool {
        match when {
            When::Root => self.uid == 0,
            When::NotRoot => self.uid != 0,
            When::Drops => !self.bounding.is_empty(),
            When::Memlock => {
                self.kernel < (5, 11) && self.locked_memory.is_some_and(|l| l < ENOUGH_LOCKED)
            }
            When::Unnamed => !self.names_functions && self.hides_symbols(),
            When::Paranoid => self.perf_event_paranoid >= 3,
            When::Preempts => self.preempts,
        }
    }

    /// `kallsyms_show_value`, `kernel/kallsyms.c`, asked by somebody without SYSLOG.
    fn hides_symbols(&self) -> bool {
        self.kptr_restrict != 0 || self.perf_event_paranoid > 1
    }
}

/// `6.1.0-18-amd64` is 6.1.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn sysctl(name: &str) -> Option<i32> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}

/// Whether the kernel's types name `bpf_snprintf`, which BPF programs have it name functions with.
fn names_functions() -> bool {
    const NAME: &[u8] = b"\0BPF_FUNC_snprintf\0";
    let types = fs::read(trace::backend::BTF).unwrap_or_default();
    types.windows(NAME.len()).any(|window| window == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (release, numbers) in [
            ("6.1.0-18-amd64\n", Some((6, 1))),
            ("5.10.0-30-amd64", Some((5, 10))),
            ("7.2-rc1+", Some((7, 2))),
            ("", None),
        ] {
            assert_eq!(version(release), numbers, "{release}");
        }
    }

    #[test]
    fn the_conditions_are_the_kernel_s() {
        let machine = Machine {
            uid: 1000,
            held: CapSet::EMPTY,
            bounding: CapSet::EMPTY,
            last_capability: Capability::CHECKPOINT_RESTORE,
            kernel: (5, 10),
            perf_event_paranoid: 3,
            kptr_restrict: 1,
            names_functions: false,
            preempts: true,
            locked_memory: Some(65536),
        };
        let all = [
            When::Root,
            When::NotRoot,
            When::Drops,
            When::Memlock,
            When::Unnamed,
            When::Paranoid,
            When::Preempts,
        ];
        let so = |machine: &Machine| all.map(|when| machine.is(when));
        assert_eq!(so(&machine), [false, true, false, true, true, true, true]);
        let other = Machine {
            uid: 0,
            bounding: CapSet::from(Capability::CHOWN),
            kernel: (6, 1),
            perf_event_paranoid: 1,
            kptr_restrict: 0,
            preempts: false,
            ..machine
        };
        assert_eq!(so(&other), [true, false, true, false, false, false, false]);
        assert!(!Machine { kptr_restrict: 1, names_functions: true, ..other }.is(When::Unnamed));
    }
}
