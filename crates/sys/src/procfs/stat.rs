//! `/proc/PID/stat`, proc_pid_stat(5): the few fields that `status` does not have.

use std::str::FromStr;

/// `PF_KTHREAD`, `include/linux/sched.h`: the same bit since 2.6.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What is used of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `D`, `Z` (zombie), `X` (dead), …
    pub state: char,
    /// Whether it is a thread of the kernel: field 9, `flags`, has `PF_KTHREAD`.
    pub kernel_thread: bool,
    /// Field 22: when it started, in clock ticks since boot.
    pub start_time: u64,
}

/// A `stat` without the fields it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} lacks the fields of proc_pid_stat(5)")]
pub struct ParseStatError {
    /// The file's content.
    pub text: String,
}

impl FromStr for Stat {
    type Err = ParseStatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Field 2, the name, stands in parentheses and may hold any byte, parentheses too: what
        // follows the last one is fixed.
        let read = || {
            let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
            let state = fields.next()?.chars().next()?;
            let flags: u64 = fields.nth(5)?.parse().ok()?;
            let start_time = fields.nth(12)?.parse().ok()?;
            Some(Self { state, kernel_thread: flags & PF_KTHREAD != 0, start_time })
        };
        read().ok_or_else(|| ParseStatError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) Z 1 (b)) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 126970 9 9 9\n";
        let expected = Stat { state: 'S', kernel_thread: false, start_time: 126_970 };
        assert_eq!(text.parse(), Ok(expected));
    }

    #[test]
    fn a_kernel_thread_has_its_flag() {
        let text = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 12 0 0 0\n";
        let expected = Stat { state: 'S', kernel_thread: true, start_time: 12 };
        assert_eq!(text.parse(), Ok(expected));
    }

    #[test]
    fn half_a_file_is_refused() {
        for text in ["", "1", "1 (x)", "1 (x) S 1 2 3"] {
            assert!(text.parse::<Stat>().is_err(), "{text:?}");
        }
    }
}
