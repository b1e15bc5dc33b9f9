//! The kernel's functions by their addresses, from `/proc/kallsyms` (proc(5)): for kernels that
//! cannot name them in a BPF program (`bpf_snprintf`, Linux 5.13).

use std::fs;

/// The functions' names and where they begin. Empty where the kernel hides addresses
/// (`kallsyms_show_value` of `kernel/kallsyms.c`: kptr_restrict, perf_event_paranoid, `SYSLOG`).
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// Where functions begin, in order, and where in `names` theirs are.
    begins: Vec<(u64, u32)>,
    /// Each name ends with a newline.
    names: String,
}

impl Symbols {
    /// Reads them; none if they cannot be read.
    pub fn read() -> Self {
        fs::read_to_string("/proc/kallsyms").map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut this = Self::default();
        for line in text.lines() {
            // `ffffffff81000000 T _stext`, and a tab and the module behind it.
            let mut words = line.split_ascii_whitespace();
            let (Some(address), Some(kind), Some(name)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let Ok(address) = u64::from_str_radix(address, 16) else { continue };
            let (false, Ok(at)) = (address == 0, u32::try_from(this.names.len())) else { continue };
            if matches!(kind, "t" | "T" | "w" | "W") {
                this.begins.push((address, at));
                this.names.push_str(name);
                this.names.push('\n');
            }
        }
        // Of two names of one function the first stays, as the kernel prefers it too.
        this.begins.sort_by_key(|(address, _)| *address);
        this.begins.dedup_by_key(|(address, _)| *address);
        this
    }

    /// The function that an address is in.
    pub fn name(&self, address: u64) -> Option<&str> {
        let after = self.begins.partition_point(|(begin, _)| *begin <= address);
        let (_, at) = self.begins.get(after.checked_sub(1)?)?;
        self.names.get(*at as usize..)?.lines().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_function_that_begins_last_before_it() {
        let symbols = Symbols::parse(
            "ffffffff81000100 T second\nffffffff81000000 T first\nffffffff81000000 t alias\n\
             ffffffff81000180 d data\nffffffffc0000000 t in_module\t[overlay]\nbroken\n",
        );
        let names = [0, 0xffff_ffff_8100_0000, 0xffff_ffff_8100_00ff, 0xffff_ffff_8100_01ff]
            .map(|address| symbols.name(address));
        assert_eq!(names, [None, Some("first"), Some("first"), Some("second")]);
        assert_eq!(symbols.name(0xffff_ffff_c000_0010), Some("in_module"));
    }

    #[test]
    fn hidden_addresses_name_nothing() {
        let symbols = Symbols::parse("0000000000000000 T first\n0000000000000000 T second\n");
        assert_eq!(symbols.name(0xffff_ffff_8100_0000), None);
    }
}
