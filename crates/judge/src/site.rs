//! Where in the kernel a check was made: the stack, cleaned of what the compiler and the helpers
//! between the question and the one who asked put into it.

use record::observation::Observation;

use crate::table::Frames;
use crate::words::printable;

/// A kernel symbol as the source has it: compiler suffixes (`.isra.0`, `.constprop.0`, `.part.0`,
/// `.cold`, `.llvm.123`), the padding prefix `__pfx_`, offset and module left off, and the many
/// names of a system call's entry brought to one: `__x64_sys_chroot`, `__do_sys_chroot`,
/// `__se_compat_sys_chroot` are `sys_chroot`.
#[must_use]
pub fn normalise(symbol: &str) -> String {
    let word = symbol.split([' ', '+', '.']).next().unwrap_or_default();
    let word = word.strip_prefix("__pfx_").unwrap_or(word);
    if let Some(rest) = word.strip_prefix("__")
        && let Some((entry, name)) = rest.split_once("_sys_")
        && ENTRIES.contains(&entry)
        && !name.is_empty()
    {
        return format!("sys_{name}");
    }
    word.to_owned()
}

/// What stands before `_sys_` in the names of entries, `arch/*/include/asm/syscall_wrapper.h` and
/// `include/linux/{syscalls,compat}.h`.
const ENTRIES: [&str; 10] = [
    "x64",
    "ia32",
    "arm64",
    "se",
    "do",
    "x64_compat",
    "ia32_compat",
    "arm64_compat",
    "se_compat",
    "do_compat",
];

/// The meaningful part of a kernel stack, innermost function first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Site {
    frames: Vec<String>,
}

impl Site {
    /// From an observation: helpers at the inner end and the entry code at the outer end are
    /// left off. When nothing remains, the system call stands for itself: a compiler may have
    /// put everything into its entry.
    pub(crate) fn of(observation: &Observation, known: &Frames) -> Self {
        let mut frames: Vec<String> = observation
            .stack
            .iter()
            .map(|symbol| normalise(symbol))
            .skip_while(|name| known.is_helper(name))
            .collect();
        while frames.last().is_some_and(|name| known.is_entry(name)) {
            frames.pop();
        }
        if frames.is_empty()
            && !observation.stack.is_empty()
            && let Some(name) = observation.syscall.as_ref().and_then(|s| s.name.as_ref())
        {
            frames.push(format!("sys_{name}"));
        }
        Self { frames }
    }

    /// These functions, innermost first.
    #[cfg(test)]
    pub(crate) fn named(frames: &[&str]) -> Self {
        Self { frames: frames.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// The function that asked; `None` when there was no stack.
    pub(crate) fn innermost(&self) -> Option<&str> {
        self.frames.first().map(String::as_str)
    }

    /// All of it.
    pub(crate) fn frames(&self) -> &[String] {
        &self.frames
    }

    /// The innermost `n`, in the notation of this project: `inner < outer`.
    pub(crate) fn shown(&self, n: usize) -> String {
        printable(&self.frames[..self.frames.len().min(n)].join(" < "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_brought_to_its_name_in_the_source() {
        for (symbol, name) in [
            ("chown_common", "chown_common"),
            ("chown_common.isra.0", "chown_common"),
            ("do_execveat_common.constprop.0.isra.0", "do_execveat_common"),
            ("generic_permission.part.0", "generic_permission"),
            ("setattr_prepare.llvm.1234567890", "setattr_prepare"),
            ("io_uring_setup.cold.isra.0", "io_uring_setup"),
            ("__pfx_generic_permission", "generic_permission"),
            ("sk_setsockopt.cold", "sk_setsockopt"),
            ("ovl_permission+0x44/0x120 [overlay]", "ovl_permission"),
            ("ext4_ioctl [ext4]", "ext4_ioctl"),
            ("__x64_sys_chroot", "sys_chroot"),
            ("__do_sys_setgroups", "sys_setgroups"),
            ("__se_sys_chroot", "sys_chroot"),
            ("__arm64_sys_chroot", "sys_chroot"),
            ("__ia32_compat_sys_ioctl", "sys_ioctl"),
            ("__do_compat_sys_ioctl", "sys_ioctl"),
            ("__sys_setuid", "__sys_setuid"),
            ("ksys_unshare", "ksys_unshare"),
        ] {
            assert_eq!(normalise(symbol), name, "{symbol}");
        }
    }
}
